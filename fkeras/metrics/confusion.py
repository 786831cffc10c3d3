"""True and false positives and negatives at thresholds, and what is made of two of them."""

from __future__ import annotations

from typing import Any, ClassVar

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
    y_true: Any,
    y_pred: Any,
    weights: tuple[Any, ...],
    dtype: Any,
    top_k: int | None = None,
    class_id: int | None = None,
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


def positives(label: jax.Array, score: jax.Array, weight: Any, thresholds: Any, even: bool, dtype: Any) -> jax.Array:
    """Exact sums of weights where a label holds and the score exceeds each threshold.

    Shapes: label, score, weight `(..., n)`; result `(2, ..., thresholds)`.

    even: thresholds run from 0 to 1 in equal steps, so that a score tells its bucket.
    """
    if not even:
        above = label[..., None, :] & (score[..., None, :] > jnp.asarray(thresholds, score.dtype)[:, None])
        return exact.total(above if weight is None else jnp.where(above, weight[..., None, :], 0), dtype)
    n = len(thresholds)
    bucket = (jnp.ceil(jnp.clip(score, 0.0, 1.0) * (n - 1)) - 1).astype(jnp.int32)
    if thresholds[0] < 0 or thresholds[-1] > 1:
        bucket = jnp.maximum(bucket, 0)  # a score of 0 is above a first threshold that lies below 0
    counted = label & (bucket >= 0)
    data = counted.astype(jnp.uint32) if weight is None else jnp.where(counted, weight, 0)
    sums = jnp.vectorize(lambda ids, x: histogram(ids, x, n), signature="(m),(m)->(n)")(jnp.maximum(bucket, 0), data)
    sums = jnp.flip(jnp.cumsum(jnp.flip(sums, -1), -1, dtype=sums.dtype), -1)
    return exact.whole(sums, dtype) if weight is None else exact.add(exact.zero(sums.shape, dtype), sums)


def histogram(ids: jax.Array, data: jax.Array, n: int) -> jax.Array:
    """Sums of `data` by its bucket. Shapes: `(m,)` twice to `(n,)`."""
    blocks = -(-data.shape[0] // BLOCK) or 1  # by parts, for float32 stops counting at 2^24
    ids = ids + n * (jnp.arange(data.shape[0]) // BLOCK)
    return jnp.sum(jax.ops.segment_sum(data, ids, n * blocks).reshape(blocks, n), axis=0, dtype=data.dtype)


def add_counts(acc: Acc, seen: Any, thresholds: Any, even: bool, dtype: Any) -> Acc:
    """The accumulator with those counts of a batch that its names ask for; `seen` is from `examine`."""
    label, score, weight = seen
    new = dict(acc)
    for truth, name, opposite in ((label, *COUNTS[::3]), (~label, *COUNTS[1:3])):
        if name not in acc and opposite not in acc:
            continue
        above = positives(truth, score, weight, thresholds, even, dtype)
        if name in acc:
            new[name] = exact.add(acc[name], above)
        if opposite in acc:
            total = exact.total(truth if weight is None else jnp.where(truth, weight, 0), dtype)[..., None]
            new[opposite] = exact.add(acc[opposite], exact.add(jnp.broadcast_to(total, above.shape), -above))
    return new


def ratio(a: jax.Array, b: jax.Array) -> jax.Array:
    """`a / (a + b)`, and 0 where there is neither."""
    return divide_no_nan(a, a + b)


class CountsAtThresholds(Metric):
    """What the metrics over counts at thresholds have in common; each says which it needs."""

    counted: ClassVar[tuple[str, ...]] = COUNTS
    class_id = None
    top_k = None

    def levels(self) -> list[float]:
        """The thresholds."""
        return check_thresholds(self, getattr(self, "thresholds", None), 0.5 if self.top_k is None else NEVER)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._levels = self.levels()
        self._even = evenly_spread(self._levels)

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        return {name: exact.zero((len(self._levels),), self.acc_dtype) for name in self.counted}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        seen = examine(y_true, y_pred, (sample_weight, mask), self.acc_dtype, self.top_k, self.class_id)
        flat = [None if x is None else x.ravel() for x in seen]
        return add_counts(acc, flat, self._levels, self._even, self.acc_dtype)

    def counts(self, acc: Acc) -> tuple[jax.Array, ...]:
        """The counts that it needs, as floats."""
        return tuple(exact.value(acc[name]) for name in self.counted)

    def one_or_all(self, values: jax.Array) -> jax.Array:
        """A single number where there is a single threshold."""
        return (values[0] if len(self._levels) == 1 else values).astype(self.dtype)


class _Count(CountsAtThresholds):
    """The number of one of the four outcomes."""

    def compute(self, acc: Acc) -> jax.Array:
        return self.one_or_all(self.counts(acc)[0])


class TruePositives(_Count):
    """The weight of examples that are true and predicted, at a threshold or several.

    Shapes: y_true, y_pred `(n, ...)`, sample_weight `(n,)` or `(n, ...)`.

    thresholds: predictions above one count as true; 0.5 if None.

    Raises ValueError for thresholds outside [0, 1].

    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    Array(2., dtype=float32)
    """

    counted = ("true_positives",)
    thresholds: Any = None
    name: str | None = None
    dtype: Any = None


class FalsePositives(_Count):
    """The weight of examples that are false and predicted, see `TruePositives`.

    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    Array(2., dtype=float32)
    """

    counted = ("false_positives",)
    thresholds: Any = None
    name: str | None = None
    dtype: Any = None


class TrueNegatives(_Count):
    """The weight of examples that are false and not predicted, see `TruePositives`.

    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    Array(2., dtype=float32)
    """

    counted = ("true_negatives",)
    thresholds: Any = None
    name: str | None = None
    dtype: Any = None


class FalseNegatives(_Count):
    """The weight of examples that are true and not predicted, see `TruePositives`.

    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    Array(2., dtype=float32)
    """

    counted = ("false_negatives",)
    thresholds: Any = None
    name: str | None = None
    dtype: Any = None


class Precision(CountsAtThresholds):
    """`true positives / (true positives + false positives)`: how much of what is predicted is true.

    Shapes: y_true, y_pred `(n, ...)`, sample_weight `(n,)` or `(n, ...)`.

    thresholds: predictions above one count as true; 0.5 if None.
    top_k: only the k best classes of a row count as predicted.
    class_id: only this class counts.

    Raises ValueError for thresholds outside [0, 1].

    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
    Array(0.6666667, dtype=float32)
    """

    _direction = "up"
    counted = ("true_positives", "false_positives")
    thresholds: Any = None
    top_k: int | None = None
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def compute(self, acc: Acc) -> jax.Array:
        return self.one_or_all(ratio(*self.counts(acc)))


class Recall(CountsAtThresholds):
    """`true positives / (true positives + false negatives)`: how much of what is true is predicted.

    Shapes and settings: see `Precision`.

    >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
    Array(0.6666667, dtype=float32)
    """

    _direction = "up"
    counted = ("true_positives", "false_negatives")
    thresholds: Any = None
    top_k: int | None = None
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def compute(self, acc: Acc) -> jax.Array:
        return self.one_or_all(ratio(*self.counts(acc)))
