"""The compiled programs behind `fit`, `evaluate` and `predict`, shared by models that are alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .. import compiled, placement, random, sharing
from ..masking import values_of
from ..optimizers import Optimizer
from . import loop
from .objective import Objective
from .own import OwnSteps, predicting_itself
from .step import evaluator, make_step


class Programs:
    """Programs for one model, objective and optimizer as they are now.

    Each is compiled once for all that have the same fingerprint; it closes over private
    copies, so that settings changed later do not leak into it.

    eager: nothing is compiled, so that `print` and a debugger work inside layers and losses.
    own: the steps that the class of the model writes itself.
    """

    def __init__(
        self, model: Any, objective: Objective | None = None, optimizer: Any = None, eager: bool = False,
        own: OwnSteps | None = None,
    ):  # fmt: skip
        self.model, self.optimizer, self.own = model, optimizer, own
        self.objective: Any = objective
        self.trained: Any = objective if own is None else own.trained  # what training measures
        self.tested: Any = objective if own is None else own.tested
        self.eager, self.turn = eager, compiled.turn()
        self.key = (compiled.fingerprint(model), compiled.settings_of(objective), compiled.settings_of(optimizer))
        self.key = (*self.key, placement.key())

    def find(self, name: str, *settings: Any, make: Callable[[], Any]) -> Any:
        """The program of this name and these settings; run operation by operation if the model asks for it."""
        if self.eager:
            return eagerly(make())
        return compiled.program((name, *settings, self.key), make)

    def _step(self) -> Any:
        if self.own is not None:
            return self.own.make_step()
        optimizer = self.optimizer.skeleton() if isinstance(self.optimizer, Optimizer) else self.optimizer
        lend = sharing.lender(self.model)
        return make_step(compiled.skeleton(self.model), copy.copy(self.objective), optimizer, guard=True, lend=lend)

    def train(self, batch_size: int) -> Any:
        """(ts, data, order, start, stop) -> (leaves of ts, reached)."""
        return self.find("train", batch_size, make=lambda: flat(loop.make_train(self._step(), batch_size)))

    def train_once(self, size: int) -> Any:
        """(ts, data, order, row) -> (leaves of ts, healthy)."""
        return self.find("train_once", size, make=lambda: flat(loop.make_train_once(self._step(), size)))

    def test(self, batch_size: int) -> Any:
        """(params, state, accs, data, row, steps) -> (accs, state)."""

        def make() -> Any:
            own = self.own
            test = (
                evaluator(compiled.skeleton(self.model), copy.copy(self.objective), sharing.lender(self.model))
                if own is None
                else own.make_test()
            )
            return jax.jit(loop.make_test(test, batch_size), donate_argnums=2)

        return self.find("test", batch_size, make=make)

    def compute(self, testing: bool = False) -> Any:
        """accs -> logs."""
        measured = self.tested if testing else self.trained
        if self.own is None:
            return self.find("compute", make=lambda: jax.jit(copy.copy(measured).compute))
        return self.find("compute", testing, make=lambda: jax.jit(measured.compute))

    def predict(self) -> Any:
        """(params, state, x, rng) -> (outputs, state)."""

        def make() -> Any:
            if (own := predicting_itself(self.model)) is not None:
                return jax.jit(own)
            model, lend = compiled.skeleton(self.model), sharing.lender(self.model)

            def run(params: Any, state: Any, x: Any, rng: Any = None) -> Any:
                with lend((params, state), x, rng, False):
                    y, new = model.apply(params, state, x, rng=rng, training=False)
                return values_of(y), jax.tree.map(lambda n, o: jnp.asarray(n, o.dtype), new, state)

            return jax.jit(run)

        return self.find("predict", make=make)

    def predict_many(self, batch_size: int) -> Any:
        """(params, state, x, steps) -> outputs: the first batches of rows, each written to its place."""

        def make() -> Any:
            model, lend = compiled.skeleton(self.model), sharing.lender(self.model)

            def run(params: Any, state: Any, x: Any, steps: Any) -> Any:
                def one(i: Any) -> Any:
                    batch = loop.take(x, None, i * batch_size, batch_size)
                    with lend((params, state), batch, None, False):
                        y, _ = model.apply(params, state, batch, training=False)
                    return values_of(y)

                def body(i: Any, buffers: Any) -> Any:
                    put = jax.lax.dynamic_update_slice_in_dim
                    return jax.tree.map(lambda b, v: put(b, v, i * batch_size, 0), buffers, one(i))

                rows = jax.tree.leaves(x)[0].shape[0]
                buffers = jax.tree.map(lambda s: jnp.zeros((rows, *s.shape[1:]), s.dtype), jax.eval_shape(one, 0))
                return jax.lax.fori_loop(0, steps, body, buffers)

            return jax.jit(run)

        return self.find("predict_many", batch_size, make=make)


def flat(run: Callable[..., Any]) -> Callable[..., Any]:
    """A program that takes a TrainState with a raw key, whose buffers it gives up, and returns the leaves of the next.

    So no Python runs while a result is put together, in which a Ctrl-C could get lost between the two.
    """

    def leaves(ts: Any, *args: Any) -> tuple[list[Any], Any]:
        ts, out = run(ts._replace(rng=random.as_key(ts.rng), params=placement.weights(ts.params)), *args)
        ts = ts._replace(params=placement.weights(ts.params))
        return jax.tree.leaves(ts._replace(rng=jax.random.key_data(ts.rng))), out

    return jax.jit(leaves, donate_argnums=0)


def eagerly(program: Callable[..., Any]) -> Callable[..., Any]:
    """A program that runs as Python, operation by operation."""

    def run(*args: Any) -> Any:
        with jax.disable_jit():
            return program(*args)

    return run
