"""How often predictions are right."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from ..losses.reduction import align
from ..recording import recordable
from .mean import MeanMetricWrapper
from .metric import KIND


def right(matches: jax.Array) -> jax.Array:
    """1 where something matches, 0 elsewhere."""
    return matches.astype(config.floatx())


@recordable
def accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where predictions equal labels.

    Shapes: both `(n, ...)`; values the same.

    >>> accuracy([1, 2, 3], [1, 2, 4])
    Array([1., 1., 0.], dtype=float32)
    """
    y_pred = jnp.asarray(y_pred)
    return right(jnp.equal(*align(jnp.asarray(y_true).astype(y_pred.dtype), y_pred)))


@recordable
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> jax.Array:
    """1 where `y_pred > threshold` agrees with the label, 0 or 1.

    Shapes: both `(n, ...)`; values the same.

    >>> binary_accuracy([[1], [0]], [[0.6], [0.6]])
    Array([[1.],
           [0.]], dtype=float32)
    """
    y_true, y_pred = align(y_true, y_pred)
    return right(y_true == (y_pred > threshold).astype(y_true.dtype))


@recordable
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where the largest prediction is that of the class in the label.

    Shapes: y_true `(n, ...)` or `(n, ..., 1)`, y_pred `(n, ..., classes)`; values `(n, ...)`.

    >>> sparse_categorical_accuracy([2, 0], [[0.1, 0.2, 0.7], [0.2, 0.8, 0.0]])
    Array([1., 0.], dtype=float32)
    """
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    return right(y_true == jnp.argmax(y_pred, axis=-1).astype(y_true.dtype))


@recordable
def categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where labels and predictions have their maximum at the same class.

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.

    >>> categorical_accuracy([[0, 0, 1]], [[0.1, 0.2, 0.7]])
    Array([1.], dtype=float32)
    """
    return right(jnp.argmax(jnp.asarray(y_true), axis=-1) == jnp.argmax(jnp.asarray(y_pred), axis=-1))


@recordable
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> jax.Array:
    """1 where fewer than `k` classes are predicted higher than the one in the label.

    Shapes: y_true `(n, ...)`, y_pred `(n, ..., classes)`; values `(n, ...)`.

    from_sorted_ids: `y_pred` holds class numbers, best first, instead of scores.

    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.7, 0.2], [0.4, 0.1, 0.5]], k=2)
    Array([1., 0.], dtype=float32)
    """
    y_pred = jnp.asarray(y_pred)
    if from_sorted_ids:
        labels = jnp.asarray(y_true).astype(y_pred.dtype)
        return right(jnp.any(labels[..., None] == y_pred[..., :k], axis=-1))
    labels = jnp.asarray(y_true).astype(jnp.int32)
    score = jnp.take_along_axis(y_pred, labels[..., None], axis=-1)
    score = jnp.where(jnp.isnan(score), -jnp.inf, score)
    return right(jnp.sum(y_pred > score, axis=-1) < k)


@recordable
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> jax.Array:
    """1 where fewer than `k` classes are predicted higher than that of the one-hot label.

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.7, 0.2]], k=2)
    Array([1.], dtype=float32)
    """
    return sparse_top_k_categorical_accuracy(jnp.argmax(jnp.asarray(y_true), axis=-1), y_pred, k)


class Accuracy(MeanMetricWrapper, fn=accuracy):
    """How often predictions equal labels, see `accuracy`.

    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    Array(0.75, dtype=float32)
    """

    _direction = "up"
    name: str | None = "accuracy"
    dtype: Any = None


class BinaryAccuracy(MeanMetricWrapper, fn=binary_accuracy):
    """How often `y_pred > threshold` agrees with labels 0 and 1, see `binary_accuracy`.

    Raises ValueError for a threshold outside [0, 1].

    >>> BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]])
    Array(0.75, dtype=float32)
    """

    _direction = "up"
    name: str | None = "binary_accuracy"
    dtype: Any = None
    threshold: float = 0.5


class CategoricalAccuracy(MeanMetricWrapper, fn=categorical_accuracy):
    """How often the largest prediction is that of the one-hot label, see `categorical_accuracy`.

    >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "up"
    name: str | None = "categorical_accuracy"
    dtype: Any = None


class SparseCategoricalAccuracy(MeanMetricWrapper, fn=sparse_categorical_accuracy):
    """How often the largest prediction is that of the class in the label, see `sparse_categorical_accuracy`.

    >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "up"
    name: str | None = "sparse_categorical_accuracy"
    dtype: Any = None


class TopKCategoricalAccuracy(MeanMetricWrapper, fn=top_k_categorical_accuracy):
    """How often the class of the one-hot label is among the `k` best, see `top_k_categorical_accuracy`.

    >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "up"
    k: int = 5
    name: str | None = "top_k_categorical_accuracy"
    dtype: Any = None


class SparseTopKCategoricalAccuracy(MeanMetricWrapper, fn=sparse_top_k_categorical_accuracy):
    """How often the class in the label is among the `k` best, see `sparse_top_k_categorical_accuracy`.

    >>> SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "up"
    k: int = 5
    name: str | None = "sparse_top_k_categorical_accuracy"
    dtype: Any = None
    from_sorted_ids: bool = field(default=False, metadata={"config": False})


for _function in (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    top_k_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
):
    KIND.register(_function)
