"""Arrays in other shapes and orders: nothing is computed."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ...reading import is_text
from ..families import Axes, axes_of
from ..operation import operation

__all__ = [
    "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "broadcast_to", "tile",
    "repeat", "flip", "fliplr", "flipud", "rot90", "roll", "pad", "view", "ndim", "size",
]  # fmt: skip


def _sizes(newshape: Any) -> tuple[Any, ...]:
    """A shape as a tuple: a number is one size."""
    return tuple(newshape) if isinstance(newshape, (list, tuple)) else (newshape,)


def home(x: Any) -> Any:
    """Who knows about an array: NumPy if it is of text, which JAX has none of, else JAX."""
    return np if is_text(x) else jnp


@operation("newshape", resolve={"newshape": _sizes})
def reshape(x: ArrayLike, newshape: Any) -> jax.Array:
    """The same numbers in another shape.

    Shapes: any -> newshape. newshape: one size may be -1 (or None, as a symbol's shape has it): what is left.
    Raises ValueError when the sizes do not multiply to those of `x`.

    >>> reshape(jnp.arange(4), (2, -1)).tolist()
    [[0, 1], [2, 3]]
    """
    here = home(x)
    return here.reshape(here.asarray(x), tuple(-1 if s is None else s for s in _sizes(newshape)))


@operation()
def ravel(x: ArrayLike) -> jax.Array:
    """The same numbers in one row.

    Shapes: any -> (n,).

    >>> ravel([[1, 2], [3, 4]]).tolist()
    [1, 2, 3, 4]
    """
    return jnp.ravel(jnp.asarray(x))


@operation("axes")
def transpose(x: ArrayLike, axes: Any = None) -> jax.Array:
    """Axes in another order: in reverse for None.

    Shapes: (a, b, ...) -> permuted.

    >>> transpose([[1, 2], [3, 4]]).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.transpose(jnp.asarray(x), axes=axes)


@operation("axis1", "axis2")
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> jax.Array:
    """Two axes exchanged.

    Shapes: (..., a, ..., b, ...) -> (..., b, ..., a, ...).

    >>> swapaxes(jnp.ones((2, 3)), 0, 1).shape
    (3, 2)
    """
    return jnp.swapaxes(jnp.asarray(x), axis1, axis2)


@operation("source", "destination")
def moveaxis(x: ArrayLike, source: Any, destination: Any) -> jax.Array:
    """Axes at other places; the others keep their order.

    Shapes: any -> permuted.

    >>> moveaxis(jnp.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return jnp.moveaxis(jnp.asarray(x), source, destination)


@operation("axis")
def expand_dims(x: ArrayLike, axis: Any) -> jax.Array:
    """A new axis of size 1, or several.

    Shapes: (a, b) -> (a, 1, b).

    >>> expand_dims(jnp.ones((2, 3)), 1).shape
    (2, 1, 3)
    """
    here = home(x)
    return here.expand_dims(here.asarray(x), axes_of(axis))


@operation("axis")
def squeeze(x: ArrayLike, axis: Axes = None) -> jax.Array:
    """Without axes of size 1: these ones, or all.

    Shapes: (a, 1, b) -> (a, b). Raises ValueError for an axis of another size.

    >>> squeeze(jnp.ones((2, 1))).shape
    (2,)
    """
    here = home(x)
    return here.squeeze(here.asarray(x), axis=axes_of(axis))


@operation("shape")
def broadcast_to(x: ArrayLike, shape: Any) -> jax.Array:
    """Repeated along axes of size 1, and new ones in front.

    Shapes: any -> shape.

    >>> broadcast_to(1.0, (2,)).tolist()
    [1.0, 1.0]
    """
    return jnp.broadcast_to(jnp.asarray(x), shape)


# --- repeated, turned, padded -----------------------------------------------------------------


@operation("repeats")
def tile(x: ArrayLike, repeats: Any) -> jax.Array:
    """The whole array so many times along each axis.

    Shapes: (a, b), (m, n) -> (m * a, n * b).

    >>> tile([1, 2], 2).tolist()
    [1, 2, 1, 2]
    """
    return jnp.tile(jnp.asarray(x), repeats)


@operation("repeats", "axis")
def repeat(x: ArrayLike, repeats: Any, axis: int | None = None) -> jax.Array:
    """Each entry so many times along `axis`; of the flattened array for None.

    Shapes: (..., s, ...) -> (..., n * s, ...).

    >>> repeat([1, 2], 2).tolist()
    [1, 1, 2, 2]
    """
    repeats = np.asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats
    return jnp.repeat(jnp.asarray(x), repeats, axis=axis)


@operation("axis")
def flip(x: ArrayLike, axis: Axes = None) -> jax.Array:
    """In reverse along `axis`; along all for None.

    Shapes: any -> same.

    >>> flip([1, 2, 3]).tolist()
    [3, 2, 1]
    """
    return jnp.flip(jnp.asarray(x), axis=axes_of(axis))


@operation()
def fliplr(x: ArrayLike) -> jax.Array:
    """In reverse along the second axis.

    Shapes: (a, b, ...) -> same.

    >>> fliplr([[1, 2]]).tolist()
    [[2, 1]]
    """
    return jnp.fliplr(jnp.asarray(x))


@operation()
def flipud(x: ArrayLike) -> jax.Array:
    """In reverse along the first axis.

    Shapes: (a, ...) -> same.

    >>> flipud([1, 2]).tolist()
    [2, 1]
    """
    return jnp.flipud(jnp.asarray(x))


@operation("k", "axes")
def rot90(array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> jax.Array:
    """Turned by 90 degrees `k` times, from the first of `axes` towards the second.

    Shapes: (a, b, ...) -> (b, a, ...) for an odd k. Raises ValueError unless there are two different axes.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    array = jnp.asarray(array)
    if array.ndim < 2:
        raise ValueError(f"rot90 turns arrays of two or more axes; received shape {array.shape}.")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"rot90 needs two different axes; received axes={axes}.")
    return jnp.rot90(array, k=k, axes=(axes[0], axes[1]))


