"""F scores: the harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import config
from ..losses.reduction import align
from . import exact
from .correlation import two_axes
from .mean import Acc
from .metric import Metric

COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """`(1 + β²) precision recall / (β² precision + recall)`, per class or averaged.

    Shapes: y_true, y_pred `(n, classes)`, sample_weight `(n,)`.

    average: None for one score per class; "micro" (all counts together), "macro" (the
        mean), "weighted" (the mean by number of labels).
    threshold: predictions above it count as chosen; None chooses the largest of a row.

    Raises ValueError for other settings.

    >>> FBetaScore(average="macro", threshold=0.5)([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.2, 0.8]]).round(4)
    Array(1., dtype=float32)
    """

    _direction = "up"
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str | None = "fbeta_score"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"{self!r}: average must be None, 'micro', 'macro' or 'weighted', not {self.average!r}.")
        if not isinstance(self.beta, float) or self.beta <= 0:
            raise ValueError(f"{self!r}: beta must be a float above 0, not {self.beta!r}.")
        if self.threshold is not None and not (isinstance(self.threshold, float) and 0 < self.threshold <= 1):
            raise ValueError(f"{self!r}: threshold must be None or a float in (0, 1], not {self.threshold!r}.")

    @property
    def needs_shapes(self) -> bool:
        return self.average != "micro"

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        shape = two_axes(self, y_true, y_pred) if self.needs_shapes else ()
        return {name: exact.zero(shape, self.acc_dtype) for name in COUNTS}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        y_true, y_pred = (jnp.asarray(y).astype(self.acc_dtype) for y in (y_true, y_pred))
        two_axes(self, y_true, y_pred)
        y_true, y_pred = align(y_true, y_pred)
        if self.threshold is None:
            chosen = (y_pred >= jnp.max(y_pred, axis=-1, keepdims=True)) & (jnp.abs(y_pred) > 1e-9)
        else:
            chosen = y_pred > self.threshold
        chosen = chosen.astype(self.acc_dtype)
        counted = (chosen * y_true, chosen * (1 - y_true), (1 - chosen) * y_true, y_true)
        for w in (sample_weight, mask):
            if w is not None:
                counted = tuple(c * jnp.asarray(w, self.acc_dtype).reshape(-1, 1) for c in counted)
        flat = [c.ravel() if self.average == "micro" else c.T for c in counted]
        return {k: exact.add(acc[k], exact.total(c, self.acc_dtype)) for k, c in zip(COUNTS, flat, strict=True)}

    def compute(self, acc: Acc) -> jax.Array:
        tp, fp, fn, weights = (exact.value(acc[name]) for name in COUNTS)
        epsilon = config.epsilon()
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        score = precision * recall / (self.beta**2 * precision + recall + epsilon) * (1 + self.beta**2)
        if self.average == "weighted":
            score = jnp.sum(score * weights / (jnp.sum(weights) + epsilon))
        elif self.average is not None:
            score = jnp.mean(score)
        return score.astype(self.dtype)


class F1Score(FBetaScore):
    """`2 precision recall / (precision + recall)`: `FBetaScore` with `beta=1`.

    Shapes: y_true, y_pred `(n, classes)`, sample_weight `(n,)`.

    >>> F1Score(average="micro")([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.2, 0.8]]).round(4)
    Array(1., dtype=float32)
    """

    beta: ClassVar[float] = 1.0  # type: ignore[misc]
    name: str | None = "f1_score"
    dtype: Any = None
