"""What an initializer is, and how a weight gets its first values from any of them."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .. import policies, random, registry, stream

KEYS = ("key", "rng", "rng_key", "prng_key")  # what functions in the style of JAX call their first argument


class _Table(registry.Kind):
    def get(self, identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        if isinstance(identifier, (jax.Array, np.ndarray, np.generic)):
            constant = self.table["Constant"](identifier)
            constant.exact = True
            return constant
        return super().get(identifier, custom_objects)


KIND = _Table("initializer", "keras.initializers")


def get(identifier: Any) -> Any:
    """The initializer of this name or config; an array stands for itself, a callable too, None is None.

    Raises ValueError for an unknown name.

    >>> get("he_normal"), get({"class_name": "Constant", "config": {"value": 2.0}})
    (HeNormal(), Constant(value=2.0))
    """
    return KIND.get(identifier)


def serialize(initializer: Any) -> Any:
    """The config of an initializer.

    >>> serialize(get("zeros"))["class_name"]
    'Zeros'
    """
    return registry.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that a name or a config describes; `custom_objects` are known to it too.

    >>> deserialize(serialize(get("ones")))
    Ones()
    """
    return KIND.get(config, custom_objects)


def fill(initializer: Any, rng: Any, shape: Sequence[int], dtype: Any = None) -> jax.Array:
    """A weight of this shape and dtype, whatever kind of function `initializer` is.

    initializer: what `get` takes; or a function in the style of Keras, `f(shape, dtype)`,
        or of JAX, `f(key, shape, dtype)`.

    Shapes: () -> shape. Raises ValueError when the values have another shape.

    >>> fill(lambda shape, dtype=None: np.ones(shape), None, (2,)).tolist()
    [1.0, 1.0]
    >>> fill(jax.nn.initializers.zeros, jax.random.key(0), (2,)).tolist()
    [0.0, 0.0]
    """
    f, shape, dtype = get(initializer), tuple(shape), policies.available(dtype)
    with random.lent(rng) if hasattr(rng, "dtype") else contextlib.nullcontext():
        values = _call(f, rng, shape, dtype)
    if np.shape(values) != shape:
        raise ValueError(f"{registry.short(f)} returned shape {np.shape(values)} for a weight of shape {shape}.")
    return stream.put(values, dtype)


def _call(f: Any, rng: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """`f` called in the style that its signature shows."""
    try:
        parameters = inspect.signature(f).parameters
    except ValueError:  # a function in C
        return f(shape, dtype)
    ordered = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in ordered if p.default is p.empty]
    if len(required) > 2 or (ordered and ordered[0].name in KEYS):
        return f(random.as_key(rng), shape, dtype)
    if "rng" in parameters:
        return f(shape, dtype, rng=rng)
    if "dtype" in parameters or not ordered:
        return f(shape, dtype=dtype)
    return f(shape, dtype) if len(ordered) > 1 else f(shape)


class Initializer(registry.Configurable, kind=KIND):
    """Base of initializers: subclass it and write `__call__(self, shape, dtype=None)`.

    >>> class Fives(Initializer):
    ...     def __call__(self, shape, dtype=None, *, rng=None):
    ...         return np.full(shape, 5)
    >>> fill(Fives(), None, (2,)).tolist()
    [5.0, 5.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None, *, rng: Any = None) -> jax.Array:
        """Values of this shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(self, shape, dtype=None)`.")

    def clone(self) -> Any:
        """Another initializer with the same settings."""
        return type(self).from_config(self.get_config())
