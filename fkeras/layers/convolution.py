"""Convolutions: a kernel slides over one, two or three spatial axes."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from .. import convolve
from ..layer import Layer, Shapes, shown
from .layout import beside_channels, channels, check_fit, check_padding, check_window, data_format
from .lora import LoRA
from .settings import Activation, Constraint, Initializer, Regularizer, check_positive


class _Convolution(Layer):
    """What every convolution shares: checks, the bias, the activation."""

    ndim: ClassVar[int]
    counts: ClassVar[tuple[str, ...]] = ("filters",)
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    follows = {"activity_regularizer": "bias_regularizer"}
    config_always = ("activity_regularizer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, *self.counts)
        check_window(self, "kernel_size")
        check_padding(self, *self.paddings)

    @property
    def rank(self) -> int:  # type: ignore[override]
        return self.ndim + 2

    def exclude_strided_dilation(self: Any) -> None:
        """Refuses strides together with dilation."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: strides above 1 and dilation_rate above 1 exclude each other; "
                f"got strides={self.strides} and dilation_rate={self.dilation_rate}."
            )

    def slides(self: Any) -> dict[str, Any]:
        """How the kernel slides, in the words of `fkeras.convolve`."""
        return {
            "strides": self.strides, "padding": self.padding,
            "data_format": self.data_format, "dilation_rate": self.dilation_rate,
        }  # fmt: skip

    def check_fit(self: Any, x: Any) -> None:
        """Refuses inputs that are smaller than the kernel."""
        check_fit(self, x, convolve.extents_of(self.kernel_size, self.dilation_rate))

    def with_bias(self: Any, shapes: Shapes, outputs: int) -> Shapes:
        """The shapes of the kernels, and that of a bias if there is one."""
        return {**shapes, "bias": (outputs,)} if self.use_bias else shapes

    def finish(self: Any, y: Any, params: Any) -> Any:
        """activation(y + bias)."""
        return self.activation(y + beside_channels(self, params["bias"]) if self.use_bias else y)


class _Conv(LoRA, _Convolution):
    """activation(conv(x, kernel) + bias), over `ndim` spatial axes."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = data_format()
    dilation_rate: Any = 1
    groups: int = 1
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    lora_rank: int | None = dataclasses.field(default=None, kw_only=True)
    lora_alpha: float | None = dataclasses.field(default=None, kw_only=True)

    counts = ("filters", "groups")
    config_if_set = ("lora_rank", "lora_alpha")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lora()
        self.exclude_strided_dilation()
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters must be a multiple of groups; "
                f"got filters={self.filters} and groups={self.groups}."
            )

    def weight_shapes(self, x: Any) -> Shapes:
        have = channels(self, x)
        if isinstance(have, int) and have % self.groups:
            raise ValueError(
                f"{self!r} splits the channels into {self.groups} groups; inputs of shape {shown(x.shape)} have {have} "
                f"channels ({self.data_format}), which is no multiple of it."
            )
        self.check_fit(x)
        return self.with_bias({"kernel": (*self.kernel_size, have and have // self.groups, self.filters)}, self.filters)

    def slides(self) -> dict[str, Any]:
        found = super().slides()
        if self.padding == "causal":
            found["padding"] = (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)
        return found

    def call(self, x: Any, *, params: Any, state: Any) -> Any:
        y = convolve.conv(x, self._weight(params, state), **self.slides())
        return self.finish(y, params), state


class Conv1D(_Conv, names=("Convolution1D",)):
    """activation(conv(x, kernel) + bias) over one axis, of steps in time for example.

    Shapes: (batch, steps, channels) -> (batch, new steps, filters);  kernel (window, channels / groups, filters);
        (batch, channels, steps) -> (batch, filters, new steps) with data_format="channels_first".

    padding: "valid", "same", or "causal": zeros only before the first step, so that no output sees a later input.
    dilation_rate: steps between the taps of the kernel; not together with strides.
    groups: into how many the channels are split, each with filters of its own.
    lora_rank, lora_alpha: see `Dense`.

    Source: WaveNet, https://arxiv.org/abs/1609.03499

    >>> import jax.numpy as jnp
    >>> layer = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(jnp.array([[[1.0], [2.0], [3.0]]])).tolist()
    [[[1.0], [3.0], [5.0]]]
    """

    ndim = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv, names=("Convolution2D",)):
    """activation(conv(x, kernel) + bias) over two axes: those of an image.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, filters);
        kernel (*kernel_size, channels / groups, filters);  channels second with data_format="channels_first".

    dilation_rate, groups, lora_rank, lora_alpha: see `Conv1D`.

    >>> import jax.numpy as jnp
    >>> Conv2D(8, 3, strides=2, padding="same")(jnp.ones((1, 28, 28, 3))).shape
    (1, 14, 14, 8)
    """

    strides: Any = (1, 1)
    dilation_rate: Any = (1, 1)
    ndim = 2


class Conv3D(_Conv, names=("Convolution3D",)):
    """activation(conv(x, kernel) + bias) over three axes: those of a volume, or of a film.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, filters);
        kernel (*kernel_size, channels / groups, filters);  channels second with data_format="channels_first".

    dilation_rate, groups, lora_rank, lora_alpha: see `Conv1D`.

    >>> import jax.numpy as jnp
    >>> Conv3D(2, (1, 3, 3))(jnp.ones((1, 4, 8, 8, 1))).shape
    (1, 4, 6, 6, 2)
    """

    strides: Any = (1, 1, 1)
    dilation_rate: Any = (1, 1, 1)
    ndim = 3


class _DepthwiseConv(_Convolution):
    """Every channel convolved by itself, with `depth_multiplier` kernels."""

    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    depth_multiplier: int = 1
    data_format: str | None = data_format()
    dilation_rate: Any = 1
    activation: Activation = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None
    bias_constraint: Constraint = None

    counts = ("depth_multiplier",)

    def _setting(self, weight: str, kind: str) -> Any:
        """The settings of the kernel are called `depthwise_*`."""
        return super()._setting("depthwise" if weight == "kernel" else weight, kind)

    def param_shapes(self, x: Any) -> Shapes:
        self.check_fit(x)
        have = channels(self, x)
        kernel = {"kernel": (*self.kernel_size, have, self.depth_multiplier)}
        return self.with_bias(kernel, have and have * self.depth_multiplier)

    def call(self, x: Any, *, params: Any) -> Any:
        return self.finish(convolve.depthwise_conv(x, params["kernel"], **self.slides()), params)


class DepthwiseConv1D(_DepthwiseConv):
    """Each channel convolved by itself over one axis, then a bias and an activation.

    Shapes: (batch, steps, channels) -> (batch, new steps, channels * depth_multiplier);
        kernel (window, channels, depth_multiplier);  channels second with data_format="channels_first".

    depth_multiplier: how many kernels each channel has.

    >>> import jax.numpy as jnp
    >>> layer = DepthwiseConv1D(2, depthwise_initializer="ones")
    >>> layer(jnp.array([[[1.0, 10.0], [2.0, 20.0]]])).tolist()
    [[[3.0, 30.0]]]
    """

    ndim = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Each channel convolved by itself over two axes, then a bias and an activation.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, channels * depth_multiplier);
        kernel (*kernel_size, channels, depth_multiplier);  channels second with data_format="channels_first".

    depth_multiplier: how many kernels each channel has.

    Source: https://arxiv.org/abs/1704.04861

    >>> import jax.numpy as jnp
    >>> DepthwiseConv2D(3, depth_multiplier=2)(jnp.ones((1, 8, 8, 4))).shape
    (1, 6, 6, 8)
    """

    strides: Any = (1, 1)
    dilation_rate: Any = (1, 1)
    ndim = 2


