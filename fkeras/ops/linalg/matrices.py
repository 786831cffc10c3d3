"""Matrices solved, inverted and taken apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.typing import ArrayLike

from ..families import axes_of, floats
from ..operation import operation

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor", "matrix_rank", "norm",
    "pinv", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _matrices(name: str, x: ArrayLike, square: bool = False) -> jax.Array:
    """The array, of two axes at least; with `square`, the last two equal."""
    x = jnp.asarray(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        wanted = "square matrices (..., n, n)" if square else "matrices (..., m, n)"
        raise ValueError(f"{name} takes {wanted}; received shape {x.shape}.")
    return x


@operation("upper")
def cholesky(x: ArrayLike, upper: bool = False) -> jax.Array:
    """The triangular L with `L Lᵀ = x`, or U with `Uᵀ U = x`.

    Shapes: (..., n, n) -> same. Raises ValueError where `x` is not positive definite; NaN under jit.

    >>> cholesky([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    y = jnp.linalg.cholesky(_matrices("cholesky", x, True), upper=upper)
    if not isinstance(y, Tracer) and bool(jnp.any(jnp.isnan(y))):
        raise ValueError("cholesky: the matrix is not positive definite.")
    return y


@operation("upper")
def cholesky_inverse(x: ArrayLike, upper: bool = False) -> jax.Array:
    """The inverse of a matrix, from its Cholesky factor.

    Shapes: (n, n) -> same.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    x = _matrices("cholesky_inverse", x, True)
    inverse = jax.scipy.linalg.solve_triangular(x, jnp.eye(x.shape[-1], dtype=x.dtype), lower=not upper)
    transposed = jnp.matrix_transpose(inverse)
    return inverse @ transposed if upper else transposed @ inverse


@operation()
def det(x: ArrayLike) -> jax.Array:
    """The determinant. Shapes: (..., n, n) -> (...).

    >>> det([[1.0, 2.0], [3.0, 4.0]]).round(3).item()
    -2.0
    """
    return jnp.linalg.det(_matrices("det", x, True))


@operation()
def inv(x: ArrayLike) -> jax.Array:
    """The inverse. Shapes: (..., n, n) -> same.

    >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return jnp.linalg.inv(_matrices("inv", x, True))


@operation("rcond")
def pinv(x: ArrayLike, rcond: float | None = None) -> jax.Array:
    """The pseudo-inverse; singular values below `rcond` times the greatest count as 0.

    Shapes: (..., m, n) -> (..., n, m).

    >>> pinv([[2.0], [0.0]]).round(3).tolist()
    [[0.5, 0.0]]
    """
    return jnp.linalg.pinv(_matrices("pinv", x), rcond=rcond)


@operation()
def solve(a: ArrayLike, b: ArrayLike) -> jax.Array:
    """The x with `a x = b`. Shapes: (..., n, n), (..., n, m) or (n,) -> like b.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).tolist()
    [1.0, 0.5]
    """
    return jnp.linalg.solve(_matrices("solve", a, True), jnp.asarray(b))


@operation("lower")
def solve_triangular(a: ArrayLike, b: ArrayLike, lower: bool = False) -> jax.Array:
    """The x with `a x = b`, of `a` only the upper (or lower) triangle being read.

    Shapes: (..., n, n), (..., n, m) or (n,) -> like b.

    >>> solve_triangular([[1.0, 1.0], [0.0, 2.0]], [3.0, 2.0]).tolist()
    [2.0, 1.0]
    """
    return jax.scipy.linalg.solve_triangular(_matrices("solve_triangular", a, True), jnp.asarray(b), lower=lower)


@operation("rcond")
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> jax.Array:
    """The x that makes `|a x - b|` least.

    Shapes: (m, n), (m,) or (m, k) -> (n,) or (n, k).

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(3).tolist()
    [2.0]
    """
    return jnp.linalg.lstsq(jnp.asarray(a), jnp.asarray(b), rcond=rcond)[0]


@operation()
def eig(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues and, as columns, eigenvectors; complex. Shapes: (..., n, n) -> (..., n), (..., n, n).

    >>> eig([[2.0, 0.0], [0.0, 3.0]])[0].real.tolist()
    [2.0, 3.0]
    """
    values, vectors = jnp.linalg.eig(_matrices("eig", x, True))
    return values, vectors


@operation()
def eigh(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues in rising order and eigenvectors of symmetric matrices. Shapes: (..., n, n) -> (..., n), (..., n, n).

    >>> eigh([[3.0, 0.0], [0.0, 2.0]])[0].tolist()
    [2.0, 3.0]
    """
    values, vectors = jnp.linalg.eigh(_matrices("eigh", x, True))
    return values, vectors


@operation()
def lu_factor(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """The LU factors of a matrix in one array, and the rows that were exchanged.

    Shapes: (..., n, n) -> same, (..., n).

    >>> lu_factor([[1.0, 0.0], [0.0, 1.0]])[1].tolist()
    [0, 1]
    """
    x = _matrices("lu_factor", x)
    f: Callable[..., Any] = jax.scipy.linalg.lu_factor
    for _ in range(x.ndim - 2):
        f = jax.vmap(f)
    return f(x)


@operation("mode")
def qr(x: ArrayLike, mode: str = "reduced") -> tuple[jax.Array, jax.Array]:
    """An orthogonal Q and a triangular R with `Q R = x`.

    Shapes: (..., m, n) -> (..., m, k), (..., k, n): k is the lesser of m and n, or m for mode "complete".
    Raises ValueError for another mode.

    >>> jnp.abs(qr([[2.0, 0.0], [0.0, 1.0]])[1]).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode must be 'reduced' or 'complete'; received {mode!r}.")
    q, r = jnp.linalg.qr(_matrices("qr", x), mode=mode)
    return q, r


@operation("full_matrices", "compute_uv", name="SVD")
def svd(x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """`U, s, Vᵀ` with `U diag(s) Vᵀ = x`; with `compute_uv=False` s alone.

    Shapes: (..., m, n) -> (..., m, m), (..., k), (..., n, n); or (..., m, k), (..., k), (..., k, n) if not full.

    >>> svd([[4.0, 0.0], [0.0, 3.0]])[1].shape
    (2,)
    """
    out = jnp.linalg.svd(_matrices("svd", x), full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(out) if compute_uv else out


@operation("tol")
def matrix_rank(x: ArrayLike, tol: float | None = None) -> jax.Array:
    """How many singular values are greater than `tol`. Shapes: (..., m, n) -> (...).

    >>> matrix_rank([[1.0, 0.0], [0.0, 0.0]]).item()
    1
    """
    return jnp.linalg.matrix_rank(_matrices("matrix_rank", x), tol).astype("int32")


@operation("ord", "axis", "keepdims")
def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> jax.Array:
    """The norm of vectors along an axis, or of matrices on two.

    Shapes: any -> without `axis`. ord: a number, inf, "fro" or "nuc".

    >>> norm([3.0, 4.0]).item()
    5.0
    """
    return jnp.linalg.norm(floats(x), ord=ord, axis=axes_of(axis), keepdims=keepdims)


@operation("has_aux", name="JVP")
def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """`fun(*primals)` and its derivative in the direction of the tangents.

    has_aux: whether `fun` returns (value, something else), which is then returned as well.

    >>> [float(v) for v in jvp(lambda x: x * x, (3.0,), (1.0,))]
    [9.0, 6.0]
    """
    return jax.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux)
