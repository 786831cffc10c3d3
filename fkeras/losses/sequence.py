"""Connectionist temporal classification: labels shorter than the sequence, alignment unknown."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..recording import recordable
from .loss import KIND, FunctionLoss
from .reduction import Reduction

LOG_ZERO = -1e5  # finite, so that an impossible alignment costs much instead of infinity


@recordable
def ctc(y_true: Any, y_pred: Any) -> jax.Array:
    """`-log P(labels)` summed over all alignments with blanks (class 0) and repetitions.

    Shapes: y_true `(n, length)` class numbers, 0 filling up; y_pred `(n, time, classes)`
    logits; values `(n,)`. Source: Graves et al., Connectionist Temporal Classification (2006).

    Raises ValueError for other ranks.

    >>> ctc([[1]], jnp.zeros((1, 1, 2)))
    Array([0.6931472], dtype=float32)
    """
    labels, logits = jnp.asarray(y_true).astype(jnp.int32), jnp.asarray(y_pred)
    if labels.ndim != 2:
        raise ValueError(f"ctc needs labels of shape (batch, max_length), not {labels.shape}.")
    if logits.ndim != 3:
        raise ValueError(f"ctc needs logits of shape (batch, time, classes), not {logits.shape}.")
    length = jnp.sum(labels != 0, axis=-1)
    log_p = jax.nn.log_softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
    chosen = jnp.take_along_axis(log_p, jnp.clip(labels, 0, log_p.shape[-1] - 1)[:, None, :], axis=-1)
    repeats = jnp.pad(labels[:, :-1] == labels[:, 1:], ((0, 0), (0, 1)))
    blank, emit = forward(jnp.moveaxis(log_p[..., :1], 1, 0), jnp.moveaxis(chosen, 1, 0), repeats)
    score = pass_on(blank, emit)
    return -jnp.take_along_axis(score, length[:, None], axis=-1)[:, 0]


def forward(log_blank: jax.Array, log_label: jax.Array, repeats: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Log probabilities of the prefixes of the labels after the last step.

    Shapes: log_blank `(time, n, 1)`, log_label `(time, n, length)`, repeats `(n, length)`.
    Returns those that end in a blank `(n, length + 1)` and in a label `(n, length)`.
    """
    n, length = repeats.shape
    needs_blank, needs_none = LOG_ZERO * ~repeats, LOG_ZERO * repeats

    def step(prefix: Any, log_p: Any) -> Any:
        blank, emit = prefix
        log_blank, log_label = log_p
        ready = pass_on(blank, emit + needs_none)
        emitted = jnp.logaddexp(ready[:, :-1], emit) + log_label
        return (pass_on(ready + log_blank, emit + log_blank + needs_blank), emitted), None

    empty = jnp.full((n, length + 1), LOG_ZERO, log_label.dtype).at[:, 0].set(0.0)
    return jax.lax.scan(step, (empty, empty[:, 1:]), (log_blank, log_label))[0]


def pass_on(blank: jax.Array, emit: jax.Array) -> jax.Array:
    """Prefixes that a next label may follow: those ending in a blank, and in their last label."""
    return jnp.concatenate([blank[:, :1], jnp.logaddexp(blank[:, 1:], emit)], axis=-1)


KIND.register(ctc)


class CTC(FunctionLoss, fn=ctc):
    """Connectionist temporal classification, see `ctc`.

    >>> CTC()([[1]], jnp.zeros((1, 1, 2)))
    Array(0.6931472, dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "ctc"
    dtype: Any = None
