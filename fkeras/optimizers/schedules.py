"""Learning rates that depend on the step: pure functions of an integer, with the settings of Keras.

A schedule maps a step (an int, an array of them or a tracer) to float32, so it can be
plotted over `jnp.arange(n)`, mapped, differentiated in its settings, and used by optax.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import registry

SCHEDULE = registry.Kind("learning rate schedule", "keras.optimizers.schedules")
FLOAT = jnp.float32


class LearningRateSchedule(registry.Configurable, kind=SCHEDULE):
    """A learning rate as a function of the step; subclasses define `__call__(step)`.

    Shapes: any step shape -> the same, float32.

    >>> class Halving(LearningRateSchedule):
    ...     first: float = 1.0
    ...     def __call__(self, step):
    ...         return self.first * 0.5**step
    >>> Halving()(2)
    0.25
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"The learning rate schedule {type(self).__name__} must define `__call__(self, step)`."
        )


class _Decay(LearningRateSchedule):
    """What the schedules that fall over `decay_steps` share: the check of that number."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("decay_steps", "first_decay_steps"):
            steps = getattr(self, field, 1)
            if not isinstance(steps, Tracer) and steps <= 0:
                raise ValueError(f"{type(self).__name__}: `{field}` must be > 0; received {field}={steps}.")


class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Shapes: any step shape -> the same, float32.
    staircase: rounds `step / decay_steps` down, so the rate falls in jumps.
    Raises ValueError if `decay_steps` is not positive.

    >>> float(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.25
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def __call__(self, step: Any) -> jax.Array:
        rate, decay = floats(self.initial_learning_rate, self.decay_rate)
        return rate * decay ** periods(step, self.decay_steps, self.staircase)


class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Shapes: any step shape -> the same, float32.
    staircase: rounds `step / decay_steps` down, so the rate falls in jumps.
    Raises ValueError if `decay_steps` is not positive.

    >>> float(InverseTimeDecay(1.0, decay_steps=1, decay_rate=0.5)(2))
    0.5
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def __call__(self, step: Any) -> jax.Array:
        rate, decay = floats(self.initial_learning_rate, self.decay_rate)
        return rate / (1 + decay * periods(step, self.decay_steps, self.staircase))


class PolynomialDecay(_Decay):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`, and `end` after `decay_steps`.

    Shapes: any step shape -> the same, float32.
    cycle: begins again instead, over the least multiple of `decay_steps` not yet passed.
    Raises ValueError if `decay_steps` is not positive.

    >>> float(PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.5)(5))
    0.75
    """

    initial_learning_rate: float
    decay_steps: int
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __call__(self, step: Any) -> jax.Array:
        first, last, power, steps, t = floats(
            self.initial_learning_rate, self.end_learning_rate, self.power, self.decay_steps, step
        )
        if self.cycle:
            steps = steps * jnp.maximum(jnp.ceil(t / steps), 1.0)
        else:
            t = jnp.minimum(t, steps)
        return (first - last) * (1 - t / steps) ** power + last


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` where `boundaries[i-1] < step <= boundaries[i]`.

    Shapes: any step shape -> the same, float32.
    values: one more than `boundaries`, which must increase.
    Raises ValueError if the lengths or the order are wrong.

    >>> schedule = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.25])
    >>> [float(schedule(step)) for step in (100, 101, 201)]
    [1.0, 0.5, 0.25]
    """

    boundaries: list[float]
    values: list[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: the length of boundaries should be 1 less than the length of values; received "
                f"boundaries={self.boundaries} ({len(self.boundaries)}) and values={self.values} ({len(self.values)})."
            )
        if not self.boundaries or np.any(np.diff(np.asarray(self.boundaries)) <= 0):
            raise ValueError(
                f"PiecewiseConstantDecay: boundaries must increase; received boundaries={self.boundaries}."
            )

    def __call__(self, step: Any) -> jax.Array:
        step = jnp.asarray(step)
        boundaries = jnp.asarray(self.boundaries).astype(step.dtype)
        return jnp.stack(floats(*self.values))[jnp.searchsorted(boundaries, step)]


class CosineDecay(_Decay):
    """`initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`, constant after `decay_steps`.

    Shapes: any step shape -> the same, float32.
    warmup_target: if given, the rate first climbs in a line from `initial_learning_rate` to
        this value over `warmup_steps`, and then falls from it.
    Raises ValueError if `decay_steps` is not positive.
    Source: Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983

    >>> float(CosineDecay(1.0, decay_steps=10, alpha=0.5)(10))
    0.5
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: Any) -> jax.Array:
        first, steps, t = floats(self.initial_learning_rate, self.decay_steps, step)
        if self.warmup_target is None:
            return first * self.fall(jnp.minimum(t, steps) / steps)
        target, warmup = floats(self.warmup_target, self.warmup_steps)
        fallen = target * self.fall(jnp.clip(t - warmup, 0, steps) / steps)
        if isinstance(self.warmup_steps, int) and not self.warmup_steps:
            return fallen
        return jnp.where(t < warmup, (target - first) * (t / warmup) + first, fallen)

    def fall(self, fraction: Any) -> jax.Array:
        return (1 - self.alpha) * 0.5 * (1 + jnp.cos(math.pi * fraction)) + self.alpha


class CosineDecayRestarts(_Decay):
    """Cosine falls one after another, each `t_mul` times as long and beginning `m_mul` times as high.

    Shapes: any step shape -> the same, float32.
    alpha: the lowest rate, as a part of `initial_learning_rate`.
    Raises ValueError if `first_decay_steps` is not positive.
    Source: Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983

    >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=10, m_mul=0.5)
    >>> float(schedule(0)), float(schedule(10))
    (1.0, 0.5)
    """

    initial_learning_rate: float
    first_decay_steps: int
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __call__(self, step: Any) -> jax.Array:
        first, steps, t_mul, m_mul, t = floats(
            self.initial_learning_rate, self.first_decay_steps, self.t_mul, self.m_mul, step
        )
        fraction = t / steps
        if self.t_mul == 1.0:
            restarts = jnp.floor(fraction)
            fraction = fraction - restarts
        else:
            restarts = jnp.floor(jnp.log(1 - fraction * (1 - t_mul)) / jnp.log(t_mul))
            length = t_mul**restarts
            fraction = (fraction - (1 - length) / (1 - t_mul)) / length
        cosine = 0.5 * m_mul**restarts * (1 + jnp.cos(math.pi * fraction))
        return first * ((1 - self.alpha) * cosine + self.alpha)


def floats(*values: Any) -> list[jax.Array]:
    """The values as strongly typed float32 arrays."""
    return [jnp.asarray(v, FLOAT) for v in values]


def periods(step: Any, decay_steps: Any, staircase: bool) -> jax.Array:
    """How many times `decay_steps` fits into `step`: whole times only, for a staircase."""
    t, steps = floats(step, decay_steps)
    return jnp.floor(t / steps) if staircase else t / steps


def get(identifier: Any) -> Any:
    """A schedule from itself, its config or its class name."""
    return SCHEDULE.get(identifier)


def serialize(learning_rate_schedule: Any) -> dict[str, Any]:
    """The config of a schedule, in the form of Keras 3."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule that a config describes.

    >>> deserialize(serialize(ExponentialDecay(1.0, 10, 0.5)))(10).item()
    0.5
    """
    return registry.deserialize(config, custom_objects, kind=SCHEDULE)
