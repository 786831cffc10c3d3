"""The shell of `fit` and `evaluate`: gather, dispatch programs, tell callbacks, scatter."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, facade, random, storey
from . import optimizing
from .arrays import Rows, with_room
from .callbacks import CallbackList, History
from .loop import Pace
from .programs import Programs
from .progress import Progress
from .session import Session
from .step import TrainState, split


@dataclasses.dataclass(frozen=True)
class Plan:
    """How `fit` was told to run."""

    batch_size: int
    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    shuffle: bool
    verbose: Any
    validation_steps: int | None
    validation_batch_size: int
    validation_freq: Any
    steps_per_execution: Any

    def validates(self, epoch: int) -> bool:
        """Whether this epoch is validated."""
        freq = self.validation_freq
        return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


def fresh_metrics(objective: Any, rows: Rows) -> Any:
    """The accumulators before any data, on the host: putting them into a program costs nothing."""
    labels = rows.y or [None] * len(objective.names)
    specs = [None if t is None else jax.ShapeDtypeStruct(t.shape, t.dtype) for t in labels]
    return jax.device_get(objective.start(specs, objective.outputs))


def begin(model: Any) -> TrainState:
    """The TrainState of a model as it is now."""
    params, state = facade.gather(model)
    chosen, _ = split(model.trainable_mask(params), params)
    opt_state = optimizing.begin(model, chosen)
    rng = jax.random.fold_in(model.base_key(), 1)
    step = jnp.asarray(model._steps, jnp.int32)
    return TrainState(params, state, opt_state, {}, rng, step)


def permutation(seed: np.ndarray, step: int, count: int, room: int) -> Any:
    """The order of the rows of an epoch: from the model's seed and the step it begins with, nothing else."""
    words = [int(w) for w in np.ravel(seed)]
    source = np.random.Generator(np.random.Philox(np.random.SeedSequence([*words, step])))
    return jax.device_put(with_room(source.permutation(count).astype(np.int32), room))


class Epochs:
    """The epochs of one `fit`, over data on the device."""

    def __init__(self, model: Any, programs: Programs, rows: Rows, plan: Plan, hooks: CallbackList, session: Session):
        self.model, self.programs, self.plan, self.hooks, self.session = model, programs, plan, hooks, session
        self.count, self.size = rows.count, min(plan.batch_size, rows.count)
        self.data, self.room = rows.on_device(), rows.room()
        self.objective = programs.objective
        self.seed = np.asarray(jax.random.key_data(model.base_key()))
        self.full, self.tail = divmod(self.count, self.size)
        self.total = self.full + bool(self.tail)
        self.steps = plan.steps_per_epoch or self.total
        self.place, self.order = 0, None  # how much of the data this and earlier epochs have seen, in which order
        self.singly = hooks.wants("train")
        self.pace = Pace()
        if isinstance(plan.steps_per_execution, int):
            self.pace.steps, self.pace.fixed = plan.steps_per_execution, True
        self.bar = Progress(plan.verbose, plan.epochs, self.steps)
        self.fresh_metrics = fresh_metrics(self.objective, rows)
        self.step = int(session.ts.step)
        self.keeps = compiled.runs_user_code(model)  # which may fail in the midst of a program

    def run(self, epoch: int) -> dict[str, Any]:
        """One epoch; returns its logs."""
        self.bar.begin_epoch(epoch)
        if not self.place and self.plan.shuffle:
            self.order = permutation(self.seed, self.step, self.count, self.room)
        self.restart_metrics()
        if self.keeps:
            self.session()
        done = 0
        while done < self.steps and self.place < self.total and not (self.singly and self.model.stop_training):
            done += self.advance(done)
            if self.bar.due():
                self.bar.draw(done, self.logs())
        self.step += done
        if self.place == self.total:
            if done < self.steps:
                warnings.warn(f"The data ends after {done} of {self.steps} steps of epoch {epoch + 1}.", stacklevel=5)
            self.place = 0
        return self.logs()

    def restart_metrics(self) -> None:
        """Sets the accumulators back to where an epoch begins."""
        self.session.ts = self.session.ts._replace(metrics=self.fresh_metrics)

    def advance(self, done: int) -> int:
        """One dispatch: some full batches, or the smaller one at the end; returns how many."""
        if self.singly:
            self.hooks.on_train_batch_begin(done)
        left = min(self.full - self.place, self.steps - done)
        many = 1 if self.singly else min(self.pace.steps, left)
        many = self.dispatch(many, done) if left else self.dispatch_tail(done)
        self.place += many
        if self.singly:
            self.hooks.on_train_batch_end(done, self.logs())
        return many

    def dispatch(self, many: int, done: int) -> int:
        """So many full batches."""
        self.pace.begin()
        start, stop = np.int32(self.place), np.int32(self.place + many)
        reached = int(self.session.dispatch(self.programs.train(self.size), self.data, self.order, start, stop))
        self.pace.end(many)
        if reached < stop:
            self.fail(done + reached - self.place)
        return many

    def dispatch_tail(self, done: int) -> int:
        """The last batch of the data, smaller than the others."""
        row = np.int32(self.full * self.size)
        if not bool(self.session.dispatch(self.programs.train_once(self.tail), self.data, self.order, row)):
            self.fail(done)
        return 1

    def fail(self, batch: int) -> None:
        """Says that the loss or its gradient is not finite; the values are those from before that batch."""
        raise FloatingPointError(
            f"The loss or its gradient is NaN or infinite at batch {batch} of epoch {self.bar.epoch + 1} "
            f"(step {self.step + batch}); training has stopped. The weights are those from before that step. "
            "Try a smaller learning rate or gradient clipping (clipnorm=1.0), or look for values out of range."
        )

    def logs(self) -> dict[str, Any]:
        """What has been measured in this epoch so far, as Python numbers."""
        return as_numbers(self.programs.compute()(self.session.ts.metrics), self.objective)


