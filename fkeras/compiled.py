"""Programs of layers, compiled once for all layers that are alike.

A program is found by the fingerprint of the layer: its class, settings and names, not
its identity. So a second, identical model compiles nothing anew, and a setting changed
after a first call is seen. A program closes over a private copy of the layer.
"""

from __future__ import annotations

import collections
import copy
import functools
import threading
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from . import registry, storey

LIMIT = 256  # programs kept; the least recently used goes first
PLAIN = (bool, int, float, str, tuple)  # what a program made of user code is made anew for
STOPS = ("stop_training", "stop_evaluating", "stop_predicting")
METERS = ("_loss_tracker", "_measured", "_masked", "_plain")
UPSTAIRS = (
    "optimizer",
    "history",
    "_compiled",
    "_objective",
    "_opt_state",
    "_steps",
    *STOPS,
    *METERS,
)  # not for programs
_programs: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
_lock = threading.Lock()
constants = [0]  # counts how often a value was replaced that stands in programs as a constant
changes = [0]  # counts the settings changed on any layer: while it stands still, fingerprints stand


def program(key: Hashable, make: Callable[[], Any]) -> Any:
    """The compiled program for a key, made on first demand; anew where a value changed that stands in programs."""
    key = (constants[0], key)
    with _lock:
        if key in _programs:
            _programs.move_to_end(key)
            return _programs[key]
    made = make()
    with _lock:
        made = _programs.setdefault(key, made)
        while len(_programs) > LIMIT:
            _programs.popitem(last=False)
    return made


def clear() -> None:
    """Forgets every program."""
    with _lock:
        _programs.clear()
    changes[0] += 1  # what was remembered of them goes too


def apply(
    layer: Any, params: Any, state: Any, args: Any, kwargs: Any, rng: Any, training: bool, alike: Any = None
) -> Any:  # fmt: skip
    """`layer.apply`, compiled if every layer in it is one of the package's own.

    User code runs as it is written, operation by operation, so that `print` and `pdb` work in it.

    alike: an input all of whose like may take the same program, see `remember`.
    """
    since = turn()
    if runs_user_code(layer):
        args, kwargs = storey.as_arrays((args, kwargs))
        return layer.apply(params, state, *args, rng=rng, training=training, **kwargs)
    leaves, treedef = jax.tree.flatten((args, kwargs))
    holes = tuple(hasattr(x, "shape") for x in leaves)
    static = tuple(None if h else x for x, h in zip(leaves, holes, strict=True))
    try:
        key = ("apply", fingerprint(layer), treedef, static, training, rng is None)
        hash(key)
    except TypeError:  # an argument that has no hash
        return layer.apply(params, state, *args, rng=rng, training=training, **kwargs)
    run = program(key, lambda: jax.jit(_applying(skeleton(layer), treedef, static, training)))
    if alike is not None:
        remember(layer, "call", alike, run, since)
    return run(params, state, [x for x, h in zip(leaves, holes, strict=True) if h], rng)


def _applying(layer: Any, treedef: Any, static: Any, training: bool) -> Callable[..., Any]:
    """The function that a program is compiled from."""

    def run(params: Any, state: Any, arrays: Any, rng: Any) -> Any:
        given = iter(arrays)
        args, kwargs = treedef.unflatten([next(given) if s is None else s for s in static])
        return layer.apply(params, state, *args, rng=rng, training=training, **kwargs)

    return run


def turn() -> tuple[int, int]:
    """What stands still as long as no setting of any layer changes, nor a value that stands in programs."""
    return changes[0], constants[0]


def remember(layer: Any, use: str, x: Any, run: Any, since: tuple[int, int]) -> None:
    """Notes the program that serves arrays like x, of this kind, shape and dtype, until a setting of any layer changes.

    So a call on one row need not look through the layer, and at what is known of x, a second time.

    since: the turn before the program was looked for: another thread may have changed a setting meanwhile.
    """
    before, found = layer._face.facts.get(use, (None, {}))
    found = found if before == since else {}
    found[type(x), x.shape, x.dtype] = run
    layer._face.facts[use] = since, found


