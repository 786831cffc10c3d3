"""BatchNormalization: means and variances of the batch taken out, feature by feature."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from .. import config, ops
from ..layer import Layer, Shapes, shown
from ..traced import as_float
from .normalization import affine_shapes, check_axis
from .settings import Constraint, Initializer, Regularizer


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each feature.

    While training, mean and variance are those of the batch, and the moving ones follow them:
    moving = momentum * moving + (1 - momentum) * batch. Otherwise, and in a layer that is not
    trainable, they are the moving ones.

    Shapes: any with a size along `axis` -> same;  gamma, beta, moving_mean, moving_variance (size,).

    axis: the axis of the features.
    center, scale: whether there is a beta, a gamma.
    renorm: batch renormalization (https://arxiv.org/abs/1702.03275): training, too, uses moving statistics,
        within `renorm_clipping`, a dict of rmax, rmin, dmax; they move by `renorm_momentum`.
    synchronized: nothing to do: inside jit the statistics are those of the whole batch, on however many devices.
    axis_name: of an enclosing vmap, pmap or shard_map, over which the statistics are taken as well.
    The statistics are computed in float32 at least; masked steps do not count.

    Source: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167

    >>> layer = BatchNormalization(momentum=0.5)
    >>> layer(jnp.array([[0.0], [2.0]]), training=True).round(2).tolist()
    [[-1.0], [1.0]]
    >>> layer.moving_mean.value.tolist()
    [0.5]
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None
    renorm: bool = False
    renorm_clipping: dict[str, float] | None = None
    renorm_momentum: float = 0.99
    synchronized: bool = False
    axis_name: Any = dataclasses.field(default=None, kw_only=True)

    supports_masking = True
    casts_params = False
    config_if_set = ("axis_name",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.axis, (list, tuple)) and len(self.axis) == 1:  # as Keras 2 wrote it
            self.axis = self.axis[0]
        if isinstance(self.axis, bool) or not hasattr(self.axis, "__index__"):
            raise TypeError(f"BatchNormalization: axis is the number of the axis of the features; got {self.axis!r}.")
        self.axis, self.momentum, self.epsilon = int(self.axis), as_float(self.momentum), as_float(self.epsilon)
        self.tiny = config.epsilon()
        if self.renorm:
            self.renorm_clipping = check_clipping(self.renorm_clipping)

    def param_shapes(self, x: Any) -> Shapes:
        return affine_shapes(self, (x.shape[check_axis(self, x, self.axis)],))

    def state_shapes(self, x: Any) -> Shapes:
        names = (
            "moving_mean",
            "moving_variance",
            *(("moving_stddev", "renorm_mean", "renorm_stddev") if self.renorm else ()),
        )
        return dict.fromkeys(names, (x.shape[check_axis(self, x, self.axis)],))

    def _fill(self, rng: Any, name: str, shape: Any) -> Any:
        if name.endswith("stddev"):
            return jnp.sqrt(super()._fill(rng, "moving_variance", shape))
        return super()._fill(rng, "moving_mean" if name == "renorm_mean" else name, shape)

    def call(self, x: Any, *, params: Any, state: Any, training: bool, mask: Any) -> Any:
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        gamma, beta = (params[n].astype(x.dtype) if n in params else None for n in ("gamma", "beta"))
        if training and self.trainable:
            mean, variance = self.moments(x, mask)
            if self.renorm:
                gamma, beta = self.renormed(gamma, beta, mean, variance, state)
            state = self.moved(state, mean, variance)
        else:
            mean, variance = state["moving_mean"].astype(x.dtype), state["moving_variance"].astype(x.dtype)
        y = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return y.astype(self.compute_dtype), state

    def moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and variance of each feature over everything else that is not masked."""
        if mask is not None:
            if mask.ndim != x.ndim - 1:
                raise ValueError(
                    f"{self!r} takes a mask of one axis less than its inputs; got {shown(mask.shape)} for "
                    f"{shown(x.shape)}."
                )
            mask = jnp.broadcast_to(mask[..., None], x.shape).astype(bool)
        axes = [i for i in range(x.ndim) if i != self.axis % x.ndim]

        def mean(v: Any) -> Any:
            if mask is None:
                m = jnp.mean(v, axes, keepdims=True)
                return m if self.axis_name is None else jax.lax.pmean(m, self.axis_name)
            sums = jnp.sum(jnp.where(mask, v, 0), axes, keepdims=True), jnp.sum(mask, axes, v.dtype, keepdims=True)
            total, count = sums if self.axis_name is None else jax.lax.psum(sums, self.axis_name)
            return total / (count + self.tiny)

        m = mean(x)
        return jnp.squeeze(m, axes), jnp.squeeze(mean(jnp.square(x - m)), axes)

    def moved(self, state: Any, mean: Any, variance: Any) -> Any:
        """The state after a batch with this mean and variance."""

        def follow(name: str, value: Any, momentum: float) -> Any:
            return state[name].astype(value.dtype) * momentum + value * (1.0 - momentum)

        new = {"moving_mean": follow("moving_mean", mean, self.momentum)}
        if self.renorm:
            stddev = jnp.sqrt(variance + self.epsilon)
            new["renorm_mean"] = follow("renorm_mean", mean, self.renorm_momentum)
            new["renorm_stddev"] = follow("renorm_stddev", stddev, self.renorm_momentum)
            new["moving_stddev"] = follow("moving_stddev", stddev, self.momentum)
            new["moving_variance"] = jax.nn.relu(jnp.square(new["moving_stddev"]) - self.epsilon)
        else:
            new["moving_variance"] = follow("moving_variance", variance, self.momentum)
        return {**state, **{n: v.astype(state[n].dtype) for n, v in new.items()}}

    def renormed(self, gamma: Any, beta: Any, mean: Any, variance: Any, state: Any) -> tuple[Any, Any]:
        """gamma and beta that carry batch statistics over to moving ones."""
        clip = self.renorm_clipping or {}
        root = jnp.sqrt(jnp.asarray(self.epsilon, mean.dtype))
        stddev = jnp.maximum(state["renorm_stddev"].astype(mean.dtype), root)
        r = jnp.clip(jnp.sqrt(variance + self.epsilon) / stddev, clip.get("rmin"), clip.get("rmax"))
        d = (mean - state["renorm_mean"].astype(mean.dtype)) / stddev
        d = d if clip.get("dmax") is None else jnp.clip(d, -clip["dmax"], clip["dmax"])
        r, d = jax.lax.stop_gradient((r, d))
        shift = d if gamma is None else d * gamma
        return (r if gamma is None else r * gamma), (shift if beta is None else shift + beta)


def check_clipping(clipping: dict[str, float] | None) -> dict[str, float]:
    """The setting `renorm_clipping` as a dict; refuses limits that contradict each other."""
    clipping = clipping or {}
    if strange := sorted(set(clipping) - {"rmax", "rmin", "dmax"}):
        raise ValueError(
            f"BatchNormalization: renorm_clipping has the keys rmax, rmin and dmax; got {', '.join(strange)}."
        )
    rmin, rmax, dmax = (clipping.get(k) for k in ("rmin", "rmax", "dmax"))
    if (rmin is not None and rmax is not None and rmax < rmin) or (dmax is not None and dmax < 0):
        raise ValueError(f"BatchNormalization: renorm_clipping needs rmin <= rmax and dmax >= 0; got {clipping}.")
    return clipping
