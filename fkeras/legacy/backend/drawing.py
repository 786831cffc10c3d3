"""Random numbers under their names of Keras 2. Without a seed, fresh ones in every call of a layer."""

from __future__ import annotations

from typing import Any

from ... import config, ops, random
from ...variable import Variable

__all__ = [
    "dropout", "random_bernoulli", "random_binomial", "random_normal", "random_normal_variable", "random_uniform",
    "random_uniform_variable", "truncated_normal",
]  # fmt: skip


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, **old: Any
) -> Any:
    """Draws of the normal distribution; std and scale are old names of stddev.

    >>> random_normal((2, 3), seed=1).shape
    (2, 3)
    """
    stddev = old.pop("std", old.pop("scale", stddev))
    if old:
        raise TypeError(f"random_normal got unexpected arguments {', '.join(old)}.")
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None, **old: Any
) -> Any:
    """Draws between two numbers; low and high are old names of minval and maxval."""
    low, high = old.pop("low", minval), old.pop("high", maxval)
    if old:
        raise TypeError(f"random_uniform got unexpected arguments {', '.join(old)}.")
    return random.uniform(shape, low, high, dtype, seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Draws of the normal distribution within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """One with probability p, else zero."""
    return ops.cast(random.uniform(shape, seed=seed) <= p, dtype or config.floatx())


random_binomial = random_bernoulli


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of draws of the normal distribution."""
    return Variable(random.normal(shape, mean, scale, dtype, seed), name=name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of draws between two numbers."""
    return Variable(random.uniform(shape, low, high, dtype, seed), name=name)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Some numbers set to zero, the others scaled up."""
    return random.dropout(x, level, noise_shape, seed)
