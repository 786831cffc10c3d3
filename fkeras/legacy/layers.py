"""Layers of Keras 1 and 2 that have no class of their own today."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import convolve
from ..layer import Layer, LayerType, Shapes, shown
from ..layers import (
    GRU,
    LSTM,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Dense,
    ReLU,
    SeparableConv2D,
    merging,
)
from ..layers.layout import space
from ..layers.settings import Activation, Constraint, Initializer, Regularizer, check_positive
from .rules import square
from .telling import gone, tell

# --- other names -----------------------------------------------------------------------------


class _Convolution(LayerType):
    """Makes `Convolution2D(32, 3, 3)` the convolution with a kernel (3, 3) that it was in Keras 1."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        own = [c for c in cls.__mro__ if isinstance(c, _Convolution)]
        rank = cls.ndim  # type: ignore[attr-defined]
        args, kwargs = square(cls.__name__, rank, args, kwargs)
        made = cls.__mro__[1] if cls is own[-1] else cls  # the plain class, unless a subclass of a script
        return LayerType.__call__(made, *args, **kwargs)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__mro__[1]) if cls.__module__ == __name__ else super().__instancecheck__(x)


class Convolution2D(Conv2D, metaclass=_Convolution):
    """`Conv2D`, which also reads the sides of its kernel one by one: `Convolution2D(32, 3, 3)`.

    >>> Convolution2D(32, (3, 3))
    Conv2D(filters=32, kernel_size=(3, 3))
    """


class Convolution3D(Conv3D, metaclass=_Convolution):
    """`Conv3D`, which also reads the sides of its kernel one by one: `Convolution3D(8, 3, 3, 3)`.

    >>> Convolution3D(8, 3)
    Conv3D(filters=8, kernel_size=(3, 3, 3))
    """


class SeparableConvolution2D(SeparableConv2D, metaclass=_Convolution):
    """`SeparableConv2D`, which also reads the sides of its kernel one by one.

    >>> SeparableConvolution2D(8, 3)
    SeparableConv2D(filters=8, kernel_size=(3, 3))
    """


def AtrousConvolution1D(*args: Any, **kwargs: Any) -> Conv1D:
    """`Conv1D(dilation_rate=...)`."""
    tell("AtrousConvolution1D", "write Conv1D(..., dilation_rate=...).")
    return Conv1D(*args, **kwargs)


def AtrousConvolution2D(*args: Any, **kwargs: Any) -> Conv2D:
    """`Conv2D(dilation_rate=...)`."""
    tell("AtrousConvolution2D", "write Conv2D(..., dilation_rate=...).")
    return Convolution2D(*args, **kwargs)


class Aimed(Layer):
    """A transposed convolution that is told the shape of its outputs, as in Keras 1.

    aim: that shape; None where a size follows from the settings.
    """

    aim: Any = None

    def call(self, x: Any, *, params: Any) -> Any:
        slides, axes = self.slides(), space(self)  # type: ignore[attr-defined]
        more = []
        for axis, k, s in zip(axes, self.kernel_size, slides["strides"], strict=True):  # type: ignore[attr-defined]
            least = (x.shape[axis] - 1) * s + (k if self.padding == "valid" else k % 2)  # type: ignore[attr-defined]
            more.append(None if self.aim[axis] is None else self.aim[axis] - least)
        if any(m is not None and not 0 <= m < s for m, s in zip(more, slides["strides"], strict=True)):
            raise ValueError(
                f"{type(self).__name__}: from inputs of shape {shown(x.shape)} with kernel_size={self.kernel_size}, "  # type: ignore[attr-defined]
                f"strides={slides['strides']} and padding={self.padding!r} no output of shape {self.aim} can come; "  # type: ignore[attr-defined]
                "leave output_shape out."
            )
        more = None if None in more else tuple(more)
        y = convolve.conv_transpose(x, params["kernel"], output_padding=more, **slides)
        return self.finish(y, params)  # type: ignore[attr-defined]


class AimedConv2DTranspose(Aimed, Conv2DTranspose):
    """`Conv2DTranspose` to a shape."""


class AimedConv3DTranspose(Aimed, Conv3DTranspose):
    """`Conv3DTranspose` to a shape."""


