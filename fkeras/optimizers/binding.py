"""Optimizers in the Keras way (`build`, `update_step`, `self.assign_add(variable, ...)`) as pure pairs.

The optimizer is shallow-copied; the copy gets variables that hold the given params and
state, runs its `update_step` on each, the values are read back, and the copy is dropped.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp

from .. import config
from ..variable import Variable
from .leaves import Row
from .places import Slot, stand_in
from .shared import Numbers

INTERNAL = (
    "_trainable_variables", "_built_on", "_own", "_rows", "_form", "_box", "_live", "_excluded", "_init_args",
    "_compiled",
)  # fmt: skip


class Subclassing:
    """What Keras-style optimizers call on themselves."""

    _early = 0  # how many variables were there before build
    _rows: Any = ()  # the variables of an inherited rule, by slot, for each parameter

    @property
    def is_custom(self) -> bool:
        """Whether the class defines `update_step` instead of `rule`."""
        return type(self).update_step is not Subclassing.update_step

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable, and what is kept for it, by its gradient."""
        if not self._rows:
            raise NotImplementedError(f"{type(self).__name__} must define `rule`, or `update_step` in the Keras way.")
        kept = self._rows[self._get_variable_index(variable)]
        extras = {k: self._box[k] for k in self._box if k in self.extras(variable_row([variable]))}
        rate, t = (jnp.asarray(getattr(x, "value", x)) for x in (learning_rate, self.iterations + 1))
        p = variable.value
        shared = Numbers(lambda lr, t: self.shared(lr, t, **extras), rate, t)(p.dtype)
        move, new = self.rule(jnp.asarray(gradient, p.dtype), p, {n: v.value for n, v in kept.items()}, shared)
        variable.assign_add(move)
        for name, value in new.items():
            kept[name].assign(value)

    def add_variable(
        self, shape: Any, initializer: Any = "zeros", dtype: Any = None, aggregation: str = "none", layout: Any = None,
        name: str | None = None,
    ) -> Variable:  # fmt: skip
        """A new variable that the optimizer keeps."""
        variable = Variable(initializer, tuple(shape), dtype or config.floatx(), trainable=False, name=name)
        vars(self).setdefault("_own", []).append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new variable with the shape and dtype of another."""
        path = f"{str(reference_variable.path).replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=path)

    def add_optimizer_variables(self, trainable_variables: Any, name: Any, initializer: Any = "zeros") -> Any:
        """New variables, one for each given; a tuple of lists if `name` is a list of names."""
        names = [name] if isinstance(name, str) else list(name)
        first = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(first) != len(names):
            raise ValueError(f"add_optimizer_variables got {len(names)} names and {len(first)} initializers.")
        made: tuple[list[Any], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for found, n, i in zip(made, names, first, strict=True):
                kept = not getattr(variable, "overwrite_with_gradient", False)
                found.append(self.add_variable_from_reference(variable, n, i) if kept else None)
        return made[0] if isinstance(name, str) else made

    def assign(self, variable: Any, value: Any) -> None:
        """Gives a variable a value."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Adds to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtracts from a variable."""
        variable.assign_sub(value)

    def _get_variable_index(self: Any, variable: Any) -> int:
        return next(i for i, v in enumerate(self._trainable_variables) if v is variable)

    def _own_variables(self: Any) -> list[Variable]:
        """What the optimizer has made: by `add_variable`, or held in attributes, lists and dicts."""
        if not self.is_custom:
            return []
        foreign = set(map(id, (*self._trainable_variables, *self._built_on)))
        held = (v for name, value in vars(self).items() if name not in INTERNAL for v in variables_in(value))
        found = {id(v): v for v in (*vars(self).get("_own", ()), *held)}
        return [v for i, v in found.items() if i not in foreign]

    def _without_values(self: Any) -> Any:
        """A copy that does not hold the variables that `build` has made; it will make them anew."""
        twin, own = copy.copy(self), vars(self).get("_own", [])
        early, made = (own[: self._early], own[self._early :]) if self.built else (own, [])
        for name, value in list(vars(self).items()):
            if name not in INTERNAL:
                vars(twin)[name] = swap(value, dict.fromkeys(map(id, made)))
        twin._own = list(early)
        return twin

    def _add_rows(self: Any, params: Row) -> None:
        """Variables for the slots of an inherited rule, in the order of Keras."""
        self._early = len(vars(self).get("_own", ()))
        kept = [self.slots(p, leaf) for p, leaf in zip(params.values, params.leaves, strict=True)]
        rows: list[dict[str, Any]] = [{} for _ in kept]
        for group in self.groups or (tuple(dict.fromkeys(n for s in kept for n in s)),):
            for slots, made, leaf in zip(kept, rows, params.leaves, strict=True):
                for name in group:
                    if name in slots:
                        path = f"{leaf.path.replace('/', '_')}_{name}"
                        made[name] = Variable(slots[name], name=path, trainable=False)
                        vars(self).setdefault("_own", []).append(made[name])
        self._rows = rows


