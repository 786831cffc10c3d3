"""Constraints: projections that weights go through after each step of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from . import config, registry
from .traced import is_traced

KIND = registry.Kind("constraint", "keras.constraints")
Axis = int | Sequence[int]


def get(identifier: Any) -> Any:
    """The constraint of this name or config; a callable stands for itself, None is None.

    Raises ValueError for an unknown name.

    >>> get("non_neg"), get(None)
    (NonNeg(), None)
    """
    return KIND.get(identifier)


def serialize(constraint: Any) -> Any:
    """The config of a constraint.

    >>> serialize(UnitNorm(1))["config"]
    {'axis': 1}
    """
    return registry.serialize(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that a name or a config describes; `custom_objects` are known to it too.

    >>> deserialize(serialize(UnitNorm(1)))
    UnitNorm(axis=1)
    """
    return KIND.get(config, custom_objects)


class Constraint(registry.Configurable, kind=KIND):
    """Base of constraints: subclass it and write `__call__(self, w)`, which returns the projected weight.

    >>> class Bounded(Constraint):
    ...     bound: float = 1.0
    ...     def __call__(self, w):
    ...         return jnp.clip(w, -self.bound, self.bound)
    >>> Bounded(2.0)(jnp.array([-3.0, 1.0])).tolist()
    [-2.0, 1.0]
    """

    def __call__(self, w: ArrayLike) -> Any:
        """The projection of `w`: itself unless overridden."""
        return w


class NonNeg(Constraint):
    """`max(w, 0)`. Shapes: any -> same.

    >>> NonNeg()(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: ArrayLike) -> jax.Array:
        return jnp.maximum(jnp.asarray(w), 0)


class _Norm(Constraint):
    """What scales the vectors along `axis` (one or several axes)."""

    axis = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._epsilon = config.epsilon()
        for name in ("min_value", "max_value", "rate"):
            value = getattr(self, name, 0.0)
            if not is_traced(value) and not 0 <= value < math.inf:
                kind = type(self).__name__
                raise ValueError(f"{kind}: expected a finite number >= 0 as {name}, received {name}={value!r}.")

    def _norms(self, w: jax.Array) -> jax.Array:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return jnp.sqrt(jnp.sum(jnp.square(w), axis, keepdims=True))


class MaxNorm(_Norm):
    """Vectors along `axis` whose norm exceeds `max_value` are shortened to it.

    axis: one or several; `0` for the inputs of a unit of Dense, `[0, 1, 2]` for a filter of Conv2D.

    Shapes: any -> same. Raises ValueError unless `max_value` is finite and >= 0.
    Source: Srivastava et al., 2014.

    >>> MaxNorm(1.0)(jnp.array([[3.0, 0.5], [4.0, 0.0]])).round(3).tolist()
    [[0.6000000238418579, 0.5], [0.800000011920929, 0.0]]
    """

    max_value: float = 2
    axis: Axis = 0

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = jnp.asarray(w)
        norms = self._norms(w)
        return w * (jnp.clip(norms, 0, self.max_value) / (self._epsilon + norms))


class MinMaxNorm(_Norm):
    """Vectors along `axis` get a norm of `(1 - rate) * norm + rate * clip(norm, min_value, max_value)`.

    axis: one or several; `0` for the inputs of a unit of Dense, `[0, 1, 2]` for a filter of Conv2D.

    Shapes: any -> same. Raises ValueError unless `0 <= min_value <= max_value` and `0 <= rate <= 1`.

    >>> MinMaxNorm(1.0, 2.0)(jnp.array([3.0, 4.0])).round(3).tolist()
    [1.2000000476837158, 1.600000023841858]
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.min_value, self.max_value, self.rate
        if not any(map(is_traced, given)) and (self.min_value > self.max_value or self.rate > 1):
            raise ValueError(f"{self}: expected min_value <= max_value and rate <= 1.")

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = jnp.asarray(w)
        norms = self._norms(w)
        desired = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (self._epsilon + norms))


class UnitNorm(_Norm):
    """Vectors along `axis` get norm 1.

    axis: one or several; `0` for the inputs of a unit of Dense, `[0, 1, 2]` for a filter of Conv2D.

    Shapes: any -> same.

    >>> UnitNorm()(jnp.array([3.0, 4.0])).round(3).tolist()
    [0.6000000238418579, 0.800000011920929]
    """

    axis: Axis = 0

    def __call__(self, w: ArrayLike) -> jax.Array:
        w = jnp.asarray(w)
        return w / (self._epsilon + self._norms(w))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
