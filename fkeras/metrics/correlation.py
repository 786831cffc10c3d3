"""How labels and predictions vary together: correlations and the coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from .. import config
from ..losses.reduction import align, divide_no_nan
from ..losses.regression import aligned
from ..recording import recordable
from . import exact
from .mean import Acc, MeanMetricWrapper
from .metric import KIND, Metric


@recordable
def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> jax.Array:
    """`cov(y_true, y_pred) / (std(y_true) std(y_pred))` along `axis`.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).round(4)
    Array([1.], dtype=float32)
    """
    normal = []
    for y in aligned(y_true, y_pred):
        centred = y - jnp.mean(y, axis=axis, keepdims=True)
        normal.append(centred / jnp.std(centred, axis=axis, keepdims=True))
    return jnp.mean(normal[0] * normal[1], axis=axis)


@recordable
def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> jax.Array:
    """`2 cov / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))²)` along `axis`.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.
    Source: Lin, A concordance correlation coefficient (1989).

    >>> concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]).round(4)
    Array([1.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    mean_true, mean_pred = (jnp.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = sum(jnp.var(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    norm = spread + jnp.square(mean_true - mean_pred) + config.epsilon()
    return jnp.mean(2 * (y_true - mean_pred) * (y_pred - mean_pred) / norm, axis=axis)


class PearsonCorrelation(MeanMetricWrapper, fn=pearson_correlation):
    """The mean correlation along `axis`, see `pearson_correlation`.

    >>> float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]]).round(4))
    1.0
    """

    _direction = "up"
    name: str | None = "pearson_correlation"
    dtype: Any = None
    axis: Any = -1


class ConcordanceCorrelation(MeanMetricWrapper, fn=concordance_correlation):
    """The mean concordance along `axis`, see `concordance_correlation`.

    >>> float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]).round(4))
    1.0
    """

    _direction = "up"
    name: str | None = "concordance_correlation"
    dtype: Any = None
    axis: Any = -1


KIND.register(pearson_correlation)
KIND.register(concordance_correlation)


class R2Score(Metric):
    """`1 - residual / total`: the part of the variance of the labels that is explained.

    Shapes: both `(n, d)`.
    The variance is merged batch by batch (Chan et al. 1979), so labels far from 0 lose nothing.

    class_aggregation: how the d scores become one: None (they do not), "uniform_average",
        or "variance_weighted_average".
    num_regressors: how many inputs the model has, for the adjusted score; 0 for the plain one.

    Raises ValueError for other settings or shapes.

    >>> R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    Array(0.5714286, dtype=float32)
    """

    _direction = "up"
    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name: str | None = "r2_score"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        known = (None, "uniform_average", "variance_weighted_average")
        if self.class_aggregation not in known:
            raise ValueError(f"R2Score: class_aggregation must be one of {known}, not {self.class_aggregation!r}.")
        if self.num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must be 0 or more, not {self.num_regressors}.")

    @property
    def needs_shapes(self) -> bool:
        return True

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        shape = two_axes(self, y_true, y_pred)
        sums = {k: exact.zero(shape, self.acc_dtype) for k in ("residual", "count", "mean", "deviation")}
        return {**sums, "num_samples": exact.zero((), self.acc_dtype)}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        y_true, y_pred = align(jnp.asarray(y_true, self.acc_dtype), jnp.asarray(y_pred, self.acc_dtype))
        two_axes(self, y_true, y_pred)
        weights = jnp.ones_like(y_true)
        for w in (sample_weight, mask):
            if w is not None:
                w = jnp.asarray(w, self.acc_dtype)
                weights = weights * jnp.broadcast_to(w[:, None] if w.ndim == 1 else w, y_true.shape)
        count = jnp.sum(weights, axis=0)
        shift = y_true[:1]  # sums of differences from a label are exact for equal labels
        mean = divide_no_nan(jnp.sum((y_true - shift) * weights, axis=0), count)
        deviation = jnp.sum(jnp.square(y_true - shift - mean) * weights, axis=0)
        mean = mean + shift[0]
        before = exact.value(acc["count"])
        share = divide_no_nan(count, before + count)
        distance = mean - exact.value(acc["mean"])
        rows = jnp.broadcast_to(jnp.asarray(True if mask is None else mask).astype(bool), y_true.shape[:1])
        return {
            "residual": exact.add(acc["residual"], jnp.sum(jnp.square(y_true - y_pred) * weights, axis=0)),
            "count": exact.add(acc["count"], count),
            "mean": exact.add(acc["mean"], distance * share),
            "deviation": exact.add(acc["deviation"], deviation + jnp.square(distance) * before * share),
            "num_samples": exact.add(acc["num_samples"], exact.total(rows, self.acc_dtype) * y_true.shape[1]),
        }

    def compute(self, acc: Acc) -> jax.Array:
        deviation = exact.value(acc["deviation"])
        scores = 1 - exact.value(acc["residual"]) / deviation
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = jnp.sum(deviation * scores) / jnp.sum(deviation)
        if self.num_regressors:
            n, p = exact.value(acc["num_samples"]), self.num_regressors
            adjusted = 1.0 - (1.0 - scores) * (n - 1.0) / jnp.where(n - p - 1.0 > 0, n - p - 1.0, 1.0)
            scores = jnp.where(n - p - 1.0 > 0, adjusted, scores)
        return scores.astype(self.dtype)

    def result(self) -> Any:
        score = super().result()
        n = self.num_samples
        if self.num_regressors and not isinstance(n, Tracer) and self.num_regressors >= float(n) - 1:
            text = f"{self!r} has seen {float(n):g} labels: too few for the adjusted score; this is the plain one."
            warnings.warn(text, stacklevel=2)
        return score


def two_axes(metric: Metric, y_true: Any, y_pred: Any) -> tuple[int]:
    """`(d,)` of labels and predictions `(n, d)`; labels `(n,)` are those of one column."""
    if y_true is None or y_pred is None:
        raise ValueError(f"{metric!r}: init needs the shapes of labels and predictions: init(y_true, y_pred).")
    if sorted((len(y_true.shape), len(y_pred.shape))) == [1, 2] and 1 in (y_true.shape[1:] + y_pred.shape[1:]):
        return (1,)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 2 or None in (y_true.shape[1], y_pred.shape[1]):
        raise ValueError(
            f"{metric!r} needs labels and predictions of shape (batch, columns), not {tuple(y_true.shape)} and "
            f"{tuple(y_pred.shape)}."
        )
    return (y_pred.shape[1],)
