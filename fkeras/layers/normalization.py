"""Layers that take means and variances out of each example: over its features, or groups of them."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import initializers, ops
from ..layer import Layer, Shapes, shown
from .settings import Constraint, Initializer, Regularizer, check_positive


class LayerNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each example.

    Shapes: any -> same;  gamma, beta: the sizes along `axis`.

    axis: one axis or several, over which mean and variance are taken.
    center, scale: whether there is a beta, a gamma.

    Source: Ba et al. 2016, https://arxiv.org/abs/1607.06450

    >>> LayerNormalization()(jnp.array([[0.0, 2.0]])).round(2).tolist()
    [[-1.0, 1.0]]
    """

    axis: Any = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None
    rms_scaling: bool = dataclasses.field(default=False, kw_only=True)

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_axes(self)
        self.autocast = False  # what comes in wider than the compute dtype is normalised as it is

    def param_shapes(self, x: Any) -> Shapes:
        shapes = affine_shapes(self, sizes_along(self, x))
        return {"gamma": sizes_along(self, x)} if self.rms_scaling else shapes

    def call(self, x: Any, *, params: Any) -> Any:
        y = ops.layer_normalization(
            x, params.get("gamma"), params.get("beta"), self.axis, self.epsilon, rms_scaling=self.rms_scaling
        )
        return y.astype(self.compute_dtype)


class GroupNormalization(Layer):
    """Layer normalization of each of `groups` groups of features by itself.

    Shapes: (batch, ..., features) -> same;  gamma, beta (features,).

    groups: a divisor of the number of features; -1 for one group per feature (instance normalization).
    axis: the axis of the features.

    Raises ValueError where the features do not fall into so many groups.
    Source: Wu & He 2018, https://arxiv.org/abs/1803.08494

    >>> GroupNormalization(2)(jnp.array([[0.0, 2.0, 5.0, 7.0]])).round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.autocast = False
        if self.groups != -1:
            check_positive(self, "groups")

    def param_shapes(self, x: Any) -> Shapes:
        n = x.shape[check_axis(self, x, self.axis, least=1)]
        if isinstance(n, int) and n % self.groups:
            raise ValueError(
                f"{self!r} cannot make {self.groups} equal groups of {n} features; the inputs have shape "
                f"{shown(x.shape)}."
            )
        return affine_shapes(self, (n,))

    def call(self, x: Any, *, params: Any) -> Any:
        axis = self.axis % x.ndim
        groups = x.shape[axis] if self.groups == -1 else self.groups
        part = (groups, x.shape[axis] // groups)
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32)).reshape(*x.shape[:axis], *part, *x.shape[axis + 1 :])
        axes = [i for i in range(1, wide.ndim) if i != axis]
        gamma, beta = (
            params[n].reshape(*part, *[1] * (x.ndim - axis - 1)) if n in params else None for n in ("gamma", "beta")
        )
        scale = jax.lax.rsqrt(jnp.var(wide, axes, keepdims=True) + self.epsilon)
        scale = scale if gamma is None else scale * gamma
        shift = -jnp.mean(wide, axes, keepdims=True) * scale
        y = wide * scale + (shift if beta is None else shift + beta)
        return y.reshape(x.shape).astype(self.compute_dtype)


class RMSNormalization(Layer):
    """y = scale * x / sqrt(mean(x²) + epsilon), with the mean of each example.

    Shapes: any -> same;  scale: the sizes along `axis`.

    axis: one axis or several, over which the mean is taken.

    Source: Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467

    >>> RMSNormalization()(jnp.array([[3.0, 3.0]])).round(2).tolist()
    [[1.0, 1.0]]
    """

    axis: Any = -1
    epsilon: float = 1e-6

    scale_initializer: ClassVar[Any] = initializers.Ones()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_axes(self)

    def param_shapes(self, x: Any) -> Shapes:
        return {"scale": sizes_along(self, x)}

    def call(self, x: Any, *, params: Any) -> Any:
        axes = sorted(a % x.ndim for a in axes_of(self))
        scale = params["scale"].reshape([x.shape[i] if i in axes else 1 for i in range(x.ndim)])
        return ops.rms_normalization(x, scale, axes, self.epsilon)


class UnitNormalization(Layer):
    """y = x / |x|, so that each example has length 1 along `axis`; zero stays zero.

    Shapes: any -> same.

    axis: one axis or several.

    >>> UnitNormalization()(jnp.array([[0.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    axis: Any = -1

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_axes(self)

    def call(self, x: Any) -> Any:
        sizes_along(self, x)
        axis: Any = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(x, axis, 2, 1e-12)


# --- what they share ----------------------------------------------------------------------------


def affine_shapes(layer: Any, shape: Any) -> Shapes:
    """gamma and beta, as far as the layer has them."""
    return {**({"gamma": shape} if layer.scale else {}), **({"beta": shape} if layer.center else {})}


def axes_of(layer: Any) -> list[int]:
    """The setting `axis`, one number or several, as a sorted list."""
    return sorted(layer.axis) if isinstance(layer.axis, (list, tuple)) else [layer.axis]


def sizes_along(layer: Any, x: Any) -> tuple[Any, ...]:
    """The sizes of x along the axes of a layer."""
    return tuple(x.shape[check_axis(layer, x, axis)] for axis in axes_of(layer))


def check_axis(layer: Any, x: Any, axis: int, least: int = 0) -> int:
    """An axis of x, counted from the front; refuses one that x does not have."""
    rank = len(x.shape)
    if not -rank <= axis < rank or axis % rank < least:
        raise ValueError(
            f"{layer!r}: axis {axis} is none that inputs of shape {shown(x.shape)} "
            f"have{' behind the batch' if least else ''}."
        )
    return axis % rank


def check_axes(layer: Any) -> None:
    """Refuses a setting `axis` that is neither a number nor a list of them; a tuple becomes a list."""
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if not axes or not all(isinstance(a, int) and not isinstance(a, bool) for a in axes):
        raise TypeError(f"{type(layer).__name__}: axis is a number or a list of numbers; got {layer.axis!r}.")
    if isinstance(layer.axis, tuple):
        layer.axis = list(layer.axis)
