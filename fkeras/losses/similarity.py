"""Circle loss: embeddings of one class together, of others apart."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..recording import recordable
from .loss import KIND, FunctionLoss, masked_by
from .reduction import Reduction


@masked_by(lambda values, *_, **__: values > 0)
@recordable
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> jax.Array:
    """`softplus(logsumexp(gamma aₙ (d_p - ...)) + logsumexp(...))` over pairs of unit embeddings.

    Shapes: y_true `(n,)` or `(n, 1)`, y_pred `(n, d)` of length 1 each; values `(n,)`.
    Source: Sun et al., Circle Loss (2020).

    ref_labels, ref_embeddings: what the batch is compared with, itself if None.
    remove_diagonal: leave out the pairs of an embedding with itself.
    Embeddings without a partner of their own class, or of another one, cost 0; in a mean
    only those that cost something count.

    >>> circle([0, 0, 1], jnp.eye(3)).astype(int)
    Array([54, 54,  0], dtype=int32)
    """
    y_pred, labels = jnp.asarray(y_pred), jnp.asarray(y_true).astype(jnp.int32).reshape(-1)
    refs = y_pred if ref_embeddings is None else jnp.asarray(ref_embeddings)
    ref_labels = labels if ref_labels is None else jnp.asarray(ref_labels).astype(jnp.int32).reshape(-1)
    distance = jnp.maximum(1 - jnp.matmul(y_pred, refs.T, precision=jax.lax.Precision.HIGHEST), 0.0)
    same = labels[:, None] == ref_labels[None, :]
    other = ~same
    if remove_diagonal:
        same = same & ~jnp.eye(*same.shape, dtype=bool)
    apart = -gamma * jnp.maximum(margin + distance, 0.0) * (margin - distance)
    close = gamma * jnp.maximum(1 + margin - distance, 0.0) * (1 - margin - distance)
    comparable = jnp.any(same, axis=1) & jnp.any(other, axis=1)
    total = lse(apart, same | ~comparable[:, None]) + lse(close, other | ~comparable[:, None])
    return jnp.where(comparable, jax.nn.softplus(total), 0.0)


def lse(x: jax.Array, where: jax.Array) -> jax.Array:
    """Log-sum-exp over the last axis of the entries where `where` holds."""
    return jax.scipy.special.logsumexp(jnp.where(where, x, -jnp.inf), axis=-1)


KIND.register(circle)


class Circle(FunctionLoss, fn=circle):
    """The circle loss of a batch of unit embeddings, see `circle`.

    >>> Circle()([0, 0, 1], jnp.eye(3)).astype(int)
    Array(54, dtype=int32)
    """

    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "circle"
    dtype: Any = None
