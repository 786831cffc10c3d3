"""Activations as layers, and Softmax, which knows masks."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import activations, logits, regularizers
from ..layer import Layer, Shapes, shown
from ..traced import is_traced
from .settings import Activation as ActivationSetting
from .settings import Constraint, Initializer, Regularizer


class Activation(Layer):
    """y = activation(x).

    Shapes: any -> same.

    activation: a name, or a function of arrays.

    >>> Activation("relu")(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    activation: ActivationSetting

    supports_masking = True

    def call(self, x: Any) -> Any:
        return self.activation(x)


class ReLU(Layer):
    """x above `threshold`, at most `max_value`; `negative_slope * (x - threshold)` below.

    Shapes: any -> same.

    >>> ReLU(max_value=6.0, negative_slope=0.1)(jnp.array([-10.0, 3.0, 9.0])).tolist()
    [-1.0, 3.0, 6.0]
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(self, "negative_slope", "threshold", *(("max_value",) if self.max_value is not None else ()))

    def call(self, x: Any) -> Any:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x above zero, `negative_slope * x` below.

    Shapes: any -> same.

    alpha: the old name of `negative_slope`.

    Source: Maas et al. 2013, https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf

    >>> LeakyReLU(0.5)(jnp.array([-2.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    negative_slope: float = 0.3
    alpha: float | None = dataclasses.field(default=None, kw_only=True, repr=False, metadata={"config": False})

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha is not None:
            self.negative_slope, self.alpha = self.alpha, None
        check_not_negative(self, "negative_slope")

    def call(self, x: Any) -> Any:
        return activations.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """x above zero, `alpha * (exp(x) - 1)` below.

    Shapes: any -> same.

    Source: Clevert et al. 2015, https://arxiv.org/abs/1511.07289

    >>> ELU()(jnp.array([-100.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    alpha: float = 1.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        return activations.elu(x, self.alpha)


class PReLU(Layer):
    """x above zero, `alpha * x` below, with a learned alpha for each feature.

    Shapes: (batch, ...) -> same;  alpha has the shape of one example, 1 along `shared_axes`.

    shared_axes: axes along which one alpha serves all, (1, 2) for the places of an image, for example.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852

    >>> PReLU("ones")(jnp.array([[-2.0, 2.0]])).tolist()
    [[-2.0, 2.0]]
    """

    alpha_initializer: Initializer = "zeros"
    alpha_regularizer: Regularizer = None
    alpha_constraint: Constraint = None
    shared_axes: Any = None

    supports_masking = True
    rank: ClassVar[Any] = (1, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shared_axes is not None:
            self.shared_axes = (
                list(self.shared_axes) if isinstance(self.shared_axes, (list, tuple)) else [self.shared_axes]
            )

    def param_shapes(self, x: Any) -> Shapes:
        shape = list(x.shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis < len(x.shape):
                raise ValueError(
                    f"{self!r}: shared_axes are axes from 1 to {len(x.shape) - 1} of inputs of shape "
                    f"{shown(x.shape)}; got {axis}."
                )
            shape[axis - 1] = 1
        return {"alpha": tuple(shape)}

    def call(self, x: Any, *, params: Any) -> Any:
        return jax.nn.relu(x) - params["alpha"] * jax.nn.relu(-x)


class Softmax(Layer):
    """y = exp(x) / sum(exp(x)) over `axis`; zero where a mask says so.

    Shapes: any -> same.

    axis: one axis or several.
    The mask of a call broadcasts to the inputs, as in attention: `softmax(scores, mask=mask)`.

    >>> Softmax()(jnp.array([1.0, 1.0]), mask=jnp.array([True, False])).tolist()
    [1.0, 0.0]
    """

    axis: Any = -1

    supports_masking = True

    def call(self, x: Any, *, mask: Any) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        if mask is not None and not broadcasts(mask.shape, x.shape):
            raise ValueError(
                f"{self!r}: a mask of shape {shown(mask.shape)} does not broadcast to inputs of shape {shown(x.shape)}."
            )
        return masked_softmax(x, mask, axis)


def broadcasts(shape: Any, to: Any) -> bool:
    """Whether a shape broadcasts to another one, as far as the sizes are known."""
    return len(shape) <= len(to) and all(
        not isinstance(m, int) or not isinstance(n, int) or m in (1, n)
        for m, n in zip(shape[::-1], to[::-1], strict=False)
    )


def masked_softmax(x: Any, mask: Any, axis: Any) -> Any:
    """The softmax of what the mask lets through, zero elsewhere; of all without a mask."""
    if mask is None:
        return logits.note(jax.nn.softmax(x, axis), x, axis)
    mask = mask if mask.dtype == bool else mask > 0.5
    low = -3e4 if x.dtype == jnp.float16 else -1e9
    return jnp.where(mask, jax.nn.softmax(jnp.where(mask, x, jnp.asarray(low, x.dtype)), axis), 0)


class ActivityRegularization(Layer):
    """Its inputs, as they are; the loss gets `l1 * sum|x| + l2 * sum x²`, per example.

    Shapes: any -> same.

    >>> layer = ActivityRegularization(l2=0.5)
    >>> params, state = layer.init(None, jnp.ones((2, 3)))
    >>> layer.apply(params, state, jnp.ones((2, 3)))[1]["aux_loss"].tolist()
    1.5
    """

    l1: float = 0.0
    l2: float = 0.0

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.activity_regularizer = regularizers.L1L2(self.l1, self.l2)

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {k: v for k, v in super().get_config().items() if k != "activity_regularizer"}


def check_not_negative(layer: Any, *names: str) -> None:
    """Refuses settings that are not numbers from zero up."""
    for name in names:
        value = getattr(layer, name)
        if is_traced(value):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise ValueError(f"{type(layer).__name__}: {name} must be a number, 0 or more; got {value!r}.")
