"""A cell: one step of a recurrence, and what the loop needs to know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import random
from ...layer import Layer, shown
from ...product import matmul
from ...spec import SDS
from ...traced import is_exactly
from ..settings import check_positive, check_rate

Carry = list[Any]
Values = dict[str, Any]


class Cell(Layer):
    """One step of a recurrence; `RNN(cell)` repeats it over time.

    A subclass has `state_size`, the sizes of what it carries, and writes

        feed(params, xs)     -> zs          what needs no carry, for any number of leading axes
        step(params, carry, z)  -> carry, y    the rest; carry is a list of arrays

    Alone it is called on one step: `y, states = cell(x, states)`.

    Shapes: x (batch, features), each state (batch, size).

    >>> class Sum(Cell):
    ...     state_size = 2
    ...     def step(self, params, carry, z):
    ...         return [carry[0] + z], carry[0] + z
    >>> y, (total,) = Sum()(jnp.ones((1, 2)), [jnp.ones((1, 2))])
    >>> y.tolist(), total.tolist()
    ([[2.0, 2.0]], [[2.0, 2.0]])
    """

    rank: ClassVar[Any] = (2, None)
    state_size: ClassVar[Any] = None
    dropout = recurrent_dropout = 0.0  # not annotated: the settings of a cell have places of their own

    @property
    def output_size(self) -> Any:
        """The size of the output: that of the first state."""
        sizes = self.state_size
        return sizes[0] if isinstance(sizes, (list, tuple)) else sizes

    @property
    def masks(self) -> int:
        """How many dropout masks one array gets: one, or one for each gate."""
        return 1

    # --- what a cell writes --------------------------------------------------------------------

    def zeros(self, x: Any) -> Carry:
        """The carry before the first step, for a step input x (batch, ...)."""
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return [jnp.zeros((x.shape[0], size), self.compute_dtype) for size in sizes]

    def feed(self, params: Values, xs: Any) -> Any:
        """The part of the step that needs no carry."""
        return xs

    def step(self, params: Values, carry: Carry, z: Any) -> tuple[Carry, Any]:
        """(carry, projected input) -> (next carry, output)."""
        raise NotImplementedError(f"{type(self).__name__} must define `step`.")

    # --- parts that most cells have ------------------------------------------------------------

    def recur(self, params: Values, h: Any) -> Any:
        """The product of the first state with the recurrent weights."""
        return dropped(h, params["recurrent_kernel"], params.get("recurrent_keep"))

    def inner(self, params: Values, h: Any) -> Any:
        """What the first state adds to the activations."""
        return self.recur(params, h)

    def mix(self, z: Any, r: Any) -> Any:
        """What goes into the activations: of the input and of the first state."""
        return r if z is None else z + r

    # --- what the loop calls -------------------------------------------------------------------

    def ready(self, params: Values, state: Values, x: Any, rng: Any, training: bool) -> tuple[Values, Values]:
        """(params, state) for one call of the loop: cast, with the dropout masks that hold for all its steps.

        x: a step input, or its spec.
        """
        self.check_params(params, x)
        params, rates = self._cast_own(params), {"keep": self.dropout, "recurrent_keep": self.recurrent_dropout}
        rates = {k: rate for k, rate in rates.items() if not is_exactly(rate, 0)}
        if not training or not rates:
            return params, state
        if rng is None and "seed_generator" not in state:
            raise ValueError(f"{self!r} needs rng= when training=True.")
        keys, state = random.seeded(state, rng, self.masks * len(rates))
        keys = [keys] if self.masks * len(rates) == 1 else keys
        shapes = {"keep": x, "recurrent_keep": jax.eval_shape(self.zeros, SDS(tuple(x.shape), x.dtype))[0]}
        for name, rate in rates.items():
            ones = jnp.ones(shapes[name].shape, self.compute_dtype)
            params[name] = jnp.stack([random.dropout(ones, rate, seed=keys.pop(0)) for _ in range(self.masks)])
        return params, state

    def advance(self, params: Values, state: Values, carry: Carry, z: Any, t: Any) -> tuple[Carry, Any, Values]:
        """A step as the loop takes it: step number t, and a state that may change."""
        carry, y = self.step(params, carry, z)
        return carry, y, state

    # --- alone -----------------------------------------------------------------------------------

    def call(self, inputs: Any, states: Any, *, params: Any, state: Any, rng: Any, training: bool) -> Any:
        carry = as_carry(self, states, self, inputs)
        params, state = self.ready(params, state, inputs, rng, training)
        carry, y, state = self.advance(params, state, carry, self.feed(params, inputs), 0)
        return (y, carry if isinstance(states, (list, tuple)) else carry[0]), state

    def _key(self, rng: Any, state: Any, training: bool) -> Any:
        return rng, state  # `ready` draws as many keys as it needs

    def get_initial_state(self, batch_size: int | None = None) -> Carry:
        """The states before the first step."""
        return self.zeros(SDS((batch_size,), jnp.dtype(self.compute_dtype)))

    # --- settings ----------------------------------------------------------------------------------

    @classmethod
    def check(cls, layer: Any) -> None:
        """Refuses settings of a cell, or of a layer that makes one, that no cell can have."""
        check_positive(layer, "units")
        check_noise(layer)


def check_noise(layer: Any) -> None:
    """Refuses rates and seeds that cannot be."""
    check_rate(layer, "dropout", "recurrent_dropout")
    if getattr(layer, "implementation", 2) not in (0, 1, 2):
        raise ValueError(f"{type(layer).__name__}: implementation must be 1 or 2; got {layer.implementation!r}.")
    object.__setattr__(layer, "seed", random.check_seed(layer.seed))


def dropped(x: Any, w: Any, keep: Any = None, times: Callable[[Any, Any], Any] = matmul, axis: int = -1) -> Any:
    """times(x, w), where each gate sees x under its own dropout mask.

    axis: where the product has its gates.

    keep: (masks, *x.shape); with several, w has as many parts along its last axis.
    """
    if keep is None:
        return times(x, w)
    parts = [times(x * k, v) for k, v in zip(keep, jnp.split(w, len(keep), -1), strict=True)]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis)


def as_carry(owner: Any, states: Any, cell: Any, x: Any) -> Carry:
    """States as a user gives them, in the form that the cell carries; refused if they do not fit.

    owner: whom the message is about.
    x: a step input, or its spec.
    """
    wanted, tree = jax.tree.flatten(jax.eval_shape(cell.zeros, SDS(tuple(x.shape), x.dtype)))
    given = [jnp.asarray(s) for s in jax.tree.leaves(states)]
    if [tuple(s.shape) for s in given] != [tuple(s.shape) for s in wanted]:
        raise ValueError(
            f"{owner!r} carries {len(wanted)} state{'s' * (len(wanted) != 1)} of shape {shapes(wanted)} for "
            f"steps of shape {shown(x.shape)}; got {len(given)} of shape {shapes(given) or '()'}. Give them as a list."
        )
    return tree.unflatten([s.astype(w.dtype) for s, w in zip(given, wanted, strict=True)])


def shapes(arrays: Any) -> str:
    """Shapes for a message."""
    return ", ".join(shown(x.shape) for x in arrays)
