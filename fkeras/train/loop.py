"""Many steps in one program: what `fit`, `evaluate` and `predict` dispatch.

The number of steps is an argument of the program, so no chunk length compiles anew.
The shell sizes chunks by the clock: long enough to hide the dispatch, short enough for
a live progress bar and a prompt Ctrl-C.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .. import placement
from .step import Step, TrainState

CHUNK_SECONDS = 0.5  # what a dispatch should take


def take(data: Any, order: Any, start: Any, size: int) -> Any:
    """Rows `start : start + size` of every array, through a permutation if there is one."""
    if order is None:
        return placement.rows(jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), data))
    rows = jax.lax.dynamic_slice_in_dim(order, start, size)
    return placement.rows(jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), data))


def make_train(step: Step, batch_size: int) -> Callable[..., tuple[TrainState, Any]]:
    """run(ts, data, order, start, stop) -> (ts, reached): steps `start` to `stop` of an epoch.

    A step that does not advance (its loss was not finite) ends the run early.
    """

    def run(ts: TrainState, data: Any, order: Any, start: Any, stop: Any) -> tuple[TrainState, Any]:
        def unfinished(carry: Any) -> Any:
            _, i, healthy = carry
            return (i < stop) & healthy

        def body(carry: Any) -> Any:
            ts, i, _ = carry
            new = step(ts, take(data, order, i * batch_size, batch_size))
            healthy = new.step > ts.step
            return new, jnp.where(healthy, i + 1, i), healthy

        ts, reached, _ = jax.lax.while_loop(unfinished, body, (ts, start, jnp.asarray(True)))
        return ts, reached

    return run


def make_train_once(step: Step, size: int) -> Callable[..., tuple[TrainState, Any]]:
    """run(ts, data, order, row) -> (ts, healthy): one step on `size` rows, without a loop around it."""

    def run(ts: TrainState, data: Any, order: Any, row: Any) -> tuple[TrainState, Any]:
        new = step(ts, take(data, order, row, size))
        return new, new.step > ts.step

    return run


def make_test(test: Callable[..., Any], batch_size: int) -> Callable[..., Any]:
    """run(params, state, accs, data, row, steps, rng) -> (accs, state): so many batches, from a row on, measured.

    rng: for models that draw outside training, a key and how many batches came before; None for all others.
    """

    def run(params: Any, state: Any, accs: Any, data: Any, row: Any, steps: Any, rng: Any = None) -> Any:
        def body(i: Any, carry: Any) -> Any:
            accs, state = carry
            key = None if rng is None else jax.random.fold_in(rng[0], rng[1] + i)
            accs, new = test(params, state, accs, take(data, None, row + i * batch_size, batch_size), key)
            return accs, jax.tree.map(lambda n, o: jnp.asarray(n, o.dtype), new, state)

        return jax.lax.fori_loop(0, steps, body, (accs, state))

    return run


class Pace:
    """How many steps to dispatch at once, from how long they have taken so far."""

    def __init__(self, seconds: float = CHUNK_SECONDS, first: int = 1):
        self.seconds, self.steps, self.fixed = seconds, first, False
        self.began = 0.0

    def begin(self) -> None:
        """Notes that a dispatch begins."""
        self.began = time.perf_counter()

    def end(self, steps: int) -> None:
        """Learns from a dispatch of `steps` steps that has just ended."""
        taken = max(time.perf_counter() - self.began, 1e-6)
        if not self.fixed and steps:
            wanted = int(steps * self.seconds / taken)
            self.steps = max(1, min(wanted, 8 * max(steps, 1)))
