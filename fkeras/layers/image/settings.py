"""Settings of image layers: factors, and ranges of values."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

Factor = Any  # a number, or two: (lower, upper)

FILLS = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def interval(layer: Any, name: str, low: float, high: float, number: str = "around") -> tuple[float, float]:
    """A setting that is two numbers, or one, as (lower, upper).

    number: what one number f means: "around" from -f (but not below `low`) to f, "either" from -f to f,
        "up" from 0 to f.
    Raises ValueError for what does not lie between `low` and `high`.
    """
    value = getattr(layer, name)
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    numbers = len(pair) == 2 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in pair)
    if not numbers or min(pair) > high or max(pair) < low or (not isinstance(value, (list, tuple)) and value < low):
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a number, or two, from {low} to {high}; got {value!r}."
        )
    if isinstance(value, (list, tuple)):
        return min(pair), max(pair)
    least = {"around": max(-abs(value), low), "either": -abs(value), "up": 0}[number]
    return least, value if number == "up" else abs(value)


def check_value_range(layer: Any) -> None:
    """Refuses a range of values that is not two different numbers; sorts it."""
    given = layer.value_range
    if not isinstance(given, (list, tuple)) or len(given) != 2 or given[0] == given[1]:
        raise ValueError(f"{type(layer).__name__}: value_range must be two numbers, e.g. (0, 255); got {given!r}.")
    layer.value_range = type(given)(sorted(given))


def rescale(x: Any, source: Any, target: Any) -> Any:
    """Values of one range in another."""
    if tuple(source) == tuple(target):
        return x
    return (x - source[0]) / (source[1] - source[0]) * (target[1] - target[0]) + target[0]


def within(x: Any, value_range: Any) -> Any:
    """Values cut off at the ends of a range."""
    return jnp.clip(x, value_range[0], value_range[1])
