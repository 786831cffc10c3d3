"""Threefry in NumPy: what JAX's keys give, outside of jit and without a compiled program.

The first layers of a process are filled sooner by this than a program for it compiles.
Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def block(key: Any, high: Any, low: Any) -> tuple[np.ndarray, np.ndarray]:
    """The two words that a key of two words makes of each counter of two words.

    Shapes: (2,), (n,), (n,) -> (n,), (n,); all uint32.

    >>> [hex(word[0]) for word in block([0, 0], [0], [0])]
    ['0x6b200159', '0x99ba4efe']
    """
    first, second = np.asarray(key, np.uint32)
    keys = (first, second, first ^ second ^ np.uint32(PARITY))
    x, y = np.asarray(high, np.uint32) + keys[0], np.asarray(low, np.uint32) + keys[1]
    for i in range(5):
        for rotation in ROTATIONS[i % 2]:
            x = x + y
            y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
            y = y ^ x
        x = x + keys[(i + 1) % 3]
        y = y + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x, y


def fold(key: Any, number: int) -> np.ndarray:
    """The words of `jax.random.fold_in(key, number)`. Raises OverflowError for a number outside [0, 2**32).

    >>> import jax
    >>> fold([0, 1], 7).tolist() == jax.random.key_data(jax.random.fold_in(jax.random.key(1), 7)).tolist()
    True
    """
    return np.concatenate(block(key, [0], [number]))


def bits(key: Any, size: int, start: int = 0) -> np.ndarray:
    """The 32-bit words of a key's stream from `start` on, as JAX's partitionable threefry gives them.

    The low word of the counter must not overflow on the way.

    >>> import jax
    >>> bits([0, 1], 3).tolist() == jax.random.bits(jax.random.key(1), (3,)).tolist()
    True
    """
    low = np.arange(size, dtype=np.uint32) + np.uint32(start & 0xFFFFFFFF)
    x, y = block(key, np.full(size, start >> 32, np.uint32), low)
    return x ^ y


def uniform(key: Any, size: int, minval: Any, maxval: Any, start: int = 0) -> np.ndarray:
    """`jax.random.uniform` for float32: 23 random bits behind the point, scaled with one rounding.

    >>> import jax
    >>> same = jax.random.uniform(jax.random.key(1), (1000,), minval=-0.3, maxval=0.2)
    >>> bool((uniform([0, 1], 1000, -0.3, 0.2) == same).all())
    True
    """
    unit = (bits(key, size, start) >> np.uint32(9) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
    low, high = np.float32(minval), np.float32(maxval)
    scaled = unit.astype(np.float64) * (high - low) + low  # exact until it is rounded, as a fused product and sum is
    return np.maximum(low, scaled.astype(np.float32))
