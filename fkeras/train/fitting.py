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
        self.tells, self.broken = hooks.wants("train"), False
        self.pace, self.execution = Pace(), execution(model)
        if isinstance(plan.steps_per_execution, int):
            self.pace.steps, self.pace.fixed = plan.steps_per_execution, True
        self.bar = Progress(0 if hooks.progbar is not None else plan.verbose, plan.epochs, self.steps)
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
        while done < self.steps and self.place < self.total:
            done = self.execute(done) if self.tells else self.advance(done, self.steps)
            if self.bar.due():
                self.bar.draw(done, self.logs())
            if self.model.stop_training or self.broken:
                break
        self.step += done
        if self.place == self.total:
            if done < self.steps:
                warnings.warn(f"The data ends after {done} of {self.steps} steps of epoch {epoch + 1}.", stacklevel=5)
            self.place = 0
        return self.logs()

    def restart_metrics(self) -> None:
        """Sets the accumulators back to where an epoch begins."""
        self.session.ts = self.session.ts._replace(metrics=self.fresh_metrics)

    def execute(self, done: int) -> int:
        """The steps of one execution, between the hooks that are told of it; returns how many are done then."""
        first, last = done, min(done + self.execution, self.steps)
        self.hooks.on_train_batch_begin(first)
        while done < last and self.place < self.total and not self.broken:
            done = self.advance(done, last)
        self.hooks.on_train_batch_end(first + self.execution - 1, self.logs())
        return done

    def advance(self, done: int, last: int) -> int:
        """One dispatch: some full batches, or the smaller one at the end; returns how many are done then."""
        left = min(self.full - self.place, last - done)
        taken = self.dispatch(min(self.pace.steps, left), done) if left else self.dispatch_tail(done)
        self.place += taken
        return done + taken

    def dispatch(self, many: int, done: int) -> int:
        """So many full batches; returns how many were taken."""
        self.pace.begin()
        start, stop = np.int32(self.place), np.int32(self.place + many)
        reached = int(self.session.dispatch(self.programs.train(self.size), self.data, self.order, start, stop))
        self.pace.end(many)
        if reached < stop:
            self.fail(done + reached - self.place)
        return reached - self.place

    def dispatch_tail(self, done: int) -> int:
        """The last batch of the data, smaller than the others."""
        row = np.int32(self.full * self.size)
        if not bool(self.session.dispatch(self.programs.train_once(self.tail), self.data, self.order, row)):
            self.fail(done)
            return 0
        return 1

    def fail(self, batch: int) -> None:
        """Says that the loss or its gradient is not finite; the values are those from before that batch."""
        self.broken = True
        if self.hooks.takes(batch, math.nan):
            return
        raise FloatingPointError(
            f"The loss or its gradient is NaN or infinite at batch {batch} of epoch {self.bar.epoch + 1} "
            f"(step {self.step + batch}); training has stopped. The weights are those from before that step. "
            "Try a smaller learning rate or gradient clipping (clipnorm=1.0), or look for values out of range."
        )

    def logs(self) -> dict[str, Any]:
        """What has been measured in this epoch so far, as Python numbers."""
        logs = as_numbers(self.programs.compute()(self.session.ts.metrics), self.objective)
        return {**logs, "loss": math.nan} if self.broken else logs


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
                    object.__setattr__(model, "stop_evaluating", False)
                    hooks.on_test_begin()
                    measured = tester.run(*session.values(), hooks)
                    hooks.on_test_end(measured)
                    logs = {**logs, **{f"val_{k}": v for k, v in measured.items()}}
                epochs.bar.end_epoch(epochs.steps, logs)
                hooks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            session.finish()
            hooks.on_train_end(logs)
        finally:
            epochs.bar.close()
    object.__setattr__(model, "history", history)
    return history


def execution(model: Any) -> int:
    """How many batches lie between two hooks for batches: `steps_per_execution`, 1 if that is "auto"."""
    told = "auto" if model._compiled is None else model._compiled.steps_per_execution
    return 1 if told == "auto" else told


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
        accs, done, total = self.fresh_metrics, 0, self.full + bool(self.tail)
        tells, many = hooks.wants("test"), execution(self.model)
        while done < total and not self.model.stop_evaluating:
            first, last = done, min(done + many, total) if tells else total
            if tells:
                hooks.on_test_batch_begin(first)
            while done < last:
                accs, state, done = self.advance(params, state, accs, done, last)
            if tells:
                hooks.on_test_batch_end(first + many - 1, self.logs(accs))
        self.state = state
        return self.logs(accs)

    def advance(self, params: Any, state: Any, accs: Any, done: int, last: int) -> tuple[Any, Any, int]:
        """One dispatch: some full batches, or the smaller one at the end; returns (accs, state, how many are done)."""
        left = min(self.full, last) - done
        size, many = (self.size, min(self.pace.steps, left)) if left else (self.tail, 1)
        key = random.next_key() if self.draws else None
        self.pace.begin()
        row = np.int32(done * self.size)
        accs, state = self.programs.test(size)(params, state, accs, self.data, row, np.int32(many), key)
        jax.block_until_ready(accs)
        self.pace.end(many)
        return accs, state, done + many

    def logs(self, accs: Any) -> dict[str, Any]:
        """What the accumulators hold, as Python numbers."""
        return as_numbers(self.programs.compute()(accs), self.programs.objective)


def evaluate(
    model: Any, programs: Programs, rows: Rows, size: int, steps: int | None, hooks: CallbackList, verbose: Any
) -> dict[str, Any]:
    """Measures some data with the values in the boxes."""
    bar = Progress(0 if hooks.progbar is not None else verbose, 1, math.ceil(rows.count / size), "Evaluation")
    bar.begin_epoch(0)
    object.__setattr__(model, "stop_evaluating", False)
    hooks.on_test_begin()
    params, state = facade.gather(model)
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
