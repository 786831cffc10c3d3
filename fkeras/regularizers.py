"""Regularizers: penalties on weights or activities, added to the loss."""

from __future__ import annotations

import math
import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from . import config, registry
from .traced import is_exactly

KIND = registry.Kind("regularizer", "keras.regularizers")


def get(identifier: Any) -> Any:
    """The regularizer of this name or config; a callable stands for itself, None is None.

    Raises ValueError for an unknown name.

    >>> get("l2"), get(None)
    (L2(), None)
    """
    return KIND.get(identifier)


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer that a name or a config describes; `custom_objects` are known to it too.

    >>> deserialize(serialize(L2(0.5)))
    L2(l2=0.5)
    """
    return KIND.get(config, custom_objects)


class Regularizer(registry.Configurable, kind=KIND):
    """Base of regularizers: subclass it and write `__call__(self, x)`, which returns a scalar.

    >>> class Cubic(Regularizer):
    ...     factor: float = 0.1
    ...     def __call__(self, x):
    ...         return self.factor * jnp.sum(jnp.abs(x) ** 3)
    >>> Cubic(2.0)(jnp.ones(3)).item(), Cubic(2.0).get_config()
    (6.0, {'factor': 2.0})
    """

    def __call__(self, x: ArrayLike) -> Any:
        """The penalty on `x`: 0 unless overridden."""
        return 0.0


class L1(Regularizer, names=("l1",)):
    """`l1 * sum(|x|)`. Shapes: any -> (). Raises ValueError unless `l1` is finite and >= 0.

    >>> L1(0.5)(jnp.array([-2.0, 4.0])).item()
    3.0
    """

    l1: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self.l1 = _factor(self, "l1", 0.01)

    def __call__(self, x: ArrayLike) -> jax.Array:
        x = jnp.asarray(x)
        return jnp.asarray(self.l1, x.dtype) * jnp.sum(jnp.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": _as_stored(self.l1)}


class L2(Regularizer, names=("l2",)):
    """`l2 * sum(x²)`. Shapes: any -> (). Raises ValueError unless `l2` is finite and >= 0.

    >>> L2(0.5)(jnp.array([-2.0, 4.0])).item()
    10.0
    """

    l2: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self.l2 = _factor(self, "l2", 0.01)

    def __call__(self, x: ArrayLike) -> jax.Array:
        x = jnp.asarray(x)
        return jnp.asarray(self.l2, x.dtype) * jnp.sum(jnp.square(x))


class L1L2(Regularizer, names=("l1l2", "l1_l2")):
    """`l1 * sum(|x|) + l2 * sum(x²)`. Shapes: any -> (). Raises ValueError unless both are finite and >= 0.

    >>> L1L2(l1=0.5, l2=0.5)(jnp.array([-2.0, 4.0])).item()
    13.0
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.l1, self.l2 = _factor(self, "l1", 0.0), _factor(self, "l2", 0.0)

    def __call__(self, x: ArrayLike) -> jax.Array:
        x = jnp.asarray(x)
        penalty = jnp.zeros((), x.dtype)
        if not is_exactly(self.l1, 0):
            penalty += jnp.asarray(self.l1, x.dtype) * jnp.sum(jnp.abs(x))
        if not is_exactly(self.l2, 0):
            penalty += jnp.asarray(self.l2, x.dtype) * jnp.sum(jnp.square(x))
        return penalty


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean absolute cosine between different rows of a matrix.

    mode: `"rows"`, or `"columns"` for those instead.

    Shapes: (m, n) -> (). Raises ValueError for another rank, and for a single row.

    >>> OrthogonalRegularizer(1.0)(jnp.array([[1.0, 1.0], [2.0, 2.0]])).round(3).item()
    1.0
    """

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = _factor(self, "factor", None)
        if self.mode not in ("rows", "columns"):
            raise ValueError(f"{self}: mode must be 'rows' or 'columns'.")
        self._epsilon = config.epsilon()

    def __call__(self, inputs: ArrayLike) -> jax.Array:
        x = jnp.asarray(inputs)
        size = x.shape[0 if self.mode == "rows" else 1] if x.ndim == 2 else 0
        if size < 2:
            raise ValueError(f"{self} needs a matrix of at least two {self.mode}; received shape {x.shape}.")
        x = x if self.mode == "rows" else x.T
        norm = jnp.sum(jnp.square(x), 1, keepdims=True)
        unit = x * jnp.minimum(jax.lax.rsqrt(norm), 1 / self._epsilon)
        cosines = jnp.abs(unit @ unit.T) * (1 - jnp.eye(size, dtype=x.dtype))
        return self.factor * 0.5 * jnp.sum(cosines) / (size * (size - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        return {"factor": _as_stored(self.factor), "mode": self.mode}


def _as_stored(factor: float) -> float:
    """A factor as Keras writes it, which keeps this one as a float32."""
    return float(np.float32(factor))


def _factor(regularizer: Regularizer, name: str, default: float | None) -> float:
    """The factor of a regularizer, its default for None."""
    value: Any = getattr(regularizer, name)
    value = default if value is None else value
    if isinstance(value, Tracer):  # a number that is only known when a program runs
        return value  # type: ignore[return-value]
    if not isinstance(value, numbers.Real) or not 0 <= float(value) < math.inf:
        kind = type(regularizer).__name__
        raise ValueError(f"{kind}: expected a finite number >= 0 as {name}, received {name}={value!r}.")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
