"""Pooling of arrays, with the signatures of `keras.ops`; the layers and `fkeras.ops` are written in it.

The plain form is `lax.reduce_window`. On CPUs its gradient is slow, of the maximum above all, so there it is that of
a tuned form, 3 to 25 times faster:

    axis_by_axis    goes along one axis after the other and combines what stands at each place of the windows
    side_by_side    for maxima of windows that do not overlap: notes which place of each window holds its maximum

In a window with several equal maxima the first of them, in the order of memory, gets the gradient in all forms.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import config, forms, windows
from .windows import spread, taps

Combine = Callable[[Any, Any], Any]
MANY_PLACES = 16  # along one axis: above, a program with a term for each place grows too long


def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The largest value in each window.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or with the channels second.

    strides: how far apart the windows stand; `pool_size` for None.
    padding: "valid" or "same"; what is added never wins.

    >>> max_pool(jnp.arange(5.0).reshape(1, 5, 1), 2).tolist()
    [[[1.0], [3.0]]]
    """
    x, low = jnp.asarray(inputs), windows.lowest(jnp.asarray(inputs).dtype)
    return _pool(x, _greater, low, lax.max, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The mean of each window; what "same" adds does not count.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or with the channels second.

    >>> average_pool(jnp.arange(5.0).reshape(1, 5, 1), 2, padding="same").tolist()
    [[[0.5], [2.5], [4.0]]]
    """
    x = jnp.asarray(inputs)
    layout, n = config.standardize_data_format(data_format), x.ndim - 2
    pool_size = spread(pool_size, n, "pool_size")
    total = functools.partial(_pool, combine=lax.add, neutral=np.asarray(0, x.dtype), reducer=lax.add)
    y = total(x, pool_size=pool_size, strides=strides, padding=padding, data_format=layout)
    if padding.lower() == "valid":
        return y / math.prod(pool_size)
    first = 1 if layout == "channels_last" else 2
    ones = jnp.ones([d if first <= i < first + n else 1 for i, d in enumerate(x.shape)], x.dtype)
    return y / total(ones, pool_size=pool_size, strides=strides, padding=padding, data_format=layout)


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The largest value in each of `output_size` windows that cover the inputs evenly.

    Shapes: (batch, *sizes, channels) -> (batch, *output_size, channels), or with the channels second.

    >>> adaptive_max_pool(jnp.arange(5.0).reshape(1, 5, 1), 2).tolist()
    [[[2.0], [4.0]]]
    """
    return _adaptive(inputs, output_size, data_format, _largest)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The mean of each of `output_size` windows that cover the inputs evenly: [floor(i n / m), ceil((i + 1) n / m)).

    Shapes: (batch, *sizes, channels) -> (batch, *output_size, channels), or with the channels second.

    >>> adaptive_average_pool(jnp.arange(5.0).reshape(1, 5, 1), 2).tolist()
    [[[1.0], [3.0]]]
    """
    return _adaptive(inputs, output_size, data_format, _mean)


# --- windows of one size ----------------------------------------------------------------------------


def _pool(
    x: Any, combine: Combine, neutral: Any, reducer: Any, pool_size: Any, strides: Any, padding: str, data_format: Any
) -> Any:  # fmt: skip
    """Every window of `x`, combined."""
    n, layout = x.ndim - 2, config.standardize_data_format(data_format)
    if n < 1:
        raise ValueError(f"Pooling takes inputs of rank 3 or more; got shape {x.shape}.")
    pool_size = spread(pool_size, n, "pool_size")
    strides = pool_size if strides is None else spread(strides, n, "strides")
    pads = windows.pads_of(padding, windows.sizes(x, layout), pool_size, strides)
    if not is_tuned(x, combine, pool_size, strides, layout):
        return lax_form(x, neutral, reducer, pool_size, strides, pads, layout)

    @jax.custom_jvp
    def run(x: Any) -> Any:
        return lax_form(x, neutral, reducer, pool_size, strides, pads, layout)

    @run.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        x, dx = there(primals[0], neutral), there(tangents[0], 0)
        if combine is _greater and pool_size == strides and math.prod(pool_size) <= MANY_PLACES:
            y, dy = side_by_side(x, dx, pool_size)
            return back(y), back(dy)
        dy = jax.jvp(lambda x: axis_by_axis(x, combine, pool_size, strides), (x,), (dx,))[1]
        return run(primals[0]), back(dy)

    def there(x: Any, value: Any) -> Any:
        return windows.pad(windows.moved(x, layout), pads, value)

    def back(y: Any) -> Any:
        return windows.moved(y, layout, back=True)

    return run(x)


def is_tuned(x: Any, combine: Any, pool_size: tuple[int, ...], strides: tuple[int, ...], layout: str) -> bool:
    """Whether a pooling runs axis by axis here."""
    small = all(k <= MANY_PLACES or (k == s and combine is lax.add) for k, s in zip(pool_size, strides, strict=True))
    return small and forms.are_tuned() and windows.are_known(windows.sizes(x, layout))


def lax_form(x: Any, neutral: Any, reducer: Any, pool_size: Any, strides: Any, pads: Any, layout: str) -> Any:
    """The definition."""

    def everywhere(one: Any, values: Any) -> Any:
        return (one, *values, one) if layout == "channels_last" else (one, one, *values)

    sizes, steps, edges = everywhere(1, pool_size), everywhere(1, strides), everywhere((0, 0), pads)
    return lax.reduce_window(x, neutral, reducer, sizes, steps, edges)


def axis_by_axis(x: Any, combine: Combine, pool_size: Any, strides: Any) -> Any:
    """Channels last and padded: the last spatial axis first, so that the first of equal values stays the first."""
    for axis in reversed(range(1, len(pool_size) + 1)):
        size, stride = pool_size[axis - 1], strides[axis - 1]
        if combine is lax.add and size == stride:
            x = windows.fold(x, axis, size).sum(axis + 1)
        else:
            x = functools.reduce(combine, taps(x, axis, size, stride))
    return x


def side_by_side(x: Any, dx: Any, pool_size: Any) -> Any:
    """(maxima, their derivative along dx) of windows that do not overlap: dx at the first maximum of each.

    (XLA puts the maxima into one loop with what is before them: good beside the derivative, which reads the same
    values, but twice the time of `lax.reduce_window` behind a convolution alone.)
    """
    most, *others = places(x, pool_size)
    first = jnp.zeros(most.shape, np.int32)
    for place, here in enumerate(others, 1):
        stays = (most >= here) | (most != most)
        most, first = jnp.where(stays, most, here), jnp.where(stays, first, place)
    axes = tuple(range(2, 2 * len(pool_size) + 1, 2))
    numbers = np.arange(math.prod(pool_size), dtype=np.int32).reshape(*(part for k in pool_size for part in (1, k)), 1)
    dy = jnp.where(numbers == jnp.expand_dims(first, axes), folded(dx, pool_size), 0).sum(axes)
    # a row more, and off again, or XLA would make the transpose of the sum a part of what is before it
    more = lax.pad(dy, np.zeros((), dy.dtype), [(0, 1, 0), *[(0, 0, 0)] * (dy.ndim - 1)])
    return most, lax.optimization_barrier(more)[:-1]


def places(x: Any, pool_size: Any) -> list[Any]:
    """What stands at each place of windows side by side, in the order of memory."""
    x = folded(x, pool_size)
    return [x[(slice(None), *(part for i in at for part in (slice(None), i)))] for at in np.ndindex(*pool_size)]


def folded(x: Any, pool_size: Any) -> Any:
    """Channels last and padded: each spatial axis as two, of the windows and of the places in them."""
    for axis in reversed(range(1, len(pool_size) + 1)):
        x = windows.fold(x, axis, pool_size[axis - 1])
    return x


def _greater(a: Any, b: Any) -> Any:
    """The greater of two, the first of equals; not a number, if one of them is not."""
    return jnp.where((a >= b) | (a != a), a, b)


# --- windows that cover an axis evenly ----------------------------------------------------------------


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, reduce: Callable[[Any, int, Any], Any]) -> Any:
    x, layout = jnp.asarray(inputs), config.standardize_data_format(data_format)
    n = x.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(f"Adaptive pooling takes inputs of rank 3, 4 or 5; got shape {x.shape}.")

    def pooled(x: Any) -> Any:
        for axis, count in enumerate(spread(output_size, n, "output_size"), 1):
            x = reduce(*_even_windows(x, axis, count))
        return x

    return windows.channels_last(pooled, x, layout)


def _even_windows(x: Any, axis: int, count: int) -> tuple[Any, int, Any]:
    """(x with the places of each of `count` windows as an axis of their own, that axis, the sizes of the windows)."""
    size = x.shape[axis].__index__()
    if size % count == 0:
        return windows.fold(x, axis, size // count), axis + 1, None
    starts = np.arange(count) * size // count
    ends = -(-np.arange(1, count + 1) * size // count)
    places = starts[:, None] + np.arange((ends - starts).max())
    found = jnp.take(x, np.minimum(places, ends[:, None] - 1), axis=axis)  # a shorter window repeats its last value
    return found, axis + 1, ends - starts


def _largest(x: Any, axis: int, sizes: Any) -> Any:
    """The largest along an axis; the first of equals gets the gradient."""
    if x.shape[axis] <= MANY_PLACES:
        return functools.reduce(_greater, [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])])
    return jnp.take_along_axis(x, jnp.argmax(x, axis, keepdims=True), axis).squeeze(axis)


def _mean(x: Any, axis: int, sizes: Any) -> Any:
    """The mean along an axis of windows of these sizes, all of it for None."""
    if sizes is None:
        return x.mean(axis)
    trailing = (1,) * (x.ndim - axis - 1)
    counted = (np.arange(x.shape[axis]) < sizes[:, None]).reshape(*sizes.shape, -1, *trailing)
    return jnp.where(counted, x, 0).sum(axis) / sizes.reshape(-1, *trailing).astype(x.dtype)
