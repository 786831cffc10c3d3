"""Losses for overlap: Dice and Tversky."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import config
from ..recording import recordable
from .loss import KIND, FunctionLoss
from .reduction import Reduction
from .regression import pair


@recordable
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> jax.Array:
    """`1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred) + epsilon)` over `axis`, or over everything.

    Shapes: both `(n, ...)`; values without the axes summed over.
    Source: Milletari et al., V-Net (2016).

    >>> dice([[1.0, 0.0]], [[1.0, 1.0]]).round(4)
    Array(0.3333, dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis=axis)
    return 1 - 2.0 * overlap / (jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis) + config.epsilon())


@recordable
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> jax.Array:
    """`1 - overlap / (overlap + alpha missed + beta false + epsilon)` over `axis`, or over everything.

    Shapes: both `(n, ...)`; values without the axes summed over.
    Source: Salehi et al., Tversky loss function for image segmentation (2017).

    alpha: the weight of what is labelled and not predicted.
    beta: the weight of what is predicted and not labelled.

    >>> tversky([[1.0, 0.0]], [[1.0, 1.0]], beta=1.0).round(4)
    Array(0.5, dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis=axis)
    missed = jnp.sum((1 - y_pred) * y_true, axis=axis)
    false = jnp.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - overlap / (overlap + missed * alpha + false * beta + config.epsilon())


KIND.register(dice)
KIND.register(tversky)


class Dice(FunctionLoss, fn=dice):
    """One minus the Dice coefficient, see `dice`.

    >>> Dice()([[1.0, 0.0]], [[1.0, 1.0]]).round(4)
    Array(0.3333, dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "dice"
    axis: Any = None
    dtype: Any = None


class Tversky(FunctionLoss, fn=tversky):
    """One minus the Tversky index, see `tversky`.

    >>> Tversky(beta=1.0)([[1.0, 0.0]], [[1.0, 1.0]]).round(4)
    Array(0.5, dtype=float32)
    """

    alpha: float = 0.5
    beta: float = 0.5
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "tversky"
    axis: Any = None
    dtype: Any = None
