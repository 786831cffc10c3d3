"""Sliding windows over the spatial axes of an array: what convolution and pooling share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

Pads = tuple[tuple[int, int], ...]


def spread(value: Any, n: int, name: str) -> tuple[int, ...]:
    """One number, or `n` of them, as a tuple of `n`.

    >>> spread(2, 3, "strides")
    (2, 2, 2)
    """
    values = (value,) * n if hasattr(value, "__index__") else tuple(value)
    if len(values) != n or not all(hasattr(v, "__index__") and v.__index__() >= 1 for v in values):
        raise ValueError(
            f"{name} must be a whole number above 0, or {n} of them for inputs of rank {n + 2}; got {value!r}."
        )
    return tuple(v.__index__() for v in values)


def sizes(x: Any, data_format: str) -> tuple[Any, ...]:
    """The sizes of the spatial axes."""
    return tuple(x.shape[1:-1] if data_format == "channels_last" else x.shape[2:])


def are_known(dims: Sequence[Any]) -> bool:
    """Whether sizes are numbers, not symbols."""
    return all(isinstance(d, int) for d in dims)


def pads_of(padding: Any, dims: Sequence[Any], extents: Sequence[int], strides: Sequence[int]) -> Pads:
    """The zeros before and after each spatial axis.

    padding: "valid" (none), "same" (outputs of size ceil(size / stride), the odd zero at the end), or the pairs.
    extents: how many positions a window covers on each axis.

    Raises ValueError for another padding, and where a window is larger than the padded input.

    >>> pads_of("same", (5, 5), (3, 2), (1, 1))
    ((1, 1), (0, 1))
    """
    if not isinstance(padding, str):
        pads = tuple((int(lo), int(hi)) for lo, hi in padding)
    elif padding.lower() == "valid":
        pads = ((0, 0),) * len(dims)
    elif padding.lower() == "same":
        pads = tuple(lax.padtype_to_pads(dims, extents, strides, "SAME"))
    else:
        raise ValueError(f"padding must be 'valid' or 'same'; got {padding!r}.")
    for size, (lo, hi), extent in zip(dims, pads, extents, strict=True):
        if isinstance(size, int) and size > 0 and size + lo + hi < extent:
            raise ValueError(
                f"A window that covers {tuple(extents)} positions does not fit into spatial sizes {tuple(dims)} with "
                f"padding={padding!r}. Use larger inputs, a smaller window or dilation, or padding='same'."
            )
    return pads


def pad(x: Any, pads: Pads, value: Any = 0) -> Any:
    """`x` (channels last) with `value` around its spatial axes."""
    if not any(lo or hi for lo, hi in pads):
        return x
    return lax.pad(x, jnp.asarray(value, x.dtype), [(0, 0, 0), *((lo, hi, 0) for lo, hi in pads), (0, 0, 0)])


def taps(x: Any, axis: int, size: int, stride: int = 1, dilation: int = 1) -> list[Any]:
    """What stands at each of the `size` positions of all windows along one axis: `size` arrays.

    >>> [t.tolist() for t in taps(jnp.arange(5), 0, 3, stride=2)]
    [[0, 2], [1, 3], [2, 4]]
    """
    count = (x.shape[axis] - (size - 1) * dilation - 1) // stride + 1
    if stride == size and dilation == 1 and size > 1:  # windows side by side: the gradient of a reshape is cheaper
        folded = fold(x, axis, size)
        return [lax.index_in_dim(folded, i, axis + 1, keepdims=False) for i in range(size)]
    starts = range(0, size * dilation, dilation)
    return [lax.slice_in_dim(x, i, i + (count - 1) * stride + 1, stride, axis) for i in starts]


def fold(x: Any, axis: int, size: int) -> Any:
    """Windows side by side along one axis, as an axis of their own after it; what is left over is dropped."""
    count = x.shape[axis] // size
    whole = lax.slice_in_dim(x, 0, count * size, 1, axis)
    return whole.reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])


def channels_last(f: Callable[[Any], Any], x: Any, data_format: str) -> Any:
    """`f(x)` for an `f` that wants the channels at the end."""
    return moved(f(moved(x, data_format)), data_format, back=True)


def moved(x: Any, data_format: str, back: bool = False) -> Any:
    """`x` with its channels at the end, or from there back to where the format has them."""
    if data_format == "channels_last":
        return x
    return jnp.moveaxis(x, -1, 1) if back else jnp.moveaxis(x, 1, -1)


def lowest(dtype: Any) -> Any:
    """The number below all others of a dtype, the neutral element of the maximum."""
    if jnp.issubdtype(dtype, jnp.inexact):
        return np.asarray(-np.inf, dtype)
    return np.asarray(False) if dtype == jnp.bool_ else np.asarray(jnp.iinfo(dtype).min, dtype)