def remembered(layer: Any, use: str, x: Any) -> Any:
    """The program that was noted for arrays like x, or None."""
    since, found = layer._face.facts.get(use, (None, {}))
    if since != turn() or not (type(x) is np.ndarray or is_concrete(x)):
        return None
    return found.get((type(x), x.shape, x.dtype))


def is_concrete(x: Any) -> bool:
    """Whether x is an array of JAX with values."""
    return isinstance(x, jax.Array) and not isinstance(x, Tracer)


def fact(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Remembers what was found by looking through a layer, until a setting of any layer changes."""

    @functools.wraps(find)
    def told(layer: Any) -> Any:
        facts = layer._face.facts
        stored = facts.get(find.__qualname__)
        if stored is not None and stored[0] == changes[0]:
            return stored[1]
        before = changes[0]
        found = find(layer)
        facts[find.__qualname__] = (before, found)
        return found

    return told


@fact
def runs_user_code(layer: Any) -> bool:
    """Whether anything in a layer is not of this package."""
    return any(
        not registry.is_builtin(type(part)) or getattr(part, "holds_user_code", False) for part in storey.subtree(layer)
    )


def skeleton(layer: Any) -> Any:
    """A private copy of a layer without values, which nobody else can change."""
    memo: dict[int, Any] = {}
    for part in storey.subtree(layer):
        for value in (vars(part).get(name) for name in UPSTAIRS):
            if hasattr(value, "__dict__") or hasattr(value, "dtype") or isinstance(value, (dict, tuple)):
                memo[id(value)] = None
    twin = copy.deepcopy(layer, memo)
    for part in storey.subtree(twin):
        part._face.values = None
    return twin


@fact
def fingerprint(layer: Any) -> Hashable:
    """What two layers have in common if, and only if, one program serves both."""
    return _Print(_settings(layer))


class _Print:
    """A fingerprint: a nest of tuples whose hash is taken once."""

    __slots__ = ("hash", "value")

    def __init__(self, value: Hashable):
        self.value, self.hash = value, hash(value)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Print) and self.hash == other.hash and self.value == other.value)


def _settings(value: Any) -> Hashable:
    """A hashable picture of a setting; what cannot be pictured stands for itself."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, complex, np.dtype)):
        return (type(value).__name__, value)
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *map(_settings, value))
    if isinstance(value, dict):
        return ("dict", *((k, _settings(v)) for k, v in value.items()))
    if isinstance(value, np.ndarray) and value.dtype != object:
        return ("ndarray", value.shape, value.dtype.str, value.tobytes())
    parts = getattr(value, "fingerprint_parts", None)
    if parts is not None:
        return (type(value), _settings(parts()))
    if isinstance(value, registry.Configurable) and not hasattr(value, "_face"):
        return _plain(value)
    if isinstance(value, registry.Configurable):
        own, children = vars(value).items(), getattr(value, "children", {})
        if not registry.is_builtin(type(value)):
            plain = ((k, _settings(v)) for k, v in own if isinstance(v, PLAIN) and k not in UPSTAIRS)
            return (_Same(value), *plain, *((k, _settings(child)) for k, child in children.items()))
        return (
            type(value),
            *((k, _settings(v)) for k, v in own if k not in ("_face", "_init_args", "_key", *UPSTAIRS)),
        )
    return _Same(value)


def settings_of(value: Any) -> Hashable:
    """The fingerprint of an objective, an optimizer, or anything else that is no layer."""
    return _Print(_settings(value))


def _plain(value: Any) -> Hashable:
    """A loss, a metric, an optimizer, an initializer, ...: its class and settings, not what it has seen."""
    if not registry.is_builtin(type(value)):
        return _Same(value)
    fields = {f.name: getattr(value, f.name) for f in registry.settings(type(value)) if hasattr(value, f.name)}
    given = {**vars(value).get("_init_args", {}), **fields}
    rate = vars(value).get("_rate")
    if "learning_rate" in given:  # a number is a leaf of opt_state, not a constant of the program
        given["learning_rate"] = rate if callable(rate) else None
    excluded = vars(value).get("_excluded", ((), ()))
    return (type(value), *((k, _settings(v)) for k, v in given.items()), *map(_settings, excluded))


class _Same:
    """Stands for one object: equal to itself alone, and keeps it alive."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value
