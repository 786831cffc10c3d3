"""Attention."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import config
from ...attention import attend
from ..operation import operation

__all__ = ["dot_product_attention"]


@operation("is_causal", "flash_attention", "attn_logits_soft_cap", named=("bias", "mask", "scale"))
def dot_product_attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, bias: ArrayLike | None = None, mask: ArrayLike | None = None,
    scale: float | None = None, is_causal: bool = False, flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> jax.Array:  # fmt: skip
    """`softmax(scale * query keyᵀ + bias) value`, the softmax in float32.

    Shapes: (b, t, heads, d), (b, s, heads, d), (b, s, heads, e) -> (b, t, heads, e).
    bias, mask: broadcast to (b, heads, t, s); where the mask is False nothing is attended to.
    scale: 1 / sqrt(d) for None. is_causal: step t sees the steps up to t alone.
    flash_attention: True for the fused kernel of cuDNN, or an error where there is none.
    Source: https://arxiv.org/abs/1706.03762

    Raises ValueError for other ranks, and for `attn_logits_soft_cap`, which needs a TPU.

    >>> x = jnp.ones((1, 2, 1, 4))
    >>> dot_product_attention(x, x, x, is_causal=True).shape
    (1, 2, 1, 4)
    """
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention: attn_logits_soft_cap needs the kernel of TPUs; leave it None.")
    q, k, v = jnp.asarray(query), jnp.asarray(key), jnp.asarray(value)
    if not q.ndim == k.ndim == v.ndim == 4:
        raise ValueError(
            "dot_product_attention takes arrays (batch, time, heads, depth); "
            f"received shapes {q.shape}, {k.shape} and {v.shape}."
        )
    dtype = jnp.result_type(q, k, v)
    flash = config._defaults["flash_attention"] if flash_attention is None else flash_attention
    bias = None if bias is None else jnp.asarray(bias).astype(dtype)
    mask = None if mask is None else jnp.asarray(mask).astype(bool)
    return attend(q.astype(dtype), k.astype(dtype), v.astype(dtype), bias, mask, scale, is_causal, bool(flash))
