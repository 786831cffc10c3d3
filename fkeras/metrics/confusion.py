"""True and false positives and negatives at thresholds, and what is made of two of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..losses.reduction import align, cover, divide_no_nan
from . import exact
from .mean import Acc
from .metric import Metric

NEVER = -1e10  # the score of a class that is not among the k best
BLOCK = 1 << 20
COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def as_list(x: Any) -> list[Any]:
    """A list of one, unless it is a list."""
    return list(x) if isinstance(x, (list, tuple, np.ndarray)) else [x]


def check_thresholds(metric: Metric, thresholds: Any, default: float) -> list[float]:
    """The thresholds as a list. Raises ValueError for one outside [0, 1]."""
    if thresholds is None:
        return [default]
    wrong = [t for t in as_list(thresholds) if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"{metric!r}: thresholds must lie in [0, 1]; these do not: {wrong}.")
    return as_list(thresholds)


def evenly_spread(thresholds: Any) -> bool:
    """Whether thresholds run from 0 to 1 in equal steps, so that a score tells its bucket."""
    n = len(thresholds)
    return n >= 3 and bool(np.allclose(thresholds, np.arange(n) / (n - 1), atol=config.epsilon()))


def best(y_pred: jax.Array, k: int) -> jax.Array:
    """Scores of the `k` best classes; all others are `NEVER`."""
    places = jax.lax.top_k(y_pred, k)[1]
    kept = jnp.sum(jax.nn.one_hot(places, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return y_pred * kept + NEVER * (1 - kept)


def examine(
    y_true: Any, y_pred: Any, weights: tuple[Any, ...], dtype: Any, top_k: int | None = None, class_id: int | None = None
) -> tuple[jax.Array, jax.Array, Any]:
    """(labels are true, scores, weight of each or None), all of the shape of the scores.

    weights: sample weights and masks, None or of the shape `(n,)`, or that of the scores.
    """
    y_pred, y_true = align(jnp.asarray(y_pred).astype(dtype), y_true)
    if y_pred.shape != y_true.shape:
        raise ValueError(f"Labels of shape {y_true.shape} do not fit predictions of shape {y_pred.shape}.")
    weight = None
    for w in weights:
        if w is not None:
            w, _ = align(jnp.asarray(w, dtype), y_pred, expand_rank_1=False)
            w = jnp.broadcast_to(cover(w, y_pred)[0], y_pred.shape)
            weight = w if weight is None else weight * w
    if top_k is not None:
        y_pred = best(y_pred, top_k)
    if class_id is not None:
        if y_pred.ndim == 1:
            raise ValueError(f"class_id={class_id} needs predictions of shape (batch, classes), not {y_pred.shape}.")
        if not -y_pred.shape[-1] <= class_id < y_pred.shape[-1]:
            raise ValueError(f"class_id={class_id} is none of the {y_pred.shape[-1]} classes of the predictions.")
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        weight = None if weight is None else weight[..., class_id]
    return y_true.astype(bool), y_pred, weight


def positives(label: jax.Array, score: jax.Array, weight: Any, thresholds: Any, dtype: Any) -> jax.Array:
    """Exact sums of weights where a label holds and the score exceeds each threshold.

    Shapes: label, score, weight `(..., n)`; result `(2, ..., thresholds)`.
    """
    if not evenly_spread(thresholds):
        above = label[..., None, :] & (score[..., None, :] > jnp.asarray(thresholds, score.dtype)[:, None])
        return exact.total(above if weight is None else jnp.where(above, weight[..., None, :], 0), dtype)
    n = len(thresholds)
    bucket = (jnp.ceil(jnp.clip(score, 0.0, 1.0) * (n - 1)) - 1).astype(jnp.int32)
    if thresholds[0] < 0:
        bucket = jnp.maximum(bucket, 0)  # a score of 0 is above the first threshold
    below = bucket < 0
    flat = jnp.where(below, 0, bucket).reshape(-1, bucket.shape[-1])
    keep = (label & ~below).reshape(flat.shape)
    data = keep.astype(jnp.uint32) if weight is None else jnp.where(keep, weight.reshape(flat.shape), 0)
    counts = jax.vmap(lambda ids, x: histogram(ids, x, n, dtype))(flat, data)
    counts = jnp.moveaxis(counts, 1, 0).reshape(2, *score.shape[:-1], n)
    return from_above(counts)


def histogram(ids: jax.Array, data: jax.Array, n: int, dtype: Any) -> jax.Array:
    """Exact sums of `data` by its bucket. Shapes: `(m,)` twice to `(2, n)`."""
    if jnp.issubdtype(data.dtype, jnp.unsignedinteger):
        return exact.whole(jax.ops.segment_sum(data, ids, n), dtype)
    blocks = -(-data.shape[0] // BLOCK)
    ids = ids + n * (jnp.arange(data.shape[0]) // BLOCK)
    return exact.total(jax.ops.segment_sum(data.astype(dtype), ids, n * blocks).reshape(blocks, n).T, dtype)


def from_above(counts: jax.Array) -> jax.Array:
    """Running exact sums over the last axis, from its end. Shapes: `(2, ..., n)`."""
    return jnp.moveaxis(
        jax.lax.associative_scan(lambda a, b: jnp.moveaxis(exact.add(*(jnp.moveaxis(x, 1, 0) for x in (a, b))), 0, 1),
                                 jnp.moveaxis(counts, (0, -1), (1, 0)), reverse=True),
        (0, 1), (-1, 0),
    )  # fmt: skip


def total_weight(label: jax.Array, weight: Any, dtype: Any) -> jax.Array:
    """Exact sums of the weights of the labels that hold. Shapes: `(..., n)` to `(2, ..., 1)`."""
    return exact.total(label if weight is None else jnp.where(label, weight, 0), dtype)[..., None]


def add_counts(acc: Acc, label: jax.Array, score: jax.Array, weight: Any, thresholds: Any, dtype: Any) -> Acc:
    """The accumulator with the counts of one batch that its names ask for."""
    new = dict(acc)
    for truth, name, opposite in ((label, "true_positives", "false_negatives"), (~label, "false_positives", "true_negatives")):
        if name not in acc and opposite not in acc:
            continue
        above = positives(truth, score, weight, thresholds, dtype)
        if name in acc:
            new[name] = exact.add(acc[name], above)
        if opposite in acc:
            below = exact.add(jnp.broadcast_to(total_weight(truth, weight, dtype), above.shape), -above)
            new[opposite] = exact.add(acc[opposite], below)
    return new


class _Counts(Metric):
    """A metric over counts at thresholds."""

    counted: Any = COUNTS  # names of the counts it needs
    class_id: Any = None
    top_k: Any = None
    _levels: Any  # the thresholds, as a list

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        return {name: exact.zero((len(self._levels),), self.acc_dtype) for name in self.counted}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        seen = examine(y_true, y_pred, (sample_weight, mask), self.acc_dtype, self.top_k, self.class_id)
        return add_counts(acc, *(None if x is None else x.ravel() for x in seen), self._levels, self.acc_dtype)
