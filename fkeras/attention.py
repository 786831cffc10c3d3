"""Attention of arrays; the layers and `fkeras.ops` are written in it.

The plain form is `jax.nn.dot_product_attention`. On CPUs its products over axes in the midst of arrays, and its
division of every weight, cost more than the attention itself: the tuned form has the heads in the batch, and divides
last. Where the weights would overflow the caches by far it goes over one part of the batch after the other, and makes
them anew for derivatives: so long sequences take less time, and memory for one part alone.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from . import forms, parts, windows

MANY = 1 << 25  # bytes of weights: up to here they are made all at once


def attend(q: Any, k: Any, v: Any, bias: Any, mask: Any, scale: float | None, causal: bool, flash: bool) -> Any:
    """`softmax(scale * q kᵀ + bias) v`, the softmax in float32, in the form that is fast here.

    Shapes: (b, t, heads, d), (b, s, heads, d), (b, s, heads, e) -> (b, t, heads, e); keys and values may have fewer
        heads, each for some queries that stand together. bias, mask: broadcast to (b, heads, t, s).

    flash: the fused kernel of cuDNN, or an error where there is none.

    >>> x = jnp.ones((1, 2, 1, 4))
    >>> attend(x, x, x, None, None, None, causal=True, flash=False).shape
    (1, 2, 1, 4)
    """
    if k.shape[:3] != v.shape[:3] or (q.shape[0], q.shape[3]) != (k.shape[0], k.shape[3]) or q.shape[2] % k.shape[2]:
        raise ValueError(
            "Attention takes a query (b, t, heads, d), a key (b, s, heads, d) and a value (b, s, heads, e), where the "
            f"heads of the query are a multiple of the others; got shapes {q.shape}, {k.shape} and {v.shape}."
        )
    form = folded if forms.are_tuned() and not flash and q.dtype != jnp.float64 else plain
    return form(q, k, v, bias, mask, scale, causal, flash)


def plain(q: Any, k: Any, v: Any, bias: Any, mask: Any, scale: float | None, causal: bool, flash: bool = False) -> Any:
    """The definition."""
    how = "cudnn" if flash else "xla"
    return jax.nn.dot_product_attention(q, k, v, bias, mask, scale=scale, is_causal=causal, implementation=how)


def folded(q: Any, k: Any, v: Any, bias: Any, mask: Any, scale: float | None, causal: bool, flash: bool = False) -> Any:
    """With the heads in the batch, and the weights divided by their sum after they met the values.

    Keys and values are turned, (d, s): so the narrow axis of no product, nor of its derivatives, is the last one
    of an array that is summed along its rows, where XLA takes twice the time.
    """
    b, t, heads, d = q.shape
    scale = 1 / math.sqrt(d) if scale is None else scale
    q = _folded(q.astype(jnp.float32) * scale, heads).astype(k.dtype)
    k, v = lax.optimization_barrier(tuple(jnp.swapaxes(_folded(x, heads), 1, 2) for x in (k, v)))

    def run(q: Any, k: Any, v: Any, bias: Any, mask: Any) -> Any:
        logits = _product(q, k, 1)
        if bias is not None or mask is not None or causal:
            together = logits.reshape(-1, heads, *logits.shape[1:])
            logits = _masked(together, bias, mask, causal).reshape(logits.shape)
        top = lax.stop_gradient(logits.max(-1, keepdims=True))  # the softmax is the same whatever is taken away
        weights = jnp.exp(logits - top)
        return _product(weights.astype(v.dtype), v, 2) / weights.sum(-1, keepdims=True)

    # what has a row for each example is cut with the batch, what is the same for all is not
    cut = [a is not None and jnp.ndim(a) == 4 and jnp.shape(a)[0] == b for a in (bias, mask)]

    def part(q: Any, k: Any, v: Any, *rest: Any) -> Any:
        given = iter(rest)
        return run(q, k, v, *(next(given) if own else a for own, a in zip(cut, (bias, mask), strict=True)))

    known = windows.are_known((b, t, k.shape[-1]))
    count = parts.count(b, heads * t * k.shape[-1] * 4, MANY) if known else 1
    rest = [jnp.asarray(a) for own, a in zip(cut, (bias, mask), strict=True) if own]
    y = parts.over(part, count, q, k, v, *rest)
    return jnp.swapaxes(y.reshape(b, heads, t, -1), 1, 2).astype(v.dtype)


def _folded(x: Any, heads: int) -> Any:
    """(b, t, heads, d) -> (b * heads, t, d), each head as often as queries share it."""
    x = jnp.swapaxes(x, 1, 2)
    x = x if x.shape[1] == heads else jnp.repeat(x, heads // x.shape[1], 1)
    return x.reshape(x.shape[0] * heads, *x.shape[2:])


def _product(x: Any, y: Any, axis: int) -> Any:
    """Products of matrices along the last axis of one and an axis of the other, summed in float32."""
    return lax.dot_general(x, y, (((2,), (axis,)), ((0,), (0,))), preferred_element_type=jnp.float32)


def _masked(logits: Any, bias: Any, mask: Any, causal: bool) -> Any:
    """With the bias, and next to nothing where nothing may be attended to; where nothing at all may, all is equal."""
    logits = logits if bias is None else logits + bias
    t, s = logits.shape[-2:]
    if causal:
        seen = lax.broadcasted_iota(jnp.int32, (t, s), 0) >= lax.broadcasted_iota(jnp.int32, (t, s), 1)
        mask = seen if mask is None else mask & seen
    return logits if mask is None else jnp.where(mask, logits, -0.7 * float(jnp.finfo(logits.dtype).max))
