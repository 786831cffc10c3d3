"""Dense, EinsumDense, Identity, Masking: the plainest layers."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import jax.numpy as jnp

from .. import product
from ..initializers import VarianceScaling
from ..layer import Layer, Shapes, shown
from .lora import LoRA
from .settings import Activation as ActivationSetting
from .settings import Constraint, Initializer, Regularizer, check_positive, refuse_quantization


class Dense(LoRA, Layer):
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

    follows = {"activity_regularizer": "bias_regularizer"}
    supports_masking = True
    rank: ClassVar[Any] = (2, None)
    config_if_set = ("lora_rank", "lora_alpha")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "units")
        refuse_quantization(self)
        self.check_lora()

    def weight_shapes(self, x: Any) -> Shapes:
        bias = {"bias": (self.units,)} if self.use_bias else {}
        return {"kernel": (x.shape[-1], self.units), **bias}

    def call(self, x: Any, *, params: Any, state: Any) -> Any:
        y = product.matmul(x, self._weight(params, state))
        if self.use_bias:
            y = y + params["bias"]
        return self.activation(y), state


class EinsumDense(LoRA, Layer):
    """y = activation(einsum(equation, x, kernel) + bias).

    Shapes: those of the equation, e.g. "abc,cd->abd": (a, b, c) -> (a, b, d), kernel (c, d).

    equation: `x,kernel->y`, with `...` at the start of x and y, or at their end, if need be.
    output_shape: sizes of y without the batch and without `...`; None for one that is that of the input.
    bias_axes: the axes of y that the bias has, "d" for example; None for no bias.

    Raises ValueError for an equation of another form, and where sizes disagree.

    >>> import jax
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 2), bias_axes="d", kernel_initializer="ones")
    >>> params, state = layer.init(jax.random.key(0), jnp.ones((1, 4, 3)))
    >>> layer.apply(params, state, jnp.ones((1, 4, 3)))[0].shape, params["bias"].shape
    ((1, 4, 2), (2,))
    """

    equation: str
    output_shape: Any
    activation: ActivationSetting = None
    bias_axes: str | None = None
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    gptq_unpacked_column_size: int | None = None
    quantization_config: Any = None

    config_always = ("activity_regularizer",)
    config_if_set = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = self.output_shape
        self.output_shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        if self.gptq_unpacked_column_size is not None:
            raise NotImplementedError(
                "EinsumDense: gptq_unpacked_column_size belongs to quantized layers, which are not supported."
            )
        refuse_quantization(self)
        self.check_lora()
        self.parts()

    def parts(self) -> tuple[str, str, str, str]:
        """(x, kernel, y, side): the axes that the equation names, and where it has dots."""
        form = r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?"
        found = re.fullmatch(form, self.equation.replace(" ", ""))
        if found is None or found[1] != found[5] or found[3] != found[7] or (found[1] and found[3]):
            raise ValueError(
                "EinsumDense: equation must read 'x,kernel->y', '...x,kernel->...y' or 'x...,kernel->y...', with "
                "letters for x, kernel and y; "
                f"got {self.equation!r}."
            )
        x, kernel, y = found[2], found[4], found[6]
        if strange := sorted({*kernel, *y} - {*x} - ({*y} & {*kernel})):
            raise ValueError(
                f"EinsumDense: in {self.equation!r} the axes {', '.join(strange)} stand in one place only, so their "
                "size is not known."
            )
        if strange := sorted({*(self.bias_axes or "")} - {*y}):
            raise ValueError(
                f"EinsumDense: bias_axes={self.bias_axes!r} names {', '.join(strange)}, which the output of "
                f"{self.equation!r} does not have."
            )
        return x, kernel, y, "left" if found[1] else "right" if found[3] else ""

    def sizes(self, x: Any) -> dict[str, Any]:
        """{axis: size} of every axis in the equation."""
        names, _, outs, side = self.parts()
        dots = len(x.shape) - len(names)
        if dots < 0 or (dots and not side):
            raise ValueError(
                f"{self!r} expects inputs with axes {names!r}{' and more' if side else ''}; got shape {shown(x.shape)}."
            )
        found = dict(zip(names, x.shape[dots:] if side == "left" else x.shape, strict=False))
        given = self.output_shape if side == "left" and dots else (None, *self.output_shape)
        if len(given) != len(outs):
            raise ValueError(
                f"{self!r}: output_shape has {len(self.output_shape)} sizes; the output axes {outs!r} need "
                f"{len(self.output_shape) + len(outs) - len(given)}."
            )
        for name, size in zip(outs, given, strict=True):
            have = found.get(name)
            if size is not None and isinstance(have, int) and have != size:
                raise ValueError(
                    f"{self!r}: axis {name!r} has size {have} in inputs of shape {shown(x.shape)}, and {size} in "
                    "output_shape."
                )
            if size is None and name not in found:
                raise ValueError(
                    f"{self!r}: output_shape must give a size for axis {name!r}, which the inputs do not have."
                )
            found[name] = size if have is None else have
        return found

    def weight_shapes(self, x: Any) -> Shapes:
        _, kernel, outs, side = self.parts()
        sizes = self.sizes(x)
        shapes = {"kernel": tuple(sizes[n] for n in kernel)}
        if self.bias_axes is not None:
            last = outs[min(map(outs.index, self.bias_axes)) :]
            dots = len(x.shape) - len(self.parts()[0]) if side == "right" else 0
            shapes["bias"] = tuple(sizes[n] if n in self.bias_axes else 1 for n in last) + (1,) * dots
        return shapes

    def _setting(self, weight: str, kind: str) -> Any:
        """The equation tells the kernel's initializer which axes are inputs, which outputs."""
        found = super()._setting(weight, kind)
        if (
            (weight, kind) != ("kernel", "initializer")
            or not isinstance(found, VarianceScaling)
            or found.input_axes is not None
        ):
            return found
        _, kernel, outs, _ = self.parts()
        places = [[i for i, n in enumerate(kernel) if (n in outs) == out] for out in (False, True)]
        return found.replace(input_axes=places[0], output_axes=places[1])

    def call(self, x: Any, *, params: Any, state: Any) -> Any:
        y = product.einsum(self.equation, x, self._weight(params, state))
        if self.bias_axes is not None:
            y = y + params["bias"]
        return self.activation(y), state


class Identity(Layer):
    """Its inputs, as they are.

    Shapes: any -> same.

    >>> Identity()(jnp.arange(3)).tolist()
    [0, 1, 2]
    """

    supports_masking = True

    def call(self, x: Any) -> Any:
        return x


class Masking(Layer):
    """Masks the steps whose features are all `mask_value`, and sets them to zero.

    Shapes: (batch, steps, features) -> same, with a mask (batch, steps).

    >>> y, mask = Masking(mask_value=-1.0)(jnp.array([[[2.0, -1.0], [-1.0, -1.0]]]))
    >>> y.tolist(), mask.tolist()
    ([[[2.0, -1.0], [0.0, 0.0]]], [[True, False]])
    """

    mask_value: Any = 0.0

    supports_masking = True
    rank: ClassVar[Any] = (1, None)

    def call(self, x: Any) -> Any:
        return jnp.where(self.compute_mask(x)[..., None], x, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where any feature is not `mask_value`."""
        return jnp.any(inputs != jnp.asarray(self.mask_value), axis=-1)
