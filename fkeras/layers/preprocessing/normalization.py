"""`Normalization`: features with mean 0 and variance 1, as measured beforehand."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import config, spec, storey
from ...layer import Shapes, shown
from ...spec import SDS
from .batches import as_numbers, batches
from .host import Tabular


class Normalization(Tabular):
    """y = (x - mean) / sqrt(variance), for each index along `axis`;  x sqrt(variance) + mean if `invert`.

    Shapes: any -> the same;  mean, variance: the sizes of `axis`.

    axis: the axes along which there are separate values; None for one value alone.
    mean, variance: the values; measured by `adapt(data)` if they are not given, which is
        arrays, or anything that yields batches.
    invert: whether to turn normalized values back.

    Raises ValueError if only one of mean and variance is given, or if they do not fit the axes.

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0, 4.0], [2.0, 9.0, 6.0], [0.0, 7.0, 4.0], [2.0, 9.0, 6.0]]))
    >>> layer(np.array([[0.0, 7.0, 6.0]])).tolist()
    [[-1.0, -1.0, 1.0]]
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        if (mean is None) != (variance is None):
            raise ValueError(f"Normalization takes mean and variance together; got mean={mean}, variance={variance}.")
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                "Normalization: mean and variance must have one shape; got shapes "
                f"{np.shape(mean)} and {np.shape(variance)}."
            )
        if np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"Normalization: the mean has shape {np.shape(mean)}, but axis={self.axis} names {len(self.axis)} axes."
            )

    # --- the pair ------------------------------------------------------------------------------

    def _kept(self, x: Any) -> tuple[int, ...]:
        """The axes that have values of their own, none negative."""
        if any(not -len(x.shape) <= a < len(x.shape) for a in self.axis):
            raise ValueError(f"{self!r}: inputs of shape {shown(x.shape)} have no axis {self.axis}.")
        return tuple(sorted(a % len(x.shape) for a in self.axis))

    def state_shapes(self, x: Any) -> Shapes:
        if self.input_mean is not None:
            return {}
        sizes = tuple(x.shape[a] for a in self._kept(x))
        if not all(isinstance(d, int) for d in sizes):
            raise ValueError(
                f"{self!r} needs to know the sizes of axis {self.axis}; got inputs of shape {shown(x.shape)}."
            )
        return {"mean": sizes, "variance": sizes, "count": SDS((), jnp.dtype("int32"))}

    def _fill(self, rng: Any, name: str, shape: Any) -> Any:
        return jnp.ones(shape, self.variable_dtype) if name == "variance" else super()._fill(rng, name, shape)

    def call(self, x: Any, *, state: Any) -> Any:
        x = x.astype(self.compute_dtype)
        mean, variance = self._values(x, state)
        scale = jnp.maximum(jnp.sqrt(variance), jnp.asarray(config.epsilon(), variance.dtype))
        return (mean + x * scale if self.invert else (x - mean) / scale), state

    def _values(self, x: Any, state: Any) -> tuple[Any, Any]:
        """(mean, variance), each of a shape that the inputs broadcast with."""
        kept = self._kept(x)
        if self.input_mean is not None:
            pair, axes = (self.input_mean, self.input_variance), kept[len(kept) - np.ndim(self.input_mean) :]
        else:
            pair, axes = (state["mean"], state["variance"]), kept
        sizes = np.shape(pair[0])
        shape = [1] * x.ndim
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = size
        if any(size not in (1, x.shape[axis] or size) for axis, size in zip(axes, sizes, strict=True)):
            raise ValueError(
                f"{self!r} has a mean of shape {sizes}, which does not fit inputs of shape {shown(x.shape)}."
            )
        mean, variance = (jnp.asarray(v, self.compute_dtype).reshape(shape) for v in pair)
        return mean, variance

    # --- adapting ------------------------------------------------------------------------------

    def adapt(self, data: Any) -> None:
        """Measures the mean and the variance of data: an array, or something that yields batches.

        Batches are weighed by their sizes. Values measured before are replaced.
        """
        if self.input_mean is not None:
            raise ValueError(f"{self!r} was given its mean and variance; only a layer without them adapts.")
        total, mean, var, dims = 0, 0.0, 1.0, None
        for batch in batches(self, data):
            x = as_numbers(self, batch)
            x = x[:, None] if x.ndim == 1 and dims is None and self.axis == (-1,) and not hasattr(data, "shape") else x
            sizes = tuple(x.shape[a] for a in self._kept(x))
            if sizes != (sizes if dims is None else dims):
                raise ValueError(
                    f"{self!r}: adapt got batches of different sizes along its axis: {dims}, then {sizes}."
                )
            reduced = tuple(a for a in range(x.ndim) if a not in self._kept(x))
            count = math.prod(x.shape[a] for a in reduced)
            total, old = total + count, mean
            share = count / total
            new = x.mean(reduced, dtype=np.float64)
            mean = old * (1 - share) + new * share
            spread = x.var(reduced, dtype=np.float64)
            var = (0 if dims is None else var + (old - mean) ** 2) * (1 - share) + (spread + (new - mean) ** 2) * share
            dims, first = sizes, x
        self._check_built(dims)
        if not self._face.filled:
            self.build((None, *first.shape[1:]) if 0 not in self._kept(first) else first.shape)
        dtype = self.variable_dtype
        state = {"mean": jnp.asarray(mean, dtype), "variance": jnp.asarray(var, dtype), "count": jnp.int32(0)}
        storey.scatter(self, ({}, state))

    def _check_built(self, sizes: Any) -> None:
        if self._face.values is not None and "mean" in self._face.values[1]:
            have = self._face.values[1]["mean"].shape
            if have != sizes:
                raise ValueError(f"{self!r} was built for sizes {have} along its axis; adapt got {sizes}.")

    def finalize_state(self) -> None:
        """Nothing is left to do: the values are read where they are used."""

    def _value(self, name: str) -> Any:
        given = getattr(self, f"input_{name}")
        if given is not None:
            return jnp.asarray(given, self.compute_dtype)
        values = storey.own_values(self)
        if values is None or name not in values[1]:
            return None
        if (known := self._face.specs) is not None:
            return self._values(spec.of(known[0][0]), values[1])[name == "variance"]
        kept = values[1][name]
        return kept.reshape((1,) * (kept.ndim == 1) + kept.shape) if self.axis == (-1,) else kept

    @property
    def mean(self) -> Any:
        """The mean, given or measured, in a shape that inputs broadcast with; None before."""
        return self._value("mean")

    @property
    def variance(self) -> Any:
        """The variance, given or measured, in a shape that inputs broadcast with; None before."""
        return self._value("variance")

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            **jax.tree.map(
                lambda v: None if v is None else np.asarray(v).tolist(),
                given,
                is_leaf=lambda v: v is None or not isinstance(v, dict),
            ),
        }
