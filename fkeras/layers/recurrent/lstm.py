"""`LSTM` and its cell."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ... import random
from ...initializers import fill
from ...layer import Shapes
from ...traced import is_exactly
from ..settings import Activation, Constraint, Initializer, Regularizer
from .cell import Carry, Cell, Values, dropped
from .derivative import slope
from .rnn import Recurrent


@dataclasses.dataclass(eq=False, repr=False)
class LSTMSettings:
    """The settings that `LSTM` and `LSTMCell` share."""

    units: int
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


class _LSTMCell(Cell):
    """The step of a long short-term memory, whatever its products are."""

    axis = -1  # of the gates

    masks = property(lambda self: 1 if is_exactly(self.recurrent_dropout, 0) and self.implementation != 1 else 4)

    def _setting(self, weight: str, kind: str) -> Any:
        found = super()._setting(weight, kind)
        forget = self.unit_forget_bias and (weight, kind) == ("bias", "initializer")
        return ForgetBias(found, self.output_size) if forget else found

    def step(self, params: Values, carry: Carry, z: Any) -> tuple[Carry, Any]:
        h, c = carry
        i, f, g, o = jnp.split(z + self.recur(params, h), 4, self.axis)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return [h, c], h

    # --- its derivative, see derivative.py ---------------------------------------------------------

    def slopes(self, a: Any, carry: Carry) -> tuple[Carry, Any]:
        i, f, g, o = jnp.split(a, 4, self.axis)
        (i, ki), (f, kf), (o, ko) = (slope(self.recurrent_activation, v) for v in (i, f, o))
        g, kg = slope(self.activation, g)
        c = f * carry[1] + i * g
        y, kc = slope(self.activation, c)
        return [o * y, c], (g * ki, carry[1] * kf, i * kg, y * ko, f, o * kc)

    def tangent(self, slopes: Any, dcarry: Carry, da: Any) -> Carry:
        ki, kf, kg, ko, f, kc = slopes
        di, df, dg, do = jnp.split(da, 4, self.axis)
        dc = f * dcarry[1] + ki * di + kf * df + kg * dg
        return [ko * do + kc * dc, dc]


class LSTMCell(LSTMSettings, _LSTMCell):
    """One step of a long short-term memory.

        i, f, g, o = split(x @ kernel + h @ recurrent_kernel + bias)
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    Shapes: x (b, n), states [h, c] each (b, units) -> h', [h', c'];  kernel (n, 4 units),
        recurrent_kernel (units, 4 units), bias (4 units,).

    unit_forget_bias: the forget gate's bias begins at 1.
    dropout, recurrent_dropout: rates of x and h; the same elements are dropped at all steps.
    implementation: 1 drops other elements for each gate, 2 the same; always 1 with recurrent_dropout.

    Source: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    >>> y, (h, c) = LSTMCell(3)(jnp.ones((2, 5)), [jnp.zeros((2, 3))] * 2)
    >>> y.shape, c.shape
    ((2, 3), (2, 3))
    """

    _: dataclasses.KW_ONLY
    implementation: int = dataclasses.field(default=2, repr=False, metadata={"config": False})

    state_size = property(lambda self: [self.units, self.units])

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(self)

    def param_shapes(self, x: Any, *_: Any) -> Shapes:
        bias = {"bias": (4 * self.units,)} if self.use_bias else {}
        return {"kernel": (x.shape[-1], 4 * self.units), "recurrent_kernel": (self.units, 4 * self.units), **bias}

    def feed(self, params: Values, xs: Any) -> Any:
        z = dropped(xs, params["kernel"], params.get("keep"))
        return z + params["bias"] if self.use_bias else z


class LSTM(Recurrent, LSTMSettings):
    """A long short-term memory, run over time: `RNN(LSTMCell(units))`.

    Shapes: (b, t, n) -> (b, units), or (b, t, units) with return_sequences;
        with return_state also the last h and c, each (b, units).

    The settings of the cell are those of `LSTMCell`, the others those of `RNN`.

    use_cudnn: taken for Keras' sake; what is fastest is chosen by itself.

    Source: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    >>> LSTM(3)(jnp.ones((2, 4, 5))).shape
    (2, 3)
    """

    use_cudnn: Any = dataclasses.field(default="auto", repr=False, metadata={"config": False})
    _: dataclasses.KW_ONLY
    zero_output_for_mask: bool = False
    implementation: int = dataclasses.field(default=2, repr=False, metadata={"config": False})

    cell_class = LSTMCell


class ForgetBias:
    """Fills a bias whose second of four parts is 1, so that the memory lasts from the start.

    Source: Jozefowicz et al. 2015, http://proceedings.mlr.press/v37/jozefowicz15.html
    """

    def __init__(self, initializer: Any, size: int):
        self.initializer, self.size = initializer, size

    def __call__(self, shape: Any, dtype: Any = None, *, rng: Any = None) -> Any:
        n = self.size
        first = fill(self.initializer, rng, (n,), dtype)
        last = fill(self.initializer, None if rng is None else random.fold(rng, "rest"), (2 * n,), dtype)
        join = jnp.concatenate if isinstance(first, Tracer) else np.concatenate
        return join([first, np.ones((n,), first.dtype), last])