def deconvolution(name: str, rank: int, plain: Any, aimed: Any, args: Any, kwargs: Any) -> Any:
    """A transposed convolution as Keras 1 wrote it: filters, the sides of the kernel, the shape of the output."""
    tell(name, f"write {plain.__name__}(filters, kernel_size, ...).")
    aim = kwargs.pop("output_shape", args[1 + rank] if len(args) > 1 + rank else None)
    args, kwargs = square(name, rank, args[: 1 + rank], kwargs)
    found = plain(*args, **kwargs)
    if aim is None or not any(isinstance(aim[axis], int) for axis in space(found)):
        return found
    return aimed(*args, **kwargs, aim=tuple(aim))


def Deconvolution2D(*args: Any, **kwargs: Any) -> Conv2DTranspose:
    """`Conv2DTranspose`; the fourth argument is the shape of the output."""
    return deconvolution("Deconvolution2D", 2, Conv2DTranspose, AimedConv2DTranspose, args, kwargs)


def Deconvolution3D(*args: Any, **kwargs: Any) -> Conv3DTranspose:
    """`Conv3DTranspose`; the fifth argument is the shape of the output."""
    return deconvolution("Deconvolution3D", 3, Conv3DTranspose, AimedConv3DTranspose, args, kwargs)


def CuDNNLSTM(units: int, **kwargs: Any) -> LSTM:
    """`LSTM`: its defaults are those of this layer, and it is fast on every device.

    >>> CuDNNLSTM(3).recurrent_activation.__name__
    'sigmoid'
    """
    tell("CuDNNLSTM", "write LSTM(...).")
    return LSTM(units, **kwargs)


def CuDNNGRU(units: int, **kwargs: Any) -> GRU:
    """`GRU`: its defaults are those of this layer, and it is fast on every device.

    >>> CuDNNGRU(3).reset_after
    True
    """
    tell("CuDNNGRU", "write GRU(...).")
    return GRU(units, **kwargs)


def TimeDistributedDense(output_dim: int, **kwargs: Any) -> Dense:
    """`Dense`, which works on the last axis of any input."""
    tell("TimeDistributedDense", "write Dense(...).")
    return Dense(output_dim, **kwargs)


def ThresholdedReLU(theta: float = 1.0, **kwargs: Any) -> ReLU:
    """x above theta, zero below.

    >>> ThresholdedReLU(1.0)(jnp.array([0.5, 2.0])).tolist()
    [0.0, 2.0]
    """
    tell("ThresholdedReLU", "write ReLU(threshold=...).")
    return ReLU(threshold=theta, **kwargs)


# --- layers with weights -----------------------------------------------------------------------


class MaxoutDense(Layer):
    """The largest of several affine maps: y = max_k(x @ kernel[k] + bias[k]).

    Shapes: (batch, n) -> (batch, units);  kernel (nb_feature, n, units), bias (nb_feature, units).

    Source: Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389

    >>> MaxoutDense(2, nb_feature=3)(jnp.ones((4, 5))).shape
    (4, 2)
    """

    units: int
    nb_feature: int = 4
    kernel_initializer: Initializer = "glorot_uniform"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    use_bias: bool = True

    rank: ClassVar[Any] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "units", "nb_feature")
        self.bias_initializer = "zeros"

    def param_shapes(self, x: Any) -> Shapes:
        bias = {"bias": (self.nb_feature, self.units)} if self.use_bias else {}
        return {"kernel": (self.nb_feature, x.shape[-1], self.units), **bias}

    def call(self, x: Any, *, params: Any) -> Any:
        y = jnp.einsum("bn,knu->bku", x, params["kernel"])
        return jnp.max(y + params["bias"] if self.use_bias else y, axis=1)


