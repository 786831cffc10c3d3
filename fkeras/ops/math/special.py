"""Special functions, distances and rankings."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..families import Axes, axes_of, unary
from ..operation import operation

__all__ = [
    "cdist", "erf", "erfc", "erfinv", "in_top_k", "logdet", "logsumexp", "rsqrt", "top_k", "view_as_complex",
    "view_as_real",
]  # fmt: skip

erf = unary("erf", jax.scipy.special.erf, "The error function.", module="math")
erfc = unary("erfc", jax.scipy.special.erfc, "`1 - erf(x)`.", module="math")
erfinv = unary("erfinv", jax.scipy.special.erfinv, "The inverse of the error function.", module="math")
rsqrt = unary("rsqrt", jax.lax.rsqrt, "`1 / sqrt(x)`.", module="math")


@operation("axis", "keepdims")
def logsumexp(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> jax.Array:
    """`log(sum(exp(x)))`, without overflow.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> logsumexp([1000.0, 1000.0]).round(3).item()
    1000.69...
    """
    return jax.scipy.special.logsumexp(jnp.asarray(x), axis=axes_of(axis), keepdims=keepdims)


@operation()
def logdet(x: ArrayLike) -> jax.Array:
    """The logarithm of the size of the determinant. Shapes: (..., n, n) -> (...).

    >>> logdet([[1.0, 0.0], [0.0, 1.0]]).item()
    0.0
    """
    return jnp.linalg.slogdet(jnp.asarray(x))[1]


@operation("k", "sorted", name="TopK")
def top_k(x: ArrayLike, k: int, sorted: bool = True) -> Any:
    """The `k` greatest numbers along the last axis, the greatest first, and their indices.

    Shapes: (..., n) -> (..., k), (..., k).

    >>> [part.tolist() for part in top_k([1, 3, 2], 2)]
    [[3, 2], [1, 2]]
    """
    return jax.lax.top_k(jnp.asarray(x), k)


@operation("k", name="InTopK")
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int) -> jax.Array:
    """Whether fewer than `k` predictions are greater than that for the target.

    Shapes: (b,), (b, classes) -> (b,).

    >>> in_top_k([0, 1], [[0.1, 0.9], [0.1, 0.9]], 1).tolist()
    [False, True]
    """
    targets, scores = jnp.asarray(targets), jnp.asarray(predictions)
    own = jnp.take_along_axis(scores, targets[..., None], -1)
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return 1 + jnp.sum(scores > own, -1) <= k


@operation(name="CDist")
def cdist(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """The distances between the rows of `x` and those of `y`.

    Shapes: (..., m, d), (..., n, d) -> (..., m, n). Raises ValueError for rows of different lengths.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]]).tolist()
    [[5.0]]
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"cdist takes rows of one length, (..., m, d) and (..., n, d); received {x.shape}, {y.shape}.")
    return jnp.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), -1))


@operation()
def view_as_complex(x: ArrayLike) -> jax.Array:
    """Pairs as complex numbers. Shapes: (..., 2) -> (...). Raises ValueError for other ones.

    >>> view_as_complex([1.0, 2.0]).item()
    (1+2j)
    """
    x = jnp.asarray(x)
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex takes pairs on the last axis, (..., 2); received shape {x.shape}.")
    return jax.lax.complex(x[..., 0].astype("float32"), x[..., 1].astype("float32"))


@operation()
def view_as_real(x: ArrayLike) -> jax.Array:
    """Complex numbers as pairs. Shapes: (...) -> (..., 2).

    >>> view_as_real(1 + 2j).tolist()
    [1.0, 2.0]
    """
    x = jnp.asarray(x)
    return jnp.stack((jnp.real(x), jnp.imag(x)), -1)
