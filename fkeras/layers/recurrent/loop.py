"""The loop: a cell over time, once, with `lax.scan`."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .cell import Carry, Values


class How(NamedTuple):
    """How the loop runs.

    every: whether the outputs are those of all steps, in the order in which they ran, or of the last.
    zeros: whether the output of a skipped step is zero; else it is the first state.
    """

    every: bool
    backwards: bool = False
    unroll: bool = False
    zeros: bool = False

    def scan(self, f: Any, carry: Any, xs: Any) -> Any:
        """`lax.scan`, this way."""
        return jax.lax.scan(f, carry, xs, reverse=self.backwards, unroll=self.unroll or 1)


def run(
    cell: Any, params: Values, state: Values, xs: Any, carry: Carry, mask: Any, how: How
) -> tuple[Any, Carry, Values]:
    """(outputs, last carry, state) of a seated cell on `xs` (t, batch, ...).

    mask: (t, batch) or None; False where a step is skipped and leaves the carry as it is.
    """

    def step(before: Any, now: Any) -> Any:
        carry, state, _ = before
        x, keep, t = now
        new, y, state = cell.advance(params, state, carry, cell.feed(params, x), t)
        new = jax.tree.map(lambda a, b: a.astype(b.dtype), new, carry)
        if keep is not None:
            last = jnp.zeros_like(y) if how.zeros else previous_output(cell, carry, y)
            new, y = choose(keep, new, carry), choose(keep, y, last)
        return (new, state, None if how.every else y), y if how.every else None

    steps, first = (xs, mask, jnp.arange(xs.shape[0])), None
    if not how.every:
        like = jax.eval_shape(lambda: step((carry, state, None), jax.tree.map(lambda a: a[0], steps))[0][2])
        first = jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), like)
    (carry, state, y), ys = how.scan(step, (carry, state, first), steps)
    if how.every:
        y = jax.tree.map(lambda a: a[::-1], ys) if how.backwards else ys
    return y, carry, state


def choose(keep: Any, new: Any, old: Any) -> Any:
    """`new` for the examples that are kept, `old` for the others."""
    return jax.tree.map(lambda a, b: jnp.where(keep.reshape(keep.shape + (1,) * (a.ndim - keep.ndim)), a, b), new, old)


def previous_output(cell: Any, carry: Carry, y: Any) -> Any:
    """What stands for the output of a skipped step: the first state, of the last cell if there are several."""
    first = carry[0] if not isinstance(carry[0], list) else carry[-1][0]
    if not hasattr(y, "shape") or first.shape != y.shape:
        raise ValueError(
            f"{cell!r}: where a step is masked the output is the first state, of shape {first.shape}, but "
            f"the outputs have shape {jax.tree.map(jnp.shape, y)}. Use zero_output_for_mask=True."
        )
    return first
