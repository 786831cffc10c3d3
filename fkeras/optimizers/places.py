"""Where each variable of an optimizer rests in its `opt_state`, and handles on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..variable import Variable
from .leaves import Row, row


class Place(NamedTuple):
    """Where one variable rests in an `opt_state`: keys of dicts, then the number of a leaf."""

    keys: tuple[Any, ...]
    index: int
    path: str

    def read(self, state: Any) -> Any:
        return jax.tree.leaves(self.tree(state))[self.index]

    def tree(self, state: Any) -> Any:
        for key in self.keys:
            state = state[key]
        return state


class Slot(Variable):
    """A handle on one array in the box of an optimizer."""

    def __init__(self, optimizer: Any, place: Place):
        super().__init__(name=place.path.rpartition("/")[2], trainable=False)
        self.optimizer, self.place, self.path = optimizer, place, place.path

    @property
    def value(self) -> Any:
        return self.place.read(self.optimizer._read())

    @value.setter
    def value(self, value: Any) -> None:
        self.optimizer._put([(self.place, jnp.asarray(value, self.dtype))])

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> str:
        return self.value.dtype.name


def stand_in(p: Any, leaf: Any) -> Variable:
    """A variable that holds the value of a parameter, under its path."""
    variable = Variable(p, name=leaf.name)
    variable.path = leaf.path
    variable.overwrite_with_gradient = getattr(leaf, "overwrite_with_gradient", False)
    return variable


def replaced(state: Any, values: Iterable[tuple[Place, Any]]) -> Any:
    """A copy of a nest of dicts, lists and trees with some arrays replaced."""
    changes: dict[tuple[Any, ...], dict[int, Any]] = {}
    for place, value in values:
        changes.setdefault(place.keys, {})[place.index] = value
    for keys, new in changes.items():
        state = at(state, keys, lambda tree, new=new: swapped(tree, new))
    return state


def swapped(tree: Any, new: dict[int, Any]) -> Any:
    """The tree with some leaves, by number, replaced."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef.unflatten([new.get(i, leaf) for i, leaf in enumerate(leaves)])


def at(nest: Any, keys: tuple[Any, ...], change: Any) -> Any:
    """A copy of a nest of dicts and lists with the part at `keys` changed."""
    if not keys:
        return change(nest)
    if isinstance(nest, dict):
        return {**nest, keys[0]: at(nest[keys[0]], keys[1:], change)}
    return [at(part, keys[1:], change) if i == keys[0] else part for i, part in enumerate(nest)]


def sorted_form(tree: Any) -> tuple[Row, list[int]]:
    """The form and order of a tree that dicts come in sorted."""
    parts = row(tree)
    return parts._replace(values=[]), list(range(len(parts.leaves)))


def like(old: Any, value: Any) -> Any:
    """`value` in the shape, dtype and place of an array, so that no program has to be compiled anew."""
    if isinstance(old, Tracer) or isinstance(value, Tracer):
        return jnp.broadcast_to(jnp.asarray(value, old.dtype), old.shape)
    new = np.broadcast_to(np.asarray(value, old.dtype), old.shape)
    return jax.device_put(new, old.sharding) if getattr(old, "committed", False) else jnp.asarray(new)
