"""Losses between arrays under their names of Keras 2."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ... import config, ops

__all__ = [
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "ctc_batch_cost", "ctc_decode", "sparse_categorical_crossentropy",
]  # fmt: skip


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log(p) - (1 - t) log(1 - p), number by number."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum(t log(p)) along an axis."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Any:
    """-log(p[class]) along an axis; zero where the class is `ignore_class`."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
    known = ops.not_equal(target, ignore_class)
    safe = ops.where(known, target, ops.zeros_like(target))
    return ops.where(known, ops.sparse_categorical_crossentropy(safe, output, from_logits, axis), 0.0)


def _probability(output: Any) -> Any:
    return ops.clip(output, config.epsilon(), 1 - config.epsilon())


def binary_focal_crossentropy(
    target: Any, output: Any, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:  # fmt: skip
    """Binary crossentropy times (1 - p_t)^gamma, number by number."""
    p = _probability(ops.sigmoid(output) if from_logits else output)
    right = target * p + (1 - target) * (1 - p)
    value = ops.power(1 - right, gamma) * ops.binary_crossentropy(target, p)
    return (target * alpha + (1 - target) * (1 - alpha)) * value if apply_class_balancing else value


def categorical_focal_crossentropy(
    target: Any, output: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Any:
    """-sum(alpha (1 - p)^gamma t log(p)) along an axis."""
    p = ops.softmax(output, axis=axis) if from_logits else output / ops.sum(output, axis=axis, keepdims=True)
    p = _probability(p)
    return -ops.sum(alpha * ops.power(1 - p, gamma) * target * ops.log(p), axis=axis)


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each example; the last class is the blank.

    Shapes: (b, labels), (b, time, classes) probabilities, (b, 1), (b, 1) -> (b, 1).

    >>> ctc_batch_cost(jnp.array([[0]]), jnp.full((1, 1, 2), 0.5), jnp.array([[1]]), jnp.array([[1]])).round(3).tolist()
    [[0.693...]]
    """
    inputs, labels = ops.reshape(input_length, (-1,)), ops.reshape(label_length, (-1,))
    logits = ops.log(ops.add(y_pred, config.epsilon()))
    return ops.expand_dims(ops.ctc_loss(y_true, logits, labels, inputs, mask_index=y_pred.shape[-1] - 1), 1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """([labels of the best path, filled up with -1, ...], the log probabilities of the paths).

    Shapes: (b, time, classes) probabilities whose last class is the blank, (b,).

    >>> paths, scores = ctc_decode(jnp.array([[[0.9, 0.1], [0.1, 0.9]]]), jnp.array([2]))
    >>> paths[0].tolist()
    [[0, -1]]
    """
    strategy = "greedy" if greedy else "beam_search"
    logits = jnp.log(jnp.asarray(y_pred) + config.epsilon())
    paths, scores = ops.ctc_decode(
        logits, input_length, strategy, beam_width, top_paths, mask_index=y_pred.shape[-1] - 1
    )
    return list(paths), scores
