"""From per-example values to one number: weights, masks and the ways to average."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp

Reduction = Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"] | None

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


def standardize_reduction(reduction: Any) -> Any:
    """The reduction itself, if it is one.

    Raises ValueError for a name that is none.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"Unknown reduction {reduction!r}; known: {', '.join(map(repr, REDUCTIONS))}.")
    return reduction


def divide_no_nan(x: Any, y: Any) -> jax.Array:
    """`x / y`, and 0 where `y` is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def align(a: Any, b: Any, expand_rank_1: bool = True) -> tuple[jax.Array, jax.Array]:
    """Two arrays whose ranks differ by a last axis of size 1, brought to one rank.

    Shapes: `(n,)` with `(n, 1)` gives `(n, 1)` twice (or `(n,)` twice with
    `expand_rank_1=False`); `(n, t)` with `(n, t, 1)` gives `(n, t)` twice; others are left.

    >>> [x.shape for x in align(jnp.zeros(3), jnp.zeros((3, 1)))]
    [(3, 1), (3, 1)]
    """
    a, b = jnp.asarray(a), jnp.asarray(b)
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[:, None]) if b.ndim == 1 and expand_rank_1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[:, None], b) if a.ndim == 1 and expand_rank_1 else (a, b[..., 0])
    return a, b


def merge_masks(*masks: Any) -> jax.Array | None:
    """Where all of the masks hold, or None if there is none; a mask of rows covers whole rows.

    >>> merge_masks(None, jnp.array([True, False]), jnp.array([[True, False], [True, True]]))
    Array([[ True, False],
           [False, False]], dtype=bool)
    """
    merged = None
    for mask in masks:
        if mask is None:
            continue
        mask = jnp.asarray(mask).astype(bool)
        merged = mask if merged is None else jnp.logical_and(*cover(*align(merged, mask)))
    return merged


def cover(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The array of lower rank gets trailing axes: what is said of a row holds for all of the row."""
    rank = max(a.ndim, b.ndim)
    return tuple(x.reshape(x.shape + (1,) * (rank - x.ndim)) if x.ndim else x for x in (a, b))  # type: ignore[return-value]


def mask_weights(weights: Any, mask: Any, dtype: Any, reduction: Any) -> jax.Array | None:
    """Sample weights with a mask multiplied in.

    For means over the batch a valid entry weighs `total / valid`, so that the mean runs
    over the valid entries only.
    """
    if mask is None:
        return None if weights is None else jnp.asarray(weights, dtype)
    factor = jnp.asarray(mask).astype(bool).astype(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        factor = factor * divide_no_nan(jnp.asarray(factor.size, dtype), jnp.sum(factor))
    if weights is None:
        return factor
    return jnp.multiply(*cover(*align(factor, jnp.asarray(weights, dtype))))


def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "sum_over_batch_size",
    dtype: Any = None,
) -> jax.Array:
    """The loss of a batch from the values of its examples.

    sample_weight: one weight per example, or per value; `(n,)` weighs all values of a row.
    mask: what counts; entries where it is false are as if they were not there.
    reduction: `"sum"`; `"mean"` or `"sum_over_batch_size"` (the sum over the number of
        values); `"mean_with_sample_weight"` (over the sum of weights); None or `"none"`.

    Raises ValueError for weights whose shape does not fit.

    >>> reduce_weighted(jnp.array([1.0, 3.0, 8.0]), mask=jnp.array([True, True, False]))
    Array(2., dtype=float32)
    """
    values = jnp.asarray(values, dtype)
    weights = mask_weights(sample_weight, mask, values.dtype, standardize_reduction(reduction))
    if weights is not None:
        values, weights = weigh(values, weights)
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    total = jnp.sum(values)
    if reduction not in MEANS:
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(total, jnp.sum(weights))
    return divide_no_nan(total, jnp.asarray(values.size, values.dtype))


def weigh(values: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(values * weights, weights), the weights brought to the rank of the values."""
    given = weights.shape
    values, weights = align(values, weights)
    if 0 < weights.ndim < values.ndim:
        weights = cover(values, weights)[1]
        if weights.shape[: len(given)] == values.shape[: len(given)]:
            weights = jnp.broadcast_to(weights, values.shape)
    fits = all(w in (1, v) or v == 1 for v, w in zip(values.shape, weights.shape, strict=False))
    if values.ndim and (weights.ndim > values.ndim or not fits):
        raise ValueError(
            f"Weights (or a mask) of shape {given} do not fit losses of shape {values.shape}: "
            "give one weight per example, or one per value."
        )
    return values * weights, weights
