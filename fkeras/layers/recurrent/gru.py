"""`GRU` and its cell."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from ...layer import Shapes
from ...traced import is_exactly
from ..settings import Activation, Constraint, Initializer, Regularizer
from .cell import Carry, Cell, Values, dropped
from .derivative import slope
from .rnn import Recurrent


@dataclasses.dataclass(eq=False, repr=False)
class GRUSettings:
    """The settings that `GRU` and `GRUCell` share."""

    units: int
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
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


class GRUCell(GRUSettings, Cell):
    """One step of a gated recurrent unit.

        z, r = sigmoid(x @ kernel_zr + h @ recurrent_zr + bias_zr)
        g = tanh(x @ kernel_g + r * (h @ recurrent_g) + bias_g)
        h' = z * h + (1 - z) * g

    Shapes: x (b, n), states [h], (b, units) -> h', [h'];  kernel (n, 3 units), recurrent_kernel (units, 3 units),
        bias (2, 3 units), one for x and one for h; (3 units,) with reset_after=False.

    reset_after: False takes (r * h) @ recurrent_g instead, as the paper does.
    dropout, recurrent_dropout: rates of x and h; the same elements are dropped at all steps.
    implementation: 1 drops other elements for each gate, 2 the same; always 1 with recurrent_dropout.

    Source: Cho et al. 2014, https://arxiv.org/abs/1406.1078

    >>> y, (h,) = GRUCell(3)(jnp.ones((2, 5)), [jnp.zeros((2, 3))])
    >>> y.shape, bool((y == h).all())
    ((2, 3), True)
    """

    reset_after: bool = True
    seed: int | None = None
    _: dataclasses.KW_ONLY
    implementation: int = dataclasses.field(default=2, repr=False, metadata={"config": False})

    state_size = property(lambda self: self.units)
    masks = property(lambda self: 1 if is_exactly(self.recurrent_dropout, 0) and self.implementation != 1 else 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(self)

    def param_shapes(self, x: Any, *_: Any) -> Shapes:
        width = 3 * self.units
        bias = {"bias": (2, width) if self.reset_after else (width,)} if self.use_bias else {}
        return {"kernel": (x.shape[-1], width), "recurrent_kernel": (self.units, width), **bias}

    def feed(self, params: Values, xs: Any) -> Any:
        z = dropped(xs, params["kernel"], params.get("keep"))
        if not self.use_bias:
            return z
        return z + (params["bias"][0] if self.reset_after else params["bias"])

    def step(self, params: Values, carry: Carry, z: Any) -> tuple[Carry, Any]:
        h, u, n = carry[0], params["recurrent_kernel"], 2 * self.units
        keep = params.get("recurrent_keep")
        if self.reset_after:
            a = self.inner(params, h)
            update, reset = jnp.split(self.recurrent_activation(z[..., :n] + a[..., :n]), 2, -1)
            inner = reset * a[..., n:]
        else:
            a = dropped(h, u[:, :n], None if keep is None else keep[:2])
            update, reset = jnp.split(self.recurrent_activation(z[..., :n] + a), 2, -1)
            inner = dropped(reset * h, u[:, n:], None if keep is None else keep[2:])
        h = update * h + (1 - update) * self.activation(z[..., n:] + inner)
        return [h], h

    # --- its derivative where the reset is after the product, see derivative.py --------------------

    def inner(self, params: Values, h: Any) -> Any:
        r = self.recur(params, h)
        return r + params["bias"][1] if self.use_bias else r

    def mix(self, z: Any, r: Any) -> Any:
        n = 2 * self.units
        gates, x = (r[..., :n], jnp.zeros_like(r[..., n:])) if z is None else (z[..., :n] + r[..., :n], z[..., n:])
        return gates, x, r[..., n:]

    def slopes(self, a: Any, carry: Carry) -> tuple[Carry, Any]:
        gates, x, q = a
        u, r = jnp.split(gates, 2, -1)
        (u, ku), (r, kr) = (slope(self.recurrent_activation, v) for v in (u, r))
        g, kg = slope(self.activation, x + r * q)
        h = carry[0]
        return [u * h + (1 - u) * g], (u, (h - g) * ku, (1 - u) * kg, r, q * kr)

    def tangent(self, slopes: Any, dcarry: Carry, da: Any) -> Carry:
        u, ku, kg, r, kr = slopes
        gates, dx, dq = da
        du, dr = jnp.split(gates, 2, -1)
        return [u * dcarry[0] + ku * du + kg * (dx + r * dq + kr * dr)]


@dataclasses.dataclass(eq=False, repr=False)
class Seeded:
    """The argument of `GRU` that stands between those of its cell and those of the loop."""

    seed: int | None = None


class GRU(Recurrent, Seeded, GRUSettings):
    """A gated recurrent unit, run over time: `RNN(GRUCell(units))`.

    Shapes: (b, t, n) -> (b, units), or (b, t, units) with return_sequences;
        with return_state also the last h, (b, units).

    The settings of the cell are those of `GRUCell`, the others those of `RNN`.

    use_cudnn: taken for Keras' sake; what is fastest is chosen by itself.

    Source: Cho et al. 2014, https://arxiv.org/abs/1406.1078

    >>> GRU(3)(jnp.ones((2, 4, 5))).shape
    (2, 3)
    """

    reset_after: bool = True
    use_cudnn: Any = dataclasses.field(default="auto", repr=False, metadata={"config": False})
    _: dataclasses.KW_ONLY
    zero_output_for_mask: bool = False
    implementation: int = dataclasses.field(default=2, repr=False, metadata={"config": False})

    cell_class = GRUCell
