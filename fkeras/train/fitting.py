"""The shell of `fit`: gather, dispatch programs, tell callbacks, scatter."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import jax
import numpy as np

from .. import compiled, facade, stream
from . import optimizing
from .ahead import Ahead
from .arrays import Rows
from .callbacks import CallbackList, History
from .feeding import Feed, Resident, Window
from .loop import Pace
from .measuring import Tester, as_numbers, execution, feed_of, fresh_metrics, remembers, seed_of
from .programs import Programs
from .progress import Progress
from .session import Session
from .step import TrainState, split
from .streaming import Stream


@dataclasses.dataclass(frozen=True)
class Plan:
    """How `fit` was told to run."""

    batch_size: int | None
    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    shuffle: bool
    verbose: Any
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: Any
    steps_per_execution: Any

    @property
    def wanted(self) -> int | None:
        """How many steps there are to be, if that was said."""
        return self.steps_per_epoch and self.steps_per_epoch * (self.epochs - self.initial_epoch)

    def validates(self, epoch: int) -> bool:
        """Whether this epoch is validated."""
        freq = self.validation_freq
        return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


def begin(model: Any) -> TrainState:
    """The TrainState of a model as it is now."""
    params, state = facade.gather(model)
    chosen, _ = split(model.trainable_mask(params), params)
    opt_state = optimizing.begin(model, chosen)
    rng = jax.random.key_data(stream.fold(model.base_key(), 1))  # raw: see `programs.flat`
    step = stream.put(np.asarray(model._steps, np.int32))
    return TrainState(params, state, opt_state, {}, rng, step)


class Epochs:
    """The epochs of one `fit`, over data on the device."""

    def __init__(
        self, model: Any, programs: Programs, feed: Feed, plan: Plan, hooks: CallbackList, session: Session,
        ahead: Ahead,
    ):  # fmt: skip
        self.model, self.programs, self.plan, self.hooks, self.session = model, programs, plan, hooks, session
        self.ahead = ahead
        self.feed, self.objective = feed, programs.trained
        self.limit = plan.steps_per_epoch or math.inf
        self.tells, self.broken = hooks.wants("train"), False
        self.pace, self.execution = Pace(), execution(model)
        if isinstance(plan.steps_per_execution, int):
            self.pace.steps, self.pace.fixed = plan.steps_per_execution, True
        steps = plan.steps_per_epoch or feed.total
        self.bar = Progress(0 if hooks.progbar is not None else plan.verbose, plan.epochs, steps)
        self.fresh_metrics = fresh_metrics(self.objective, feed.first)
        self.step = self.first_step = int(session.ts.step)
        self.epoch, self.done = plan.initial_epoch, 0  # the epoch that is run or comes next, and its steps so far
        self.end = plan.epochs
        self.halfway = False  # whether a resumed run begins in the midst of an epoch
        self.last: dict[str, Any] = {}  # the logs of the last epoch
        self.short = False  # whether there is less data than wanted, and no way to read it again
        self.keeps = compiled.runs_user_code(model)  # which may fail in the midst of a program

    def begin(self, epoch: int) -> bool:
        """Whether there is data for this epoch; there always is where data can be read again."""
        self.epoch = epoch
        if self.halfway or self.feed.begin(self.step):
            return True
        warnings.warn(
            f"The data ended after {self.step - self.first_step} batches and cannot be read again: training ends "
            f"before epoch {epoch + 1} of {self.plan.epochs}.",
            stacklevel=5,
        )
        return False

    def compile_ahead(self, tester: Tester | None) -> None:
        """Has what comes after the first dispatch of this run compiled meanwhile."""
        feed, programs = self.feed, self.programs
        if not isinstance(feed, Resident) or not feed.full or programs.own is not None or self.keeps:
            return
        ts = self.session.ts._replace(metrics=self.fresh_metrics)
        later: list[tuple[Any, tuple[Any, ...]]] = [(programs.compute(), (ts.metrics,))]
        if feed.tail and self.limit >= feed.total:
            once = programs.train_once(feed.tail)
            later.append((once, (ts, feed.data, feed.order, np.int32(0))))
        if tester is not None:
            later += tester.programs_for(ts.params, ts.state)
        train = programs.train(feed.size)
        self.ahead.prepare((train, (ts, feed.data, feed.order, np.int32(0), np.int32(1))), later)

    def run(self, epoch: int) -> dict[str, Any]:
        """One epoch; returns its logs."""
        self.bar.begin_epoch(epoch)
        if not self.halfway:
            self.restart_metrics()
            self.done = 0
        if self.keeps:
            self.session.back_up()
        stopped, self.halfway = self.halfway and self.model.stop_training, False
        while self.done < self.limit and self.feed.more():
            if stopped:
                break
            if self.tells:
                self.execute()
            else:
                self.advance(self.limit)
            if self.bar.due():
                self.bar.draw(self.done, self.logs())
            if self.model.stop_training or self.broken:
                break
        else:
            self.say_short()
        self.step += self.done
        self.feed.end()
        return self.logs()

    def where(self, epoch: int, done: int) -> dict[str, Any]:
        """How far the run has come, in plain values: the next epoch, its steps so far, and the data."""
        names = "step", "first_step", "short", "last"
        told = {"epoch": epoch, "done": done, "stop": bool(self.model.stop_training), "data": self.feed.where()}
        return {**told, **{name: getattr(self, name) for name in names}}

    def go_to(self, where: dict[str, Any], ts: TrainState) -> None:
        """Goes on from there, with the TrainState of then."""
        object.__setattr__(self.model, "stop_training", where["stop"])
        for name in ("epoch", "done", "step", "first_step", "short", "last"):
            setattr(self, name, where[name])
        self.halfway = self.done > 0
        self.end = self.epoch if not self.halfway and (where["stop"] or self.short) else self.plan.epochs
        self.feed.go_to(where["data"], seed_of(self.model), self.step + self.done - self.first_step)
        self.session.adopt(ts)

    def say_short(self) -> None:
        """Warns if there is less data than steps were asked for."""
        if self.done < self.limit < math.inf:
            self.short = self.feed.once
            told = f"The data ends after {self.done} of {self.limit} steps of epoch {self.bar.epoch + 1}."
            last = f" It cannot be read again: training ends, {self.plan.wanted} batches were asked for."
            warnings.warn(told + (last if self.short else ""), stacklevel=6)

    def restart_metrics(self) -> None:
        """Sets the accumulators back to where an epoch begins."""
        self.session.ts = self.session.ts._replace(metrics=self.fresh_metrics)

    def execute(self) -> None:
        """The steps of one execution, between the hooks that are told of it."""
        first = self.done
        self.hooks.on_train_batch_begin(first)
        last = min(first + self.execution, self.limit)
        while self.done < last and self.feed.more() and not self.broken:
            self.advance(last)
        self.hooks.on_train_batch_end(first + self.execution - 1, self.logs())

    def advance(self, last: float) -> None:
        """One dispatch: some batches of one size, up to step `last` of the epoch."""
        window = self.feed.window(int(min(self.pace.steps, last - self.done)))
        self.done += self.dispatch_alone(window) if window.alone else self.dispatch(window)

    def dispatch(self, window: Window) -> int:
        """Some batches, in a loop; returns how many were taken."""
        self.pace.begin()
        start, stop = np.int32(window.start), np.int32(window.start + window.many)
        train = self.ahead.ready(self.programs.train(window.size))
        reached = int(self.session.dispatch(train, window.data, window.order, start, stop))
        self.pace.end(window.many)
        if reached < stop:
            self.fail(self.done + reached - window.start)
        return reached - window.start

    def dispatch_alone(self, window: Window) -> int:
        """A batch of another shape: the last one of the data, smaller than the others, most of all."""
        row = np.int32(window.row)
        once = self.ahead.ready(self.programs.train_once(window.size))
        if not bool(self.session.dispatch(once, window.data, window.order, row)):
            self.fail(self.done)
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
        logs = as_numbers(self.ahead.ready(self.programs.compute())(self.session.ts.metrics), self.objective)
        return {**logs, "loss": math.nan} if self.broken else logs


def fit(
    model: Any, programs: Programs, data: Rows | Stream, validation: Any, plan: Plan, hooks: CallbackList
) -> History:
    """Runs the epochs of a plan; the values come back to the model however it ends."""
    object.__setattr__(model, "stop_training", False)
    history: Any = hooks.history
    with Session(model, begin(model)) as session, Ahead() as ahead:
        feed = feed_of(model, data, plan.batch_size, plan.steps_per_epoch, plan.shuffle)
        epochs = Epochs(model, programs, feed, plan, hooks, session, ahead)
        tester = None
        if validation is not None:
            feed = feed_of(model, validation, plan.validation_batch_size, plan.validation_steps)
            tester = Tester(model, programs, feed, ahead, plan.validation_steps)
        try:
            hooks.set_run(epochs)
            hooks.on_train_begin()
            logs, first = epochs.last, epochs.epoch
            for epoch in range(first, epochs.end):
                if not epochs.begin(epoch):
                    break
                if epoch == first:
                    epochs.compile_ahead(tester)
                if not epochs.halfway:
                    hooks.on_epoch_begin(epoch)
                logs, measured = epochs.run(epoch), None
                if tester is not None and plan.validates(epoch) and tester.begin():
                    object.__setattr__(model, "stop_evaluating", False)
                    hooks.on_test_begin()
                    measured = tester.run(*session.values(), hooks)
                    if remembers(model):
                        session.adopt(session.ts._replace(state=tester.state))
                    hooks.on_test_end(measured)
                    logs = dict(sorted({**logs, **{f"val_{k}": v for k, v in measured.items()}}.items()))
                object.__setattr__(model, "_measured", measured or logs)
                epochs.last = logs
                hooks.on_epoch_end(epoch, logs)
                epochs.bar.end_epoch(epochs.done, logs)  # with what callbacks have added, as in Keras
                if model.stop_training or epochs.short:
                    break
            session.finish()
            hooks.on_train_end(logs)
        finally:
            epochs.bar.close()
    object.__setattr__(model, "history", history)
    return history


def train_on_batch(model: Any, programs: Programs, rows: Rows) -> dict[str, Any]:
    """One step on one batch."""
    objective: Any = programs.trained
    with Session(model, begin(model)) as session:
        session.ts = session.ts._replace(metrics=fresh_metrics(objective, rows))
        healthy = session.dispatch(programs.train_once(rows.count), rows.parts(), None, np.int32(0))
        if not bool(healthy):
            raise FloatingPointError(
                "The loss of this batch, or its gradient, is NaN or infinite; the weights are left as they were."
            )
        logs = as_numbers(programs.compute()(session.ts.metrics), objective)
        object.__setattr__(model, "_measured", logs)
        return logs
