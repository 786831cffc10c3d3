"""What is said of settings of `compile`, `fit` and their kin that cannot be."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .. import registry
from .hooks import overrides

P = ParamSpec("P")
R = TypeVar("R")


def known_arguments(method: Callable[P, R]) -> Callable[P, R]:
    """The method, which answers a misspelt argument with the nearest that it knows.

    >>> known_arguments(lambda epochs=1: epochs)(epoch=3)
    Traceback (most recent call last):
    TypeError: <lambda> got an unexpected argument 'epoch'. Did you mean 'epochs'? Arguments: epochs.
    """
    names = [n for n, p in inspect.signature(method).parameters.items() if n != "self" and p.kind is not p.VAR_KEYWORD]
    taken = frozenset(names)

    @functools.wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs.keys() <= taken:
            args, kwargs = registry.today(method, args, kwargs)  # type: ignore[assignment]
        if not kwargs.keys() <= taken:
            wrong = next(k for k in kwargs if k not in taken)
            near = difflib.get_close_matches(wrong, names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(
                f"{method.__name__} got an unexpected argument {wrong!r}.{hint} Arguments: {', '.join(names)}."
            )
        return method(*args, **kwargs)

    return checked


def listed(given: Any) -> list[Any]:
    """The entries of a nest of lists and dicts."""
    if isinstance(given, dict) and not registry.is_config(given):
        return [m for v in given.values() for m in listed(v)]
    return (
        [m for v in given for m in listed(v)] if isinstance(given, (list, tuple)) else [] if given is None else [given]
    )


def check_names(given: Any, kind: registry.Kind, also: tuple[str, ...]) -> None:
    """Refuses names that no table holds, at once and not in the first step."""
    for entry in listed(given):
        if isinstance(entry, str) and entry.lower() not in also:
            kind.get(entry)
        elif not isinstance(entry, (str, dict)) and not callable(entry):
            raise ValueError(f"A {kind.noun} is a name, a function or an object; got {entry!r}.")


def check_loss_weights(given: Any) -> None:
    """Refuses weights that are no numbers: names of metrics in their place, most of all."""
    for entry in listed(given):
        if isinstance(entry, (str, bool)) or callable(entry) or np.ndim(entry):
            raise ValueError(
                f"loss_weights takes a number for each output; got {given!r}. Metrics go by their own name: "
                "compile(optimizer, loss, metrics=[...])."
            )


def is_count(value: Any, least: int) -> bool:
    """Whether a value is a whole number, `least` or more; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least


def check_counts(**counts: Any) -> None:
    """Refuses what are no whole numbers from zero on."""
    for name, value in counts.items():
        if not is_count(value, 0):
            raise ValueError(f"{name} must be a whole number, 0 or more; got {value!r}.")


def check_steps(**steps: Any) -> None:
    """Refuses what are neither None nor whole numbers above zero."""
    for name, value in steps.items():
        if value is not None and not is_count(value, 1):
            raise ValueError(f"{name} must be a whole number above 0, or None for all of the data; got {value!r}.")


def check_batch_size(batch_size: Any, name: str = "batch_size", default: Any = 32) -> Any:
    """The batch size, 32 by default; refuses what is no whole number above 0."""
    if batch_size is None:
        return default
    if not is_count(batch_size, 1):
        raise ValueError(f"{name} must be a whole number above 0; got {batch_size!r}.")
    return int(batch_size)


def check_frequency(freq: Any) -> Any:
    """`validation_freq`: every how many epochs to validate, or a collection of epochs, the first of which is 1."""
    several = isinstance(freq, (list, tuple, set, frozenset, range, np.ndarray))
    if not (all(is_count(f, 1) for f in freq) if several else is_count(freq, 1)):
        raise ValueError(
            "validation_freq must be a whole number above 0, or a list of epochs to validate after (the first is 1); "
            f"got {freq!r}."
        )
    return freq if several else int(freq)


def check_switch(**switches: Any) -> None:
    """Refuses what is neither True nor False."""
    for name, value in switches.items():
        if not isinstance(value, (bool, np.bool_)) and value not in (0, 1):
            raise ValueError(f"{name} must be True or False; got {value!r}.")


def require_compiled(model: Any, what: str) -> None:
    """Refuses to train or evaluate before `compile`."""
    if not model.compiled:
        raise ValueError(
            f"{what} comes after compile: call model.compile(optimizer='adam', loss='mse', metrics=[...]) first."
        )


def require_measure(model: Any, what: str) -> None:
    """Refuses to measure with a step of the model's own that says how to train and not how to test."""
    silent = model.loss is None and not any(overrides(model, hook) for hook in ("test_step", "compute_loss"))
    if overrides(model, "train_step") and silent:
        raise ValueError(
            f"{what}: {type(model).__name__} writes its own train_step and was compiled without a loss, so nothing "
            "says what to measure. Write a test_step, or compute_loss, too."
        )


def validation_parts(data: Any) -> tuple[Any, ...]:
    """(x, y[, sample_weight]) of validation_data."""
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        return tuple(data)
    got = f"a {type(data).__name__} of {len(data)}" if isinstance(data, (tuple, list)) else f"{type(data).__name__}"
    raise ValueError(f"validation_data is a tuple (x, y) or (x, y, sample_weight); got {got}.")
