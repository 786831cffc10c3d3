"""What a row of the catalogue says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fkeras.masking import Masked, is_masked
from fkeras.spec import Spec


@dataclasses.dataclass(frozen=True)
class Ids:
    """An input of whole numbers from 0 up to `below`."""

    shape: tuple[int, ...]
    below: int
    dtype: str = "int32"


@dataclasses.dataclass(frozen=True)
class Steps:
    """An input of shape (batch, steps, ...) with a mask of shape (batch, steps)."""

    shape: tuple[int, ...]


class Row:
    """A layer and its inputs.

    make: makes the layer.
    inputs: for each positional input a shape, `Ids`, `Steps`, or a list or dict of them.
    kwargs: keyword arguments of the call, written in the same way.
    unknown: axes of the inputs whose size may stay unknown.
    smooth: whether finite differences can tell the gradient.
    bits: whether it computes in bfloat16 when it is told to.
    but: {law: why it does not hold for this layer}.
    """

    def __init__(
        self, make: Callable[[], Any], *inputs: Any, kwargs: dict[str, Any] | None = None,
        unknown: tuple[int, ...] = (0,), smooth: bool = True, bits: bool = True, but: dict[str, str] | None = None,
    ):  # fmt: skip
        self.make, self.inputs, self.kwargs, self.unknown = make, inputs, kwargs or {}, unknown
        self.smooth, self.bits, self.but = smooth, bits, but or {}

    def values(self, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs): arrays to call the layer on."""
        rng = np.random.default_rng(seed)
        return tuple(draw(x, rng) for x in self.inputs), {k: draw(x, rng) for k, x in self.kwargs.items()}

    def specs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs): specs in which the axes `unknown` are not known."""

        def spec(x: Any) -> Any:
            if not hasattr(x, "shape"):
                return x
            return Spec([None if i in self.unknown else d for i, d in enumerate(x.shape)], x.dtype)

        return jax.tree.map(spec, self.values())


def draw(what: Any, rng: np.random.Generator) -> Any:
    """The arrays that an entry of a row describes."""
    if isinstance(what, list):
        return [draw(w, rng) for w in what]
    if isinstance(what, dict):
        return {k: draw(w, rng) for k, w in what.items()}
    if isinstance(what, Ids):
        return jnp.asarray(rng.integers(0, what.below, what.shape).astype(what.dtype))
    if isinstance(what, Steps):
        lengths = rng.integers(1, what.shape[1] + 1, (what.shape[0], 1))
        return Masked(draw(what.shape, rng), jnp.asarray(np.arange(what.shape[1]) < lengths))
    if isinstance(what, tuple):
        return jnp.asarray(rng.normal(size=what).astype("float32"))
    return what


def is_floating(x: Any) -> bool:
    """Whether an array holds floats."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)


def floats_of(tree: Any) -> list[Any]:
    """The floating arrays of a nest, masks left out."""
    return [
        x
        for x in jax.tree.leaves(jax.tree.map(lambda x: x.value if is_masked(x) else x, tree, is_leaf=is_masked))
        if is_floating(x)
    ]
