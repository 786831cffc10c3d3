"""`StackedRNNCells`: cells on top of each other are a cell."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from ... import random
from ...spec import SDS
from .cell import Carry, Cell, Values
from .guest import check_cell, first_output, output_spec, seat, state_specs


class StackedRNNCells(Cell):
    """Cells, each of which steps on the output of the one before; it carries the list of what they carry.

    Shapes: x (b, n), a list of the states of each cell -> output of the last cell, new states.

    >>> from fkeras.layers import RNN, GRUCell, LSTMCell
    >>> y, states, more = RNN(StackedRNNCells([LSTMCell(2), GRUCell(3)]), return_state=True)(jnp.ones((4, 5, 6)))
    >>> y.shape, [s.shape for s in states], [s.shape for s in more]
    ((4, 3), [(4, 2), (4, 2)], [(4, 3)])
    """

    cells: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        cells = list(self.cells) if isinstance(self.cells, (list, tuple)) else [self.cells]
        if not cells:
            raise ValueError("StackedRNNCells needs at least one cell.")
        object.__setattr__(self, "cells", cells)
        for cell in self.cells:
            check_cell(self, cell)

    @property
    def state_size(self) -> Any:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the output of the last cell."""
        size = getattr(self.cells[-1], "output_size", None) or self.cells[-1].state_size
        return size[0] if isinstance(size, (list, tuple)) else size

    def seats(self) -> Iterator[tuple[str, Any]]:
        """(name among the children, seated cell) of each cell; a cell that stands here twice has one name."""
        names = {id(cell): name for name, cell in self.children.items()}
        return ((names[id(cell)], seat(cell)) for cell in self.cells)

    def child_inputs(self, x: Any, *_: Any, **__: Any) -> dict[str, tuple[Any, ...]]:
        found = {}
        for (name, _), cell in zip(self.seats(), self.cells, strict=True):
            found[name] = (x, state_specs(cell, x))
            x = output_spec(cell, x)
        return found

    def zeros(self, x: Any) -> Carry:
        return [cell.zeros(x) for _, cell in self.seats()]

    def ready(self, params: Values, state: Values, x: Any, rng: Any, training: bool) -> tuple[Values, Values]:
        made, state = {}, dict(state)
        for name, cell in self.seats():
            key = None if rng is None else random.fold(rng, name)
            made[name], new = cell.ready(params.get(name, {}), state.get(name, {}), x, key, training)
            if new:
                state[name] = new
            made_of = functools.partial(first_output, cell, params.get(name, {}), new)
            x = jax.eval_shape(made_of, SDS(tuple(x.shape), x.dtype))
        return made, state

    def feed(self, params: Values, xs: Any) -> Any:
        name, cell = next(self.seats())
        return cell.feed(params[name], xs)

    def advance(self, params: Values, state: Values, carry: Carry, z: Any, t: Any) -> tuple[Carry, Any, Values]:
        carries, state = [], dict(state)
        for i, (name, cell) in enumerate(self.seats()):
            z = z if i == 0 else cell.feed(params[name], z)
            new, z, s = cell.advance(params[name], state.get(name, {}), carry[i], z, t)
            carries.append(new)
            if s:
                state[name] = s
        return carries, z, state

    def get_initial_state(self, batch_size: int | None = None) -> Carry:
        """The states of each cell before the first step."""
        return self.zeros(SDS((batch_size,), jnp.dtype(self.compute_dtype)))
