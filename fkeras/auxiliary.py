"""Losses beside that of the labels: penalties on weights, on activations, and `add_loss`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp


def is_aux(path: Any) -> bool:
    """Whether a place in a state holds an auxiliary loss."""
    return getattr(path[-1], "key", None) == "aux_loss"


def found_in(state: Any) -> list[Any]:
    """The auxiliary losses (activity penalties, `add_loss`) in a state, one for each layer that has any."""
    return [x for path, x in jax.tree_util.tree_leaves_with_path(state) if is_aux(path)]


def aux_loss(state: Any) -> Any:
    """Their sum.

    >>> float(aux_loss({"dense": {"aux_loss": jnp.array(2.0)}, "aux_loss": jnp.array(1.0)}))
    3.0
    """
    return sum(found_in(state), jnp.zeros((), jnp.float32))


def clear_aux_loss(state: Any) -> Any:
    """The state with its auxiliary losses at zero, as a step needs it on the way in."""
    return jax.tree_util.tree_map_with_path(lambda path, x: jnp.zeros_like(x) if is_aux(path) else x, state)


def penalties(layer: Any, params: Any) -> Iterator[Any]:
    """The penalty on each weight of a layer, and of everything in it, that has a regularizer."""
    for name, value in params.items():
        if name in layer.children:
            yield from penalties(layer.children[name], value)
        elif (regularizer := layer._weight_setting(name, "regularizer")) is not None:
            yield jnp.sum(regularizer(value)).astype(jnp.float32)
