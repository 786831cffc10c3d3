"""Sums that stay exact where float32 would stop counting, at 2²⁴.

A number is held as two floats, its nearest float and the rest, along a first axis of
size 2. Counts are exact to 2⁴⁸, and long sums lose no more than short ones.
Source: Knuth, TAOCP 2, 4.2.2; Dekker, A floating-point technique (1971).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import stream

BLOCK = 1 << 12  # so many floats are summed plainly; their sums are summed exactly


def zero(shape: tuple[int, ...] = (), dtype: Any = "float32") -> jax.Array:
    """Nothing, exactly. Shapes: `(2, *shape)`."""
    return jnp.zeros((2, *shape), dtype) if stream.tracing() else stream.put(np.zeros((2, *shape), jnp.dtype(dtype)))


def add(sums: jax.Array, x: Any) -> jax.Array:
    """`sums + x` for one float (or an array of them, or an exact sum of one more axis).

    >>> n = add(add(zero(), 2.0**24), 1.0)
    >>> int(n[0]) + int(n[1])
    16777217
    """
    x = jnp.asarray(x, sums.dtype)
    if x.ndim == sums.ndim:
        return add(add(sums, x[0]), x[1])
    high, rest = sums
    total = high + x
    part = total - high
    rest = rest + ((high - (total - part)) + (x - part))
    nearest = total + rest
    return jnp.stack([nearest, rest - (nearest - total)])


def value(sums: jax.Array) -> jax.Array:
    """The sum as one float.

    >>> value(add(zero(), 3.0))
    Array(3., dtype=float32)
    """
    return sums[0] + sums[1]


def whole(n: Any, dtype: Any = "float32") -> jax.Array:
    """A number, or an array of unsigned integers, as an exact sum.

    >>> whole(2**24 + 1)
    Array([1.6777216e+07, 1.0000000e+00], dtype=float32)
    """
    if isinstance(n, int):
        high = int(np.float32(n))
        return jnp.asarray([high, n - high], dtype)
    n = jnp.asarray(n)
    high, low = (n >> 16).astype(dtype) * 65536.0, (n & 0xFFFF).astype(dtype)
    return add(add(zero(n.shape, dtype), high), low)


def total(x: jax.Array, dtype: Any = "float32") -> jax.Array:
    """The exact sum over the last axis. Shapes: `(..., n)` to `(2, ...)`.

    >>> total(jnp.ones(3))
    Array([3., 0.], dtype=float32)
    """
    if x.dtype == bool:
        return whole(jnp.sum(x, axis=-1, dtype=jnp.uint32), dtype)
    x, n = x.astype(dtype), x.shape[-1]
    if not isinstance(n, int) or n <= 16 * BLOCK:
        return jnp.stack([jnp.sum(x, axis=-1), jnp.zeros(x.shape[:-1], dtype)])
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, -n % BLOCK)])
    return fold(jnp.sum(x.reshape(*x.shape[:-1], -1, BLOCK), axis=-1))


def fold(x: jax.Array) -> jax.Array:
    """The exact sum over the last axis, pairwise all the way."""
    sums = jnp.stack([x, jnp.zeros_like(x)])
    while (n := sums.shape[-1]) > 1:
        sums = jnp.pad(sums, [(0, 0)] * (sums.ndim - 1) + [(0, n % 2)])
        sums = add(sums[..., ::2], sums[..., 1::2])
    return sums[..., 0]
