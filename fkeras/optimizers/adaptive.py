"""Rates that adapt to each number's own gradients: RMSprop, Adagrad, Adadelta, Adafactor."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .face import LearningRate
from .norms import root
from .optimizer import Optimizer, Slots
from .step import zeros


class RMSprop(Optimizer):
    """`p -= lr * g / sqrt(v + epsilon)` with `v` the moving average of `g**2`.

    Shapes: any tree of params and one of gradients like it.
    rho: how slowly the averages move. momentum: adds up steps. centered: divides by the
        variance, `v - (average of g)**2`, instead.
    Raises ValueError for rho outside [0, 1] or a negative momentum.
    Source: Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

    >>> opt = RMSprop(0.5, rho=0.75)
    >>> opt.update(jnp.ones(1), opt.init(jnp.ones(1)), jnp.ones(1))[0].round(3).tolist()
    [-1.0]
    """

    learning_rate: Any = LearningRate(0.001)
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    groups = (("velocity",), ("momentum",), ("average_gradient",))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("rho", "in the range [0, 1]", lambda v: 0 <= v <= 1)
        self.require("momentum", ">= 0", lambda v: v >= 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        kept = ["velocity", *["momentum"] * bool(self.momentum), *["average_gradient"] * self.centered]
        return {name: zeros(p) for name in kept}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        v = self.rho * s["velocity"] + (1 - self.rho) * jnp.square(g)
        new, spread = {"velocity": v}, v
        if self.centered:
            mean = new["average_gradient"] = self.rho * s["average_gradient"] + (1 - self.rho) * g
            spread = jnp.maximum(v - jnp.square(mean), 0)  # rounding may bring it below 0, and the root to NaN
        step = k * g / jnp.sqrt(spread + self.epsilon)
        if "momentum" in s:
            step = new["momentum"] = self.momentum * s["momentum"] + step
        return -step, new


class Adagrad(Optimizer):
    """`p -= lr * g / sqrt(a + epsilon)` with `a` the sum of `g**2`.

    Shapes: any tree of params and one of gradients like it.
    initial_accumulator_value: the first `a`.
    Raises ValueError if that is negative.
    Source: Duchi et al. 2011, https://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf

    >>> opt = Adagrad(0.5, initial_accumulator_value=3.0)
    >>> opt.update(jnp.ones(1), opt.init(jnp.ones(1)), jnp.ones(1))[0].round(3).tolist()
    [-0.25]
    """

    learning_rate: Any = LearningRate(0.001)
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("initial_accumulator_value", ">= 0", lambda v: v >= 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"accumulator": zeros(p) + self.initial_accumulator_value}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        a = s["accumulator"] + jnp.square(g)
        return -(k * g) / jnp.sqrt(a + self.epsilon), {"accumulator": a}


class Adadelta(Optimizer):
    """`d = g * rms(steps) / rms(gradients); p -= lr * d`, each rms over a moving average of squares.

    Shapes: any tree of params and one of gradients like it.
    rho: how slowly the averages move.
    Raises ValueError for rho outside [0, 1].
    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701

    >>> sorted(Adadelta().init(jnp.zeros(1))["slots"])
    ['accumulated_delta_var', 'accumulated_grad']
    """

    learning_rate: Any = LearningRate(0.001)
    rho: float = 0.95
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("rho", "in the range [0, 1]", lambda v: 0 <= v <= 1)

    def slots(self, p: Any, leaf: Any) -> Slots:
        return {"accumulated_grad": zeros(p), "accumulated_delta_var": zeros(p)}

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        grads, deltas = s["accumulated_grad"], s["accumulated_delta_var"]
        grads = self.rho * grads + (1 - self.rho) * jnp.square(g)
        delta = -(jnp.sqrt(deltas + self.epsilon) * g) / jnp.sqrt(grads + self.epsilon)
        deltas = self.rho * deltas + (1 - self.rho) * jnp.square(delta)
        return k * delta, {"accumulated_grad": grads, "accumulated_delta_var": deltas}


class Adafactor(Optimizer):
    """`RMSprop` that keeps only row and column means of the squares, with steps relative to the parameter.

    Shapes: any tree of params and one of gradients like it; the last two axes are factored.
    beta_2_decay: the averages move by `t ** beta_2_decay`. epsilon_1 is added to squares,
        epsilon_2 is the least scale of a parameter. clip_threshold: the largest rms of a step.
    relative_step: bounds the rate by `1 / sqrt(t)`; as in Keras 3, that bound holds either way.
    Raises ValueError for a clip_threshold that is not positive.
    Source: Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235

    >>> {name: slot.shape for name, slot in Adafactor().init(jnp.zeros((3, 2)))["slots"].items()}
    {'r': (3,), 'c': (2,), 'velocity': (3, 2)}
    """

    learning_rate: Any = LearningRate(0.001)
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("clip_threshold", "> 0", lambda v: v > 0)

    def slots(self, p: Any, leaf: Any) -> Slots:
        if len(p.shape) < 2:
            unused = jnp.zeros((), jnp.int32)  # saved files of Keras have a place for it
            return {"r": unused, "c": unused, "velocity": zeros(p)}
        r, c = (jnp.zeros(shape, p.dtype) for shape in (p.shape[:-1], (*p.shape[:-2], p.shape[-1])))
        return {"r": r, "c": c, "velocity": zeros(p)}

    def shared(self, lr: Any, t: Any) -> Any:
        return jnp.minimum(lr, 1 / jnp.sqrt(t)), 1 - t**self.beta_2_decay

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        rate, beta = k
        square = jnp.square(g) + self.epsilon_1
        new = dict(s)
        if p.ndim >= 2:
            r = new["r"] = beta * s["r"] + (1 - beta) * jnp.mean(square, -1)
            c = new["c"] = beta * s["c"] + (1 - beta) * jnp.mean(square, -2)
            v = (r / jnp.mean(r, -1, keepdims=True))[..., None] * c[..., None, :]
        else:
            v = beta * s["velocity"] + (1 - beta) * square
        step = g / jnp.sqrt(v)
        step = step / jnp.maximum(1, rms(step) / self.clip_threshold)
        return -jnp.maximum(rms(p), self.epsilon_2) * rate * step, {**new, "velocity": v}


def rms(x: Any) -> Any:
    """The root of the mean square."""
    return root(jnp.mean(jnp.square(x)))
