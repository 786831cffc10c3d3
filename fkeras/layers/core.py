"""Dense, Activation, Dropout's plain neighbours: layers that do one obvious thing."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp

from .. import activations
from ..layer import Layer, Shapes
from .settings import Activation as ActivationSetting
from .settings import Constraint, Initializer, Regularizer, check_positive, refuse_quantization


class Dense(Layer):
    """y = activation(x @ kernel + bias), over the last axis.

    Shapes: (..., n) -> (..., units);  kernel (n, units), bias (units,).

    units: size of the output.
    lora_rank, lora_alpha: rank r > 0 freezes the kernel and trains
        kernel + (alpha / r) a @ b in its place (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

    >>> import jax
    >>> dense = Dense(2, kernel_initializer="ones")
    >>> params, state = dense.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> dense.apply(params, state, jnp.array([[1.0, 2.0, 3.0]]))[0].tolist()
    [[6.0, 6.0]]
    """

    units: int
    activation: ActivationSetting = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    quantization_config: Any = None

    supports_masking = True
    rank: ClassVar[Any] = (2, None)
    config_if_set = ("lora_rank", "lora_alpha")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "units")
        refuse_quantization(self)

    def param_shapes(self, x: Any) -> Shapes:
        bias = {"bias": (self.units,)} if self.use_bias else {}
        return {"kernel": (x.shape[-1], self.units), **bias}

    def call(self, x: Any, *, params: Any) -> Any:
        y = jnp.matmul(x, params["kernel"])
        if self.use_bias:
            y = y + params["bias"]
        return self.activation(y)