@operation("shift", "axis")
def roll(x: ArrayLike, shift: Any, axis: Axes = None) -> jax.Array:
    """Entries moved along `axis`; what leaves at the end comes in at the front.

    Shapes: any -> same.

    >>> roll([1, 2, 3], 1).tolist()
    [3, 1, 2]
    """
    return jnp.roll(jnp.asarray(x), shift, axis=axes_of(axis))


@operation("pad_width", "mode", named=("constant_values",))
def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> jax.Array:
    """More entries before and after, along each axis.

    Shapes: (a, b), ((p, q), (r, s)) -> (p + a + q, r + b + s).
    pad_width: a number, (before, after), or such a pair for each axis.
    mode: constant, reflect, symmetric, edge, wrap, ... as `jnp.pad` has them.
    constant_values: what to fill with in the mode "constant"; 0 for None.
    Raises ValueError for `constant_values` in another mode.

    >>> pad([1, 2], 1, constant_values=9).tolist()
    [9, 1, 2, 9]
    """
    if constant_values is None:
        return jnp.pad(jnp.asarray(x), pad_width, mode=mode)
    if mode != "constant":
        raise ValueError(f"pad fills with constant_values in the mode 'constant' alone; received mode={mode!r}.")
    return jnp.pad(jnp.asarray(x), pad_width, mode=mode, constant_values=constant_values)


@operation("dtype")
def view(x: ArrayLike, dtype: Any = None) -> jax.Array:
    """The same bits, read as numbers of another dtype.

    Shapes: (..., n) -> (..., n * old size / new size).

    >>> view(jnp.ones(1, "float32"), "int32").tolist()
    [1065353216]
    """
    return jnp.asarray(x).view(dtype=dtype)


# --- asked of a shape -------------------------------------------------------------------------


def ndim(x: Any) -> int:
    """How many axes there are.

    >>> ndim([[1, 2]])
    2
    """
    return len(x.shape) if hasattr(x, "shape") else jnp.ndim(jnp.asarray(x))


@operation(name="Size", key="size")
def _size(x: ArrayLike) -> jax.Array:
    """How many entries there are, where that is known only when the array is there."""
    return jnp.asarray(math.prod(jnp.asarray(x).shape))


def size(x: Any) -> Any:
    """How many entries there are: an int, or a symbol if that is not known yet.

    >>> size([[1, 2]])
    2
    """
    shape = x.shape if hasattr(x, "shape") else jnp.asarray(x).shape
    return _size(x) if None in shape else math.prod(shape)
