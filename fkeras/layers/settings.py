"""The types of settings, and checks that many layers make of theirs."""

from __future__ import annotations

from typing import Any

from jax.core import Tracer

Activation = Any  # a name, a function, or None for the identity
Initializer = Any
Regularizer = Any
Constraint = Any


def check_positive(layer: Any, *names: str) -> None:
    """Refuses settings that are not whole numbers above zero."""
    for name in names:
        value = getattr(layer, name)
        if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() <= 0:
            raise ValueError(f"{type(layer).__name__}: {name} must be a whole number above 0; got {value!r}.")
        object.__setattr__(layer, name, value.__index__())


def check_rate(layer: Any, *names: str) -> None:
    """Refuses settings that are not probabilities; numbers that are only known when a program runs are let through."""
    for name in names:
        value = getattr(layer, name)
        if isinstance(value, Tracer):
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f"{type(layer).__name__}: {name} must be a number from 0 to 1; got {value!r}.")


def check_choice(layer: Any, name: str, known: tuple[Any, ...]) -> None:
    """Refuses a setting that is none of the known ones."""
    value = getattr(layer, name)
    if value not in known:
        raise ValueError(f"{type(layer).__name__}: {name} must be one of {', '.join(map(repr, known))}; got {value!r}.")


def refuse_quantization(layer: Any) -> None:
    """Says that quantized layers are not there."""
    if getattr(layer, "quantization_config", None) is not None:
        raise NotImplementedError(f"{type(layer).__name__}: quantization_config is not supported; leave it None.")


def as_tuple(layer: Any, name: str, n: int, least: int = 1) -> tuple[int, ...]:
    """A setting that is one number or `n` numbers, as a tuple; also stored in the layer."""
    value = getattr(layer, name)
    values = (value,) * n if hasattr(value, "__index__") else tuple(value) if isinstance(value, (list, tuple)) else None
    if (
        values is None
        or len(values) != n
        or not all(hasattr(v, "__index__") and v.__index__() >= least for v in values)
    ):
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a whole number >= {least} or {n} of them; got {value!r}."
        )
    values = tuple(v.__index__() for v in values)
    object.__setattr__(layer, name, values)
    return values


def need_rng(layer: Any, rng: Any) -> Any:
    """The key of a layer that is about to draw; refuses to go on without one."""
    if rng is None:
        raise ValueError(f"{layer!r} needs rng= when training=True.")
    return rng