class Highway(Layer):
    """t * activation(x @ kernel + bias) + (1 - t) * x with t = sigmoid(x @ carry_kernel + carry_bias).

    Shapes: (batch, n) -> same;  kernel, carry_kernel (n, n), bias, carry_bias (n,).

    transform_bias: the first value of carry_bias; below zero, the layer begins near the identity.

    Source: Srivastava et al. 2015, https://arxiv.org/abs/1505.00387

    >>> Highway(activation="relu")(jnp.ones((4, 5))).shape
    (4, 5)
    """

    kernel_initializer: Initializer = "glorot_uniform"
    transform_bias: float = -2
    activation: Activation = None
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    use_bias: bool = True

    rank: ClassVar[Any] = 2

    def _setting(self, weight: str, kind: str) -> Any:
        if kind == "initializer" and weight.endswith("bias"):
            return jax.nn.initializers.constant(self.transform_bias if weight == "carry_bias" else 0.0)
        return super()._setting(weight.removeprefix("carry_"), kind)

    def param_shapes(self, x: Any) -> Shapes:
        n = x.shape[-1]
        biases = {"bias": (n,), "carry_bias": (n,)} if self.use_bias else {}
        return {"kernel": (n, n), "carry_kernel": (n, n), **biases}

    def call(self, x: Any, *, params: Any) -> Any:
        y, t = x @ params["kernel"], x @ params["carry_kernel"]
        if self.use_bias:
            y, t = y + params["bias"], t + params["carry_bias"]
        t = jax.nn.sigmoid(t)
        return t * self.activation(y) + (1 - t) * x


# --- merging -------------------------------------------------------------------------------------

MODES = {
    "sum": merging.Add, "mul": merging.Multiply, "ave": merging.Average, "max": merging.Maximum, "min": merging.Minimum,
    "concat": merging.Concatenate, "dot": merging.Dot, "cos": merging.Dot,
}  # fmt: skip


def merger(mode: Any, concat_axis: int, dot_axes: Any, **kwargs: Any) -> Any:
    """The layer that merges in one of the modes of Keras 1; a function is one, too."""
    if callable(mode):
        return mode
    if mode not in MODES:
        raise ValueError(f"merge: mode is one of {', '.join(MODES)}, or a function of a list; got {mode!r}.")
    tell(f"merge(mode={mode!r})", f"write {MODES[mode].__name__}(...)([a, b]).")
    own: dict[str, Any] = {"concat": {"axis": concat_axis}, "dot": {"axes": dot_axes}}.get(mode, {})
    own = {"axes": dot_axes, "normalize": True} if mode == "cos" else own
    return MODES[mode](**own, **kwargs)


def merge(
    inputs: Any, mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1, output_shape: Any = None,
    output_mask: Any = None, arguments: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Several symbols as one: "sum", "mul", "concat", "ave", "max", "dot", "cos", or a function of the list.

    >>> merge([jnp.ones((1, 2)), jnp.ones((1, 3))], mode="concat").shape
    (1, 5)
    """
    found = merger(mode, concat_axis, dot_axes, name=name)
    if not callable(mode):
        return found(inputs)
    made = found(inputs, **(arguments or {}))
    return made[0] if isinstance(made, list) and len(made) == 1 else made


class Merge(Layer):
    """Branches side by side, each with an input of its own, merged: the first layer of a Sequential in Keras 1.

    layers: the branches, models or layers; mode, concat_axis, dot_axes: see `merge`.

    >>> from fkeras.models import Sequential
    >>> branches = [Sequential([Dense(2, input_dim=3)]), Sequential([Dense(2, input_dim=4)])]
    >>> model = Sequential([Merge(branches, mode="concat"), Dense(1)])
    >>> model([jnp.ones((5, 3)), jnp.ones((5, 4))]).shape
    (5, 1)
    """

    layers: Any
    mode: Any = "sum"
    concat_axis: int = -1
    dot_axes: Any = -1
    output_shape: Any = None
    arguments: Any = None

    is_bound: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.merger = merger(self.mode, self.concat_axis, self.dot_axes)

    def call(self, xs: Any) -> Any:
        if len(xs) != len(self.layers):
            raise ValueError(f"Merge has {len(self.layers)} branches; got {len(xs)} inputs.")
        ys = [branch(x) for branch, x in zip(self.layers, xs, strict=True)]
        return self.merger(ys, **(self.arguments or {})) if callable(self.mode) else self.merger(ys)

    def _known_specs(self) -> Any:
        known = [branch._known_specs() for branch in self.layers]
        return None if None in known else (([args[0] for args, _ in known],), {})


ABSENT = {
    name: gone(name, "this layer of Keras 1 has no successor; write it as a Layer with a `call`.")
    for name in ("ParametricSoftplus", "SReLU", "SimpleDeepRNN", "JZS1", "JZS2", "JZS3", "AutoEncoder", "Siamese")
}
