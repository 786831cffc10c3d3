"""The loop: a cell over time, once, with `lax.scan`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .cell import Carry, Values


def run(
    cell: Any, params: Values, state: Values, xs: Any, carry: Carry, mask: Any = None,
    *, every: bool, backwards: bool = False, unroll: bool = False, zeros: bool = False,
) -> tuple[Any, Carry, Values]:  # fmt: skip
    """(outputs, last carry, state) of a seated cell on `xs` (t, batch, ...).

    mask: (t, batch), False where a step is skipped: it leaves the carry as it is, and its
        output is the first state, or zero.
    every: whether the outputs are those of all steps, in the order in which they ran, or of the last.
    """

    def step(before: Any, now: Any) -> Any:
        carry, state, _ = before
        x, keep, t = now
        new, y, state = cell.advance(params, state, carry, cell.feed(params, x), t)
        new = jax.tree.map(lambda a, b: a.astype(b.dtype), new, carry)
        if keep is not None:
            last = jnp.zeros_like(y) if zeros else previous_output(cell, carry, y)
            new, y = choose(keep, new, carry), choose(keep, y, last)
        return (new, state, None if every else y), y if every else None

    steps, first = (xs, mask, jnp.arange(xs.shape[0])), None
    if not every:
        like = jax.eval_shape(lambda: step((carry, state, None), jax.tree.map(lambda a: a[0], steps))[0][2])
        first = jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), like)
    (carry, state, y), ys = jax.lax.scan(step, (carry, state, first), steps, reverse=backwards, unroll=unroll or 1)
    if every:
        y = jax.tree.map(lambda a: a[::-1], ys) if backwards else ys
    return y, carry, state


def choose(keep: Any, new: Any, old: Any) -> Any:
    """`new` for the examples that are kept, `old` for the others."""
    return jax.tree.map(lambda a, b: jnp.where(keep.reshape(keep.shape + (1,) * (a.ndim - 1)), a, b), new, old)


def previous_output(cell: Any, carry: Carry, y: Any) -> Any:
    """What stands for the output of a skipped step: the first state, of the last cell if there are several."""
    first = carry[0] if not isinstance(carry[0], list) else carry[-1][0]
    if not hasattr(y, "shape") or first.shape != y.shape:
        raise ValueError(
            f"{cell!r}: where a step is masked the output is the first state, of shape {first.shape}, but "
            f"the outputs have shape {jax.tree.map(jnp.shape, y)}. Use zero_output_for_mask=True."
        )
    return first
