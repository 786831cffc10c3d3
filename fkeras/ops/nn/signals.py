"""Complex numbers from angles, and the quality of a signal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..operation import operation

__all__ = ["polar", "psnr"]


@operation()
def polar(abs_: ArrayLike, angle: ArrayLike) -> jax.Array:
    """The complex numbers of these sizes at these angles.

    Shapes: (...), (...) -> broadcast.

    >>> polar(2.0, 0.0).item()
    (2+0j)
    """
    size, angle = jnp.asarray(abs_), jnp.asarray(angle)
    return jax.lax.complex(size * jnp.cos(angle), size * jnp.sin(angle))


@operation("max_val", name="PSNR")
def psnr(x1: ArrayLike, x2: ArrayLike, max_val: float) -> jax.Array:
    """The ratio in decibels of the greatest possible signal to the noise: `10 log10(max_val² / mean((x1 - x2)²))`.

    Shapes: (...), (...) -> (). Raises ValueError for different shapes.

    >>> psnr([0.0, 1.0], [0.0, 0.0], 1.0).round(3).item()
    3.01...
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    if x1.shape != x2.shape:
        raise ValueError(f"psnr compares arrays of one shape; received {x1.shape} and {x2.shape}.")
    return 20 * jnp.log10(jnp.asarray(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))
