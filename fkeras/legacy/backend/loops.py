"""Loops under their names of Keras 2: `rnn`, `map_fn`, folds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["foldl", "foldr", "map_fn", "rnn"]


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """fn of each entry along the first axis.

    >>> map_fn(lambda x: 2 * x, jnp.arange(3)).tolist()
    [0, 2, 4]
    """
    return jax.lax.map(fn, elems)


def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None, reverse: bool = False
) -> Any:
    """fn(... fn(fn(a, x0), x1) ...); a is the first entry if it is not given.

    >>> foldl(lambda a, x: a - x, jnp.array([5, 2, 1])).tolist()
    2
    """
    elems = jnp.asarray(elems)
    elems = jnp.flip(elems, 0) if reverse else elems
    start, rest = (elems[0], elems[1:]) if initializer is None else (jnp.asarray(initializer), elems)
    return jax.lax.scan(lambda a, x: (fn(a, x), None), start, rest)[0]


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """The same, from the last entry to the first."""
    return foldl(fn, elems, initializer, reverse=True)


def rnn(
    step_function: Callable[[Any, list[Any]], tuple[Any, list[Any]]], inputs: Any, initial_states: Any,
    go_backwards: bool = False, mask: Any = None, constants: Any = None, unroll: bool = False,
    input_length: int | None = None, time_major: bool = False, zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:  # fmt: skip
    """(last output, outputs, last states) of a step function over the steps of an array.

    Shapes: inputs (batch, steps, ...), or (steps, batch, ...) if `time_major`; mask (batch, steps).

    step_function: (input of a step, states + constants) -> (output, states). Where the mask is
        False, states stay and the output is that of the step before, or zero.

    >>> step = lambda x, states: (x + states[0], [x + states[0]])
    >>> last, ys, states = rnn(step, jnp.ones((1, 3, 1)), [jnp.zeros((1, 1))])
    >>> ys[0, :, 0].tolist(), last.tolist()
    ([1.0, 2.0, 3.0], [[3.0]])
    """
    first = (lambda x: x) if time_major else (lambda x: jnp.swapaxes(x, 0, 1))
    xs = jax.tree.map(first, inputs)
    runs = None if mask is None else first(jnp.asarray(mask).astype(bool))
    fixed = list(constants or [])
    shape = jax.eval_shape(
        lambda x, s: step_function(x, s)[0], jax.tree.map(lambda x: x[0], xs), [*initial_states, *fixed]
    )

    def step(carry: Any, now: Any) -> Any:
        states, before = carry
        x, run = now
        y, new = step_function(x, [*states, *fixed])
        kept = y
        if run is not None:
            held = run.reshape(run.shape[0], *(1,) * (y.ndim - 1))
            kept = jnp.where(held, y, before)
            y = jnp.where(held, y, jnp.zeros_like(y)) if zero_output_for_mask else kept
            new = [jnp.where(run.reshape(-1, *(1,) * (n.ndim - 1)), n, s) for n, s in zip(new, states, strict=True)]
        return (list(new), kept), y

    carry = list(initial_states), jnp.zeros(shape.shape, shape.dtype)
    (states, last), ys = (
        jax.lax.scan(step, carry, (xs, runs), reverse=False)
        if not go_backwards
        else jax.lax.scan(step, carry, jax.tree.map(lambda x: jnp.flip(x, 0), (xs, runs)))
    )
    return last, ys if time_major else jnp.swapaxes(ys, 0, 1), states
