"""`Session`: a training run that holds a model's values, and lends them to whoever asks.

While `fit` runs, the newest values live in its TrainState, whose buffers each dispatch
overwrites. A layer's box is brought up to date when it is read (by a callback, or by
`predict` in another thread), and what a callback writes into a box is taken over.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp

from .. import facade, storey
from ..optimizers import Optimizer
from . import optimizing
from .step import TrainState, join, split


@functools.cache
def copier() -> Any:
    """A compiled copy of any pytree: one dispatch, new buffers."""
    return jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))


class Session:
    """Owns the TrainState of a run; use as a context manager around it. A call brings the boxes up to date.

    lock: held while boxes or buffers change hands; whoever reads several boxes holds it too.
    fresh: whether the boxes hold the newest values.
    lent: what was last put into the boxes, until the next dispatch; nothing that a dispatch overwrites.
    """

    def __init__(self, model: Any, ts: TrainState):
        self.model, self.ts = model, copier()(ts)
        self.lock = threading.RLock()
        self.fresh, self.putting = True, False
        self.lent: TrainState | None = ts
        self.backup: TrainState | None = None  # what is left if a dispatch fails after it took the buffers
        self.made: list[tuple[list[Any], Any]] = []
        self.form: Any = None  # of the TrainState that is being made
        self.known: set[Any] = set()

    def __enter__(self) -> Session:
        self._lend(self)
        return self

    def __exit__(self, *error: Any) -> None:
        with self.lock:
            self._take()
            if not self.fresh:
                left = self.ts if is_intact(self.ts) else self.backup
                if left is not None:
                    self._put(left)
            self.fresh = True
            self._lend(None)

    def _lend(self, live: Any) -> None:
        """Sets what brings the boxes of the layers and of the optimizer up to date; None for nothing."""
        for part in storey.subtree(self.model):
            part._face.live = live
        if isinstance(self.model.optimizer, Optimizer):
            self.model.optimizer.live = live
        storey.turns[0] += 1

    def finish(self) -> None:
        """The params to keep after training: for some optimizers not the last ones."""
        with self.lock:
            self.absorb()
            finalize = getattr(self.model.optimizer, "finalize", None)
            if finalize is not None:
                mask = self.model.trainable_mask(self.ts.params)
                chosen, rest = split(mask, self.ts.params)
                self.ts = self.ts._replace(params=join(finalize(chosen, self.ts.opt_state), rest))
            self.fresh, self.lent = False, None

    def back_up(self) -> None:
        """Keeps a copy of the values of now: where user code runs in a program, that may fail in its midst."""
        with self.lock:
            self.absorb()
            self.backup = TrainState(*copier()(self.ts._replace(metrics={})))

    def dispatch(self, program: Any, *args: Any) -> Any:
        """Runs `program(ts, *args) -> (leaves of ts, out)`; the old TrainState's buffers are given up.

        The run and the keeping of its result are one call into C, in which no signal
        is handled; only a first run, which compiles, can be cut in two: then the boxes hold
        the values from before it.
        """
        with self.lock:
            self.absorb()
            if hasattr(program, "lower") and program not in self.known:
                self()
                self.known.add(program)
            self.form = jax.tree.structure(self.ts)
            try:
                self.made.extend(map(program, (self.ts,), *((a,) for a in args)))
            finally:
                out = self._take()
        return out

    def _take(self) -> Any:
        """Adopts the result of a dispatch, if there is one."""
        if not self.made:
            return None
        leaves, out = self.made[-1]
        self.ts = jax.tree.unflatten(self.form, leaves)
        self.fresh, self.lent = False, None
        self.made.clear()
        return out

    def __call__(self) -> None:
        """Brings the boxes up to date with copies that no dispatch overwrites."""
        if self.fresh:
            return
        with self.lock:
            if self.fresh or self.putting:
                return
            with jax.ensure_compile_time_eval():  # whoever asks may be tracing
                lent = TrainState(*copier()(self.ts._replace(metrics={})))
            self._put(lent)
            self.lent, self.fresh = lent, True

    def _put(self, ts: TrainState) -> None:
        self.putting = True
        try:
            storey.scatter(self.model, (ts.params, ts.state))
            optimizing.put(self.model, ts.opt_state)
            object.__setattr__(self.model, "_steps", ts.step)
        finally:
            self.putting = False

    def values(self) -> tuple[Any, Any]:
        """(params, state) of now, with what callbacks have written."""
        with self.lock:
            self.absorb()
            return self.ts.params, self.ts.state

    def snapshot(self) -> TrainState:
        """The TrainState of now, with what callbacks have written; good until the next dispatch."""
        with self.lock:
            self.absorb()
            return self.ts

    def adopt(self, ts: TrainState) -> None:
        """Goes on from another TrainState."""
        with self.lock:
            self.ts, self.fresh, self.lent = ts, False, None

    def absorb(self) -> None:
        """Takes over what was written into the boxes since they were brought up to date."""
        if self.lent is None:
            return
        lent = self.lent
        params, state = facade.gather(self.model)
        opt_state = optimizing.box(self.model)

        opt_state = lent.opt_state if opt_state is None else opt_state
        same = jax.tree.structure(opt_state) == jax.tree.structure(lent.opt_state)

        def newer(mine: Any, lent: Any, now: Any) -> Any:
            return jax.tree.map(lambda m, l, n: m if n is l else jnp.array(n, m.dtype, copy=True), mine, lent, now)

        self.ts = self.ts._replace(
            params=newer(self.ts.params, lent.params, params),
            state=newer(self.ts.state, lent.state, state),
            opt_state=newer(self.ts.opt_state, lent.opt_state, opt_state) if same else copier()(opt_state),
        )
        self.lent = lent._replace(params=params, state=state, opt_state=opt_state)  # what is written next is seen too


def is_intact(ts: TrainState) -> bool:
    """Whether a TrainState can be read: no dispatch was cut short after taking its buffers, or failed on the device."""
    arrays = [x for x in jax.tree.leaves((ts.params, ts.state, ts.opt_state)) if isinstance(x, jax.Array)]
    try:
        jax.block_until_ready(arrays)
    except RuntimeError:
        return False
    return not any(x.is_deleted() for x in arrays)
