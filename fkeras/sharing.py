"""A layer that stands in two places of one tree has one set of values.

Its values are kept at the first place where a walk meets it. The whole that holds both
places takes them off the others when it is initialised, and puts them there on the way
into a call.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import Any

from . import compiled, lending, storey

Path = tuple[str, ...]
Aliases = list[tuple[Path, Path]]


@compiled.fact
def aliases(layer: Any) -> Aliases:
    """(other place, first place) for every layer that stands in several places below `layer`."""
    return places(layer)[1]


def places(layer: Any) -> tuple[dict[int, Path], Aliases]:
    """({the id of each layer below `layer`: the first place of it}, (other place, first place) of those in several)."""
    first: dict[int, Path] = {}
    found: Aliases = []

    def visit(part: Any, path: Path) -> None:
        if id(part) in first:
            found.append((path, first[id(part)]))
            return
        first[id(part)] = path
        for name, child in part.children.items():
            visit(child, (*path, name))

    visit(layer, ())
    return first, found


def lender(layer: Any) -> lending.Lender:
    """What lends values of `layer` to the functions that its programs trace; it keeps no layer alive."""
    first, _ = places(layer)
    known = weakref.WeakKeyDictionary({part: first[id(part)] for part in storey.subtree(layer)})

    def lend(values: Any, inputs: Any, rng: Any, training: bool) -> contextlib.AbstractContextManager[None]:
        return lending.lending(lending.Lent(known, values[0], values[1], inputs, rng, training))

    return lend


def without_copies(layer: Any, tree: dict[str, Any]) -> dict[str, Any]:
    """A tree of values with those of shared layers at their first place only."""
    for other, _ in aliases(layer):
        tree = removed(tree, other)
    return tree


def with_copies(layer: Any, tree: dict[str, Any]) -> dict[str, Any]:
    """A tree of values with those of shared layers at every place."""
    for other, first in aliases(layer):
        value = found_at(tree, first)
        if value is not None:
            tree = inserted(tree, other, value)
    return tree


def gathered(layer: Any, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A new state in which what a shared layer has changed at any place stands at its first."""
    for other, first in aliases(layer):
        new = found_at(after, other)
        if new is not None and new is not found_at(before, other):
            after = inserted(after, first, new)
        after = removed(after, other)
    return after


def found_at(tree: Any, path: Path) -> Any:
    """What stands at a path of nested dicts, or None."""
    for name in path:
        if not isinstance(tree, dict) or name not in tree:
            return None
        tree = tree[name]
    return tree


def inserted(tree: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of nested dicts with a value at a path."""
    if len(path) == 1:
        return {**tree, path[0]: value}
    return {**tree, path[0]: inserted(tree.get(path[0], {}), path[1:], value)}


def removed(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """A copy of nested dicts without what stands at a path; nothing empty is left behind."""
    if path[0] not in tree:
        return tree
    if len(path) == 1:
        return {k: v for k, v in tree.items() if k != path[0]}
    inner = removed(tree[path[0]], path[1:])
    rest = {k: v for k, v in tree.items() if k != path[0]}
    return {**rest, path[0]: inner} if inner else rest
