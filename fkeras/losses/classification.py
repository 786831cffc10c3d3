"""Losses for classes: crossentropies, focal and generalized ones, divergence, hinges."""

from __future__ import annotations

import operator
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import config, logits
from ..recording import recordable
from ..traced import is_exactly
from .loss import KIND, masked_by
from .regression import pair


def same_shape(name: str, y_true: Any, y_pred: Any) -> None:
    """Refuses labels whose shape is not that of the predictions."""
    if y_true.shape != y_pred.shape:
        raise ValueError(f"{name} needs labels of the shape of the predictions {y_pred.shape}, not {y_true.shape}.")


def clip(p: jax.Array) -> jax.Array:
    """Probabilities kept `epsilon` away from 0 and 1."""
    return jnp.clip(p, config.epsilon(), 1.0 - config.epsilon())


class Scores(NamedTuple):
    """Predictions of classes: logits, or probabilities; logits that stand for their softmax are clipped as that."""

    values: Any
    are_logits: bool
    clipped: bool


def scores(y_pred: Any, from_logits: bool, axis: int) -> Scores:
    """Predictions, as the logits that they were made from where these are known."""
    known = None if from_logits else logits.of(y_pred, axis)
    return Scores(jnp.asarray(y_pred if known is None else known), from_logits or known is not None, not from_logits)


def log_probabilities(given: Scores, axis: int) -> jax.Array:
    """Log probabilities of the classes along `axis`; probabilities are first made to sum to 1."""
    y, are_logits, clipped = given
    if not are_logits:
        return jnp.log(clip(y / jnp.sum(y, axis=axis, keepdims=True)))
    y = jax.nn.log_softmax(y, axis=axis)
    low, high = (np.asarray(p, y.dtype).astype("float64") for p in (config.epsilon(), 1.0 - config.epsilon()))
    return jnp.clip(y, np.log(low), np.log(high)) if clipped else y


def class_axis(name: str, axis: Any, y_pred: jax.Array) -> None:
    """Checks the axis of the classes and that there is more than one class."""
    if isinstance(axis, bool):
        raise ValueError(f"{name}: axis must be an int, not {axis!r}.")
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{name} got predictions of shape {y_pred.shape}: one class, which always has probability 1. "
            "Use binary_crossentropy for two classes with one output.",
            SyntaxWarning,
            stacklevel=3,
        )


def smooth(y_true: jax.Array, label_smoothing: Any, classes: int) -> jax.Array:
    """Labels drawn towards `1 / classes`."""
    if is_exactly(label_smoothing, 0):
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


@recordable
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """`-sum(y_true log p, axis)`, where `p` is `y_pred` made to sum to 1, or its softmax.

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.

    from_logits: whether `y_pred` are logits rather than probabilities.
    label_smoothing: the part of each label that is spread over all classes.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    Array([0.6931472], dtype=float32)
    """
    given = scores(y_pred, from_logits, axis)
    y_true, y_pred = pair(y_true, given.values)
    class_axis("categorical_crossentropy", axis, y_pred)
    same_shape("categorical_crossentropy", y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, y_true.shape[-1])
    return -jnp.sum(y_true * log_probabilities(given._replace(values=y_pred), axis), axis=axis)


@recordable
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """`-sum(alpha (1 - p)^gamma y_true log p, axis)`: classes that are already right weigh less.

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.
    Source: Lin et al., Focal Loss for Dense Object Detection (2017).

    alpha: a weight, or a list of one per class.

    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    Array([0.0433], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    class_axis("categorical_focal_crossentropy", axis, y_pred)
    y_true = smooth(y_true, label_smoothing, y_true.shape[-1])
    p = jax.nn.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = clip(p / jnp.sum(p, axis=axis, keepdims=True))
    weight = jnp.power(1.0 - p, gamma) * jnp.asarray(alpha, p.dtype)
    return jnp.sum(weight * -y_true * jnp.log(p), axis=axis)


def squeeze_labels(y_true: Any, y_pred: jax.Array, axis: int) -> jax.Array:
    """Labels without a class axis of size 1."""
    y_true = jnp.asarray(y_true)
    if jnp.issubdtype(y_true.dtype, jnp.unsignedinteger):
        y_true = y_true.astype(jnp.int32)  # so that a label may be compared with -1
    return jnp.squeeze(y_true, axis) if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1 else y_true


def not_ignored(values: Any, y_true: Any, ignore_class: int | None = None, **_: Any) -> Any:
    """The mask of labels that are not `ignore_class`."""
    if ignore_class is None or jnp.size(y_true) != jnp.size(values):
        return None
    return (jnp.asarray(y_true).astype(jnp.int32) != ignore_class).reshape(values.shape)


@masked_by(not_ignored)
@recordable
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> jax.Array:
    """`-log p[y_true]` for integer labels, where `p` is `y_pred` made to sum to 1, or its softmax.

    Shapes: y_true `(n, ...)` or `(n, ..., 1)`, y_pred `(n, ..., classes)`; values `(n, ...)`.

    ignore_class: a label that costs nothing and, in a mean, does not count.
    Labels outside `[0, classes)` cannot be refused inside a compiled program: `check` does.

    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [1.0, 0.0]]).round(4)
    Array([0.6931, 0.    ], dtype=float32)
    """
    given = scores(y_pred, from_logits, operator.index(axis))
    y_pred = given.values
    y_true = squeeze_labels(y_true, y_pred, axis)
    axis = operator.index(axis) % y_pred.ndim
    y_pred = jnp.moveaxis(y_pred, axis, -1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"sparse_categorical_crossentropy needs labels of shape {y_pred.shape[:-1]} (one class number per "
            f"prediction), not {y_true.shape}. For one-hot labels use categorical_crossentropy."
        )
    valid = None if ignore_class is None else y_true != ignore_class
    labels = (y_true if valid is None else jnp.where(valid, y_true, 0)).astype(jnp.int32)
    if valid is not None:  # keeps what is not looked at out of the gradient, NaN included
        y_pred = jnp.where(valid[..., None], y_pred, 0.0 if given.are_logits else 1.0)
    logs = log_probabilities(given._replace(values=y_pred), -1)
    picked = jax.nn.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype) * logs
    values = -jnp.sum(picked, axis=-1)
    return values if valid is None else jnp.where(valid, values, 0.0)


def elementwise_crossentropy(y_true: jax.Array, y_pred: jax.Array, from_logits: bool = False) -> jax.Array:
    """`-y_true log p - (1 - y_true) log(1 - p)` without a mean."""
    same_shape("binary_crossentropy", y_true, y_pred)
    if from_logits:
        return -y_true * jax.nn.log_sigmoid(y_pred) - (1.0 - y_true) * jax.nn.log_sigmoid(-y_pred)
    p = clip(y_pred)
    return -(y_true * jnp.log(p) + (1.0 - y_true) * jnp.log(1.0 - p))


@recordable
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """`mean(-y_true log p - (1 - y_true) log(1 - p), axis)`, `p` being `y_pred` or its sigmoid.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]])
    Array([0.6931472], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, 2)
    return jnp.mean(elementwise_crossentropy(y_true, y_pred, from_logits), axis=axis)


