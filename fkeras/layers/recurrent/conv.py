"""`ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`: memories whose products are convolutions."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import convolve
from ...layer import Shapes
from ...spec import SDS
from ..layout import beside_channels, channels, check_fit, check_padding, check_window, data_format
from ..settings import Activation, Constraint, Initializer, Regularizer, check_positive
from .cell import Carry, Values, check_noise, dropped
from .lstm import _LSTMCell
from .rnn import Recurrent


@dataclasses.dataclass(eq=False, repr=False)
class ConvLSTMSettings:
    """The settings that the layers and their cell share."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = data_format()
    dilation_rate: Any = 1
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None


class ConvLSTMCell(ConvLSTMSettings, _LSTMCell):
    """One step of `ConvLSTM1D`, `ConvLSTM2D` or `ConvLSTM3D`: that of `LSTMCell`, with convolutions for products.

    Shapes: x (b, *sizes, channels), states [h, c] each (b, *new sizes, filters) -> h', [h', c'].

    ndim: how many spatial axes there are.
    """

    _: dataclasses.KW_ONLY
    ndim: int = 2

    masks = 4
    rank = property(lambda self: self.ndim + 2)
    axis = property(lambda self: -1 if self.data_format == "channels_last" else -1 - self.ndim)
    state_size = property(lambda self: [self.filters, self.filters])

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(self)

    @classmethod
    def check(cls, layer: Any) -> None:
        check_positive(layer, "filters")
        check_window(layer, "kernel_size")
        check_padding(layer, "valid", "same")
        check_noise(layer)
        if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
            raise ValueError(
                f"{type(layer).__name__}: strides above 1 and dilation_rate above 1 exclude each other; "
                f"got strides={layer.strides} and dilation_rate={layer.dilation_rate}."
            )

    def param_shapes(self, x: Any, *_: Any) -> Shapes:
        gates = 4 * self.filters
        bias = {"bias": (gates,)} if self.use_bias else {}
        kernel = (*self.kernel_size, channels(self, x), gates)
        return {"kernel": kernel, "recurrent_kernel": (*self.kernel_size, self.filters, gates), **bias}

    def zeros(self, x: Any) -> Carry:
        if len(x.shape) != self.rank:
            raise ValueError(f"{self!r} needs to know the sizes of its inputs to make its first states.")
        check_fit(self, x, convolve.extents_of(self.kernel_size, self.dilation_rate))
        kernel = SDS((*self.kernel_size, channels(self, x), self.filters), jnp.dtype(self.compute_dtype))
        like = jax.eval_shape(self.convolve, SDS(tuple(x.shape), kernel.dtype), kernel)
        return [jnp.zeros(like.shape, like.dtype) for _ in range(2)]

    def convolve(self, x: Any, w: Any) -> Any:
        """The product of inputs with their weights."""
        return convolve.conv(x, w, self.strides, self.padding, self.data_format, self.dilation_rate)

    def across(self, h: Any, w: Any) -> Any:
        """The product of the first state with its weights."""
        return convolve.conv(h, w, 1, "same", self.data_format)

    def feed(self, params: Values, xs: Any) -> Any:
        z = self.folded(xs, lambda x: dropped(x, params["kernel"], params.get("keep"), self.convolve, self.axis))
        return z + beside_channels(self, params["bias"]) if self.use_bias else z

    def recur(self, params: Values, h: Any) -> Any:
        keep = params.get("recurrent_keep")
        return self.folded(h, lambda h: dropped(h, params["recurrent_kernel"], keep, self.across, self.axis))

    def folded(self, xs: Any, f: Any) -> Any:
        """f of inputs with any number of leading axes, laid into one batch."""
        lead = xs.shape[: -1 - self.ndim]
        if len(lead) == 1:
            return f(xs)
        y = f(xs.reshape(math.prod(lead), *xs.shape[len(lead) :]))
        return y.reshape(*lead, *y.shape[1:])


class _ConvLSTM(Recurrent, ConvLSTMSettings):
    """What the three layers share."""

    _: dataclasses.KW_ONLY
    zero_output_for_mask: bool = False

    cell_class = ConvLSTMCell
    ndim: ClassVar[int]
    rank = property(lambda self: self.ndim + 3)  # type: ignore[assignment]


class ConvLSTM1D(_ConvLSTM):
    """A long short-term memory whose inputs and states are rows: its products are convolutions.

    Shapes: (b, t, steps, channels) -> (b, new steps, filters), or (b, t, new steps, filters) with return_sequences;
        channels before steps with data_format="channels_first".

    The states keep their size (their convolution is padded), strides and padding are those of the inputs.
    The settings of the gates are those of `LSTM`, the others those of `RNN`; dropout differs between the gates.

    Source: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    >>> ConvLSTM1D(3, 2)(jnp.ones((2, 4, 5, 1))).shape
    (2, 4, 3)
    """

    ndim = 1


class ConvLSTM2D(_ConvLSTM):
    """A long short-term memory whose inputs and states are images: its products are convolutions.

    Shapes: (b, t, rows, cols, channels) -> (b, new rows, new cols, filters), or one for each of the t steps with
        return_sequences; channels before rows with data_format="channels_first".

    The states keep their size (their convolution is padded), strides and padding are those of the inputs.
    The settings of the gates are those of `LSTM`, the others those of `RNN`; dropout differs between the gates.

    Source: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    >>> ConvLSTM2D(3, 2, padding="same")(jnp.ones((2, 4, 5, 6, 1))).shape
    (2, 5, 6, 3)
    """

    ndim = 2


class ConvLSTM3D(_ConvLSTM):
    """A long short-term memory whose inputs and states are volumes: its products are convolutions.

    Shapes: (b, t, depth, rows, cols, channels) -> (b, new depth, new rows, new cols, filters), or one for each of the
        t steps with return_sequences; channels before depth with data_format="channels_first".

    The states keep their size (their convolution is padded), strides and padding are those of the inputs.
    The settings of the gates are those of `LSTM`, the others those of `RNN`; dropout differs between the gates.

    Source: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    >>> ConvLSTM3D(3, 2)(jnp.ones((2, 2, 4, 4, 4, 1))).shape
    (2, 3, 3, 3, 3)
    """

    ndim = 3
