"""The objects of a model that files keep values of, each with its path, in the order and under the names of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import graph, registry
from ..layer import Layer
from ..optimizers import Optimizer

INTERNAL = frozenset("_face _init_args _key _network _compiled _objective _opt_state _steps _children _entry _symbols "
                     "_layers history _trainable_variables _built_on _box _form _live _own _rows _excluded "
                     "dtype_policy".split())  # fmt: skip


def saveables(model: Any, skip: Any = ()) -> Iterator[tuple[str, Any]]:
    """(path, object) for a model, the layers in it and its optimizer, each once.

    skip: objects to leave out.
    """
    seen = {id(x) for x in skip}
    if id(model) not in seen:
        yield from visit(model, "", seen)


def visit(part: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """An object and what is in it."""
    if id(part) in seen:
        return
    seen.add(id(part))
    yield path, part
    for name, value in attributes(part):
        where = f"{path}/{name}" if path else name
        if is_saveable(value):
            yield from visit(value, where, seen)
        elif isinstance(value, (list, tuple, dict)):
            yield from visit_all(value, where, seen, set())


def visit_all(values: Any, path: str, seen: set[int], containers: set[int]) -> Iterator[tuple[str, Any]]:
    """What is in a list, tuple or dict; named after its classes, and numbered."""
    if id(values) in containers:
        return
    containers.add(id(values))
    counts: dict[str, int] = {}
    for value in values.values() if isinstance(values, dict) else values:
        nested = isinstance(value, (list, tuple, dict))
        if not nested and not is_saveable(value):
            continue
        own = getattr(value, "stored_name", None) or registry.snake_case(type(value).__name__)
        stem = "container" if nested else own
        number = counts.get(stem, -1) + 1
        counts[stem] = number
        where = f"{path}/{stem}_{number}" if number else f"{path}/{stem}"
        yield from visit_all(value, where, seen, containers) if nested else visit(value, where, seen)


def attributes(part: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an object that may hold others, private ones last."""
    users = [c for c in type(part).__mro__ if not registry.is_builtin(c) and c is not object]
    names = {*vars(part), *(n for c in users for n in vars(c))} - INTERNAL
    names = {n for n in names if not n.startswith("__") and not hasattr(Layer, n)}
    if (layers := own_layers(part)) is not None:
        if part.walks:
            yield "layers", layers
            names.discard("layers")
        else:
            names.add("layers")
    told = {getattr(part, "stored_as", {}).get(n, n): n for n in names}
    for name in sorted(told, key=lambda n: f"~{n}" if n.startswith("_") else n):
        try:
            yield name, layers if name == "layers" and layers is not None else getattr(part, told[name])
        except Exception:  # a property of the user's that has no value now
            continue


def own_layers(part: Any) -> list[Any] | None:
    """The layers of a model; None for a layer that is no model."""
    if not hasattr(part, "walks"):
        return None
    return [layer for layer in part.layers if type(layer).kind is not graph.OPERATIONS]


def is_saveable(value: Any) -> bool:
    """Whether files keep values of an object."""
    return isinstance(value, (Layer, Optimizer)) and getattr(type(value), "kind", None) is not graph.OPERATIONS
