"""Where a compiled model keeps what its optimizer remembers between two runs."""

from __future__ import annotations

import warnings
from typing import Any

import jax

from .. import compiled, storey
from ..optimizers import Optimizer


def box(model: Any) -> Any:
    """The `opt_state` that rests with the model's optimizer, or None before its first step."""
    optimizer = model.optimizer
    return optimizer.state if isinstance(optimizer, Optimizer) else model._opt_state


def put(model: Any, opt_state: Any) -> None:
    """Lays down the `opt_state` of a run."""
    if isinstance(model.optimizer, Optimizer):
        model.optimizer.state = opt_state
    else:
        model._opt_state = opt_state


def begin(model: Any, chosen: Any) -> Any:
    """The `opt_state` to go on with: what rests with the optimizer, or a new one for these params."""
    optimizer = model.optimizer
    kept = box(model)
    if kept is not None:
        wanted = wanted_by(optimizer, chosen)
        same = jax.tree.structure(wanted) == jax.tree.structure(kept)
        if same and all(
            w.shape == k.shape for w, k in zip(jax.tree.leaves(wanted), jax.tree.leaves(kept), strict=True)
        ):
            return kept
        warnings.warn(
            f"The weights of {model.name!r} that are trained are not those that {optimizer!r} remembers: it starts "
            "anew. "
            "Call compile() after changing which layers are trainable.",
            stacklevel=4,
        )
        put(model, None)
    if isinstance(optimizer, Optimizer):
        optimizer.prepare(chosen)
        align(optimizer, model)
        return optimizer.state
    return optimizer.init(chosen)


def wanted_by(optimizer: Any, chosen: Any) -> Any:
    """The shapes of what an optimizer remembers of these params, found once for all that are alike."""
    leaves, form = jax.tree.flatten(chosen)
    key = ("remembers", compiled.settings_of(optimizer), form, *((x.shape, x.dtype) for x in leaves))
    return compiled.program(key, lambda: jax.eval_shape(optimizer.init, chosen))


def align(optimizer: Any, model: Any) -> None:
    """Lets an optimizer list what it keeps in the order of the model's trainable weights, as Keras does."""
    for inner in optimizer._inner():
        align(inner, model)
    if optimizer._form is None or optimizer.is_custom:
        return
    parts, order = optimizer._form
    place: dict[str, int] = {}
    for _, _, path in storey.entries(model):
        place.setdefault("/".join(path), len(place))
    rank = [place.get(leaf.path, len(place)) for leaf in parts.leaves]
    if all(r < len(place) for r in rank):
        optimizer._form = parts, sorted(order, key=lambda i: rank[i])
