"""Elementwise draws outside of jit, without a program per shape.

Under threefry, element i of a draw depends on the key and on i alone, so a draw of any
shape is a piece of one endless stream. Outside of jit the stream is made in chunks of
one size: JAX compiles one program per sampler, not one per shape, and none for uniform
draws in 32 bits, which NumPy makes. The numbers are those that the sampler gives for the
shape itself. Inside jit the sampler just runs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend import random as prng

from . import threefry

CHUNK = 2**16  # one takes about a millisecond
THREEFRY = "threefry2x32"


def tracing() -> bool:
    """Whether arrays made here and now are tracers.

    >>> tracing(), jax.eval_shape(lambda x: jnp.full(3, tracing()), 0).dtype.name
    (False, 'bool')
    """
    return isinstance(jax.device_put(np.uint32(0)), Tracer)


def put(values: Any, dtype: Any = None) -> jax.Array:
    """Values as a JAX array; NumPy converts its own, for which `jnp.asarray` would compile a program per shape.

    >>> put(np.arange(2), "float32")
    Array([0., 1.], dtype=float32)
    """
    dtype = jnp.dtype(values.dtype if dtype is None else dtype)
    return jnp.asarray(values if isinstance(values, jax.Array) else np.asarray(values, dtype), dtype)


def draw(sampler: Callable[..., jax.Array], key: jax.Array, shape: tuple[int, ...], dtype: str, *args: Any) -> Any:
    """`sampler(key, shape, dtype, *args)`, as a NumPy array unless traced.

    sampler: draws each element by itself, as `jax.random.normal` does.
    args: scalars.

    >>> key = jax.random.key(0)
    >>> bool((draw(jax.random.normal, key, (2, 3), "float32") == jax.random.normal(key, (2, 3))).all())
    True
    """
    words = jax.random.key_data(key)
    streams = str(jax.random.key_impl(key)) == THREEFRY and jax.config.jax_threefry_partitionable  # type: ignore[attr-defined]
    if not streams or any(isinstance(a, Tracer) for a in (words, *args)):
        return sampler(key, shape, dtype, *args)
    words, size = np.asarray(words), math.prod(shape)
    starts = range(0, max(size, 1), CHUNK)
    if sampler is jax.random.uniform and dtype == "float32" and len(args) == 2:
        chunks = [threefry.uniform(words, min(CHUNK, size - start), *args, start) for start in starts]
    else:
        chunks = [np.asarray(sampler(_at(words, start), (CHUNK,), dtype, *args)) for start in starts]
    flat = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    return flat[:size].reshape(shape)


def fold(key: jax.Array, number: int) -> jax.Array:
    """`jax.random.fold_in(key, number)`, without a program outside of jit.

    >>> key = jax.random.key(0)
    >>> bool(jax.random.key_data(fold(key, 3)).tolist() == jax.random.key_data(jax.random.fold_in(key, 3)).tolist())
    True
    """
    known = not isinstance(key, Tracer) and not isinstance(number, jax.Array) and not tracing()
    if not known or key.shape or str(jax.random.key_impl(key)) != THREEFRY:
        return jax.random.fold_in(key, number)
    words: Any = threefry.fold(jax.random.key_data(key), int(number))
    return jax.random.wrap_key_data(words, impl=THREEFRY)


def _at(words: np.ndarray, start: int) -> jax.Array:
    """The threefry key of these two words, with its stream cut off before `start`."""
    data: Any = np.array([*words, start >> 32, start & 0xFFFFFFFF], np.uint32)
    return jax.random.wrap_key_data(data, impl=_offset_impl())


@functools.cache
def _offset_impl() -> Any:
    def refuse(*_: Any) -> Any:
        raise TypeError("A key that starts inside its stream can only be drawn from.")

    name = f"{THREEFRY}_from"
    return prng.define_prng_impl(
        key_shape=(4,), seed=refuse, split=refuse, fold_in=refuse, random_bits=_bits, name=name, tag="from"
    )


def _bits(key: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
    """What JAX's partitionable threefry gives for the elements from `start` on.

    `start` is a multiple of the chunk, so the low word of the counter never overflows.
    """
    size = math.prod(shape)
    low = key[3] + jax.lax.iota(jnp.uint32, size)
    count = jnp.concatenate([jnp.full((size,), key[2]), low])
    high, low = jnp.split(prng.threefry_2x32((key[0], key[1]), count), 2)
    if width == 64:
        return ((high.astype(jnp.uint64) << 32) | low).reshape(shape)
    return (high ^ low).astype(f"uint{width}").reshape(shape)
