"""Follow the regularized leader: online learning with sparse weights."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .face import LearningRate
from .optimizer import Optimizer, Slots
from .step import zeros


class Ftrl(Optimizer):
    """`p = (clip(z, -l1, l1) - z) / (n**-power / lr + beta / lr + 2 * l2)`, exactly 0 where `|z| <= l1`.

    `n` is the sum of `g**2`, `z` that of the gradients, each less what the change of rate makes of `p`.

    Shapes: any tree of params and one of gradients like it.
    learning_rate_power: how the rate falls with `n`; 0 keeps it. initial_accumulator_value: the first `n`.
    l2_shrinkage_regularization_strength: adds `2 * strength * p` to the gradient, but not to `n`.
    Raises ValueError for negative strengths or a positive power.
    Source: McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf

    >>> opt = Ftrl(0.1, l1_regularization_strength=9.0)
    >>> p = jnp.zeros(1)
    >>> (p + opt.update(jnp.ones(1), opt.init(p), p)[0]).tolist()
    [0.0]
    """

    learning_rate: Any = LearningRate(0.001)
    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("learning_rate_power", "negative or zero", lambda v: v <= 0)
        strengths = [f"{name}_regularization_strength" for name in ("l1", "l2", "l2_shrinkage")]
        for field in ("initial_accumulator_value", *strengths):
            self.require(field, "positive or zero", lambda v: v >= 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"accumulator": zeros(p) + self.initial_accumulator_value, "linear": zeros(p)}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        n, z, power = s["accumulator"], s["linear"], -self.learning_rate_power
        l1 = self.l1_regularization_strength
        more = n + jnp.square(g)
        pull = g + 2 * self.l2_shrinkage_regularization_strength * p
        z = z + pull - (more**power - n**power) / k * p
        weight = more**power / k + 2 * (self.l2_regularization_strength + self.beta / (2 * k))
        new = (jnp.clip(z, -l1, l1) - z) / jnp.where(weight > 0, weight, 1)
        return jnp.where(weight > 0, new - p, 0), {"accumulator": more, "linear": z}
