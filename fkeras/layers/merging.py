"""Layers of several inputs: Add, Concatenate, Dot and their kin; and the functions of the same names."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from ..layer import Layer, shown
from ..ops.nn import normalize


class _Merge(Layer):
    """Merges a list of inputs, elementwise; inputs of fewer axes get new ones behind the batch."""

    supports_masking = True

    def call(self, xs: Any, *, mask: Any) -> Any:
        self.check(xs)
        rank = max(x.ndim for x in xs)
        if any(x.ndim < rank for x in xs):
            xs, mask = [jnp.expand_dims(x, range(1, 1 + rank - x.ndim)) for x in xs], None
        return self.merge(list(xs), mask or [None] * len(xs))

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        """The merged values of inputs of equal rank."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where any input has a value; no mask if an input has none."""
        if previous_mask is None or any(m is None for m in previous_mask):
            return None
        return reduce(jnp.logical_or, previous_mask)

    def check(self, xs: Any) -> None:
        """Refuses what is no list of inputs that broadcast to each other."""
        self.check_list(xs)
        shapes = [tuple(reversed(x.shape[1:])) for x in xs]
        batches = {x.shape[0] for x in xs if x.ndim and isinstance(x.shape[0], int)}
        sizes = [
            {s[i] for s in shapes if i < len(s) and isinstance(s[i], int)} - {1} for i in range(max(map(len, shapes)))
        ]
        if len(batches) > 1 or any(len(s) > 1 for s in sizes):
            raise ValueError(
                f"{self!r} cannot merge inputs of shapes {', '.join(shown(x.shape) for x in xs)}: sizes must be "
                "equal, or 1 (not the batch)."
            )

    def check_list(self, xs: Any, count: int | None = None) -> None:
        """Refuses what is no list, or one of another length."""
        wanted = "a list of inputs" if count is None else f"a list of {count} inputs"
        if not isinstance(xs, (list, tuple)):
            raise ValueError(f"{self!r} takes {wanted}, as in layer([a, b]); got one of shape {shown(xs.shape)}.")
        if not xs or (count is not None and len(xs) != count):
            raise ValueError(f"{self!r} takes {wanted}; got {len(xs)}.")


