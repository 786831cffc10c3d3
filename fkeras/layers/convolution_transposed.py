"""Transposed convolutions: the way back, from few positions to many."""

from __future__ import annotations

from typing import Any

from .. import convolve
from ..layer import Shapes
from .convolution import _Convolution
from .layout import channels, data_format
from .settings import Activation, Constraint, Initializer, Regularizer, as_tuple


class _ConvTranspose(_Convolution):
    """activation(conv_transpose(x, kernel) + bias), over `ndim` spatial axes."""

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    output_padding: Any = None
    data_format: str | None = data_format()
    dilation_rate: Any = 1
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.exclude_strided_dilation()
        if self.output_padding is None:
            return
        more = as_tuple(self, "output_padding", self.ndim, least=0)
        if any(m >= s for m, s in zip(more, self.strides, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: output_padding must stay below strides on every axis; "
                f"got output_padding={more} and strides={self.strides}."
            )

    def param_shapes(self, x: Any) -> Shapes:
        return self.with_bias({"kernel": (*self.kernel_size, self.filters, channels(self, x))}, self.filters)

    def call(self, x: Any, *, params: Any) -> Any:
        y = convolve.conv_transpose(x, params["kernel"], output_padding=self.output_padding, **self.slides())
        return self.finish(y, params)


class Conv1DTranspose(_ConvTranspose, names=("Convolution1DTranspose",)):
    """activation(transposed conv(x, kernel) + bias) over one axis.

    Shapes: (batch, steps, channels) -> (batch, new steps, filters);  kernel (window, filters, channels);
        new steps = steps * strides for padding="same".

    output_padding: by how much the outputs are longer than the least they could be; below strides.

    >>> import jax.numpy as jnp
    >>> layer = Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones")
    >>> layer(jnp.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    ndim = 1


class Conv2DTranspose(_ConvTranspose, names=("Convolution2DTranspose",)):
    """activation(transposed conv(x, kernel) + bias) over two axes.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, filters);
        kernel (*kernel_size, filters, channels);  new size = size * strides for padding="same".

    output_padding: by how much the outputs are larger than the least they could be; below strides.

    Source: https://arxiv.org/abs/1603.07285

    >>> import jax.numpy as jnp
    >>> Conv2DTranspose(4, 3, strides=2, padding="same")(jnp.ones((1, 7, 7, 8))).shape
    (1, 14, 14, 4)
    """

    strides: Any = (1, 1)
    dilation_rate: Any = (1, 1)
    ndim = 2


class Conv3DTranspose(_ConvTranspose, names=("Convolution3DTranspose",)):
    """activation(transposed conv(x, kernel) + bias) over three axes.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, filters);
        kernel (*kernel_size, filters, channels);  new size = size * strides for padding="same".

    output_padding: by how much the outputs are larger than the least they could be; below strides.

    >>> import jax.numpy as jnp
    >>> Conv3DTranspose(2, 2, strides=2)(jnp.ones((1, 3, 3, 3, 4))).shape
    (1, 6, 6, 6, 2)
    """

    strides: Any = (1, 1, 1)
    dilation_rate: Any = (1, 1, 1)
    follows = {"activity_regularizer": "bias_regularizer", "output_padding": "data_format"}  # Keras' own order
    ndim = 3


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