@recordable
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Binary crossentropy times `(1 - p_t)^gamma`, `p_t` the probability of the label.

    Shapes: both `(n, ..., d)`; values `(n, ...)`.
    Source: Lin et al., Focal Loss for Dense Object Detection (2017).

    apply_class_balancing: whether positives also weigh `alpha` and negatives `1 - alpha`.

    >>> binary_focal_crossentropy([[1.0]], [[0.5]]).round(4)
    Array([0.1733], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, 2)
    p = jax.nn.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1 - y_true) * (1 - p)
    values = jnp.power(1.0 - right, gamma) * elementwise_crossentropy(y_true, p)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1 - y_true) * (1 - alpha))
    return jnp.mean(values, axis=axis)


@recordable
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> jax.Array:
    """`(1 - p[y_true]^q) / q` for integer labels: between crossentropy (q → 0) and absolute error (q = 1).

    Shapes: y_true `(n,)`, y_pred `(n, classes)`; values `(n,)`.
    Source: Zhang & Sabuncu, Generalized Cross Entropy Loss (2018).

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
    Array([1.], dtype=float32)
    """
    y_pred = jnp.asarray(y_pred)
    picked = jax.nn.one_hot(jnp.asarray(y_true).astype(jnp.int32), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1 - jnp.power(jnp.sum(y_pred * picked, axis=-1), q)) / q


@recordable
def kl_divergence(y_true: Any, y_pred: Any) -> jax.Array:
    """`sum(y_true log(y_true / y_pred), axis=-1)`, both first cut off to [epsilon, 1].

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.

    >>> kl_divergence([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    Array([0.6931], dtype=float32)
    """
    y_true, y_pred = (jnp.clip(y, config.epsilon(), 1) for y in pair(y_true, y_pred))
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


def signs(y_true: jax.Array) -> jax.Array:
    """Labels 0 and 1 become -1 and 1; any others stay as they are."""
    is_binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(is_binary, 2.0 * y_true - 1.0, y_true)


@recordable
def hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean(max(1 - y_true y_pred, 0), axis=-1)` for labels -1 and 1 (or 0 and 1).

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    Array([1.], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - signs(y_true) * y_pred, 0.0), axis=-1)


@recordable
def squared_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """`mean(max(1 - y_true y_pred, 0)², axis=-1)` for labels -1 and 1 (or 0 and 1).

    Shapes: both `(n, ..., d)`; values `(n, ...)`.

    >>> squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
    Array([1.25], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    return jnp.mean(jnp.square(jnp.maximum(1.0 - signs(y_true) * y_pred, 0.0)), axis=-1)


@recordable
def categorical_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """`max(neg - pos + 1, 0)`, `pos = sum(y_true y_pred)`, `neg = max((1 - y_true) y_pred)`.

    Shapes: both `(n, ..., classes)`; values `(n, ...)`.

    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])
    Array([0.75], dtype=float32)
    """
    y_true, y_pred = pair(y_true, y_pred)
    pos = jnp.sum(y_true * y_pred, axis=-1)
    neg = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(neg - pos + 1.0, 0.0)


for _function, *_names in (
    (kl_divergence, "kld", "KLD"),
    (binary_crossentropy, "bce", "BCE"),
    (binary_focal_crossentropy,),
    (categorical_crossentropy,),
    (categorical_focal_crossentropy,),
    (sparse_categorical_crossentropy,),
    (categorical_generalized_cross_entropy,),
    (hinge,),
    (squared_hinge,),
    (categorical_hinge,),
):
    KIND.register(_function, *_names)
