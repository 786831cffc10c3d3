"""Means of loss functions, and the root of the mean squared error."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import jax
import jax.numpy as jnp

from .. import losses
from ..losses.reduction import align
from ..losses.regression import cosine
from .mean import Acc, Mean, MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper, names=("mse", "MSE"), fn=losses.mean_squared_error):
    """The mean of squared errors, see `losses.mean_squared_error`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "down"
    name: str | None = "mean_squared_error"
    dtype: Any = None


class RootMeanSquaredError(Mean):
    """`sqrt(mean((y_true - y_pred)²))`.

    Shapes: both `(n, ...)`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[2.0, 2.0]])
    Array(2., dtype=float32)
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:  # type: ignore[override]
        y_true, y_pred = align(jnp.asarray(y_true, self.acc_dtype), jnp.asarray(y_pred, self.acc_dtype))
        return super().update(acc, jnp.square(y_pred - y_true), sample_weight, mask)

    def compute(self, acc: Acc) -> jax.Array:
        return jnp.sqrt(super().compute(acc))


class MeanAbsoluteError(MeanMetricWrapper, names=("mae", "MAE"), fn=losses.mean_absolute_error):
    """The mean of absolute errors, see `losses.mean_absolute_error`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    Array(0.5, dtype=float32)
    """

    _direction = "down"
    name: str | None = "mean_absolute_error"
    dtype: Any = None


class MeanAbsolutePercentageError(MeanMetricWrapper, names=("mape", "MAPE"), fn=losses.mean_absolute_percentage_error):
    """The mean of relative errors in percent, see `losses.mean_absolute_percentage_error`.

    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
    Array(25., dtype=float32)
    """

    _direction = "down"
    name: str | None = "mean_absolute_percentage_error"
    dtype: Any = None


class MeanSquaredLogarithmicError(MeanMetricWrapper, names=("msle", "MSLE"), fn=losses.mean_squared_logarithmic_error):
    """The mean of squared differences of `log(1 + y)`, see `losses.mean_squared_logarithmic_error`.

    >>> MeanSquaredLogarithmicError()([[1.0]], [[1.0]])
    Array(0., dtype=float32)
    """

    _direction = "down"
    name: str | None = "mean_squared_logarithmic_error"
    dtype: Any = None


class CosineSimilarity(MeanMetricWrapper, fn=cosine):
    """The mean cosine between labels and predictions along `axis` (the loss is minus this).

    >>> CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]])
    Array(1., dtype=float32)
    """

    _direction = "up"
    name: str | None = "cosine_similarity"
    dtype: Any = None
    axis: int = field(default=-1, metadata={"config": False})


class LogCoshError(MeanMetricWrapper, fn=losses.log_cosh):
    """The mean of `log(cosh(error))`, see `losses.log_cosh`.

    >>> LogCoshError()([[1.0]], [[1.0]])
    Array(0., dtype=float32)
    """

    _direction = "down"
    name: str | None = "logcosh"
    dtype: Any = None


class Hinge(MeanMetricWrapper, fn=losses.hinge):
    """The mean hinge loss of labels -1 and 1 (or 0 and 1), see `losses.hinge`.

    >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(1., dtype=float32)
    """

    _direction = "down"
    name: str | None = "hinge"
    dtype: Any = None


class SquaredHinge(MeanMetricWrapper, fn=losses.squared_hinge):
    """The mean squared hinge loss of labels -1 and 1 (or 0 and 1), see `losses.squared_hinge`.

    >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(1.25, dtype=float32)
    """

    _direction = "down"
    name: str | None = "squared_hinge"
    dtype: Any = None


class CategoricalHinge(MeanMetricWrapper, fn=losses.categorical_hinge):
    """The mean margin between the right class and the best wrong one, see `losses.categorical_hinge`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    Array(0.75, dtype=float32)
    """

    _direction = "down"
    name: str | None = "categorical_hinge"
    dtype: Any = None


class KLDivergence(MeanMetricWrapper, fn=losses.kl_divergence):
    """The mean divergence of predicted from given probabilities, see `losses.kl_divergence`.

    >>> KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]])
    Array(0., dtype=float32)
    """

    _direction = "down"
    name: str | None = "kl_divergence"
    dtype: Any = None


class Poisson(MeanMetricWrapper, fn=losses.poisson):
    """The mean of minus the log likelihood of counts, see `losses.poisson`.

    >>> Poisson()([[0.0]], [[2.0]])
    Array(2., dtype=float32)
    """

    _direction = "down"
    name: str | None = "poisson"
    dtype: Any = None


class BinaryCrossentropy(MeanMetricWrapper, names=("bce", "BCE"), fn=losses.binary_crossentropy):
    """The mean crossentropy of yes-or-no labels, see `losses.binary_crossentropy`.

    >>> BinaryCrossentropy(from_logits=True)([[0.0, 1.0]], [[0.0, 0.0]])
    Array(0.6931472, dtype=float32)
    """

    _direction = "down"
    name: str | None = "binary_crossentropy"
    dtype: Any = None
    from_logits: bool = False
    label_smoothing: float = 0


class CategoricalCrossentropy(MeanMetricWrapper, fn=losses.categorical_crossentropy):
    """The mean crossentropy of one-hot labels, see `losses.categorical_crossentropy`.

    >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(0.6931472, dtype=float32)
    """

    _direction = "down"
    name: str | None = "categorical_crossentropy"
    dtype: Any = None
    from_logits: bool = False
    label_smoothing: float = 0
    axis: int = -1


class SparseCategoricalCrossentropy(MeanMetricWrapper, fn=losses.sparse_categorical_crossentropy):
    """The mean crossentropy of integer labels, see `losses.sparse_categorical_crossentropy`.

    >>> SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])
    Array(0.6931472, dtype=float32)
    """

    _direction = "down"
    name: str | None = "sparse_categorical_crossentropy"
    dtype: Any = None
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1
