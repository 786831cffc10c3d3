"""`evaluate`, and what `fit` measures between its epochs."""

from __future__ import annotations

import math
import warnings
from typing import Any

import jax
import numpy as np

from .. import compiled, facade, random, storey
from .ahead import Ahead
from .arrays import Rows
from .callbacks import CallbackList
from .feeding import Feed, Resident
from .loop import Pace
from .own import Tally
from .programs import Programs
from .progress import Progress
from .streaming import Stream


def fresh_metrics(objective: Any, rows: Rows) -> Any:
    """The accumulators before any data, on the host: putting them into a program costs nothing."""
    if isinstance(objective, Tally):
        return jax.device_get(objective.fresh())
    labels = rows.y or [None] * len(objective.names)
    specs = [None if t is None else jax.ShapeDtypeStruct(t.shape, t.dtype) for t in labels]
    return jax.device_get(objective.start(specs, objective.outputs))


def feed_of(model: Any, data: Rows | Stream, size: int | None, steps: int | None, shuffle: bool = False) -> Feed:
    """What hands out the batches of some data."""
    if isinstance(data, Stream):
        return data
    return Resident(data, data.batch(size, steps), seed_of(model) if shuffle else None)


def seed_of(model: Any) -> np.ndarray:
    """What the order of batches depends on, beside the step."""
    return np.asarray(jax.random.key_data(model.base_key()))


class Tester:
    """Measures data."""

    def __init__(self, model: Any, programs: Programs, feed: Feed, ahead: Ahead, steps: int | None = None):
        self.model, self.programs, self.feed, self.ahead = model, programs, feed, ahead
        self.limit = math.inf if steps is None else steps
        self.draws = facade.draws_at_rest(model)
        self.fresh_metrics = fresh_metrics(programs.tested, feed.first)
        self.pace = Pace(first=8)
        self.said = False

    def begin(self) -> bool:
        """Whether there is data; always where it can be read again, which it then is from its start."""
        more = self.feed.begin(0, afresh=True)
        if not more and not self.said:
            self.said = True
            warnings.warn("The validation data ended and cannot be read again: validation ends.", stacklevel=5)
        return more

    def programs_for(self, params: Any, state: Any) -> list[tuple[Any, tuple[Any, ...]]]:
        """The programs that a run over rows will call, and arguments like theirs, in their order.

        None for models that draw: a key drawn for the sake of its type would shift all that are drawn after it.
        """
        feed, accs = self.feed, self.fresh_metrics
        if not isinstance(feed, Resident) or self.draws:
            return []
        place = np.int32(0), np.int32(1)
        sizes = [feed.size] * bool(feed.full) + [feed.tail] * bool(feed.tail and self.limit >= feed.total)
        tests = [(self.programs.test(size), (params, state, accs, feed.data, *place, None)) for size in sizes]
        return [*tests, (self.programs.compute(testing=True), (accs,))]

    def compile_ahead(self, params: Any, state: Any) -> None:
        """Has what comes after the first dispatch compiled meanwhile."""
        if self.programs.own is None and not compiled.runs_user_code(self.model):
            first, *later = self.programs_for(params, state) or [(None, ())]
            self.ahead.prepare(first, later)

    def run(self, params: Any, state: Any, hooks: CallbackList) -> dict[str, Any]:
        """What is measured with these values."""
        accs, self.done = self.fresh_metrics, 0
        self.key = random.next_key() if self.draws else None
        tells, many = hooks.wants("test"), execution(self.model)
        while self.done < self.limit and self.feed.more() and not self.model.stop_evaluating:
            first, last = self.done, min(self.done + many, self.limit) if tells else self.limit
            if tells:
                hooks.on_test_batch_begin(first)
            while self.done < last and self.feed.more():
                accs, state = self.advance(params, state, accs, last)
            if tells:
                hooks.on_test_batch_end(first + many - 1, self.logs(accs))
        if self.done < self.limit < math.inf and not self.model.stop_evaluating:
            warnings.warn(f"The data ends after {self.done} of {self.limit} steps of evaluation.", stacklevel=5)
        self.feed.end()
        self.state = state
        return self.logs(accs)

    def advance(self, params: Any, state: Any, accs: Any, last: float) -> tuple[Any, Any]:
        """One dispatch: some batches of one size, up to batch `last`; returns (accs, state)."""
        window = self.feed.window(int(min(self.pace.steps, last - self.done)))
        rng = None if self.key is None else (self.key, np.int32(self.done))
        self.pace.begin()
        test, place = self.ahead.ready(self.programs.test(window.size)), (np.int32(window.row), np.int32(window.many))
        accs, state = test(params, state, accs, window.data, *place, rng)
        jax.block_until_ready(accs)
        self.pace.end(window.many)
        self.done += window.many
        return accs, state

    def logs(self, accs: Any) -> dict[str, Any]:
        """What the accumulators hold, as Python numbers."""
        return as_numbers(self.ahead.ready(self.programs.compute(testing=True))(accs), self.programs.tested)


def evaluate(
    model: Any,
    programs: Programs,
    data: Rows | Stream,
    size: int | None,
    steps: int | None,
    hooks: CallbackList,
    verbose: Any,
) -> dict[str, Any]:
    """Measures some data with the values in the boxes."""
    with Ahead() as ahead:
        tester = Tester(model, programs, feed_of(model, data, size, steps), ahead, steps)
        total = steps or tester.feed.total
        bar = Progress(0 if hooks.progbar is not None else verbose, 1, total, "Evaluation")
        bar.begin_epoch(0)
        object.__setattr__(model, "stop_evaluating", False)
        hooks.on_test_begin()
        params, state = facade.gather(model)
        tester.begin()
        tester.compile_ahead(params, state)
        logs = tester.run(params, state, hooks)
    object.__setattr__(model, "_measured", logs)
    hooks.on_test_end(logs)
    if remembers(model):
        storey.scatter(model, (params, tester.state))
    bar.end_epoch(tester.done, logs)
    return logs


def remembers(model: Any) -> bool:
    """Whether a layer carries its state from batch to batch, outside training too."""
    return any(getattr(part, "stateful", False) for part in storey.subtree(model))


def execution(model: Any) -> int:
    """How many batches lie between two hooks for batches: `steps_per_execution`, 1 if that is "auto"."""
    told = "auto" if model._compiled is None else model._compiled.steps_per_execution
    return 1 if told == "auto" else told


def as_numbers(logs: Any, objective: Any) -> dict[str, Any]:
    """Device scalars as Python floats, larger results as arrays, by name: one transfer.

    A metric whose result is a dict gives an entry for each in it, under its own name, as in Keras.
    """
    host, found = jax.device_get(logs), {}
    for name in sorted(objective.metric_names):
        value = host[name]
        for key, one in value.items() if isinstance(value, dict) else [(name, value)]:
            found[key] = float(one) if np.ndim(one) == 0 else one
    return found
