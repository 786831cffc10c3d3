"""Several arrays as one, and one as several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..operation import operation

__all__ = [
    "concatenate", "stack", "hstack", "vstack", "dstack", "append", "split", "hsplit", "vsplit", "dsplit",
    "array_split",
]  # fmt: skip

Arrays = Sequence[ArrayLike] | ArrayLike


def arrays(xs: Any) -> list[jax.Array]:
    """Each of several arrays."""
    return [jnp.asarray(x) for x in xs]


@operation("axis")
def concatenate(xs: Arrays, axis: int = 0) -> jax.Array:
    """Arrays one after the other along `axis`.

    Shapes: [(..., a, ...), (..., b, ...)] -> (..., a + b, ...).

    >>> concatenate([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    return jnp.concatenate(arrays(xs), axis=axis)


@operation("axis")
def stack(x: Arrays, axis: int = 0) -> jax.Array:
    """Arrays of one shape beside each other on a new axis.

    Shapes: n * [(a, b)] -> (n, a, b).

    >>> stack([[1, 2], [3, 4]], axis=1).tolist()
    [[1, 3], [2, 4]]
    """
    return jnp.stack(arrays(x), axis=axis)


@operation()
def hstack(xs: Arrays) -> jax.Array:
    """Arrays one after the other along the second axis; rows along their only one.

    Shapes: [(a, b), (a, c)] -> (a, b + c).

    >>> hstack([[1], [2, 3]]).tolist()
    [1, 2, 3]
    """
    return jnp.hstack(arrays(xs))


@operation()
def vstack(xs: Arrays) -> jax.Array:
    """Arrays below each other along the first axis; rows become matrices.

    Shapes: [(a, c), (b, c)] -> (a + b, c).

    >>> vstack([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return jnp.vstack(arrays(xs))


@operation()
def dstack(xs: Arrays) -> jax.Array:
    """Arrays behind each other along the third axis.

    Shapes: [(a, b, c), (a, b, d)] -> (a, b, c + d).

    >>> dstack([[1, 2], [3, 4]]).shape
    (1, 2, 2)
    """
    return jnp.dstack(arrays(xs))


@operation("axis")
def append(x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> jax.Array:
    """`x2` after `x1` along `axis`; both in one row for None.

    Shapes: (..., a, ...), (..., b, ...) -> (..., a + b, ...).

    >>> append([1, 2], [3]).tolist()
    [1, 2, 3]
    """
    return jnp.append(jnp.asarray(x1), jnp.asarray(x2), axis=axis)


@operation("indices_or_sections", "axis")
def split(x: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[jax.Array]:
    """Equal parts along `axis`, or parts that begin at these indices.

    Shapes: (..., n * a, ...) -> n * [(..., a, ...)]. Raises ValueError if the parts are not equal.

    >>> [part.tolist() for part in split(jnp.arange(4), [1])]
    [[0], [1, 2, 3]]
    """
    return jnp.split(jnp.asarray(x), indices_or_sections, axis=axis)


@operation("indices_or_sections")
def hsplit(x: ArrayLike, indices_or_sections: Any) -> list[jax.Array]:
    """`split` along the second axis; a row along its only one.

    Shapes: (a, n * b) -> n * [(a, b)].

    >>> hsplit(jnp.ones((2, 4)), 2)[0].shape
    (2, 2)
    """
    return jnp.hsplit(jnp.asarray(x), indices_or_sections)


@operation("indices_or_sections")
def vsplit(x: ArrayLike, indices_or_sections: Any) -> list[jax.Array]:
    """`split` along the first axis.

    Shapes: (n * a, b) -> n * [(a, b)].

    >>> vsplit(jnp.ones((4, 2)), 2)[0].shape
    (2, 2)
    """
    return jnp.vsplit(jnp.asarray(x), indices_or_sections)


@operation("indices_or_sections")
def dsplit(x: ArrayLike, indices_or_sections: Any) -> list[jax.Array]:
    """`split` along the third axis.

    Shapes: (a, b, n * c) -> n * [(a, b, c)].

    >>> dsplit(jnp.ones((1, 2, 4)), 2)[0].shape
    (1, 2, 2)
    """
    return jnp.dsplit(jnp.asarray(x), indices_or_sections)


@operation("indices_or_sections", "axis")
def array_split(x: ArrayLike, indices_or_sections: int, axis: int = 0) -> list[jax.Array]:
    """So many parts along `axis`, the first ones greater by 1 where they cannot be equal.

    Shapes: (..., s, ...) -> list of (..., about s / n, ...).
    Raises TypeError or ValueError unless `indices_or_sections` is a positive integer.

    >>> [part.tolist() for part in array_split(jnp.arange(3), 2)]
    [[0, 1], [2]]
    """
    if not isinstance(indices_or_sections, int):
        raise TypeError(f"array_split takes how many parts to make, an int; received {indices_or_sections!r}.")
    if indices_or_sections <= 0:
        raise ValueError(f"array_split makes at least one part; received indices_or_sections={indices_or_sections}.")
    return jnp.array_split(jnp.asarray(x), indices_or_sections, axis=axis)
