"""The upper storey of a layer: the box of values that Keras users find in it.

The pure pair never reads what is here. A leaf layer owns one box; whatever is made of
layers gathers its values from them and scatters new ones to them, so models that share
layers share values, and no model keeps a copy.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import lending, spec
from .variable import Variable

Values = tuple[dict[str, Any], dict[str, Any]]
FREE = contextlib.nullcontext()
turns = [0]  # counts the training runs that have begun or ended: while it stands still, boxes belong to whom they did


@dataclasses.dataclass(eq=False)
class Declared:
    """What a layer says of one of its own weights, beside the value."""

    trainable: bool = True
    regularizer: Any = None
    constraint: Any = None
    shape: Any = None
    dtype: Any = None
    initializer: Any = None


@dataclasses.dataclass(eq=False)
class Face:
    """Everything a layer carries for its upper storey, in one attribute.

    values: the box: (params, state) of this layer's own weights, or None.
    filled: whether everything in the layer has been given values.
    declared: its own weights, in Keras' order (known once the layer has been initialised).
    early: those that a user's class declared before `super().build()` made the built-in ones.
    scope: set on the throw-away copy that a bound `call` runs on, None elsewhere.
    live: the training run that holds the values; calling it brings the box up to date.
    facts: what was found out about the layer by looking through it, see `compiled.fact`.
    keys: gives `stateless_call` the random keys of the training step that is being traced.
    owner: refers to the model that first took in the layer: whose key its first values come from.
    born: when the layer was made, as a number that grows.
    grown: sublayers that `build` made on a bound copy, by name; their settings count, they hold no values.
    """

    values: Values | None = None
    filled: bool = False
    declared: dict[str, Declared] = dataclasses.field(default_factory=dict)
    early: tuple[str, ...] | None = None
    handles: dict[str, Weight] = dataclasses.field(default_factory=dict)
    nodes: list[Any] = dataclasses.field(default_factory=list)
    input_spec: Any = None
    given: Any = None
    auto_named: bool = False
    adopted: bool = False
    build_shape: Any = None
    specs: Any = None
    scope: Any = None
    live: Any = None
    facts: dict[str, tuple[int, Any]] = dataclasses.field(default_factory=dict)
    grown: dict[str, Any] = dataclasses.field(default_factory=dict)
    owner: Any = None
    keys: Any = None
    born: int = dataclasses.field(default_factory=itertools.count().__next__)

    def __getstate__(self) -> dict[str, Any]:
        if self.live is not None:
            self.live()
        left = dict.fromkeys(("scope", "live", "owner", "keys"))
        return {**vars(self), "nodes": [], "facts": {}, **left}

    def __deepcopy__(self, memo: dict[int, Any]) -> Face:
        twin = Face(**self.__getstate__())
        memo[id(self)] = twin  # arrays never change, so the twin may hold the same ones
        if self.values is not None:
            twin.values = dict(self.values[0]), dict(self.values[1])
        twin.handles = {k: copy.deepcopy(h, memo) for k, h in self.handles.items()}
        return twin


class Weight(Variable):
    """A handle on one entry of a layer's box: reads and writes it in place."""

    def __init__(self, layer: Any, key: str, unnamed: bool = False):
        self.layer, self.key, self.unnamed = layer, key, unnamed
        declared = layer._face.declared.get(key, Declared())
        super().__init__(
            name=key, trainable=declared.trainable, regularizer=declared.regularizer, constraint=declared.constraint
        )

    def entry(self) -> dict[str, Any]:
        """The half of the box that holds the value."""
        half = find(own_values(self.layer, self.key), self.key)
        if half is None:
            raise ValueError(f"{self.layer!r} has no value for {self.key!r} yet: call it on data, or build it, first.")
        return half

    @property
    def value(self) -> Any:
        lent = lending.lent()
        half = None if lent is None else find(lent.of(self.layer), self.key)
        return (self.entry() if half is None else half)[self.key]

    @value.setter
    def value(self, value: Any) -> None:
        half, new = self.entry(), jnp.asarray(value)
        old = half[self.key]
        if old.shape != new.shape:
            raise ValueError(f"{self.layer!r}: {self.key} has shape {old.shape}; got a value of shape {new.shape}.")
        half[self.key] = new.astype(old.dtype)

    @property
    def trainable(self) -> bool:
        """Whether it is trained: neither declared otherwise nor in a frozen layer."""
        return self._trainable and bool(self.layer.trainable)

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = trainable

    @property
    def path(self) -> str:
        return f"{self.layer.name}/{self.key}"

    @path.setter
    def path(self, path: str) -> None:
        pass

    @property
    def shape(self) -> tuple[int, ...]:
        declared = self.layer._face.declared.get(self.key)
        return tuple(self.value.shape) if declared is None or declared.shape is None else declared.shape

    @property
    def dtype(self) -> str:
        declared = self.layer._face.declared.get(self.key)
        return str(self.value.dtype if declared is None or declared.dtype is None else jnp.dtype(declared.dtype))

    def __deepcopy__(self, memo: dict[int, Any]) -> Weight:
        twin = copy.copy(self)
        memo[id(self)] = twin
        twin.layer = copy.deepcopy(self.layer, memo)
        return twin


