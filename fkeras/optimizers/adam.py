"""Adam and its kin: moving averages of the gradient and of its square."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .face import LearningRate
from .leaves import Row
from .norms import norm, root
from .optimizer import COMMON, Optimizer, Slots
from .step import zeros


class _Moments(Optimizer):
    """What the family shares: `m` and `v`, the moving averages of `g` and `g**2`, and their settings."""

    learning_rate: Any = LearningRate(0.001)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        super().__post_init__()
        for beta in ("beta_1", "beta_2"):
            self.require(beta, "in the range [0, 1)", lambda v: 0 <= v < 1)
        self.require("epsilon", ">= 0", lambda v: v >= 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"momentum": zeros(p), "velocity": zeros(p)}

    def moments(self, g: Any, s: Slots) -> tuple[Any, Any]:
        """The averages, moved on by one gradient."""
        m, v = s["momentum"], s["velocity"]
        return m + (g - m) * (1 - self.beta_1), v + (jnp.square(g) - v) * (1 - self.beta_2)


class Adam(_Moments):
    """`p -= lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`.

    `m` and `v` are the moving averages of the gradient and of its square.

    Shapes: any tree of params and one of gradients like it.
    amsgrad: divides by the largest `v` so far.
    Raises ValueError for betas outside [0, 1).
    Source: Kingma & Ba 2014, https://arxiv.org/abs/1412.6980; Reddi et al. 2018 (amsgrad)

    >>> opt = Adam(0.5)
    >>> updates, state = opt.update({"w": jnp.array([2.0])}, opt.init({"w": jnp.zeros(1)}), {"w": jnp.zeros(1)})
    >>> updates["w"].round(3).tolist(), sorted(state["slots"])
    ([-0.5], ['momentum', 'velocity'])
    """

    amsgrad: bool = False
    groups = (("momentum", "velocity"), ("velocity_hat",))

    def slots(self, p: Any, leaf: Any) -> Slots:
        first = super().slots(p, leaf)
        return {**first, "velocity_hat": zeros(p)} if self.amsgrad else first

    def shared(self, lr: Any, t: Any) -> Any:
        return lr * jnp.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        m, v = self.moments(g, s)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = jnp.maximum(s["velocity_hat"], v)
        return -m * k / (root(v) + self.epsilon), new


class AdamW(Adam, arguments=("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad", *COMMON[1:])):
    """`Adam` with weight decay: `p -= weight_decay * lr * p` before each step.

    Shapes: any tree of params and one of gradients like it.
    Raises ValueError for `weight_decay=None`.
    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1711.05101

    >>> opt = AdamW(1.0, weight_decay=0.25)
    >>> opt.update(jnp.zeros(1), opt.init(jnp.ones(1)), jnp.ones(1))[0].tolist()
    [-0.25]
    """

    weight_decay: float | None = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay is None:
            raise ValueError("AdamW: `weight_decay` must be a float; received weight_decay=None. Adam has none.")


class Adamax(_Moments):
    """`p -= lr / (1 - beta_1**t) * m / (u + epsilon)` with `u = max(beta_2 * u, |g|)`.

    Shapes: any tree of params and one of gradients like it.
    Raises ValueError for betas outside [0, 1).
    Source: Kingma & Ba 2014, section 7, https://arxiv.org/abs/1412.6980

    >>> Adamax(0.5).update(jnp.ones(1), Adamax(0.5).init(jnp.zeros(1)), jnp.zeros(1))[0].round(2).tolist()
    [-0.5]
    """

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"momentum": zeros(p), "norm": zeros(p)}

    def shared(self, lr: Any, t: Any) -> Any:
        return lr, 1 - self.beta_1**t

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        lr, correction = k
        m = s["momentum"] + (g - s["momentum"]) * (1 - self.beta_1)
        u = jnp.maximum(self.beta_2 * s["norm"], jnp.abs(g))
        return -(lr * m) / (correction * (u + self.epsilon)), {"momentum": m, "norm": u}


class Nadam(_Moments):
    """`Adam` that looks ahead as Nesterov's momentum does.

    Shapes: any tree of params and one of gradients like it.
    Raises ValueError for betas outside [0, 1).
    Source: Dozat 2016, https://cs229.stanford.edu/proj2015/054_report.pdf

    >>> int(Nadam().init(jnp.zeros(1))["u_product"])
    1
    """

    def extras(self, params: Row) -> dict[str, Any]:
        first = params.values[0].dtype if params.values else jnp.float32
        return {"u_product": jnp.ones((), jnp.promote_types(jnp.float32, first))}

    def advance(self, extras: dict[str, Any], t: Any) -> dict[str, Any]:
        product = extras["u_product"]
        return {"u_product": product * self.u(t.astype(product.dtype))}

    def u(self, t: Any) -> Any:
        """The momentum of step `t`, which warms up to `beta_1`."""
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def shared(self, lr: Any, t: Any, u_product: Any = 1.0) -> Any:
        now, after = self.u(t), self.u(t + 1)
        return lr, after / (1 - u_product * after), (1 - now) / (1 - u_product), 1 - self.beta_2**t

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        lr, of_m, of_g, correction = k
        m, v = self.moments(g, s)
        return -(of_m * m + of_g * g) * lr / (root(v / correction) + self.epsilon), {"momentum": m, "velocity": v}


class Lamb(_Moments):
    """`Adam`'s step, scaled for each parameter to the length of the parameter.

    Shapes: any tree of params and one of gradients like it.
    Raises ValueError for betas outside [0, 1).
    Source: You et al. 2019, https://arxiv.org/abs/1904.00962

    >>> Lamb(0.5).update(jnp.ones(1), Lamb(0.5).init(jnp.full(1, 8.0)), jnp.full(1, 8.0))[0].round(3).tolist()
    [-4.0]
    """

    def shared(self, lr: Any, t: Any) -> Any:
        return lr, 1 - self.beta_1**t, 1 - self.beta_2**t

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        lr, of_m, of_v = k
        m, v = self.moments(g, s)
        step = m / of_m / (root(v / of_v) + self.epsilon)
        long, far = norm(p), norm(step)
        ratio = jnp.where((long > 0) & (far > 0), long / jnp.where(far > 0, far, 1), 1).astype(p.dtype)
        return -ratio * lr * step, {"momentum": m, "velocity": v}
