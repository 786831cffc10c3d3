"""The Keras face of an optimizer: its learning rate, its variables, `apply` on variables.

What an optimizer keeps between calls rests in one box, `optimizer.state`: the `opt_state`
of the pure pair, or None before it is built. The pair never reads it.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import registry
from ..variable import Variable
from .leaves import Row, insertion_order, row
from .places import Place, Slot, like, replaced, sorted_form, stand_in
from .schedules import LearningRateSchedule


class LearningRate:
    """The field `learning_rate`: reads the rate of now, sets the setting and what rests in the box."""

    def __init__(self, default: Any = dataclasses.MISSING):
        self.default = default

    def __get__(self, optimizer: Any, owner: Any = None) -> Any:
        if optimizer is not None:
            return optimizer._rate_now()
        if self.default is dataclasses.MISSING:
            raise AttributeError("learning_rate has no default")
        return self.default

    def __set__(self, optimizer: Any, value: Any) -> None:
        optimizer._set_rate(value)


class Face:
    """What Keras users expect of an optimizer, over the pair and the box."""

    built = False
    _box: Any = {}
    _form: tuple[Row, list[int]] | None = None  # the row it was built with (without values), the order of Keras
    _names: tuple[str, ...] = ()  # of the slots, in the order of Keras; JAX sorts them
    _excluded: Any = ((), ())
    _trainable_variables: Any = ()
    _built_on: Any = ()
    _live: Any = None  # brings the box up to date while a training run holds the values

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in ("state", "learning_rate", "live"):
            vars(self).pop("_compiled", None)  # a setting changed: what was compiled no longer holds
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        self._sync()
        return {k: v for k, v in vars(self).items() if k not in ("_compiled", "_live")}

    # --- learning rate, iterations -----------------------------------------------------------------

    def _rate_now(self: Any) -> Any:
        if callable(self._rate):
            return self.rate_at(self._read())
        return Slot(self, Place(("learning_rate",), 0, f"{self.name}/learning_rate"))

    def _set_rate(self, value: Any) -> None:
        value = getattr(value, "value", value) if isinstance(value, Variable) else value
        if isinstance(value, dict):
            value = registry.deserialize(value)
        self._check_rate(value)
        fixed = isinstance(value, (int, float, np.number, np.ndarray))
        self._sync()
        box = dict(self._box)
        if callable(value):
            vars(self).pop("_compiled", None)
            box.pop("learning_rate", None)
        elif "learning_rate" in box:
            box["learning_rate"] = like(box["learning_rate"], value)
        self._box = box
        self._rate = float(value) if fixed else value

    def _check_rate(self, value: Any) -> None:
        name = type(self).__name__
        if not callable(value) and (
            np.shape(value) or np.asarray(0 if isinstance(value, Tracer) else value).dtype.kind not in "iuf"
        ):
            raise ValueError(
                f"{name}: learning_rate must be a number >= 0, a schedule or a function; received {value!r}."
            )
        if callable(value) or isinstance(value, Tracer):
            return
        if isinstance(vars(self).get("_rate"), LearningRateSchedule):
            raise TypeError(
                f"{name} was made with the schedule {self._rate!r}, so its learning rate cannot be set to {value!r}. "
                "Make it with a number to set the rate later, or set another schedule."
            )
        if not float(value) >= 0:
            raise ValueError(f"{name}: learning_rate must be >= 0; received {value!r}. To climb, negate the loss.")

    def _rate_config(self: Any) -> Any:
        """The learning rate in a config: the value of now, in the precision it has."""
        if callable(self._rate):
            return registry.serialize(self._rate)
        return float(np.float32(self._read()["learning_rate"]))

    @property
    def iterations(self: Any) -> Any:
        """How many steps were taken (`update` calls, divided by `gradient_accumulation_steps`)."""
        count = Slot(self, Place(("iterations",), 0, f"{self.name}/iteration"))
        every = self.gradient_accumulation_steps
        return count.value // every if every else count

    def _sync(self) -> None:
        if self._live is not None:
            self._live()

    @property
    def live(self) -> Any:
        """A function that brings `state` up to date while a training run holds the values; None elsewhere."""
        return self._live

    @live.setter
    def live(self, live: Any) -> None:
        self._live = live
        for optimizer in self._inner():
            optimizer.live = live

    def _inner(self) -> list[Any]:
        """The optimizers inside this one."""
        return []

    # --- the box -----------------------------------------------------------------------------------

    @property
    def state(self: Any) -> Any:
        """The `opt_state` that rests here, or None before the optimizer is built; settable."""
        self._sync()
        if not self.built:
            return None
        return {**self._box, "variables": [v.value for v in self._own_variables()]} if self.is_custom else self._box

    @state.setter
    def state(self: Any, state: Any) -> None:
        if state is None:
            self._box, self.built = {}, False
            return
        if self.is_custom:
            if not self.built:
                raise ValueError(f"{self!r} has no variables yet: call build(params) before setting its state.")
            state = dict(state)
            for variable, value in zip(self._own_variables(), state.pop("variables"), strict=True):
                variable.assign(value)
        self._box, self.built = state, True

    def _read(self: Any) -> Any:
        """The box, with what it holds before it is built."""
        self._sync()
        if self.built:
            return self.state
        first = {"iterations": jnp.zeros((), jnp.int32)}
        if not callable(self._rate):
            first["learning_rate"] = jnp.asarray(self._rate, jnp.float32)
        return {**first, **self._box}

    def _put(self: Any, values: Iterable[tuple[Place, Any]]) -> None:
        """Replaces arrays in the box."""
        if self.built:
            self.state = replaced(self.state, values)
        else:
            self._box = replaced(self._read(), values)

    def build(self: Any, variables: Any) -> None:
        """Makes the box for these variables; or for a tree of params, as `prepare` does."""
        if not isinstance(variables, (list, tuple)) or not any(isinstance(v, Variable) for v in variables):
            self.prepare(variables)
        if self.built:
            return
        self._built_on = self._trainable_variables = [v for v in variables if v is not None]
        values = [v if v is None else v.value for v in variables]
        parts = row(values, self._trainable_variables)
        self._adopt(parts, list(range(len(parts.values))))
        if self.is_custom:
            self._add_rows(parts)
        self.built = True

    def prepare(self: Any, params: Any) -> None:
        """Makes the box for a tree of params; `variables` comes in the order in which its dicts were filled."""
        if self.built:
            return
        parts, order, early = row(params), insertion_order(params), self._box
        if self.is_custom:
            stand_ins = [stand_in(p, leaf) for p, leaf in zip(parts.values, parts.leaves, strict=True)]
            self.build([stand_ins[i] for i in order])
            self._trainable_variables, self._box = [], early
        self._adopt(parts, order)
        self.built = True

    def _adopt(self: Any, parts: Row, order: list[int]) -> None:
        self._form = parts._replace(values=[]), order
        self._box = {**self.begin(parts), **self._box}
        self._names = tuple(self._box["slots"])

    # --- variables, in the order of Keras ----------------------------------------------------------

    @property
    def variables(self: Any) -> list[Any]:
        """Handles on everything that the optimizer keeps, in the order of Keras."""
        return [*(Slot(self, place) for place in self.places() if place.keys != ("variables",)), *self._own_variables()]

    def places(self: Any) -> Iterator[Place]:
        """Where each variable rests, in the order of Keras."""
        state = self._read()
        yield Place(("iterations",), 0, f"{self.name}/iteration")
        if not callable(self._rate):
            yield Place(("learning_rate",), 0, f"{self.name}/learning_rate")
        for key in ("average", "gradient_accumulator"):
            if key in state:
                yield from self._spread(state, {key: (key,)})
        slots = state.get("slots", {})
        for group in self.groups or (self._names or tuple(slots),):
            yield from self._spread(state, {n: ("slots", n) for n in group if n in slots})
        for key in state:
            if key not in ("iterations", "learning_rate", "average", "gradient_accumulator", "slots", "variables"):
                yield Place((key,), 0, f"{self.name}/{key}")
        for i, variable in enumerate(self._own_variables()):
            yield Place(("variables",), i, f"{self.name}/{variable.name}")

    groups: Any = ()  # which slots Keras lists side by side, parameter by parameter; by default all

    def _spread(self: Any, state: Any, trees: dict[str, tuple[str, ...]]) -> Iterator[Place]:
        """Places in trees that have the form of the params: for each parameter, one in each tree."""
        if not trees:
            return
        parts, order = self._form or sorted_form(Place(next(iter(trees.values())), 0, "").tree(state))
        rows = {}
        for name, keys in trees.items():
            tree = Place(keys, 0, "").tree(state)
            form = jax.tree.structure(tree)
            rows[name] = parts.pick(form.unflatten(range(form.num_leaves)))
        for i in order:
            for name, keys in trees.items():
                if rows[name][i] is not None:
                    path = f"{self.name}/{parts.leaves[i].path.replace('/', '_')}_{name}"
                    yield Place(keys, rows[name][i], path)

    def as_list(self: Any, opt_state: Any) -> list[Any]:
        """The arrays of an `opt_state`, in the order of `variables`."""
        known: dict[Any, list[Any]] = {}
        for place in (places := list(self.places())):
            if place.keys not in known:
                known[place.keys] = jax.tree.leaves(place.tree(opt_state))
        return [known[place.keys][place.index] for place in places]

    def from_list(self: Any, values: Any) -> Any:
        """The `opt_state` with these arrays, in the order of `variables`."""
        places, values = list(self.places()), [getattr(v, "value", v) for v in values]
        if len(places) != len(values):
            raise ValueError(f"{self!r} has {len(places)} variables; received {len(values)} arrays.")
        return replaced(self.state, zip(places, values, strict=True))

    def get_weights(self) -> list[np.ndarray]:
        """The values of all variables."""
        return [np.asarray(v.value) for v in self.variables]

    def set_weights(self: Any, weights: Any) -> None:
        """Replaces the values of all variables, in the order of `variables`."""
        if not self.built:
            raise ValueError(f"You are calling set_weights() on {self!r} before it is built: call build(params) first.")
        targets, weights = self.variables, [getattr(w, "value", w) for w in weights]
        if len(targets) != len(weights):
            raise ValueError(f"{self!r} has {len(targets)} variables; set_weights got {len(weights)} arrays.")
        for target, value in zip(targets, weights, strict=True):
            if tuple(target.shape) != np.shape(value):
                raise ValueError(
                    f"{self!r}: {target.path} has shape {tuple(target.shape)}; set_weights got {np.shape(value)}."
                )
        for target, value in zip(targets, weights, strict=True):
            target.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Writes the variables into a dict-like store, numbered as in Keras."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = np.asarray(variable.value)

    def load_own_variables(self: Any, store: Any) -> None:
        """Reads what `save_own_variables` has written; warns and leaves all as it is if the number differs."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"{self!r} has {len(self.variables)} variables, what was saved {len(store.keys())}: nothing is loaded"
                + ("." if self.built else ", for the optimizer is not built yet."),
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(np.asarray(store[str(i)]))

    # --- steps on variables ------------------------------------------------------------------------

    def apply_gradients(self: Any, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """`apply` for pairs of a gradient and a variable; returns the iterations."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self.iterations

    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        """One step on variables, compiled; builds the optimizer if it is not.

        Raises ValueError for variables that it was not built with, and if every gradient is None.
        """
        grads = list(grads)
        if not grads:
            return
        given = self._named(grads, trainable_variables)
        if all(g is None for g in grads):
            raise ValueError("No gradients provided for any variable.")
        if missing := [v.path for g, v in zip(grads, given, strict=True) if g is None]:
            warnings.warn(f"Gradients do not exist for variables {missing} when minimizing the loss.", stacklevel=2)
        pairs = {id(v): g for g, v in zip(grads, given, strict=True)}
        grads = [None if (g := pairs.get(id(v))) is None else jnp.asarray(g) for v in self._trainable_variables]
        if "_compiled" not in vars(self):
            self._compiled = jax.jit(self._advance)
        values, state = self._compiled(grads, self.state, [v.value for v in self._trainable_variables])
        for variable, value in zip(self._trainable_variables, values, strict=True):
            variable.assign(value)
        self.state = state

    def _named(self: Any, grads: list[Any], variables: Any) -> list[Any]:
        """The variables that gradients are for, checked; builds the optimizer."""
        if variables is None and not self.built:
            raise ValueError(f"{self!r} is not built: pass the variables, or call build(variables) first.")
        variables = list(self._trainable_variables if variables is None else variables)
        self.build(variables)
        if not self._trainable_variables and self._fits(variables):
            self._trainable_variables = variables
        if len(grads) != len(variables):
            raise ValueError(f"{self!r}: {len(grads)} gradients for {len(variables)} variables.")
        known = set(map(id, self._trainable_variables))
        for variable in variables:
            if id(variable) not in known:
                raise ValueError(
                    f"Unknown variable: {variable!r}. {self!r} was built with others; make a new optimizer."
                )
        return variables

    def _fits(self, variables: list[Any]) -> bool:
        """Whether variables are those of the tree that the optimizer was prepared for, by their shapes."""
        if self._form is None:
            return False
        parts, order = self._form
        return [tuple(v.shape) for v in variables] == [tuple(parts.leaves[i].shape) for i in order]

    def _advance(self: Any, grads: list[Any], state: Any, values: list[Any]) -> tuple[list[Any], Any]:
        """(values, opt_state) after a step on lists in the order of Keras, constraints applied."""
        parts, order = self._form
        place = np.argsort(order)
        trees = [parts.tree([x[i] for i in place]) for x in (grads, values)]
        updates, state = self.update(trees[0], state, trees[1], parts.leaves)
        updates = parts.pick(updates)
        values = [p + updates[i] for i, p in zip(order, values, strict=True)]
        limits = [getattr(parts.leaves[i], "constraint", None) for i in order]
        return [p if f is None or g is None else f(p) for f, g, p in zip(limits, grads, values, strict=True)], state

    def stateless_apply(
        self: Any, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[list[Any], list[Any]]:
        """(trainable_variables, optimizer_variables) after a step, from lists of values; changes nothing."""
        if not self.built:
            raise ValueError(f"To call `stateless_apply`, {self!r} must be built: call build(trainable_variables).")
        for given in (grads, trainable_variables):
            if len(given) != len(self._form[1]):
                raise ValueError(
                    f"{self!r} has {len(self._form[1])} trainable variables; stateless_apply got {len(given)}."
                )
        state = self.from_list(optimizer_variables)
        values, state = self._advance(list(grads), state, [getattr(v, "value", v) for v in trainable_variables])
        return values, self.as_list(state)

    def finalize_variable_values(self: Any, var_list: Any) -> None:
        """Gives the variables the values to keep after training."""
        variables = list(var_list)
        self._named(variables, variables)
        parts, order = self._form
        place = np.argsort(order)
        tree = parts.tree([self._trainable_variables[i].value for i in place])
        final = parts.pick(self.finalize(tree, self.state, parts.leaves))
        for i, variable in zip(order, self._trainable_variables, strict=True):
            if any(v is variable for v in variables):
                variable.assign(final[i])
