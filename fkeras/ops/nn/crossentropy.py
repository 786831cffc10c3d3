"""Crossentropies of each example, without weights or reduction."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import config
from ..operation import operation

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]


def _clip(p: jax.Array) -> jax.Array:
    return jnp.clip(p, config.epsilon(), 1.0 - config.epsilon())


def _log_probabilities(output: jax.Array, from_logits: bool, axis: int) -> jax.Array:
    """Of the classes along `axis`; probabilities are first made to sum to 1."""
    if from_logits:
        return jax.nn.log_softmax(output, axis=axis)
    return jnp.log(_clip(output / jnp.sum(output, axis, keepdims=True)))


def _check(name: str, target: jax.Array, output: jax.Array, wanted: tuple[int, ...], least: int = 0) -> None:
    if target.shape != wanted or output.ndim < least:
        raise ValueError(f"{name}: a target of shape {target.shape} does not fit an output of shape {output.shape}.")


@operation("from_logits")
def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> jax.Array:
    """`-target log(output) - (1 - target) log(1 - output)`.

    Shapes: (...), (...) -> same. from_logits: whether `output` is still to go through a sigmoid.
    Raises ValueError for different shapes.

    >>> binary_crossentropy([1.0], [0.5]).round(3).tolist()
    [0.693...]
    """
    target, output = jnp.asarray(target), jnp.asarray(output)
    _check("binary_crossentropy", target, output, output.shape)
    if from_logits:
        return -target * jax.nn.log_sigmoid(output) - (1.0 - target) * jax.nn.log_sigmoid(-output)
    p = _clip(output)
    return -(target * jnp.log(p) + (1.0 - target) * jnp.log(1.0 - p))


@operation("from_logits", "axis")
def categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> jax.Array:  # fmt: skip
    """`-sum(target log(output))` over the classes on `axis`.

    Shapes: (..., c), (..., c) -> (...). from_logits: whether `output` is still to go through a softmax.
    Raises ValueError for different shapes.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(3).tolist()
    [0.693...]
    """
    target, output = jnp.asarray(target), jnp.asarray(output)
    _check("categorical_crossentropy", target, output, output.shape, 1)
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


@operation("from_logits", "axis")
def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> jax.Array:  # fmt: skip
    """`-log(output[target])`; 0 for a target that is no class.

    Shapes: (...) or (..., 1), (..., c) -> (...). from_logits: whether `output` is still to go through a softmax.
    Raises ValueError for shapes that do not fit.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(3).tolist()
    [0.693...]
    """
    target, output = jnp.asarray(target).astype("int32"), jnp.asarray(output)
    if target.ndim == output.ndim and target.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    _check("sparse_categorical_crossentropy", target, output, output.shape[:-1], 1)
    log_p = _log_probabilities(output, from_logits, axis)
    return -jnp.sum(jax.nn.one_hot(target, output.shape[axis], axis=axis) * log_p, axis=axis)
