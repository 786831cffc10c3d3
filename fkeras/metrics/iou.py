"""Intersection over union of labelled and predicted classes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from . import exact
from .mean import Acc
from .metric import Metric


class _IoU(Metric):
    """The confusion matrix of classes, and the mean overlap of some of them."""

    _direction = "up"
    ignore_class = None
    sparse_y_true = True
    sparse_y_pred = True
    axis = -1

    def __post_init__(self) -> None:
        self.dtype = self.dtype or "int"
        super().__post_init__()
        self.target_class_ids = list(self.chosen())
        if max(self.target_class_ids) >= self.classes:
            raise ValueError(f"{self!r}: {max(self.target_class_ids)} is none of the classes 0 to {self.classes - 1}.")

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes  # type: ignore[attr-defined]

    def chosen(self) -> Sequence[int]:
        """The classes whose overlap is wanted."""
        return self.target_class_ids

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        return {"total_cm": exact.zero((self.classes, self.classes), self.acc_dtype)}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        n = self.classes
        label = self.class_numbers(y_true, self.sparse_y_true)
        chosen = self.class_numbers(y_pred, self.sparse_y_pred)
        if label.shape != chosen.shape:
            raise ValueError(f"{self!r}: {label.size} labels do not fit {chosen.size} predictions.")
        counts = (label >= 0) & (label < n) & (chosen >= 0) & (chosen < n)
        if self.ignore_class is not None:
            counts &= label != self.ignore_class
        if mask is not None:
            counts &= self.spread(mask, label).astype(bool)
        weight = jnp.uint32(1) if sample_weight is None else self.spread(self.whole(sample_weight), label)
        pairs = jnp.where(counts, label * n + chosen, n * n)  # those that do not count fall out at the end
        if sample_weight is None:
            seen = jax.ops.segment_sum(jnp.where(counts, weight, 0).astype(jnp.uint32), pairs, n * n)
            matrix = exact.whole(seen, self.acc_dtype)
        else:
            seen = jax.ops.segment_sum(jnp.where(counts, weight, 0), pairs, n * n)
            matrix = exact.add(exact.zero(seen.shape, self.acc_dtype), seen)
        return {"total_cm": exact.add(acc["total_cm"], matrix.reshape(2, n, n))}

    def class_numbers(self, y: Any, sparse: bool) -> jax.Array:
        """Class numbers, flat."""
        y = jnp.asarray(y) if sparse else jnp.argmax(jnp.asarray(y), axis=self.axis)
        return y.astype(jnp.int32).ravel()

    def whole(self, weight: Any) -> jax.Array:
        """Weights in the metric's dtype, which is an integer unless set."""
        weight = jnp.asarray(weight)
        if "int" in self.dtype and jnp.issubdtype(weight.dtype, jnp.floating):
            warnings.warn(
                f"{self!r} has dtype {self.dtype}: fractions of the sample weights are cut off. Set dtype='float32' to "
                "keep them.",
                stacklevel=2,
            )
        return weight.astype(self.dtype).astype(self.acc_dtype)

    def spread(self, weight: Any, label: jax.Array) -> jax.Array:
        """One weight per label, from one each, one for all, or one per row."""
        weight = jnp.asarray(weight).ravel()
        if label.size % max(weight.size, 1):
            raise ValueError(f"{self!r}: {weight.size} sample weights do not fit {label.size} labels.")
        return jnp.repeat(weight, label.size // weight.size, total_repeat_length=label.size)

    def compute(self, acc: Acc) -> jax.Array:
        matrix = exact.value(acc["total_cm"])
        both = jnp.diagonal(matrix)
        either = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - both
        both, either = (x[jnp.asarray(self.target_class_ids)].astype(jnp.float32) for x in (both, either))
        seen = either > 1e-9
        overlap = jnp.where(seen, both / (either + config.epsilon()), 0.0)
        return jnp.sum(overlap) / (jnp.sum(seen) + config.epsilon())


class IoU(_IoU):
    """The mean over some classes of `labelled and predicted / labelled or predicted`.

    Shapes: y_true, y_pred `(n, ...)` class numbers, or `(n, ..., classes)` where not sparse.

    num_classes: how many classes there are.
    target_class_ids: the classes whose overlap is averaged.
    ignore_class: a label that does not count.
    sparse_y_true, sparse_y_pred: class numbers rather than one entry per class along `axis`.
    dtype: an integer type by default, which cuts fractions off the sample weights.

    Raises ValueError for a class that there is none of.

    >>> IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]).round(4)
    Array(0.3333, dtype=float32)
    """

    num_classes: int
    target_class_ids: Sequence[int]
    name: str | None = None
    dtype: Any = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


class BinaryIoU(_IoU):
    """`IoU` of two classes told apart by a threshold on the predictions.

    >>> BinaryIoU(target_class_ids=[0, 1], threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]).round(4)
    Array(0.3333, dtype=float32)
    """

    target_class_ids: Sequence[int] = (0, 1)
    threshold: float = 0.5
    name: str | None = None
    dtype: Any = None

    @property
    def classes(self) -> int:
        return 2

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        y_pred = jnp.asarray(y_pred).astype(jnp.float32) >= self.threshold
        return super().update(acc, y_true, y_pred, sample_weight, mask)


class MeanIoU(IoU):
    """`IoU` averaged over all classes.

    >>> MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]).round(4)
    Array(0.3333, dtype=float32)
    """

    target_class_ids: Sequence[int] = field(init=False)

    def chosen(self) -> Sequence[int]:
        return range(self.num_classes)


class OneHotIoU(IoU):
    """`IoU` of labels with one entry per class.

    >>> OneHotIoU(num_classes=2, target_class_ids=[0])([[1, 0], [0, 1]], [[0.6, 0.4], [0.7, 0.3]]).round(4)
    Array(0.5, dtype=float32)
    """

    sparse_y_true: bool = field(default=False, init=False)
    sparse_y_pred: bool = False


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of labels with one entry per class.

    >>> OneHotMeanIoU(num_classes=2)([[1, 0], [0, 1]], [[0.6, 0.4], [0.7, 0.3]]).round(4)
    Array(0.25, dtype=float32)
    """

    sparse_y_true: bool = field(default=False, init=False)
    sparse_y_pred: bool = False
