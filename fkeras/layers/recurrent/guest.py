"""Cells that are written in the Keras way, as the loop sees them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import spec
from ...layer import Layer
from ...masking import values_of
from .cell import Carry, Cell, Values, shapes


class Guest:
    """A layer with `state_size` and `call(inputs, states) -> (output, states)` in the place of a `Cell`."""

    def __init__(self, layer: Any):
        self.layer = layer
        self.compute_dtype = layer.compute_dtype

    def __repr__(self) -> str:
        return repr(self.layer)

    def zeros(self, x: Any) -> Carry:
        """The states before the first step."""
        given = getattr(self.layer, "get_initial_state", None)
        if given is not None:
            states = given(batch_size=x.shape[0])
        else:
            states = jax.tree.map(lambda size: jnp.zeros((x.shape[0], size), self.compute_dtype), self.layer.state_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def ready(self, params: Values, state: Values, x: Any, rng: Any, training: bool) -> tuple[Any, Values]:
        """What `advance` needs of this call."""
        return (params, rng, training), state

    def feed(self, params: Any, xs: Any) -> Any:
        """The cell does it by itself."""
        return xs

    def advance(self, params: Any, state: Values, carry: Carry, z: Any, t: Any) -> tuple[Carry, Any, Values]:
        """One step, with a random key of its own."""
        weights, rng, training = params
        key = None if rng is None else jax.random.fold_in(rng, t)
        out, state = self.layer.apply(weights, state, z, carry, rng=key, training=training)
        out = values_of(out)
        if not isinstance(out, (list, tuple)) or len(out) != 2:
            raise ValueError(f"{self!r}: a cell's call returns (output, states); this returned {type(out).__name__}.")
        y, states = out
        old, new = jax.tree.leaves(carry), jax.tree.leaves(states)
        if [a.shape for a in old] != [a.shape for a in new]:
            raise ValueError(f"{self!r} was given states of shape {shapes(old)} and returned {shapes(new)}.")
        return jax.tree.unflatten(jax.tree.structure(carry), new), y, state


def seat(cell: Any) -> Any:
    """The cell if it has a `step`, else the guest that stands for it."""
    scope = cell._face.scope  # inside a user's `call` the cell is a copy for the length of that call
    cell = cell if scope is None else scope.original
    return cell if isinstance(cell, Cell) and type(cell).call is Cell.call else Guest(cell)


def check_cell(owner: Any, cell: Any) -> None:
    """Refuses what cannot be a cell."""
    name = type(owner).__name__
    if not isinstance(cell, Layer):
        hint = f" Write {cell.__name__}(...), not {cell.__name__}." if isinstance(cell, type) else ""
        raise ValueError(f"{name}: a cell is a layer with `state_size` and `call(inputs, states)`; got {cell!r}.{hint}")
    if getattr(cell, "state_size", None) is None:
        raise ValueError(f"{name}: the cell {cell!r} needs `state_size`, the size of its state or a list of sizes.")
    sizes = jax.tree.leaves(cell.state_size)
    if not sizes or not all(hasattr(size, "__index__") for size in sizes):
        raise ValueError(f"{name}: {cell!r} needs whole numbers in its state_size; got {cell.state_size!r}.")


def state_specs(cell: Any, x: Any) -> Carry:
    """The specs of the states of a cell for a step input of this spec."""
    zeros = seat(cell).zeros
    return spec.infer(zeros, x) if isinstance(x, spec.Spec) else jax.eval_shape(zeros, x)


def output_spec(cell: Any, x: Any) -> Any:
    """The spec of the output of a cell for a step input of this spec."""

    def run(rng: Any, x: Any) -> Any:
        params, state = cell.init(rng, x, seat(cell).zeros(x))
        return first_output(seat(cell), params, state, x)

    return spec.infer(run, spec.key_spec(), x)


def first_output(cell: Any, params: Values, state: Values, x: Any) -> Any:
    """The output of a seated cell for its first step, without dropout."""
    params, state = cell.ready(params, state, x, None, False)
    return cell.advance(params, state, cell.zeros(x), cell.feed(params, x), 0)[1]
