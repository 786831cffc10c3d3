"""Plain and signed gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ..traced import is_exactly
from .face import LearningRate
from .optimizer import Optimizer, Slots
from .step import zeros


class SGD(Optimizer):
    """`m = momentum * m - lr * g; p += m`.

    Shapes: any tree of params and one of gradients like it.
    nesterov: looks ahead instead: `p += momentum * m - lr * g`.
    Raises ValueError for a momentum outside [0, 1].

    >>> opt = SGD(0.5)
    >>> opt.update(jnp.array([1.0, -3.0]), opt.init(jnp.ones(2)), jnp.ones(2))[0].tolist()
    [-0.5, 1.5]
    """

    learning_rate: Any = LearningRate(0.01)
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("momentum", "a float between [0, 1]", lambda v: 0 <= v <= 1)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {} if is_exactly(self.momentum, 0) else {"momentum": zeros(p)}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        if not s:
            return -g * k, s
        m = s["momentum"] * self.momentum - g * k
        return (m * self.momentum - g * k if self.nesterov else m), {"momentum": m}


class Lion(Optimizer):
    """`p -= lr * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g`.

    Shapes: any tree of params and one of gradients like it.
    Raises ValueError for a beta_1 outside (0, 1].
    Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675

    >>> Lion(0.5).update(jnp.array([3.0, -1.0]), Lion(0.5).init(jnp.zeros(2)), jnp.zeros(2))[0].tolist()
    [-0.5, 0.5]
    """

    learning_rate: Any = LearningRate(0.001)
    beta_1: float = 0.9
    beta_2: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("beta_1", "in the range (0, 1]", lambda v: 0 < v <= 1)
        self.require("beta_2", "in the range [0, 1]", lambda v: 0 <= v <= 1)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"momentum": zeros(p)}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        m = s["momentum"]
        step = jnp.sign(m * self.beta_1 + g * (1 - self.beta_1))
        return -k * step, {"momentum": m * self.beta_2 + g * (1 - self.beta_2)}