def init(optimizer: Any, params: Row) -> dict[str, Any]:
    """The first `opt_state` of a Keras-style optimizer."""
    bound, _ = bind(optimizer, params, {})
    return {**optimizer.begin(params), "variables": [v.value for v in bound._own_variables()]}


def run(optimizer: Any, params: Row, grads: list[Any], state: Any, rate: Any) -> tuple[list[Any], dict[str, Any]]:
    """(changes of the params, changed entries of the state) by `update_step` on each parameter."""
    every = optimizer.gradient_accumulation_steps
    t = (state["iterations"] // every if every else state["iterations"]) + 1
    extras = optimizer.advance({k: state[k] for k in optimizer.extras(params)}, t)
    bound, variables = bind(optimizer, params, {**state, **extras})
    own = bound._own_variables()
    for variable, value in zip(own, state["variables"], strict=True):
        variable.assign(value)
    for variable, g in zip(variables, grads, strict=True):
        if g is not None:
            bound.update_step(g, variable, rate)
    moves = [v.value - p for v, p in zip(variables, params.values, strict=True)]
    return moves, {"variables": [v.value for v in own], **extras}


def bind(optimizer: Any, params: Row, state: dict[str, Any]) -> tuple[Any, list[Variable]]:
    """A copy of the optimizer, built on variables that hold the params, and these; nothing of it is shared."""
    fresh = {id(v): Variable(v.value, name=v.name, trainable=False) for v in optimizer._own_variables()}
    early = list(vars(optimizer).get("_own", ()))[: optimizer._early if optimizer.built else None]
    order = optimizer._form[1] if optimizer._form else range(len(params.values))
    bound = copy.copy(optimizer)
    for name, value in list(vars(optimizer).items()):
        if name not in INTERNAL:
            vars(bound)[name] = swap(value, fresh)
    box = {k: v for k, v in state.items() if k != "variables"}
    vars(bound).update(built=False, _own=[fresh[id(v)] for v in early], _rows=(), _box=box, _form=None, _live=None)
    variables = [stand_in(p, leaf) for p, leaf in zip(params.values, params.leaves, strict=True)]
    bound.build([variables[i] for i in order])
    return bound, variables


def variable_row(variables: list[Any]) -> Row:
    return Row([v.value for v in variables], None, variables)


def variables_in(value: Any) -> Iterator[Variable]:
    """The variables in an attribute: itself, or in lists, tuples and dicts."""
    if isinstance(value, Variable):
        if not isinstance(value, Slot):
            yield value
    elif isinstance(value, (list, tuple, dict)):
        parts: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for part in parts:
            yield from variables_in(part)


def swap(value: Any, fresh: dict[int, Any]) -> Any:
    """An attribute with the variables in it replaced; lists and dicts are copied."""
    if id(value) in fresh:
        return fresh[id(value)]
    if type(value) in (list, tuple):
        return type(value)(swap(v, fresh) for v in value)
    if type(value) is dict:
        return {k: swap(v, fresh) for k, v in value.items()}
    return value