def find(values: Values | None, key: str) -> dict[str, Any] | None:
    """The half of the box that holds `key`."""
    return next((half for half in values or () if key in half), None)


def own_values(layer: Any, key: str | None = None) -> Values | None:
    """A layer's own box, brought up to date if a training run holds the values.

    key: an entry that is wanted; if `__init__` declared it, it is drawn now.
    """
    face = layer._face
    if face.live is not None:
        face.live()
    if (
        key is not None
        and find(face.values, key) is None
        and key in face.declared
        and face.declared[key].shape is not None
    ):
        params, state = layer._draw_declared(key)
        old = face.values or ({}, {})
        face.values = {**old[0], **params}, {**old[1], **state}
    return face.values


def gather(layer: Any) -> Values:
    """(params, state) of a layer and everything in it, from the boxes: those of one moment.

    While training runs in another thread, that takes its lock, which nobody else needs.
    """
    held: set[Any] = set()
    while True:
        turn, found = turns[0], set[Any]()
        with holding(held) if held else FREE:
            values = _gather(layer, found)
            if found <= held and turn == turns[0]:  # or another thread began to train meanwhile
                return values
        held = found


def runs(layer: Any) -> set[Any]:
    """The training runs, in this thread or in others, that hold values of a layer."""
    return {part._face.live for part in subtree(layer)} - {None}


@contextlib.contextmanager
def holding(runs: Iterable[Any]) -> Iterator[None]:
    """Within it, training runs in other threads wait before they change a value."""
    with contextlib.ExitStack() as stack:
        for run in sorted(runs, key=id):  # in one order: nobody waits in a circle
            stack.enter_context(run.lock)
        yield


def _gather(layer: Any, found: set[Any]) -> Values:
    """(params, state) from the boxes; adds the runs that hold values of theirs to `found`."""
    if layer._face.live is not None:
        found.add(layer._face.live)
    own = own_values(layer)
    params, state = (dict(own[0]), dict(own[1])) if own is not None else ({}, {})
    for name, child in layer.children.items():
        for tree, part in zip((params, state), _gather(child, found), strict=True):
            if part:
                tree[name] = part
    return params, state


def scatter(layer: Any, values: Values, replace: bool = True) -> None:
    """Puts (params, state) into the boxes of a layer and everything in it.

    replace: False leaves what the boxes hold already and fills the gaps.
    """
    params, state = values
    children, face = layer.children, layer._face
    for name, child in children.items():
        part = params.get(name, {}), state.get(name, {})
        if part[0] or part[1]:
            scatter(child, part, replace)
    order = {k: i for i, k in enumerate(face.declared)}
    kept = face.values if face.values is not None and not replace else ({}, {})
    halves = []
    for new, old in zip(values, kept, strict=True):
        own = {**{k: v for k, v in new.items() if k not in children}, **old}
        halves.append({k: own[k] for k in sorted(own, key=lambda k: order.get(k, len(order)))})
    face.values = halves[0], halves[1]
    face.filled = True
    object.__setattr__(layer, "built", True)


def subtree(layer: Any) -> Iterable[Any]:
    """A layer and every layer in it, each once, parents first."""
    seen: set[int] = set()

    def visit(layer: Any) -> Iterable[Any]:
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            for child in layer.children.values():
                yield from visit(child)

    return visit(layer)


HIDDEN = ("seed_generator", "aux_loss", "carry")  # entries of state that Keras does not count among the weights


def entries(layer: Any) -> Iterable[tuple[Any, str, tuple[str, ...]]]:
    """(layer, key, path) of every weight in a layer and everything in it, in Keras' order, shared ones each time."""
    own = own_values(layer)
    keys = (
        [] if own is None else [k for half in own for k, v in half.items() if not isinstance(v, (list, tuple, dict))]
    )  # no carries
    if not layer.is_bound:  # a frozen weight keeps its place among the others
        order = {k: i for i, k in enumerate(layer._face.declared)}
        keys.sort(key=lambda k: order.get(k, len(order)))
    found: list[Any] = [(layer, key, (key,)) for key in keys]
    for name, child in layer.children.items():
        found.extend((part, key, (name, *path)) for part, key, path in entries(child))
    return layer._in_order(found)


def handles(layer: Any, hidden: bool = False) -> list[Weight]:
    """Handles on the weights of a layer and everything in it, each once, in Keras' order."""
    found: dict[tuple[int, str], Weight] = {}
    for part, key, _ in entries(layer):
        if hidden or key not in HIDDEN:
            found.setdefault((id(part), key), handle(part, key))
    return list(found.values())


def handle(layer: Any, key: str) -> Weight:
    """The one handle on an own weight of a layer."""
    if key not in layer._face.handles:
        layer._face.handles[key] = Weight(layer, key)
    return layer._face.handles[key]


def is_trained(weight: Weight) -> bool:
    """Whether a gradient is taken of this weight."""
    own = weight.layer._face.values
    return bool(weight.layer.trainable and own is not None and weight.key in own[0])


