"""Schedule-free AdamW: an average of the iterates takes the place of a falling learning rate."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .face import LearningRate
from .norms import root
from .optimizer import Optimizer, Slots
from .step import zeros


class ScheduleFreeAdamW(Optimizer):
    """`z -= lr * g / (sqrt(v) + epsilon); x += (z - x) / t; p = (1 - beta_1) * z + beta_1 * x`.

    The params `p` are where gradients are taken; `z` (kept as `momentum`) starts as a copy of them,
    and `x`, their average, is recovered from both.

    Shapes: any tree of params and one of gradients like it.
    warmup_steps: the rate climbs in a line over so many steps.
    Raises ValueError for a beta_1 outside (0, 1] or a beta_2 outside [0, 1).
    Source: Defazio et al. 2024, https://arxiv.org/abs/2405.15682

    >>> ScheduleFreeAdamW().init(jnp.ones(2))["slots"]["momentum"].tolist()
    [1.0, 1.0]
    """

    learning_rate: Any = LearningRate(0.0025)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("beta_1", "in the range (0, 1]", lambda v: 0 < v <= 1)
        self.require("beta_2", "in the range [0, 1)", lambda v: 0 <= v < 1)
        self.require("warmup_steps", ">= 0", lambda v: v >= 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"momentum": jnp.array(p, p.dtype, copy=True), "velocity": zeros(p)}

    def shared(self, lr: Any, t: Any) -> Any:
        if self.warmup_steps:
            lr = lr * jnp.minimum(t / self.warmup_steps, 1)
        return lr, 1 - self.beta_2**t, 1 / t

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        lr, correction, weight = k
        z, v, mix = s["momentum"], s["velocity"], self.beta_1
        v = v + (jnp.square(g) - v) * (1 - self.beta_2)
        x = (p - (1 - mix) * z) / mix
        z = z - lr * g / (root(v / correction) + self.epsilon)
        x = (1 - weight) * x + weight * z
        return (1 - mix) * z + mix * x - p, {"momentum": z, "velocity": v}
