"""`InputSpec`: what a Keras-style layer says of the inputs it takes."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax


@dataclasses.dataclass(eq=False)
class InputSpec:
    """Rank, sizes and dtype that a layer expects of an input; set it as `self.input_spec`.

    shape: with None for any size; ndim, min_ndim, max_ndim: of the rank; axes: {axis: size}.
    allow_last_axis_squeeze: whether a last axis of size 1 may be missing or be too many.

    >>> InputSpec(min_ndim=2, axes={-1: 4}).problem(jax.ShapeDtypeStruct((2, 3), "float32"))
    'size 4 at axis -1'
    """

    dtype: str | None = None
    shape: Any = None
    ndim: int | None = None
    max_ndim: int | None = None
    min_ndim: int | None = None
    axes: dict[int, int | None] | None = None
    allow_last_axis_squeeze: bool = False
    name: str | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        if self.shape is not None:
            self.shape = tuple(self.shape)
            self.ndim = len(self.shape)
        self.axes = {int(k): v for k, v in (self.axes or {}).items()}
        limit = max((r for r in (self.ndim, self.max_ndim) if r is not None), default=None)
        if self.axes and limit is not None and max(self.axes) >= limit:
            raise ValueError(f"InputSpec: axis {max(self.axes)} is outside the rank {limit}.")

    def problem(self, x: Any) -> str | None:
        """What is expected and not the case, in words; None if all is."""
        rank = len(x.shape)
        if self.ndim is not None and rank != self.ndim and not self.allow_last_axis_squeeze:
            return f"rank {self.ndim}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"rank {self.min_ndim} or more"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"rank {self.max_ndim} or less"
        if self.dtype is not None and str(x.dtype) != self.dtype:
            return f"dtype {self.dtype}"
        wanted = dict(enumerate(self.shape or ())) if rank == len(self.shape or ()) else {}
        for axis, size in {**wanted, **(self.axes or {})}.items():
            if size is not None and isinstance(x.shape[axis], int) and x.shape[axis] not in (size, None):
                return f"size {size} at axis {axis}"
        return None

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """The InputSpec with these settings."""
        return cls(**config)


def check(layer: Any, specs: Any, inputs: Any) -> None:
    """Refuses inputs that do not fit the `input_spec` of a Keras-style layer."""
    specs = specs if isinstance(specs, (list, tuple)) else [specs]
    given = jax.tree.leaves(inputs)
    if len(given) != len(specs):
        raise ValueError(f"{layer!r} expects {len(specs)} inputs; got {len(given)}.")
    for spec, x in zip(specs, given, strict=True):
        problem = None if spec is None or not hasattr(x, "shape") else spec.problem(x)
        if problem is not None:
            raise ValueError(f"{layer!r} expects an input with {problem}; got shape {tuple(x.shape)}, dtype {x.dtype}.")
