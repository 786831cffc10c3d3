"""`RNN`: any cell over time; and what the recurrent layers have in common."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import registry
from ...layer import Layer, shown
from ...spec import SDS, Spec
from . import derivative, loop
from .cell import Cell, as_carry
from .guest import check_cell, seat, state_specs
from .stacked import StackedRNNCells


class Recurrent(Layer):
    """A layer that runs a cell over the second axis of its input; `cell` holds the cell.

    return_sequences: return the outputs of all steps instead of the last.
    return_state: return the last states too, `(y, *states)`.
    go_backwards: begin with the last step; outputs stand in the order in which they were made.
    stateful: begin each call with the states in which the last one ended, until `reset_state()`.
        The batch size has to be known.
    unroll: lay the loop out step by step, which may be faster for a few steps and compiles longer.
    zero_output_for_mask: the output of a masked step is zero instead of the one before.
    """

    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False

    supports_masking = True
    follows = {"activity_regularizer": "bias_regularizer"}
    behind = ("mask", "training")
    config_always = ("activity_regularizer",)
    rank: ClassVar[Any] = 3
    cell_class: ClassVar[type[Cell] | None] = None  # a layer with the settings of a cell makes its own

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell_class is not None:
            self.cell_class.check(self)
            own = {name: getattr(self, name) for name in settings_of(self.cell_class)}
            object.__setattr__(self, "cell", self.cell_class(**own, dtype=self.dtype_policy, trainable=self.trainable))
        if getattr(self, "use_cudnn", "auto") not in ("auto", True, False):
            raise ValueError(f"{type(self).__name__}: use_cudnn must be 'auto', True or False; got {self.use_cudnn!r}.")  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if self.cell_class is not None and "cell" in vars(self) and name in MIRRORED | settings_of(self.cell_class):
            setattr(self.cell, name, value)

    # --- the pair --------------------------------------------------------------------------------

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> Any:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        params, state = super().init(rng, *inputs, **kwargs)
        if self.stateful:
            x = self.step_of(inputs[0])
            if not isinstance(x.shape[0], int):
                raise ValueError(
                    f"{self!r} is stateful and needs to know the batch size; got inputs of shape "
                    f"{shown(inputs[0].shape)}. Write Input(..., batch_size=8), for example."
                )
            states = jax.eval_shape(seat(self.cell).zeros, x)
            state["carry"] = jax.tree.map(lambda s: jnp.zeros(s.shape, self.variable_dtype), states)
        return params, state

    def _given(self, params: Any) -> Any:
        self.cell._face.given = self._face.given  # the old argument `weights=`
        return params

    def child_inputs(self, sequences: Any, *_: Any, **__: Any) -> dict[str, tuple[Any, ...]]:
        x = self.step_of(sequences)
        return {"cell": (x, state_specs(self.cell, x))}

    def step_of(self, xs: Any) -> Any:
        """The spec of one step of inputs."""
        self.check_rank(xs)
        if not hasattr(xs, "shape"):
            raise ValueError(
                f"{self!r} takes one array (batch, steps, ...); got a {type(xs).__name__}. "
                "Give states as initial_state=[...]."
            )
        shape = (xs.shape[0], *xs.shape[2:])
        return Spec(shape, xs.dtype) if None in shape else SDS(shape, xs.dtype)

    def call(
        self, sequences: Any, initial_state: Any = None, *, params: Any, state: Any, rng: Any, training: bool, mask: Any
    ) -> Any:
        cell, x = seat(self.cell), self.step_of(sequences)
        self.check_steps(sequences)
        carry = self.first_carry(cell, initial_state, state, x)
        weights, memory = cell.ready(params.get("cell", {}), state.get("cell", {}), x, rng, training)
        given = jnp.swapaxes(sequences, 0, 1), carry, self.mask_of_steps(mask, sequences)
        how = loop.How(self.return_sequences, self.go_backwards, self.unroll, self.zero_output_for_mask)
        if derivative.fits(cell, weights):
            y, carry = derivative.run(cell, weights, *given, how)
        else:
            y, carry, memory = loop.run(cell, weights, memory, *given, how)
        if self.return_sequences:
            y = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), y)
        state = {**state, "cell": memory} if memory else state
        if "carry" in state:
            state = {**state, "carry": jax.tree.map(lambda new, old: new.astype(old.dtype), carry, state["carry"])}
        y, carry = jax.tree.map(lambda a: a.astype(self.compute_dtype), (y, carry))
        return ((y, *told(carry, self.cell)) if self.return_state else y), state

    def first_carry(self, cell: Any, initial_state: Any, state: Any, x: Any) -> Any:
        """The carry before the first step: given, kept from the last call, or zero."""
        kept = state.get("carry")
        if kept is not None and (known := jax.tree.leaves(kept)[0].shape[0]) != x.shape[0]:
            raise ValueError(f"{self!r} keeps the states of a batch of {known}; got a batch of {x.shape[0]}.")
        if initial_state is not None:
            return as_carry(self, initial_state, cell, x)
        return cell.zeros(x) if kept is None else as_carry(self, kept, cell, x)

    def check_steps(self, xs: Any) -> None:
        """Refuses sequences without a step, and unknown numbers of steps that are to be laid out."""
        steps = xs.shape[1]
        if self.unroll and not isinstance(steps, int):
            raise ValueError(
                f"{self!r} cannot unroll an unknown number of steps; got inputs of shape {shown(xs.shape)}. "
                "Give the number in Input."
            )
        if isinstance(steps, int) and steps == 0:
            raise ValueError(f"{self!r} needs at least one step; got inputs of shape {shown(xs.shape)}.")

    def mask_of_steps(self, mask: Any, xs: Any) -> Any:
        """The mask as (steps, batch), or None."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if mask is None:
            return None
        mask = jnp.asarray(mask, bool)
        if tuple(mask.shape[:2]) != tuple(xs.shape[:2]):
            raise ValueError(f"{self!r} expects a mask of shape {shown(xs.shape[:2])}; got {shown(mask.shape)}.")
        return jnp.swapaxes(mask if mask.ndim == 2 else jnp.any(mask, tuple(range(2, mask.ndim))), 0, 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the inputs for the sequence of outputs; none for states."""
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        return mask if self.return_sequences else None

    # --- states ------------------------------------------------------------------------------------

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def get_initial_state(self, batch_size: int) -> Any:
        """The states before the first step."""
        return seat(self.cell).zeros(SDS((batch_size,), jnp.dtype(self.compute_dtype)))

    @property
    def states(self) -> Any:
        """The states in which the last call of a stateful layer ended, or None."""
        values = self._face.values
        return None if values is None else values[1].get("carry")

    def reset_state(self) -> None:
        """Sets the states of a stateful layer back to zero."""
        if (values := self._face.values) is not None and "carry" in values[1]:
            values[1]["carry"] = jax.tree.map(jnp.zeros_like, values[1]["carry"])

    reset_states = reset_state


MIRRORED = {"dtype", "dtype_policy"}  # what a layer with its own cell sets there too, beside the settings of the cell


def told(carry: Any, cell: Any) -> Any:
    """The states as they are returned: of a stacked cell that names one size and makes no states itself, the one."""
    if (cells := getattr(cell, "cells", None)) is None:
        return carry
    alone = [not isinstance(c.state_size, (list, tuple)) and not hasattr(c, "get_initial_state") for c in cells]
    return [part[0] if one else part for part, one in zip(carry, alone, strict=True)]


def settings_of(cell_class: type[Cell]) -> set[str]:
    """The names of the settings that are the cell's own, not those of every layer."""
    return {f.name for f in registry.settings(cell_class)} - {f.name for f in registry.settings(Layer)}


@dataclasses.dataclass(eq=False, repr=False)
class HoldsCell:
    """The first argument of `RNN`."""

    cell: Any


class RNN(Recurrent, HoldsCell):
    """A cell, repeated over the steps of its input.

        carry, y[t] = cell(x[t], carry)

    Shapes: (b, t, ...) -> (b, output size), or (b, t, output size) with return_sequences;
        with return_state also the last states.

    cell: a layer with `state_size` (a number, or a list of them) and `call(inputs, states)` that
        returns `(output, new states)`; or a list of such cells, which are stacked. It may have
        `output_size` and `get_initial_state(batch_size)`.
    return_sequences: return the outputs of all steps instead of the last.
    return_state: return the last states too, `(y, *states)`.
    go_backwards: begin with the last step; outputs stand in the order in which they were made.
    stateful: begin each call with the states in which the last one ended, until `reset_state()`.
    unroll: lay the loop out step by step.
    zero_output_for_mask: the output of a masked step is zero instead of the one before.

    Called with `initial_state=` a list of states; with a mask, masked steps leave the states as they are.
    The mask that comes with the inputs holds in both cases; Keras 3 forgets it where states are given.

    Raises ValueError for what is no cell, and for states that do not fit it.

    >>> class Sum(Layer):
    ...     state_size = 1
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> RNN(Sum(), return_sequences=True)(jnp.ones((1, 3, 1)))[0, :, 0].tolist()
    [1.0, 2.0, 3.0]
    """

    zero_output_for_mask: bool = False

    config_always = ()
    rank: ClassVar[Any] = (2, None)

    def __post_init__(self) -> None:
        if isinstance(self.cell, (list, tuple)):
            object.__setattr__(self, "cell", StackedRNNCells(self.cell, dtype=self.dtype))
        check_cell(self, self.cell)
        super().__post_init__()
