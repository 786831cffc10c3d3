"""Copies of metrics that hold given values, and metrics as constants of programs."""

from __future__ import annotations

import copy
import numbers
from typing import Any

import jax
import numpy as np

from .. import config
from ..variable import Variable

VALUES = ("_acc", "_added", "_bound", "_init_args")


def is_metric(x: Any) -> bool:
    """Whether `x` is a metric, whose variables belong to what holds it."""
    return hasattr(x, "update_state") and isinstance(getattr(x, "__dict__", None), dict) and "_acc" in vars(x)


def parts(x: Any) -> list[Any]:
    """The members of a metric, list or dict, in which variables may be."""
    if is_metric(x):
        x._fill()
        return [*x._acc.values(), *x._added, *(v for k, v in vars(x).items() if k not in VALUES)]
    if isinstance(x, dict):
        return list(x.values())
    return list(x) if isinstance(x, (list, tuple)) else []


def attached(metric: Any) -> list[Variable]:
    """All variables of a metric, each once: its own first, then those of the metrics in it."""
    found: dict[int, Variable] = {}
    nested: list[Any] = []

    def look(x: Any) -> None:
        if isinstance(x, Variable):
            found.setdefault(id(x), x)
        elif is_metric(x):
            nested.append(x)
        else:
            for part in parts(x):
                look(part)

    for part in parts(metric):
        look(part)
    for inner in nested:
        found.update({id(v): v for v in attached(inner) if id(v) not in found})
    return list(found.values())


def bind(metric: Any, values: Any) -> Any:
    """A throw-away copy of a metric (and of the metrics in it) whose variables hold `values`."""
    variables, values = metric.variables, list(values)
    if len(values) != len(variables):
        raise ValueError(f"{metric!r} has {len(variables)} variables; {len(values)} values were given.")
    memo: dict[int, Any] = {}
    for variable, value in zip(variables, values, strict=True):
        twin = memo[id(variable)] = copy.copy(variable)
        twin.value = value.value if isinstance(value, Variable) else value
    return rebuild(metric, memo)


def rebuild(x: Any, memo: dict[int, Any]) -> Any:
    """`x` with the variables and metrics in it replaced; lists and dicts are copied."""
    if id(x) in memo:
        return memo[id(x)]
    if is_metric(x):
        twin = memo[id(x)] = copy.copy(x)
        vars(twin).update({k: rebuild(v, memo) for k, v in vars(x).items()}, _bound=True)
        return twin
    if type(x) in (list, tuple):
        return type(x)(rebuild(v, memo) for v in x)
    return {k: rebuild(v, memo) for k, v in x.items()} if type(x) is dict else x


def trial(metric: Any, y_true: Any, y_pred: Any) -> None:
    """Lets a Keras-style metric make the variables that it makes at its first data."""
    inner = [x for x in [metric, *parts(metric)] if is_metric(x)]
    before = [(v, v.value) for v in metric.variables]
    if before and not any(m.needs_shapes and not m._acc for m in inner):
        return
    zeros = [np.zeros([d or 1 for d in y.shape], y.dtype) for y in (y_true, y_pred)]
    metric.update_state(*zeros)
    metric.reset_state()
    for variable, value in before:
        variable.value = value


def host(x: Any) -> Any:
    """Arguments as arrays: nested lists of numbers become one, numbers become strongly typed."""
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, (numbers.Number, np.generic)):
        return np.asarray(x)
    if isinstance(x, list) and x and all(isinstance(v, (numbers.Number, np.generic)) for v in jax.tree.leaves(x)):
        return np.asarray(x)
    if isinstance(x, (list, tuple)):
        return type(x)(host(v) for v in x)
    return {k: host(v) for k, v in x.items()} if isinstance(x, dict) else x


class Frozen:
    """A metric as a constant of compiled programs: equal settings make equal constants."""

    def __init__(self, metric: Any):
        self.metric = copy.copy(metric)
        vars(self.metric).update(_acc={}, _added=[], _bound=True)
        settings = {k: v for k, v in vars(metric).items() if k not in (*VALUES, "name")}
        self.key = (type(metric), config.epsilon(), config.floatx(), freeze(settings))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and self.key == other.key


def freeze(x: Any) -> Any:
    """A hashable that is equal for equal settings."""
    if isinstance(x, dict):
        return tuple((k, freeze(v)) for k, v in x.items())
    if isinstance(x, (list, tuple)):
        x = tuple(x)
        try:
            hash(x)
        except TypeError:
            return tuple(freeze(v) for v in x)
        return x
    if isinstance(x, (np.ndarray, jax.Array)):
        return x.shape, str(x.dtype), np.asarray(x).tobytes()
    if isinstance(x, Variable) or is_metric(x):
        return id(x)
    return (type(x), x) if getattr(type(x), "__hash__", None) else id(x)
