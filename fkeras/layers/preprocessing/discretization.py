"""`Discretization`: numbers as the bins they fall into."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..settings import check_choice
from .batches import as_numbers, batches
from .host import MODES, Tabular, encode


class Discretization(Tabular):
    """y = how many boundaries are not greater than x: the number of its bin.

    Shapes: any -> the same for `"int"`;  (batch, steps) -> (batch, bins) for the others, where
        there is a bin more than there are boundaries.

    bin_boundaries: ends of the bins, ascending; a bin holds its left end.
    num_bins: instead of boundaries; `adapt(data)` then finds those that share the data out evenly.
    epsilon: how exactly: of the quantiles of data in several batches.
    output_mode: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`.

    Raises ValueError unless exactly one of bin_boundaries and num_bins is given.

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]])).tolist()
    [[0, 2, 3, 1]]
    """

    bin_boundaries: Any = None
    num_bins: int | None = None
    epsilon: float = 0.01
    output_mode: str = "int"
    sparse: bool = False

    follows = {"dtype": "sparse", "name": "dtype"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_sparse()
        check_choice(self, "output_mode", MODES)
        if (self.num_bins is None) == (self.bin_boundaries is None):
            raise ValueError(
                "Discretization takes num_bins, to be adapted, or bin_boundaries; got "
                f"num_bins={self.num_bins}, bin_boundaries={self.bin_boundaries}."
            )
        if self.num_bins is not None and (not isinstance(self.num_bins, (int, np.integer)) or self.num_bins < 1):
            raise ValueError(f"Discretization: num_bins must be a whole number above 0; got {self.num_bins!r}.")
        if self.bin_boundaries is not None:
            self.bin_boundaries = [float(b) for b in np.ravel(self.bin_boundaries)]
            if sorted(self.bin_boundaries) != self.bin_boundaries:
                raise ValueError(f"Discretization: bin_boundaries must ascend; got {self.bin_boundaries}.")
        self.summary: Any = None if self.bin_boundaries else np.zeros((2, 0), "float32")

    def call(self, x: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(f"{self!r} has no boundaries yet: call adapt(data) first, or give bin_boundaries.")
        bins = jnp.digitize(x, jnp.asarray(self.bin_boundaries, jnp.float32))
        dtype = "int32" if self.output_mode == "int" else self.compute_dtype
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds boundaries between which equally many numbers of the data lie.

        data: an array, or something that yields batches. steps: how many batches to take.
        """
        if self.num_bins is None:
            raise ValueError(f"{self!r} was given its boundaries; only a layer with num_bins adapts.")
        self.reset_state()
        for batch in batches(self, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Takes a batch into the summary of the data."""
        new = summarize(as_numbers(self, data).astype("float32"), self.epsilon)
        merged = np.concatenate((new, self.summary), axis=1)
        self.summary = compress(merged[:, np.argsort(merged[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Sets the boundaries from the summary of the data."""
        if self.num_bins is not None:
            self.bin_boundaries = compress(self.summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forgets the data."""
        if self.num_bins is not None:
            self.summary = np.zeros((2, 0), "float32")

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values, with the boundaries that were found."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name in OWN}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with these settings, and with the boundaries that were found."""
        found = config["bin_boundaries"] if config.get("num_bins") is not None else None
        layer = super().from_config(config if found is None else {**config, "bin_boundaries": None})
        if found is not None:
            layer.bin_boundaries = list(found)
        return layer

    def replace(self, **changes: Any) -> Any:
        """A copy with some settings changed; boundaries that were found stay."""
        return type(self).from_config({**self.get_config(), "dtype": self.dtype_policy, **changes})


OWN = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")


# --- quantiles ----------------------------------------------------------------------------------------


def summarize(values: np.ndarray, epsilon: float) -> np.ndarray:
    """(numbers, weights): about 1 / epsilon of the sorted values, evenly spaced."""
    values = np.sort(values, axis=None)
    step = max(values.size * epsilon, 1)
    chosen = values[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary of 1 / epsilon numbers: those at even shares of the weight, interpolated."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    reached = summary[1].cumsum()
    share = reached / reached[-1]
    at = np.interp(shares, share, reached)
    return np.stack((np.interp(shares, share, summary[0]), np.diff(at, prepend=0))).astype("float32")
