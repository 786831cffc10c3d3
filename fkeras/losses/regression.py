"""Losses for numbers: squared, absolute, relative and robust errors, cosines, rates."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from ..recording import recordable
from .loss import KIND, FunctionLoss
from .reduction import Reduction, align


def pair(y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """Labels and predictions as arrays of the predictions' dtype."""
    y_pred = jnp.asarray(y_pred)
    return jnp.asarray(y_true).astype(y_pred.dtype), y_pred


def aligned(y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """`pair`, brought to one rank."""
    return align(*pair(y_true, y_pred))


# --- functions ------------------------------------------------------------------------------


@recordable
def mean_squared_error(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean((y_true - y_pred)², axis=-1)`.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 4.0]])
    Array([2.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@recordable
def mean_absolute_error(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean(|y_true - y_pred|, axis=-1)`.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 4.0]])
    Array([1.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@recordable
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> jax.Array:
    """`100 mean(|y_true - y_pred| / max(|y_true|, epsilon), axis=-1)`.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])
    Array([25.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    relative = jnp.abs((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), config.epsilon()))
    return 100.0 * jnp.mean(relative, axis=-1)


@recordable
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean((log(y_true + 1) - log(y_pred + 1))², axis=-1)`, both first cut off below at epsilon.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> mean_squared_logarithmic_error([[0.0]], [[float(jnp.e) - 1]]).round(4)
    Array([1.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    log_true, log_pred = (jnp.log(jnp.maximum(y, config.epsilon()) + 1.0) for y in (y_true, y_pred))
    return jnp.mean(jnp.square(log_pred - log_true), axis=-1)


def unit(x: jax.Array, axis: Any = -1) -> jax.Array:
    """`x / |x|` along an axis, and nearly 0 for vectors shorter than epsilon."""
    square = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, config.epsilon() ** 2))  # bounded before the root: finite gradients


def cosine(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """The cosine of the angle between labels and predictions along an axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return jnp.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


@recordable
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """`-cos(y_true, y_pred)` along `axis`: -1 for the same direction, 1 for the opposite one.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> cosine_similarity([[0.0, 1.0]], [[0.0, 3.0]])
    Array([-1.], dtype=float32)
    """
    return -cosine(y_true, y_pred, axis)


@recordable
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> jax.Array:
    """`mean(h(y_pred - y_true), axis=-1)` with `h(e) = e²/2` up to `delta` and `delta (|e| - delta/2)` beyond.

    Shapes: both `(n, ..., d)`; values `(n, ...)`. Source: Huber, Robust Estimation (1964).

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]])
    Array([1.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = jnp.abs(y_pred - y_true)
    bound = jnp.asarray(delta, y_pred.dtype)
    return jnp.mean(jnp.where(error <= bound, 0.5 * jnp.square(error), bound * (error - 0.5 * bound)), axis=-1)


@recordable
def log_cosh(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean(log(cosh(y_pred - y_true)), axis=-1)`: like `e²/2` near 0, like `|e| - log 2` far away.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> log_cosh([[1.0]], [[1.0]])
    Array([0.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return jnp.mean(error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0).astype(error.dtype), axis=-1)


@recordable
def poisson(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean(y_pred - y_true log(y_pred + epsilon), axis=-1)`: counts with predicted rates.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> poisson([[0.0]], [[1.0]])
    Array([1.], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + config.epsilon()), axis=-1)


for _function, *_names in (
    (mean_squared_error, "mse", "MSE"),
    (mean_absolute_error, "mae", "MAE"),
    (mean_absolute_percentage_error, "mape", "MAPE"),
    (mean_squared_logarithmic_error, "msle", "MSLE"),
    (cosine_similarity,),
    (huber,),
    (log_cosh,),
    (poisson,),
):
    KIND.register(_function, *_names)


# --- classes ----------------------------------------------------------------------------------


class MeanSquaredError(FunctionLoss, fn=mean_squared_error):
    """The mean of squared errors, see `mean_squared_error`.

    >>> MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
    Array(0.5, dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "mean_squared_error"
    dtype: Any = None


class MeanAbsoluteError(FunctionLoss, fn=mean_absolute_error):
    """The mean of absolute errors, see `mean_absolute_error`.

    >>> MeanAbsoluteError("sum")([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
    Array(1., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "mean_absolute_error"
    dtype: Any = None


class MeanAbsolutePercentageError(FunctionLoss, fn=mean_absolute_percentage_error):
    """The mean of relative errors in percent, see `mean_absolute_percentage_error`.

    >>> MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]])
    Array(25., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "mean_absolute_percentage_error"
    dtype: Any = None


class MeanSquaredLogarithmicError(FunctionLoss, fn=mean_squared_logarithmic_error):
    """The mean of squared differences of `log(1 + y)`, see `mean_squared_logarithmic_error`.

    >>> MeanSquaredLogarithmicError()([[1.0]], [[1.0]])
    Array(0., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "mean_squared_logarithmic_error"
    dtype: Any = None


class CosineSimilarity(FunctionLoss, fn=cosine_similarity):
    """Minus the cosine between labels and predictions along `axis`, see `cosine_similarity`.

    >>> CosineSimilarity()([[0.0, 1.0]], [[1.0, 0.0]])
    Array(-0., dtype=float32)
    """

    axis: int = dataclasses.field(default=-1, metadata={"config": False})
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "cosine_similarity"
    dtype: Any = None


class Huber(FunctionLoss, fn=huber):
    """Squared errors up to `delta`, absolute ones beyond, see `huber`.

    >>> Huber(delta=2.0)([[0.0, 0.0]], [[1.0, 3.0]])
    Array(2.25, dtype=float32)
    """

    delta: float = dataclasses.field(default=1.0, metadata={"config": False})
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "huber_loss"
    dtype: Any = None


class LogCosh(FunctionLoss, fn=log_cosh):
    """The mean of `log(cosh(error))`, see `log_cosh`.

    >>> LogCosh()([[0.0]], [[0.0]])
    Array(0., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "log_cosh"
    dtype: Any = None


class Poisson(FunctionLoss, fn=poisson):
    """Minus the log likelihood of counts under predicted rates, see `poisson`.

    >>> Poisson()([[0.0]], [[2.0]])
    Array(2., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "poisson"
    dtype: Any = None
