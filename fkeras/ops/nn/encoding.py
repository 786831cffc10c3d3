"""Whole numbers as vectors of zeros and ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import policies
from ..operation import operation

__all__ = ["multi_hot", "one_hot"]

DTYPE = {"dtype": policies.standardize_dtype}


def _dense(name: str, sparse: bool) -> None:
    if sparse:
        raise ValueError(f"{name}: arrays here are dense; leave sparse=False.")


@operation("num_classes", "axis", "dtype", "sparse", resolve=DTYPE)
def one_hot(x: ArrayLike, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> jax.Array:
    """A vector with 1 at place `x` and 0 elsewhere; all 0 for a number outside of [0, num_classes).

    Shapes: (...) -> (..., num_classes), the new axis at `axis`. Raises ValueError for `sparse`.

    >>> one_hot([1, -1], 3).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _dense("one_hot", sparse)
    return jax.nn.one_hot(jnp.asarray(x), num_classes, axis=axis, dtype=policies.standardize_dtype(dtype))


@operation("num_classes", "axis", "dtype", "sparse", resolve=DTYPE)
def multi_hot(
    inputs: ArrayLike, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False,
    **kwargs: Any,
) -> jax.Array:  # fmt: skip
    """A vector with 1 at every place that occurs along the last axis.

    Shapes: (b, n) -> (b, num_classes); (n,) -> (num_classes,). Raises ValueError without `num_classes`.

    >>> multi_hot([0, 2, 2], 4).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    _dense("multi_hot", sparse)
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if kwargs or num_classes is None:
        raise ValueError(f"multi_hot needs num_classes=, how many places there are; received {num_classes}, {kwargs}.")
    x = jnp.asarray(inputs)
    hot = jax.nn.one_hot(x.astype("int32"), num_classes, axis=axis, dtype=policies.standardize_dtype(dtype))
    return jnp.max(hot, axis=1 if x.ndim > 1 else 0)