class _SeparableConv(_Convolution):
    """A depthwise convolution, then a 1x1 convolution that mixes the channels."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = data_format()
    dilation_rate: Any = 1
    depth_multiplier: int = 1
    activation: Activation = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    pointwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer = None
    pointwise_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None
    pointwise_constraint: Constraint = None
    bias_constraint: Constraint = None

    counts = ("filters", "depth_multiplier")

    def param_shapes(self, x: Any) -> Shapes:
        self.check_fit(x)
        have = channels(self, x)
        depthwise = (*self.kernel_size, have, self.depth_multiplier)
        pointwise = (*(1,) * self.ndim, have and have * self.depth_multiplier, self.filters)
        return self.with_bias({"depthwise_kernel": depthwise, "pointwise_kernel": pointwise}, self.filters)

    def call(self, x: Any, *, params: Any) -> Any:
        y = convolve.separable_conv(x, params["depthwise_kernel"], params["pointwise_kernel"], **self.slides())
        return self.finish(y, params)


class SeparableConv1D(_SeparableConv, names=("SeparableConvolution1D",)):
    """Each channel convolved by itself over one axis, then a product that mixes the channels, a bias, an activation.

    Shapes: (batch, steps, channels) -> (batch, new steps, filters);
        depthwise_kernel (window, channels, depth_multiplier),
        pointwise_kernel (1, channels * depth_multiplier, filters).

    depth_multiplier: how many kernels each channel has.

    >>> import jax.numpy as jnp
    >>> SeparableConv1D(5, 3)(jnp.ones((1, 8, 2))).shape
    (1, 6, 5)
    """

    ndim = 1


class SeparableConv2D(_SeparableConv, names=("SeparableConvolution2D",)):
    """Each channel convolved by itself over two axes, then a product that mixes the channels, a bias, an activation.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, filters);
        depthwise_kernel (*kernel_size, channels, depth_multiplier),
        pointwise_kernel (1, 1, channels * depth_multiplier, filters).

    depth_multiplier: how many kernels each channel has.

    Source: Xception, https://arxiv.org/abs/1610.02357

    >>> import jax.numpy as jnp
    >>> SeparableConv2D(5, 3)(jnp.ones((1, 8, 8, 2))).shape
    (1, 6, 6, 5)
    """

    strides: Any = (1, 1)
    dilation_rate: Any = (1, 1)
    ndim = 2


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
