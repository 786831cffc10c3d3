"""Metrics over a whole curve of thresholds: areas, and the best of one rate at a given other."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..losses.reduction import divide_no_nan
from . import exact
from .confusion import CountsAtThresholds, add_counts, evenly_spread, examine, ratio
from .mean import Acc

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


def spread(n: int) -> list[float]:
    """`n` thresholds from 0 to 1 in equal steps."""
    return [0.5] if n == 1 else [i / (n - 1) for i in range(n)]


class AtRate(CountsAtThresholds):
    """The best of one rate over the thresholds at which another rate is at least a given one."""

    _direction = "up"
    given: ClassVar[str]  # the name of the setting, and of the rate that is given

    def levels(self) -> list[float]:
        n, rate = self.num_thresholds, getattr(self, self.given)  # type: ignore[attr-defined]
        if n <= 0:
            raise ValueError(f"{self!r}: num_thresholds must be above 0, not {n}.")
        if not 0 <= rate <= 1:
            raise ValueError(f"{self!r}: {self.given} must lie in [0, 1], not {rate}.")
        return spread(n)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._even = len(self._levels) > 1

    def rates(self, acc: Acc) -> tuple[jax.Array, jax.Array]:
        """(the given rate, the rate to be made large)."""
        raise NotImplementedError

    def compute(self, acc: Acc) -> jax.Array:
        given, free = self.rates(acc)
        return jnp.max(jnp.where(given >= getattr(self, self.given), free, 0.0), initial=0.0).astype(self.dtype)


class SensitivityAtSpecificity(AtRate):
    """The best `tp / (tp + fn)` over thresholds where `tn / (tn + fp)` is at least `specificity`.

    Shapes: y_true, y_pred `(n, ...)`, sample_weight `(n,)` or `(n, ...)`.

    Raises ValueError for a rate outside [0, 1].

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    Array(0.5, dtype=float32)
    """

    given = "specificity"
    specificity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def rates(self, acc: Acc) -> tuple[jax.Array, jax.Array]:
        tp, fp, tn, fn = self.counts(acc)
        return ratio(tn, fp), ratio(tp, fn)


class SpecificityAtSensitivity(AtRate):
    """The best `tn / (tn + fp)` over thresholds where `tp / (tp + fn)` is at least `sensitivity`.

    Shapes and errors: see `SensitivityAtSpecificity`.

    >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    Array(0.6666667, dtype=float32)
    """

    given = "sensitivity"
    sensitivity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def rates(self, acc: Acc) -> tuple[jax.Array, jax.Array]:
        tp, fp, tn, fn = self.counts(acc)
        return ratio(tp, fn), ratio(tn, fp)


class PrecisionAtRecall(AtRate):
    """The best `tp / (tp + fp)` over thresholds where `tp / (tp + fn)` is at least `recall`.

    Shapes and errors: see `SensitivityAtSpecificity`.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    Array(0.5, dtype=float32)
    """

    given = "recall"
    recall: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def rates(self, acc: Acc) -> tuple[jax.Array, jax.Array]:
        tp, fp, _, fn = self.counts(acc)
        return ratio(tp, fn), ratio(tp, fp)


class RecallAtPrecision(AtRate):
    """The best `tp / (tp + fn)` over thresholds where `tp / (tp + fp)` is at least `precision`.

    Shapes and errors: see `SensitivityAtSpecificity`.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    Array(0.5, dtype=float32)
    """

    given = "precision"
    precision: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def rates(self, acc: Acc) -> tuple[jax.Array, jax.Array]:
        tp, fp, _, fn = self.counts(acc)
        return ratio(tp, fp), ratio(tp, fn)


class AUC(CountsAtThresholds):
    """The area under a curve that runs through the rates at many thresholds.

    Shapes: y_true, y_pred `(n, ...)`, or `(n, labels)` with `multi_label=True`.
    Sources: Davis & Goadrich (2006) for the interpolation of "PR"; Flach & Kull (2015) for "PRGAIN".

    curve: "ROC" (recall over false positive rate), "PR" (precision over recall) or
        "PRGAIN" (precision gain over recall gain).
    summation_method: "interpolation" (trapezoids), "majoring" or "minoring" (steps).
    thresholds: those between 0 and 1; else `num_thresholds` in equal steps.
    multi_label: an area for each label, averaged with `label_weights`; without it the
        weights count in the one curve of all labels.
    num_labels: the number of labels, with `multi_label`; else told by the first data.
    from_logits: whether the predictions are logits rather than probabilities.

    Raises ValueError for settings that are none of these.

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    Array(0.75, dtype=float32)
    """

    _direction = "up"
    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    name: str | None = None
    dtype: Any = None
    thresholds: Any = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Any = None
    from_logits: bool = False

    def levels(self) -> list[float]:
        if self.thresholds is None:
            if self.num_thresholds <= 1:
                raise ValueError(f"{self!r}: num_thresholds must be above 1, not {self.num_thresholds}.")
            inner = spread(self.num_thresholds)[1:-1]
        else:
            inner = sorted(float(t) for t in self.thresholds)
            self.num_thresholds = len(inner) + 2
        self._given, self.thresholds = self.thresholds is not None, inner
        return [-config.epsilon(), *inner, 1.0 + config.epsilon()]

    def __post_init__(self) -> None:
        curve, method = (str(s).rpartition(".")[2] for s in (self.curve, self.summation_method))
        curve, method = curve.upper(), method.lower()
        if curve not in CURVES:
            raise ValueError(f"AUC: curve must be one of {CURVES}, not {self.curve!r}.")
        if method not in SUMMATIONS:
            raise ValueError(f"AUC: summation_method must be one of {SUMMATIONS}, not {self.summation_method!r}.")
        if self.num_labels and not self.multi_label:
            raise ValueError(f"AUC: num_labels={self.num_labels} needs multi_label=True.")
        self.curve, self.summation_method = curve, method
        super().__post_init__()
        self._even = not self._given or evenly_spread([0.0, *self.thresholds, 1.0])
        self.thresholds = list(self._levels)
        if self.label_weights is not None:
            self.label_weights = np.asarray(self.label_weights, self.dtype)

    @property
    def needs_shapes(self) -> bool:
        return self.multi_label and not self.num_labels

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        shape: tuple[int, ...] = (len(self._levels),)
        if self.multi_label:
            if not self.num_labels and y_pred is None:
                raise ValueError(f"{self!r}: set num_labels, or give shapes: init(y_true, y_pred).")
            shape = (*shape, self.num_labels or self.labels_of(y_pred))
        return {name: exact.zero(shape, self.acc_dtype) for name in self.counted}

    def labels_of(self, y_pred: Any) -> int:
        """The number of labels of predictions `(n, labels)`."""
        if len(y_pred.shape) != 2 or y_pred.shape[1] is None:
            raise ValueError(f"{self!r} needs predictions of shape (batch, labels), not {tuple(y_pred.shape)}.")
        return y_pred.shape[1]

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        y_pred = jnp.asarray(y_pred).astype(self.acc_dtype)
        y_pred = jax.nn.sigmoid(y_pred) if self.from_logits else y_pred
        label, score, weight = examine(y_true, y_pred, (sample_weight, mask), self.acc_dtype)
        if self.label_weights is not None and not self.multi_label:
            factor = jnp.broadcast_to(jnp.asarray(self.label_weights, self.acc_dtype), score.shape)
            weight = factor if weight is None else weight * factor
        if not self.multi_label:
            flat = [x if x is None else x.ravel() for x in (label, score, weight)]
            return add_counts(acc, flat, self._levels, self._even, self.acc_dtype)
        columns = [x if x is None else x.T for x in (label, score, weight)]
        return swapped(add_counts(swapped(acc), columns, self._levels, self._even, self.acc_dtype))

    def compute(self, acc: Acc) -> jax.Array:
        tp, fp, tn, fn = (x.T for x in self.counts(acc))
        if (self.curve, self.summation_method) == ("PR", "interpolation"):
            areas = interpolated_pr(tp, fp, fn)
        else:
            x, y = points(self.curve, tp, fp, tn, fn)
            left, right = y[..., :-1], y[..., 1:]
            heights = {"interpolation": (left + right) / 2.0, "majoring": jnp.maximum(left, right)}
            areas = (x[..., :-1] - x[..., 1:]) * heights.get(self.summation_method, jnp.minimum(left, right))
        area = jnp.sum(areas, axis=-1)
        if self.multi_label and self.label_weights is not None:
            area = divide_no_nan(jnp.sum(area * self.label_weights), jnp.sum(jnp.asarray(self.label_weights)))
        return jnp.mean(area).astype(self.dtype)

    def get_config(self) -> dict[str, Any]:
        thresholds = {"thresholds": self.thresholds[1:-1]} if self._given else {}
        settings = {k: v for k, v in super().get_config().items() if k not in ("thresholds", "label_weights")}
        weights = None if self.label_weights is None else np.asarray(self.label_weights).tolist()
        return {**settings, "label_weights": weights, **thresholds}


def swapped(acc: Acc) -> Acc:
    """Counts `(2, thresholds, labels)` as `(2, labels, thresholds)`, and back."""
    return {k: jnp.swapaxes(v, 1, 2) for k, v in acc.items()}


def points(curve: str, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[jax.Array, jax.Array]:
    """(x, y) of a curve at each threshold."""
    if curve == "ROC":
        return ratio(fp, tn), ratio(tp, fn)
    if curve == "PR":
        return ratio(tp, fn), ratio(tp, fp)
    scale = divide_no_nan(tp + fn, tn + fp)
    recall = jnp.where(tp == 0, 0.0, 1.0 - scale * divide_no_nan(fn, tp))
    precision = jnp.where(tp == 0, 1.0, 1.0 - scale * divide_no_nan(fp, tp))
    return jnp.maximum(recall, 0.0), precision


def interpolated_pr(tp: Any, fp: Any, fn: Any) -> jax.Array:
    """Areas between thresholds under the precision-recall curve, true positives linear in positives."""
    p = tp + fp
    rise, run = tp[..., :-1] - tp[..., 1:], p[..., :-1] - p[..., 1:]
    slope = divide_no_nan(rise, jnp.maximum(run, 0))
    intercept = tp[..., 1:] - slope * p[..., 1:]
    both = (p[..., :-1] > 0) & (p[..., 1:] > 0)
    growth = jnp.where(both, divide_no_nan(p[..., :-1], jnp.maximum(p[..., 1:], 0)), 1.0)
    return divide_no_nan(slope * (rise + intercept * jnp.log(growth)), jnp.maximum(tp[..., 1:] + fn[..., 1:], 0))
