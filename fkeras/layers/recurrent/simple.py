"""`SimpleRNN` and its cell."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...layer import Shapes
from ..settings import Activation, Constraint, Initializer, Regularizer
from .cell import Carry, Cell, Values, dropped
from .derivative import slope
from .rnn import Recurrent


@dataclasses.dataclass(eq=False, repr=False)
class SimpleRNNSettings:
    """The settings that `SimpleRNN` and `SimpleRNNCell` share."""

    units: int
    activation: Activation = "tanh"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0


class SimpleRNNCell(SimpleRNNSettings, Cell):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias).

    Shapes: x (b, n), states [h], (b, units) -> h', [h'];  kernel (n, units),
        recurrent_kernel (units, units), bias (units,).

    dropout, recurrent_dropout: rates of x and h; the same elements are dropped at all steps.

    Source: Elman 1990, https://doi.org/10.1207/s15516709cog1402_1

    >>> import jax.numpy as jnp
    >>> y, (h,) = SimpleRNNCell(3)(jnp.ones((2, 5)), [jnp.zeros((2, 3))])
    >>> y.shape, bool((y == h).all())
    ((2, 3), True)
    """

    seed: int | None = None

    state_size = property(lambda self: self.units)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(self)

    def param_shapes(self, x: Any, *_: Any) -> Shapes:
        bias = {"bias": (self.units,)} if self.use_bias else {}
        return {"kernel": (x.shape[-1], self.units), "recurrent_kernel": (self.units, self.units), **bias}

    def feed(self, params: Values, xs: Any) -> Any:
        z = dropped(xs, params["kernel"], params.get("keep"))
        return z + params["bias"] if self.use_bias else z

    def step(self, params: Values, carry: Carry, z: Any) -> tuple[Carry, Any]:
        h = self.activation(z + self.recur(params, carry[0]))
        return [h], h

    # --- its derivative, see derivative.py ---------------------------------------------------------

    def slopes(self, a: Any, carry: Carry) -> tuple[Carry, Any]:
        h, k = slope(self.activation, a)
        return [h], k

    def tangent(self, slopes: Any, dcarry: Carry, da: Any) -> Carry:
        return [slopes * da]


class SimpleRNN(Recurrent, SimpleRNNSettings):
    """h[t] = activation(x[t] @ kernel + h[t-1] @ recurrent_kernel + bias): `RNN(SimpleRNNCell(units))`.

    Shapes: (b, t, n) -> (b, units), or (b, t, units) with return_sequences;
        with return_state also the last h, (b, units).

    The settings of the cell are those of `SimpleRNNCell`, the others those of `RNN`.

    Source: Elman 1990, https://doi.org/10.1207/s15516709cog1402_1

    >>> import jax.numpy as jnp
    >>> SimpleRNN(3)(jnp.ones((2, 4, 5))).shape
    (2, 3)
    """

    seed: int | None = dataclasses.field(default=None, metadata={"config": False})  # Keras leaves it out too
    _: dataclasses.KW_ONLY
    zero_output_for_mask: bool = False

    cell_class = SimpleRNNCell
