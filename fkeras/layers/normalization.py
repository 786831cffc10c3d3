"""Layers that take means and variances out: over the batch, the features, or groups of them."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import config, initializers, ops, random, storey
from ..layer import Layer, Shapes, shown
from .settings import Constraint, Initializer, Regularizer, check_positive
from .wrappers import Wrapper


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
        self.axis, self.momentum, self.epsilon = int(self.axis), float(self.momentum), float(self.epsilon)
        self.tiny = config.epsilon()
        if self.renorm:
            self.renorm_clipping = check_clipping(self.renorm_clipping)

    def param_shapes(self, x: Any) -> Shapes:
        return affine_shapes(self, (x.shape[check_axis(self, x, self.axis)],))

    def state_shapes(self, x: Any) -> Shapes:
        names = ("moving_mean", "moving_variance", *(("moving_stddev", "renorm_mean", "renorm_stddev") if self.renorm else ()))
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
                raise ValueError(f"{self!r} takes a mask of one axis less than its inputs; got {shown(mask.shape)} for {shown(x.shape)}.")
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
        y = ops.layer_normalization(x, params.get("gamma"), params.get("beta"), self.axis, self.epsilon, rms_scaling=self.rms_scaling)
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
            raise ValueError(f"{self!r} cannot make {self.groups} equal groups of {n} features; the inputs have shape {shown(x.shape)}.")
        return affine_shapes(self, (n,))

    def call(self, x: Any, *, params: Any) -> Any:
        axis = self.axis % x.ndim
        groups = x.shape[axis] if self.groups == -1 else self.groups
        part = (groups, x.shape[axis] // groups)
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32)).reshape(*x.shape[:axis], *part, *x.shape[axis + 1 :])
        axes = [i for i in range(1, wide.ndim) if i != axis]
        gamma, beta = (params[n].reshape(*part, *[1] * (x.ndim - axis - 1)) if n in params else None for n in ("gamma", "beta"))
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

    >>> UnitNormalization()(jnp.array([[3.0, 4.0], [0.0, 0.0]])).round(2).tolist()
    [[0.6..., 0.8...], [0.0, 0.0]]
    """

    axis: Any = -1

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_axes(self)

    def call(self, x: Any) -> Any:
        sizes_along(self, x)
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(x, axis, 2, 1e-12)


class SpectralNormalization(Wrapper):
    """A layer whose kernel is divided by its largest singular value while training.

    u and v follow the singular vectors by power iteration: v ~ u Wᵀ, u ~ v W;  W / (v W uᵀ).

    Shapes: those of the layer;  vector_u (1, size of the last axis of the kernel).

    layer: one with a kernel, or with embeddings.
    power_iterations: steps of the iteration for each batch.
    The stored kernel stays what the optimizer makes of it; without training the layer computes with it.

    Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957

    >>> from fkeras.layers import Dense
    >>> SpectralNormalization(Dense(2))(jnp.ones((1, 3))).shape
    (1, 2)
    """

    power_iterations: int = 1

    is_bound = False
    vector_u_initializer: ClassVar[Any] = initializers.TruncatedNormal(stddev=0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "power_iterations")

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        params, state = super().init(rng, *inputs, **kwargs)
        weights, inner = self.layer.init(random.fold(rng, "layer"), *inputs, **kwargs)
        kernel = weights.get("kernel", weights.get("embeddings"))
        if kernel is None:
            raise ValueError(f"{self!r} wraps a layer that trains neither a kernel nor embeddings; it has {sorted(weights)}.")
        self._face.declared = {"vector_u": storey.Declared(False)}
        state["vector_u"] = self._fill(rng, "vector_u", jax.ShapeDtypeStruct((1, kernel.shape[-1]), kernel.dtype))
        return {**params, "layer": weights}, {**state, "layer": inner} if inner else state

    def call(self, x: Any, *, params: Any, state: Any, rng: Any, training: bool) -> Any:
        weights = params["layer"]
        if training:
            name = "kernel" if "kernel" in weights else "embeddings"
            kernel, u = self.normalized(weights[name], state["vector_u"])
            weights, state = {**weights, name: kernel}, {**state, "vector_u": u}
        y, inner = self.layer.apply(weights, state.get("layer", {}), x, rng=rng, training=training)
        y = y.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else y
        return y, {**state, "layer": inner} if inner else state

    def _in_order(self, entries: list[Any]) -> list[Any]:
        """The kernel, which this layer counts as its own, and u before all others."""
        first = [("layer", "kernel"), ("layer", "embeddings"), ("vector_u",)]
        return sorted(entries, key=lambda e: first.index(e[2]) if e[2] in first else len(first))

    def normalized(self, kernel: Any, u: Any) -> tuple[Any, Any]:
        """The kernel over its largest singular value, and the next u; a kernel of zeros stays."""
        flat, before = kernel.reshape(-1, kernel.shape[-1]), u
        for _ in range(self.power_iterations):
            v = ops.normalize(u @ flat.T, axis=None)
            u = ops.normalize(v @ flat, axis=None)
        u, v = jax.lax.stop_gradient((u, v))
        zero = jnp.all(flat == 0)
        sigma = jnp.where(zero, 1, (v @ flat @ u.T)[0, 0])
        return kernel / sigma, jnp.where(zero, before, u).astype(before.dtype)


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
        raise ValueError(f"{layer!r}: axis {axis} is none that inputs of shape {shown(x.shape)} have{' behind the batch' if least else ''}.")
    return axis % rank


def check_axes(layer: Any) -> None:
    """Refuses a setting `axis` that is neither a number nor a list of them; a tuple becomes a list."""
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if not axes or not all(isinstance(a, int) and not isinstance(a, bool) for a in axes):
        raise TypeError(f"{type(layer).__name__}: axis is a number or a list of numbers; got {layer.axis!r}.")
    if isinstance(layer.axis, tuple):
        layer.axis = list(layer.axis)


def check_clipping(clipping: dict[str, float] | None) -> dict[str, float]:
    """The setting `renorm_clipping` as a dict; refuses limits that contradict each other."""
    clipping = clipping or {}
    if strange := sorted(set(clipping) - {"rmax", "rmin", "dmax"}):
        raise ValueError(f"BatchNormalization: renorm_clipping has the keys rmax, rmin and dmax; got {', '.join(strange)}.")
    rmin, rmax, dmax = (clipping.get(k) for k in ("rmin", "rmax", "dmax"))
    if (rmin is not None and rmax is not None and rmax < rmin) or (dmax is not None and dmax < 0):
        raise ValueError(f"BatchNormalization: renorm_clipping needs rmin <= rmax and dmax >= 0; got {clipping}.")
    return clipping
