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
    """Owns the TrainState of a run; use as a context manager around it.

    snapshot: the last values that were put into the boxes and are known to be finite.
    """

    def __init__(self, model: Any, ts: TrainState):
        self.model, self.ts = model, ts
        self.lock = threading.RLock()
        self.fresh = True
        self.lent: TrainState | None = None

    def __enter__(self) -> Session:
        self._lend(self.sync)
        return self

    def _lend(self, live: Any) -> None:
        """Sets what brings the boxes of the layers and of the optimizer up to date; None for nothing."""
        for part in storey.subtree(self.model):
            part._face.live = live
        if isinstance(self.model.optimizer, Optimizer):
            self.model.optimizer.live = live

    def __exit__(self, *error: Any) -> None:
        with self.lock:
            if not self.fresh:
                self._put(self.ts)
            self._lend(None)

    def finish(self) -> None:
        """The params to keep after training: for some optimizers not the last ones."""
        with self.lock:
            self.absorb()
            finalize = getattr(self.model.optimizer, "finalize", None)
            if finalize is not None:
                mask = self.model.trainable_mask(self.ts.params)
                chosen, rest = split(mask, self.ts.params)
                self.ts = self.ts._replace(params=join(finalize(chosen, self.ts.opt_state), rest))
            self.fresh = False

    def dispatch(self, program: Any, *args: Any) -> Any:
        """Runs `program(ts, *args) -> (ts, out)`; the old TrainState's buffers are given up."""
        with self.lock:
            self.absorb()
            self.ts, out = program(self.ts, *args)
            self.fresh, self.lent = False, None
        return out

    def sync(self) -> None:
        """Brings the boxes up to date with copies that no dispatch overwrites."""
        if self.fresh:
            return
        with self.lock:
            if self.fresh:
                return
            self.fresh = True
            lent = self.lent = copier()(self.ts)
            self._put(lent)

    def _put(self, ts: TrainState) -> None:
        self._lend(None)
        storey.scatter(self.model, (ts.params, ts.state))
        optimizing.put(self.model, ts.opt_state)
        self.model._steps = ts.step
        self._lend(self.sync)

    def absorb(self) -> None:
        """Takes over what was written into the boxes since they were brought up to date."""
        if self.lent is None:
            return
        lent, self.lent = self.lent, None
        params, state = facade.gather(self.model)
        opt_state = optimizing.box(self.model)

        same = jax.tree.structure(opt_state) == jax.tree.structure(lent.opt_state)

        def newer(mine: Any, lent: Any, now: Any) -> Any:
            return jax.tree.map(lambda m, l, n: m if n is l else jnp.array(n, m.dtype, copy=True), mine, lent, now)

        self.ts = self.ts._replace(
            params=newer(self.ts.params, lent.params, params),
            state=newer(self.ts.state, lent.state, state),
            opt_state=newer(self.ts.opt_state, lent.opt_state, opt_state) if same else copier()(opt_state),
        )
