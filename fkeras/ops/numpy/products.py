"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..operation import operation

__all__ = [
    "matmul", "dot", "vdot", "inner", "outer", "kron", "tensordot", "einsum", "cross", "correlate", "corrcoef",
    "trace", "slogdet",
]  # fmt: skip


def _sum_dtype(*xs: jax.Array) -> Any:
    """int32 for products of int8, which would overflow; else what JAX chooses."""
    return jnp.int32 if all(x.dtype == jnp.int8 for x in xs) else None


@operation()
def matmul(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """The matrix product `x1 @ x2`, of the last two axes; of int8 as int32.

    Shapes: (..., a, n), (..., n, b) -> (..., a, b).

    >>> matmul([[1, 2]], [[3], [4]]).tolist()
    [[11]]
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    return jnp.matmul(x1, x2, preferred_element_type=_sum_dtype(x1, x2))


@operation()
def dot(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """The sum of products over the last axis of `x1` and the last but one of `x2`.

    Shapes: (a..., n), (b..., n, c) -> (a..., b..., c).

    >>> dot([1, 2], [3, 4]).item()
    11
    """
    return jnp.dot(jnp.asarray(x1), jnp.asarray(x2))


@operation()
def vdot(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """The sum of products of the flattened arrays, the first conjugated.

    Shapes: any, any -> ().

    >>> vdot([1, 2], [3, 4]).item()
    11
    """
    return jnp.vdot(jnp.asarray(x1), jnp.asarray(x2))


@operation()
def inner(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """The sum of products over the last axes.

    Shapes: (a..., n), (b..., n) -> (a..., b...).

    >>> inner([1, 2], [3, 4]).item()
    11
    """
    return jnp.inner(jnp.asarray(x1), jnp.asarray(x2))


@operation()
def outer(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """Every number of the one times every number of the other.

    Shapes: (a,), (b,) -> (a, b).

    >>> outer([1, 2], [3, 4]).tolist()
    [[3, 4], [6, 8]]
    """
    return jnp.outer(jnp.asarray(x1), jnp.asarray(x2))


@operation()
def kron(x1: ArrayLike, x2: ArrayLike) -> jax.Array:
    """Each number of `x1` times the whole of `x2`.

    Shapes: (a, b), (c, d) -> (a * c, b * d).

    >>> kron([1, 10], [1, 2]).tolist()
    [1, 2, 10, 20]
    """
    return jnp.kron(jnp.asarray(x1), jnp.asarray(x2))


@operation("axes")
def tensordot(x1: ArrayLike, x2: ArrayLike, axes: Any = 2) -> jax.Array:
    """The sum of products over `axes`: a pair of lists of axes, or how many last and first ones.

    Shapes: (a..., n...), (n..., b...) -> (a..., b...).

    >>> tensordot([1, 2], [3, 4], 1).item()
    11
    """
    return jnp.tensordot(jnp.asarray(x1), jnp.asarray(x2), axes=axes)


@operation("subscripts")
def einsum(subscripts: str, *operands: ArrayLike, **kwargs: Any) -> jax.Array:
    """The sum of products that the subscripts describe; of int8 as int32.

    Shapes: as in `"ij,jk->ik"`.

    >>> einsum("i,i->", [1, 2], [3, 4]).item()
    11
    """
    xs = [jnp.asarray(x) for x in operands]
    return jnp.einsum(subscripts, *xs, **{**kwargs, "preferred_element_type": _sum_dtype(*xs)})


@operation("axisa", "axisb", "axisc", "axis")
def cross(
    x1: ArrayLike, x2: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> jax.Array:  # fmt: skip
    """The vector product of vectors in three dimensions, or two.

    Shapes: (..., 3), (..., 3) -> (..., 3).

    >>> cross([1, 0, 0], [0, 1, 0]).tolist()
    [0, 0, 1]
    """
    return jnp.cross(jnp.asarray(x1), jnp.asarray(x2), axisa=axisa, axisb=axisb, axisc=axisc, axis=axis)


@operation("mode")
def correlate(x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> jax.Array:
    """The sums of products of `x1` with `x2` moved along it.

    Shapes: (a,), (b,) -> (a - b + 1,) for mode "valid", (a,) for "same", (a + b - 1,) for "full".

    >>> correlate([1.0, 2.0, 3.0], [1.0, 1.0]).tolist()
    [3.0, 5.0]
    """
    return jnp.correlate(jnp.asarray(x1), jnp.asarray(x2), mode)


@operation()
def corrcoef(x: ArrayLike) -> jax.Array:
    """Pearson's correlation coefficients of the rows.

    Shapes: (a, n) -> (a, a).

    >>> corrcoef([[1.0, 2.0], [2.0, 4.0]]).round(3).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return jnp.corrcoef(jnp.asarray(x))


@operation("offset", "axis1", "axis2")
def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    """The sum of the diagonal of the matrices on two axes.

    Shapes: (n, n, ...) -> (...).

    >>> trace([[1, 2], [3, 4]]).item()
    5
    """
    return jnp.trace(jnp.asarray(x), offset=offset, axis1=axis1, axis2=axis2)


@operation()
def slogdet(x: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """The sign and the logarithm of the determinant.

    Shapes: (..., n, n) -> (...), (...).

    >>> slogdet([[1.0, 0.0], [0.0, 1.0]])[1].item()
    0.0
    """
    sign, value = jnp.linalg.slogdet(jnp.asarray(x))
    return sign, value