def as_numbers(logs: Any, objective: Any) -> dict[str, Any]:
    """Device scalars as Python floats, larger results as arrays, in the order of the objective: one transfer."""
    host = jax.device_get(logs)
    return {k: float(host[k]) if np.ndim(host[k]) == 0 else host[k] for k in objective.metric_names}


def fit(
    model: Any, programs: Programs, rows: Rows, validation: Rows | None, plan: Plan, hooks: CallbackList
) -> History:
    """Runs the epochs of a plan; the values come back to the model however it ends."""
    object.__setattr__(model, "stop_training", False)
    history: Any = hooks.history
    with Session(model, begin(model)) as session:
        epochs = Epochs(model, programs, rows, plan, hooks, session)
        tester = (
            None
            if validation is None
            else Tester(model, programs, validation, plan.validation_batch_size, plan.validation_steps)
        )
        try:
            hooks.on_train_begin()
            logs: dict[str, Any] = {}
            for epoch in range(plan.initial_epoch, plan.epochs):
                hooks.on_epoch_begin(epoch)
                logs = epochs.run(epoch)
                if tester is not None and plan.validates(epoch):
                    hooks.on_test_begin()
                    measured = tester.run(*session.values(), hooks)
                    hooks.on_test_end(measured)
                    logs = {**logs, **{f"val_{k}": v for k, v in measured.items()}}
                epochs.bar.end_epoch(epochs.steps, logs)
                hooks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            hooks.on_train_end(logs)
            session.finish()
        finally:
            epochs.bar.close()
    object.__setattr__(model, "history", history)
    return history


class Tester:
    """Measures data that stays on the device."""

    def __init__(self, model: Any, programs: Programs, rows: Rows, batch_size: int, steps: int | None = None):
        self.model, self.programs = model, programs
        self.data = rows.on_device()
        self.size = min(batch_size, rows.count)
        full, self.tail = divmod(rows.count, self.size)
        self.full = full if steps is None else min(full, steps)
        self.tail = self.tail if steps is None or steps > full else 0
        self.draws = facade.draws_at_rest(model)
        self.fresh_metrics = fresh_metrics(programs.objective, rows)
        self.pace = Pace(first=8)

    def run(self, params: Any, state: Any, hooks: CallbackList) -> dict[str, Any]:
        """What is measured with these values."""
        accs = self.fresh_metrics
        singly = hooks.wants("test")
        done = 0
        while done < self.full + bool(self.tail):
            size = self.size if done < self.full else self.tail
            many = 1 if singly or size == self.tail else min(self.pace.steps, self.full - done)
            if singly:
                hooks.on_test_batch_begin(done)
            self.pace.begin()
            row = np.int32(done * self.size)
            key = random.next_key() if self.draws else None
            accs, state = self.programs.test(size)(params, state, accs, self.data, row, np.int32(many), key)
            jax.block_until_ready(accs)
            self.pace.end(many)
            if singly:
                hooks.on_test_batch_end(done, self.logs(accs))
            done += many
        self.state = state
        return self.logs(accs)

    def logs(self, accs: Any) -> dict[str, Any]:
        """What the accumulators hold, as Python numbers."""
        return as_numbers(self.programs.compute()(accs), self.programs.objective)


def evaluate(
    model: Any, programs: Programs, rows: Rows, size: int, steps: int | None, hooks: CallbackList, verbose: Any
) -> dict[str, Any]:
    """Measures some data with the values in the boxes."""
    params, state = facade.gather(model)
    bar = Progress(verbose, 1, math.ceil(rows.count / size), "Evaluation")
    bar.begin_epoch(0)
    hooks.on_test_begin()
    tester = Tester(model, programs, rows, size, steps)
    logs = tester.run(params, state, hooks)
    hooks.on_test_end(logs)
    if any(getattr(part, "stateful", False) for part in storey.subtree(model)):
        storey.scatter(model, (params, tester.state))
    bar.end_epoch(bar.steps or 1, logs)
    return logs


def train_on_batch(model: Any, programs: Programs, rows: Rows) -> dict[str, Any]:
    """One step on one batch."""
    objective: Any = programs.objective
    with Session(model, begin(model)) as session:
        session.ts = session.ts._replace(metrics=fresh_metrics(objective, rows))
        healthy = session.dispatch(programs.train_once(rows.count), rows.parts(), None, np.int32(0))
        if not bool(healthy):
            raise FloatingPointError(
                "The loss of this batch, or its gradient, is NaN or infinite; the weights are left as they were."
            )
        return as_numbers(programs.compute()(session.ts.metrics), objective)