def as_lists(layer: Any, values: Values) -> tuple[list[Any], list[Any]]:
    """(params, state) as Keras' two lists: trainable values, and all others."""
    trained: dict[tuple[int, str], Any] = {}
    others: dict[tuple[int, str], Any] = {}
    for part, key, path in entries(layer):
        if (id(part), key) in trained or (id(part), key) in others:
            continue
        half = values[0] if key in part._face.values[0] else values[1]
        (trained if is_trained(handle(part, key)) else others)[id(part), key] = read(half, path)
    return list(trained.values()), list(others.values())


def from_lists(layer: Any, trainable: Iterable[Any], non_trainable: Iterable[Any]) -> Values:
    """(params, state) from Keras' two lists; inverts `as_lists`."""
    queues = iter(trainable), iter(non_trainable)
    given: dict[tuple[int, str], Any] = {}
    params: dict[str, Any] = {}
    state: dict[str, Any] = {}
    for part, key, path in entries(layer):
        if (id(part), key) not in given:
            value = next(queues[0] if is_trained(handle(part, key)) else queues[1])
            given[id(part), key] = value.value if isinstance(value, Variable) else jnp.asarray(value)
        write(params if key in part._face.values[0] else state, path, given[id(part), key])
    return params, state


def merged(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """A nested dict with the entries of another one over its own."""
    return {**tree, **{k: merged(tree.get(k, {}), v) if isinstance(v, dict) else v for k, v in over.items()}}


def read(tree: Any, path: tuple[str, ...]) -> Any:
    """The entry of a nested dict at a path."""
    for name in path:
        tree = tree[name]
    return tree


def write(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Sets the entry of a nested dict at a path."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def adopt(model: Any) -> None:
    """Makes a model the owner of the layers in it that have none."""
    for child in model.children.values():
        if child._face.owner is None or child._face.owner() is None:
            child._face.owner = weakref.ref(model)


def owners(layer: Any) -> set[Any]:
    """The models outside a layer that own empty boxes in it."""
    parts = list(subtree(layer))
    found = {part._face.owner() for part in parts if part._face.owner is not None and not part._face.filled}
    return found - {None, *parts}


def specs_of(tree: Any) -> Any:
    """The nest with every array replaced by its spec."""
    return jax.tree.map(
        lambda x: spec.of(x) if spec.is_abstractable(x) else x, tree, is_leaf=lambda x: isinstance(x, spec.Spec)
    )


def as_arrays(tree: Any) -> Any:
    """The nest with NumPy arrays and lists of numbers as JAX arrays; refuses what layers cannot take."""
    return jax.tree.map(as_array, tree)


def as_array(x: Any) -> Any:
    """A NumPy array as a JAX array; strings and objects as they are."""
    if isinstance(x, (np.ndarray, np.generic)):
        if x.dtype.kind in "OUS":
            return x
        return jnp.asarray(x)
    return x


def as_fed(x: Any) -> Any:
    """A NumPy array in a dtype of JAX: compiled programs take it faster than a JAX array is made of it."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "OUS":
        return np.asarray(x, jax.dtypes.canonicalize_dtype(x.dtype))
    return x


def set_weights(layer: Any, weights: Any) -> None:
    """Replaces the values of `layer.weights`, in their order."""
    targets = layer.weights
    if weights is None or isinstance(weights, (str, dict)) or not hasattr(weights, "__iter__"):
        raise ValueError(f"{layer!r}: set_weights takes a list of {len(targets)} arrays; got {type(weights).__name__}.")
    weights = list(weights)
    if len(weights) != len(targets):
        raise ValueError(f"{layer!r} has {len(targets)} weights; set_weights got {len(weights)} arrays.")
    for target, value in zip(targets, weights, strict=True):
        if tuple(np.shape(value)) != tuple(target.shape):
            raise ValueError(
                f"{layer!r}: {target.path} has shape {tuple(target.shape)}; set_weights got {np.shape(value)}."
            )
    with holding(runs(layer)):
        for target, value in zip(targets, weights, strict=True):
            target.assign(value)


def specs_from_shapes(shape: Any, dtype: Any) -> Any:
    """A shape, or a nest of shapes, as specs."""
    if isinstance(shape, dict):
        return {k: specs_from_shapes(v, dtype) for k, v in shape.items()}
    if len(shape) and all(isinstance(s, (list, tuple, dict)) for s in shape):
        return [specs_from_shapes(s, dtype) for s in shape]
    return spec.Spec(shape, dtype)


SIMPLE = frozenset((type(None), bool, int, float, str, types.FunctionType))  # what holds no layers


def sublayers(attribute: str, value: Any, found: dict[str, Any], seen: set[int]) -> None:
    """Adds the layers in an attribute's value to `found`, under names that tell where they are."""
    if hasattr(value, "_face"):
        if id(value) not in seen:
            seen.add(id(value))
            found[attribute] = value
    elif type(value) in (list, tuple):
        for i, v in enumerate(value):
            sublayers(f"{attribute}_{i}", v, found, seen)
    elif type(value) is dict:
        for k, v in value.items():
            sublayers(f"{attribute}_{k}", v, found, seen)
