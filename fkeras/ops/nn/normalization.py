"""Means and variances taken out."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import config
from ..families import widened
from ..operation import operation

__all__ = ["batch_normalization", "layer_normalization", "moments", "normalize", "rms_normalization"]

Axes = int | tuple[int, ...] | list[int]


def _tuple(axis: Axes) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


@operation("axes", "keepdims", "synchronized")
def moments(
    x: ArrayLike, axes: Axes, keepdims: bool = False, synchronized: bool = False
) -> tuple[jax.Array, jax.Array]:
    """Mean and variance over `axes`; of 16-bit numbers computed in float32, within the range of float16.

    Shapes: any -> without `axes`, or with size 1 there if `keepdims`; twice.
    Raises NotImplementedError for `synchronized`: inside `shard_map` use `jax.lax.pmean`.

    >>> [m.item() for m in moments([1.0, 3.0], 0)]
    [2.0, 1.0]
    """
    if synchronized:
        raise NotImplementedError("moments: synchronized=True is not available; use jax.lax.pmean inside shard_map.")
    x = jnp.asarray(x)
    narrow = x.dtype in (jnp.float16, jnp.bfloat16)
    wide = x.astype(jnp.float32) if narrow else x
    both = (jnp.mean(wide, _tuple(axes), keepdims=keepdims), jnp.var(wide, _tuple(axes), keepdims=keepdims))
    if not narrow:
        return both
    most = float(jnp.finfo(jnp.float16).max)
    mean, variance = (jnp.clip(m, -most, most).astype(x.dtype) for m in both)
    return mean, variance


@operation("axis", "epsilon", name="BatchNorm")
def batch_normalization(
    x: ArrayLike, mean: ArrayLike, variance: ArrayLike, axis: int, offset: ArrayLike | None = None,
    scale: ArrayLike | None = None, epsilon: float = 1e-3,
) -> jax.Array:  # fmt: skip
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, all of these along `axis`.

    Shapes: (..., c, ...), (c,), (c,), (c,), (c,) -> same. Source: https://arxiv.org/abs/1502.03167

    >>> batch_normalization([[1.0], [3.0]], [2.0], [1.0], axis=1, epsilon=0.0).tolist()
    [[-1.0], [1.0]]
    """
    x, mean, variance = jnp.asarray(x), jnp.asarray(mean), jnp.asarray(variance)
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    inverse = jax.lax.rsqrt(variance.reshape(shape) + epsilon)
    inverse = inverse if scale is None else inverse * jnp.asarray(scale).reshape(shape)
    shift = -mean.reshape(shape) * inverse
    return x * inverse + (shift if offset is None else shift + jnp.asarray(offset).reshape(shape))


@operation("axis", "epsilon", "rms_scaling", name="LayerNorm")
def _layer_normalization(
    x: ArrayLike, gamma: Any = None, beta: Any = None, axis: Axes = -1, epsilon: float | None = None,
    rms_scaling: bool = False,
) -> jax.Array:  # fmt: skip
    x = jnp.asarray(x)
    wide = x.astype(widened(x))
    axes = sorted(_tuple(axis))
    shape = [1] * x.ndim
    for a in axes:
        shape[a] = x.shape[a]

    def fit(v: Any) -> Any:
        v = jnp.asarray(v, wide.dtype)
        return v.reshape(shape) if v.ndim != x.ndim and axes != [x.ndim - 1] else v

    mean, variance = jnp.mean(wide, axes, keepdims=True), jnp.var(wide, axes, keepdims=True)
    inverse = jax.lax.rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    inverse = inverse if gamma is None else inverse * fit(gamma)
    if rms_scaling:
        return (wide * inverse).astype(x.dtype)
    shift = -mean * inverse
    return (wide * inverse + (shift if beta is None else shift + fit(beta))).astype(x.dtype)


def layer_normalization(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, axis: Axes = -1,
    epsilon: float | None = None, **kwargs: Any,
) -> jax.Array:  # fmt: skip
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, over `axis` of each example, in float32 at least.

    Shapes: (..., c) -> same. epsilon: that of `config.epsilon()` for None.
    Source: https://arxiv.org/abs/1607.06450

    >>> layer_normalization([[1.0, 3.0]], epsilon=0.0).tolist()
    [[-1.0, 1.0]]
    """
    rms = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization takes x, gamma, beta, axis and epsilon; received {', '.join(kwargs)}.")
    if rms:
        warnings.warn("rms_scaling=True divides by the standard deviation; use rms_normalization.", stacklevel=2)
    return _layer_normalization(x, gamma, beta, axis, epsilon, rms)


@operation("axis", "epsilon", name="RMSNorm", named=("scale",))
def rms_normalization(
    x: ArrayLike, scale: ArrayLike | None = None, axis: Axes = -1, epsilon: float | None = None
) -> jax.Array:  # fmt: skip
    """`x / sqrt(mean(x²) + epsilon) * scale`, over `axis` of each example, in float32 at least.

    Shapes: (..., c) -> same. epsilon: that of `config.epsilon()` for None.
    Source: https://arxiv.org/abs/1910.07467

    >>> rms_normalization([[2.0, 2.0]], epsilon=0.0).tolist()
    [[1.0, 1.0]]
    """
    x = jnp.asarray(x)
    wide = jnp.atleast_1d(x.astype(widened(x)))
    mean = jnp.mean(jnp.square(wide), _tuple(axis), keepdims=True)
    y = wide * jax.lax.rsqrt(mean + (config.epsilon() if epsilon is None else epsilon))
    return (y if scale is None else y * jnp.asarray(scale, wide.dtype)).astype(x.dtype)


@operation("axis", "order", "epsilon")
def normalize(x: ArrayLike, axis: int | None = -1, order: int = 2, epsilon: float | None = None) -> jax.Array:
    """`x / max(norm(x), epsilon)` along `axis`, with the norm of this order.

    Shapes: (..., c) -> same. Raises ValueError unless `order` is an integer from 1 on.

    >>> normalize([[3.0, 4.0]]).round(3).tolist()
    [[0.6..., 0.8...]]
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be an integer of at least 1; received {order!r}.")
    x = jnp.atleast_1d(jnp.asarray(x))
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        square = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
        known = square > 0  # at zero, where the root has no slope, the gradient is zero rather than NaN
        inverse = jax.lax.rsqrt(jnp.where(known, square, 1))
        return x * jnp.where(known, jnp.minimum(inverse, 1.0 / epsilon), 0)
    return x / jnp.maximum(jnp.linalg.norm(x, ord=order, axis=axis, keepdims=True), epsilon)
