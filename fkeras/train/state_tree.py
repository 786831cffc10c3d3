"""All that a model holds, as one nest of dicts: its weights, its optimizer's slots, its metrics' sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import storey

FORMATS = {"backend_tensor": lambda v: v.value, "numpy_array": lambda v: np.array(v.value)}


def groups(model: Any) -> dict[str, dict[str, Any]]:
    """The variables of a model by group and path."""
    paths = {id(storey.handle(part, key)): "/".join(path) for part, key, path in storey.entries(model)}
    found = {
        "trainable_variables": [(paths.get(id(v), v.path), v) for v in model.trainable_variables],
        "non_trainable_variables": [(paths.get(id(v), v.path), v) for v in model.non_trainable_variables],
        "optimizer_variables": [(v.path, v) for v in getattr(getattr(model, "optimizer", None), "variables", ())],
        "metrics_variables": [(f"{m.name}/{v.name}", v) for m in model.metrics for v in m.variables],
    }
    return {group: numbered(pairs) for group, pairs in found.items()}


def numbered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The variables by path; the second of a path gets a number."""
    named: dict[str, Any] = {}
    for path, variable in pairs:
        n, free = 0, path
        while free in named:
            n, free = n + 1, f"{path}_{n + 1}"
        named[free] = variable
    return named


def nested(model: Any, value_format: str) -> dict[str, Any]:
    """The values of a model's variables, nested by their paths."""
    if value_format not in FORMATS:
        raise ValueError(f"value_format is one of {', '.join(map(repr, FORMATS))}; received {value_format!r}.")
    tree: dict[str, Any] = {}
    for group, variables in groups(model).items():
        tree[group] = {}
        for path, variable in variables.items():
            *parents, name = path.split("/")
            place = tree[group]
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = FORMATS[value_format](variable)
    return tree


def assign(model: Any, tree: dict[str, Any]) -> None:
    """Gives the variables of a model the values in a tree; all of its places are looked up first."""
    known = groups(model)
    if strange := set(tree) - set(known):
        raise ValueError(f"Unknown part {min(strange)!r} of a state tree; known: {', '.join(known)}.")
    given = [(group, path, value) for group, part in tree.items() for path, value in flat(part)]
    if missing := [f"{group}: {path}" for group, path, _ in given if path not in known[group]]:
        raise ValueError(
            f"{model.name} has no variable {missing[0]!r}; it has {sorted(known[missing[0].split(':')[0]])}."
        )
    for group, path, value in given:
        known[group][path].assign(value)


def flat(part: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """The leaves of a nest of dicts, with their paths."""
    leaves: list[tuple[str, Any]] = []
    for name, value in part.items():
        leaves += flat(value, f"{above}{name}/") if isinstance(value, dict) else [(above + name, value)]
    return leaves
