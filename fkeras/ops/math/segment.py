"""Reductions over the entries that belong to one segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..operation import operation

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def _segments(
    name: str, f: Callable[..., jax.Array], data: Any, ids: Any, count: int | None, sorted: bool
) -> jax.Array:
    data, ids = jnp.asarray(data), jnp.asarray(ids)
    if count is None:
        raise ValueError(f"{name} needs num_segments=, how many segments there are.")
    if ids.ndim != 1 or data.ndim < 1 or data.shape[0] != ids.shape[0]:
        raise ValueError(f"{name} needs one id for each entry of the data; received shapes {data.shape}, {ids.shape}.")
    return f(data, ids, count, indices_are_sorted=sorted)


@operation("num_segments", "sorted")
def segment_sum(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> jax.Array:  # fmt: skip
    """The sum of each segment, 0 for an empty one.

    Shapes: (n, ...), (n,) -> (num_segments, ...). sorted: promises that the ids rise.
    Raises ValueError without `num_segments`.

    >>> segment_sum([1, 2, 3], [0, 1, 0], 2).tolist()
    [4, 2]
    """
    return _segments("segment_sum", jax.ops.segment_sum, data, segment_ids, num_segments, sorted)


@operation("num_segments", "sorted")
def segment_max(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> jax.Array:  # fmt: skip
    """The greatest of each segment, the least number of all for an empty one.

    Shapes: (n, ...), (n,) -> (num_segments, ...). sorted: promises that the ids rise.
    Raises ValueError without `num_segments`.

    >>> segment_max([1, 2, 3], [0, 1, 0], 2).tolist()
    [3, 2]
    """
    return _segments("segment_max", jax.ops.segment_max, data, segment_ids, num_segments, sorted)


@operation("num_segments", "sorted")
def segment_min(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> jax.Array:  # fmt: skip
    """The least of each segment, the greatest number of all for an empty one.

    Shapes: (n, ...), (n,) -> (num_segments, ...). sorted: promises that the ids rise.
    Raises ValueError without `num_segments`.

    >>> segment_min([1, 2, 3], [0, 1, 0], 2).tolist()
    [1, 2]
    """
    return _segments("segment_min", jax.ops.segment_min, data, segment_ids, num_segments, sorted)


@operation("num_segments", "sorted")
def segment_prod(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> jax.Array:  # fmt: skip
    """The product of each segment, 1 for an empty one.

    Shapes: (n, ...), (n,) -> (num_segments, ...). sorted: promises that the ids rise.
    Raises ValueError without `num_segments`.

    >>> segment_prod([1, 2, 3], [0, 1, 0], 2).tolist()
    [3, 2]
    """
    return _segments("segment_prod", jax.ops.segment_prod, data, segment_ids, num_segments, sorted)