class Add(_Merge):
    """x1 + x2 + ...

    Shapes: a list of shapes that broadcast -> their common shape.

    >>> Add()([jnp.ones(2), jnp.ones(2)]).tolist()
    [2.0, 2.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        return reduce(jnp.add, xs)


class Subtract(_Merge):
    """x1 - x2.

    Shapes: a list of two shapes that broadcast -> their common shape.

    >>> Subtract()([jnp.ones(2), jnp.ones(2)]).tolist()
    [0.0, 0.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        self.check_list(xs, 2)
        return xs[0] - xs[1]


class Multiply(_Merge):
    """x1 * x2 * ...; a masked value counts as 1, and where all are masked the product is 0.

    Shapes: a list of shapes that broadcast -> their common shape.

    >>> Multiply()([jnp.ones(2), 3 * jnp.ones(2)]).tolist()
    [3.0, 3.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        ones = [
            x if m is None else jnp.where(m[..., None], x, jnp.ones((), x.dtype))
            for x, m in zip(xs, masks, strict=True)
        ]
        y = reduce(jnp.multiply, ones)
        if any(m is None for m in masks):
            return y
        return jnp.where(reduce(jnp.logical_or, masks)[..., None], y, jnp.zeros((), y.dtype))


class Average(_Merge):
    """(x1 + x2 + ...) / n.

    Shapes: a list of shapes that broadcast -> their common shape.

    >>> Average()([jnp.ones(2), 3 * jnp.ones(2)]).tolist()
    [2.0, 2.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        return reduce(jnp.add, xs) / len(xs)


class Maximum(_Merge):
    """max(x1, x2, ...); masked values are left out.

    Shapes: a list of shapes that broadcast -> their common shape.

    >>> Maximum()([jnp.ones(2), jnp.arange(2.0) * 3]).tolist()
    [1.0, 3.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        return merge_known(jnp.maximum, xs, masks)


class Minimum(_Merge):
    """min(x1, x2, ...); masked values are left out.

    Shapes: a list of shapes that broadcast -> their common shape.

    >>> Minimum()([jnp.ones(2), jnp.arange(2.0) * 3]).tolist()
    [0.0, 1.0]
    """

    def merge(self, xs: list[Any], masks: list[Any]) -> Any:
        return merge_known(jnp.minimum, xs, masks)


def merge_known(operation: Callable[[Any, Any], Any], xs: list[Any], masks: list[Any]) -> Any:
    """Folds an operation over the inputs; where one is masked, the others count."""
    y, known = xs[0], masks[0]
    for x, mask in zip(xs[1:], masks[1:], strict=True):
        x = x if mask is None else jnp.where(mask[..., None], x, y)
        y = y if known is None else jnp.where(known[..., None], y, x)
        known = None if known is None or mask is None else known | mask
        y = operation(y, x)
    return y


class Concatenate(_Merge):
    """The inputs one after the other, along `axis`.

    Shapes: a list of shapes that differ along `axis` only -> the same, with the sizes there added up.

    >>> Concatenate()([jnp.ones((2, 3)), jnp.ones((2, 4))]).shape
    (2, 7)
    """

    axis: int = -1

    def call(self, xs: Any) -> Any:
        self.check_list(xs)
        ranks = {x.ndim for x in xs}
        axis = self.axis % max(ranks) if -max(ranks) <= self.axis < max(ranks) else None
        sizes = [{x.shape[i] for x in xs if isinstance(x.shape[i], int)} for i in range(min(ranks))]
        if len(ranks) > 1 or axis is None or any(len(s) > 1 for i, s in enumerate(sizes) if i != axis):
            shapes = ", ".join(shown(x.shape) for x in xs)
            raise ValueError(f"{self!r} needs inputs whose shapes are equal but along axis {self.axis}; got {shapes}.")
        return jnp.concatenate(xs, axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks one after the other; an input without one counts as known."""
        if previous_mask is None or all(m is None for m in previous_mask):
            return None
        full = [
            jnp.ones(x.shape, bool) if m is None else full_mask(m, x)
            for x, m in zip(inputs, previous_mask, strict=True)
        ]
        return jnp.any(jnp.concatenate(full, self.axis), axis=-1)


def full_mask(mask: Any, x: Any) -> Any:
    """A mask of steps as one of values."""
    return mask if mask.ndim >= x.ndim else jnp.broadcast_to(mask[..., None], x.shape)


class Dot(_Merge):
    """Products of two inputs, example by example, summed over an axis of each.

    Shapes: [(batch, n, d), (batch, m, d)] -> (batch, n, m), with axes=2;  [(batch, d), (batch, d)] -> (batch, 1).

    axes: the axis of both, or one of each.
    normalize: whether both are scaled to length 1 along it before, which gives their cosine.

    Raises ValueError where the sizes along the axes differ.

    >>> Dot(axes=1)([jnp.ones((2, 3)), jnp.ones((2, 3))]).tolist()
    [[3.0], [3.0]]
    """

    axes: Any
    normalize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        axes = self.axes if isinstance(self.axes, (list, tuple)) else [self.axes]
        if not all(isinstance(a, int) for a in axes) or (axes is self.axes and len(axes) != 2):
            raise (ValueError if axes is self.axes else TypeError)(
                f"Dot: axes is a number or two of them; got {self.axes!r}."
            )

    def call(self, xs: Any) -> Any:
        self.check_list(xs, 2)
        axes = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes,) * 2
        if self.normalize:
            xs = [normalize(x, axis) for x, axis in zip(xs, axes, strict=True)]
        return batch_dot(*xs, axes=axes)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: a product has no mask."""


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products of x and y, example by example, summed over an axis of each.

    Shapes: (batch, *a, d), (batch, *b, d) -> (batch, *a, *b), or (batch, 1) where a and b are empty.

    axes: the axis of both, or one of each; by default the last of x and the last but one of y.

    >>> batch_dot(jnp.ones((2, 3, 4)), jnp.ones((2, 4, 5))).shape
    (2, 3, 5)
    """
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(
            f"batch_dot needs a batch of vectors at least; got shapes {shown(x.shape)} and {shown(y.shape)}."
        )
    axes = (-1, -1 if y.ndim == 2 else -2) if axes is None else (axes, axes) if isinstance(axes, int) else axes
    ends = [a + v.ndim if a < 0 else a for a, v in zip(axes, (x, y), strict=True)]
    for a, v in zip(ends, (x, y), strict=True):
        if not 0 < a < v.ndim:
            raise ValueError(
                f"batch_dot: axes={axes!r} must name axes behind the batch; got shapes {shown(x.shape)} and "
                f"{shown(y.shape)}."
            )
    pairs = ((x.shape[ends[0]], y.shape[ends[1]]), (x.shape[0], y.shape[0]))
    if any(isinstance(m, int) and isinstance(n, int) and m != n for m, n in pairs):  # unknown sizes may be equal
        raise ValueError(
            f"batch_dot: along axes {axes!r}, and along the batch, sizes must be equal; got shapes {shown(x.shape)} "
            f"and {shown(y.shape)}."
        )
    out = jax.lax.dot_general(x, y, ((ends[:1], ends[1:]), ((0,), (0,))))
    return out if out.ndim > 1 else out[:, None]


# --- functions ----------------------------------------------------------------------------------


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`.

    >>> add([jnp.ones(2), jnp.ones(2)]).tolist()
    [2.0, 2.0]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
