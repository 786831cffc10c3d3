"""`Run` and `Population`: many training runs of one form as one program, a `vmap` over settings and over keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import random
from . import feeding, loop
from .arrays import Rows, split_validation
from .checks import validation_parts
from .hooks import refuse_hooks
from .intake import objective_for, rows_for, specs_of_rows, weighed
from .objective import Objective, outputs_of
from .step import TrainState, create, evaluator, make_step

Settings = dict[str, Any]


class Run(NamedTuple):
    """One training run as pure functions of settings and a key.

    build: settings -> a compiled model; it may be called with tracers.
    rows, validation: the data, of which only shapes and counts are read. size: rows in a batch.
    """

    build: Callable[[Settings], Any]
    rows: Rows
    validation: Rows | None
    size: int

    def made(self, settings: Any) -> tuple[Any, Objective]:
        """The model for some settings, and what it minimises and measures."""
        model = self.build(settings[0])
        refuse_hooks(model, "A population")
        structure = model.output_spec(specs_of_rows(self.rows.x))
        outputs = [getattr(o, "value", o) for o in outputs_of(structure)]
        names = sorted(structure) if isinstance(structure, dict) else model.output_names or None
        told, labels = model._compiled, self.labels(self.rows)
        return model, Objective(
            told.loss, labels, outputs, names, told.loss_weights, told.metrics, told.weighted_metrics
        )

    def start(self, settings: Any, words: Any) -> TrainState:
        """The first state of one run."""
        model, objective = self.made(settings)
        key, specs = random.as_key(words), specs_of_rows(self.rows.x)
        ts = create(model, model.optimizer, key, values=model.init(key, specs))
        accs = objective.start(self.labels(self.rows), objective.outputs)
        return ts._replace(rng=jax.random.fold_in(key, 1), metrics=accs)

    def labels(self, rows: Rows) -> list[Any]:
        """Specs of the labels."""
        return [None if t is None else jax.ShapeDtypeStruct(t.shape, t.dtype) for t in rows.y or [None]]

    def epoch(self, run: Any, settings: Any, order: Any, data: Any) -> Any:
        """One epoch of one run: (state, still finite?) and what it measured."""
        ts, alive = run
        model, objective = self.made(settings)
        step = make_step(model, objective, model.optimizer, guard=True)
        full, tail = divmod(self.rows.count, self.size)

        def body(i: Any, carry: Any) -> Any:
            ts, alive = carry
            new = step(ts, loop.take(data, order, i * self.size, self.size))
            return new, alive & (new.step > ts.step)

        ts = ts._replace(metrics=objective.start(self.labels(self.rows), objective.outputs))
        ts, alive = jax.lax.fori_loop(0, full, body, (ts, alive))
        if tail:
            new = step(ts, loop.take(data, order, full * self.size, tail))
            ts, alive = new, alive & (new.step > ts.step)
        return (ts, alive), objective.compute(ts.metrics)

    def test(self, run: Any, settings: Any, data: Any) -> Any:
        """What one run measures on the validation data."""
        (ts, _), rows = run, self.validation
        assert rows is not None
        model, objective = self.made(settings)
        measure = evaluator(model, objective)
        size = min(self.size, rows.count)
        full, tail = divmod(rows.count, size)
        accs, state = objective.start(self.labels(rows), objective.outputs), ts.state
        accs, state = loop.make_test(measure, size)(ts.params, state, accs, data, 0, full)
        if tail:
            accs, _ = loop.make_test(measure, tail)(ts.params, state, accs, data, full * size, 1)
        return objective.compute(accs)


class Population:
    """Runs that differ in numbers alone, which advance together.

    settings: a dict of arrays by name, one entry per setting, all of one length; may be empty.
    keys: the words of the models' keys, one row for each run with the same settings.

    Results have two leading axes: settings and keys. Each run equals `build(**settings).fit(...)`
    of a model with that key.
    """

    def __init__(self, run: Run, settings: Settings, keys: np.ndarray, shuffle: bool = True):
        over = jax.vmap
        self._start = jax.jit(over(over(run.start, (None, 0)), (0, None)))
        self._epoch = jax.jit(over(over(run.epoch, (0, None, 0, None)), (0, 0, None, None)), donate_argnums=0)
        self._test = jax.jit(over(over(run.test, (0, None, None)), (0, 0, None)))
        number = jnp.arange(len(next(iter(settings.values()))) if settings else 1)  # so that vmap has something
        self.settings = {k: jnp.asarray(v) for k, v in settings.items()}, number
        self.made, self.keys, self.shuffle = run, keys, shuffle
        self.data = run.rows.on_device()
        self.measured = None if run.validation is None else run.validation.on_device()
        self.ts: Any = self._start(self.settings, jnp.asarray(keys))
        self.alive = jnp.ones((len(number), len(keys)), bool)
        self.step = 0

    def orders(self) -> Any:
        """The order of the rows in the next epoch, for each key."""
        rows = self.made.rows
        if not self.shuffle:
            return jnp.tile(jnp.arange(rows.room(), dtype=jnp.int32), (len(self.keys), 1))
        return jnp.stack([feeding.permutation(words, self.step, rows.count, rows.room()) for words in self.keys])

    def advance(self) -> dict[str, np.ndarray]:
        """One epoch of all runs; what they measured, with axes (settings, keys), NaN for those that diverged."""
        runs = self.ts, self.alive
        runs, logs = self._epoch(runs, self.settings, self.orders(), self.data)
        self.ts, self.alive = runs
        if self.measured is not None:
            tested = self._test(runs, self.settings, self.measured)
            logs = {**logs, **{f"val_{k}": v for k, v in tested.items()}}
        self.step += -(-self.made.rows.count // self.made.size)
        if several := [k for k, v in logs.items() if np.ndim(v) > 2]:
            raise ValueError(f"{several[0]!r} measures several numbers; runs are compared by metrics of a single one.")
        alive = np.asarray(self.alive)
        return {k: np.where(alive, v, np.nan) for k, v in jax.device_get(logs).items()}

    def member(self, setting: int, key: int) -> TrainState:
        """The state of one run."""
        return jax.tree.map(lambda a: a[setting, key], self.ts)


def gather(
    model: Any, parts: tuple[Any, Any, Any], validation_data: Any, split: float, class_weight: Any
) -> tuple[Rows, Rows | None, Objective]:
    """(training rows, validation rows, what they are measured by) from what `fit` was given: arrays."""
    rows, validation = rows_for(model, *parts, needs_labels=True), None
    if validation_data is not None:
        validation = rows_for(model, *validation_parts(validation_data), needs_labels=True)
    elif split:
        rows, validation = split_validation(rows, split)
    if class_weight is not None:
        rows = weighed(model, rows, class_weight)
    return rows, validation, objective_for(model, rows, validation)
