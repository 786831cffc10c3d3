"""`Run` and `Population`: many training runs of one form as one program, a `vmap` over settings and over keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import facade, forms, random, storey
from . import feeding, loop, optimizing
from .ahead import Ahead
from .arrays import Rows, split_validation
from .checks import require_measure, validation_parts
from .hooks import HOOKS, overrides
from .intake import is_callable, meet, objective_for, objective_of, rows_for, specs_of_rows, weighed
from .objective import Objective
from .own import OwnSteps, own_steps
from .progress import Progress
from .step import Step, TrainState, create, evaluator, join, make_step, split
from .stopping import Stops

Settings = dict[str, Any]
Group = tuple[list[int], "Population"]  # which settings, and their runs
UNPOLISHED = {"xla_backend_optimization_level": 0}


class Made(NamedTuple):
    """A model that is trained, with what it minimises, by what, and the steps that its class writes itself, if any."""

    model: Any
    objective: Objective
    optimizer: Any
    own: OwnSteps | None

    def step(self) -> Step:
        """(ts, batch) -> ts."""
        if self.own is not None:
            return self.own.make_step()
        return make_step(self.model, self.objective, self.optimizer, guard=True)

    def test(self) -> Callable[..., Any]:
        """(params, state, accs, batch) -> (accs, state)."""
        return evaluator(self.model, self.objective) if self.own is None else self.own.make_test()

    def measured(self, testing: bool = False) -> Any:
        """What computes logs."""
        return self.objective if self.own is None else self.own.tested if testing else self.own.trained

    def fresh(self, rows: Rows, testing: bool = False) -> Any:
        """The accumulators before any data."""
        if self.own is not None and not isinstance(self.measured(testing), Objective):
            return self.measured(testing).fresh()
        return self.objective.start(labels_of(rows), self.objective.outputs)

    def names(self, rows: Rows, validation: Rows | None) -> list[str]:
        """The names of all that is measured."""
        names = []
        for given, prefix in ((rows, ""), (validation, "val_")):
            if given is not None:
                self.fresh(given, bool(prefix))  # which finds the names
                names += [prefix + name for name in self.measured(bool(prefix)).metric_names]
        return names


class Run(NamedTuple):
    """One training run as pure functions of settings and of the words of its keys, see `words_of`.

    build: settings -> a compiled model; it may be called with tracers.
    rows, validation: the data, of which only shapes and counts are read. size: rows in a batch.
    """

    build: Callable[[Settings], Any]
    rows: Rows
    validation: Rows | None
    size: int

    def made(self, settings: Any) -> Made:
        """The model for some settings, and what it minimises and measures."""
        model = self.build(settings[0])
        if any(overrides(model, hook) for hook in HOOKS):
            meet(model, self.rows.x)
        structure = model.output_spec(specs_of_rows(self.rows.x)) if is_callable(model) else []
        objective = objective_of(model, structure, self.rows.y)
        optimizer = model.optimizer
        return Made(model, objective, optimizer, own_steps(model, objective, optimizer, self.rows))

    def start(self, settings: Any, words: Any) -> TrainState:
        """The first state of one run."""
        made, key = self.made(settings), random.as_key(words[0])
        ts = create(made.model, made.optimizer, key, values=first_values(made.model, words, self.rows.x))
        return ts._replace(rng=jax.random.fold_in(key, 1), metrics=made.fresh(self.rows))

    def epoch(self, run: Any, settings: Any, order: Any, data: Any) -> Any:
        """One epoch of one run: (state, does it go on?) and what it measured; a run that has ended stays as it is."""
        ts, alive = run
        made = self.made(settings)
        step = made.step()
        full, tail = divmod(self.rows.count, self.size)

        def body(i: Any, carry: Any) -> Any:
            ts, alive = carry
            new = step(ts, loop.take(data, order, i * self.size, self.size))
            return new, alive & (new.step > ts.step)

        ts = ts._replace(metrics=made.fresh(self.rows))
        ts, alive = jax.lax.fori_loop(0, full, body, (ts, alive))
        if tail:
            new = step(ts, loop.take(data, order, full * self.size, tail))
            ts, alive = new, alive & (new.step > ts.step)
        logs, new = made.measured().compute(ts.metrics), ts._replace(metrics=run[0].metrics)
        return (jax.lax.cond(run[1], lambda: new, lambda: run[0]), alive), logs

    def finish(self, ts: TrainState, settings: Any) -> TrainState:
        """The state after training, see `Optimizer.finalize`."""
        model = self.build(settings[0])
        if not hasattr(model.optimizer, "finalize"):
            return ts
        chosen, rest = split(model.trainable_mask(ts.params), ts.params)
        return ts._replace(params=join(model.optimizer.finalize(chosen, ts.opt_state), rest))

    def test(self, run: Any, settings: Any, data: Any) -> Any:
        """What one run measures on the validation data."""
        (ts, _), rows = run, self.validation
        assert rows is not None
        made = self.made(settings)
        measure = made.test()
        size = min(self.size, rows.count)
        full, tail = divmod(rows.count, size)
        accs, state = made.fresh(rows, testing=True), ts.state
        accs, state = loop.make_test(measure, size)(ts.params, state, accs, data, 0, full)
        if tail:
            accs, _ = loop.make_test(measure, tail)(ts.params, state, accs, data, full * size, 1)
        return made.measured(testing=True).compute(accs)


class Population:
    """Runs that differ in numbers alone, which advance together.

    settings: a dict of arrays by name, one entry per setting, all of one length; may be empty.
    words: the words of the models' keys, see `words_of`, stacked: one entry for each run with the same settings.

    Results have two leading axes: settings and keys. Each run equals `build(**settings).fit(...)`
    of a model with that key.
    """

    def __init__(self, run: Run, settings: Settings, words: np.ndarray, shuffle: bool = True):
        over = jax.vmap
        # it runs once, and much longer to polish its random numbers than to draw them
        options = UNPOLISHED if forms.platform() == "cpu" else None
        self._start = jax.jit(over(over(run.start, (None, 0)), (0, None)), compiler_options=options)
        self._epoch = jax.jit(over(over(run.epoch, (0, None, 0, None)), (0, 0, None, None)), donate_argnums=0)
        number = jnp.arange(len(next(iter(settings.values()))) if settings else 1)  # so that vmap has something
        self.settings = {k: jnp.asarray(v) for k, v in settings.items()}, number
        self.made, self.words, self.shuffle = run, words, shuffle
        self.data, self.measured = run.rows.on_device(), None
        if run.validation is not None:
            self._test, self.measured = self.tester(run.validation), run.validation.on_device()
        self.ahead = Ahead()
        self.ts: Any = self.begin(len(number))
        self.alive = np.ones((len(number), len(words)), bool)  # which have not diverged
        self.going = self.alive  # which have not been stopped
        self.best: Any = None
        self.step = 0

    def begin(self, many: int) -> Any:
        """The first state of all runs; meanwhile the program of an epoch is compiled."""
        keys = jnp.asarray(self.words)
        runs = jax.eval_shape(self._start, self.settings, keys), jax.ShapeDtypeStruct((many, len(keys)), bool)
        orders = jax.ShapeDtypeStruct((len(keys), self.made.rows.room()), np.int32)
        self.ahead.compile(self._epoch, runs, self.settings, orders, self.data)
        return self._start(self.settings, keys)

    def tester(self, rows: Rows, size: int | None = None) -> Callable[..., Any]:
        """(runs, settings, data) -> what the runs measure on rows like these."""
        run = self.made._replace(validation=rows, size=size or self.made.size)
        return jax.jit(jax.vmap(jax.vmap(run.test, (0, None, None)), (0, 0, None)))

    def orders(self) -> Any:
        """The order of the rows in the next epoch, for each key."""
        rows = self.made.rows
        if not self.shuffle:
            return jnp.tile(jnp.arange(rows.room(), dtype=jnp.int32), (len(self.words), 1))
        return jnp.stack([feeding.permutation(w[0], self.step, rows.count, rows.room()) for w in self.words])

    def advance(self) -> dict[str, np.ndarray]:
        """One epoch of all runs; what they measured, with axes (settings, keys, ...), NaN for those that diverged."""
        went = self.alive & self.going
        with self.ahead:
            epoch = self.ahead.ready(self._epoch)
        runs, logs = epoch((self.ts, jnp.asarray(went)), self.settings, self.orders(), self.data)
        self.ts, healthy = runs[0], np.asarray(runs[1])
        self.alive = self.alive & (healthy | ~went)
        if self.measured is not None:
            tested = self._test(runs, self.settings, self.measured)
            logs = {**logs, **{f"val_{k}": v for k, v in tested.items()}}
        self.step += -(-self.made.rows.count // self.made.size)
        return {k: np.where(spread(healthy, v), v, np.nan) for k, v in jax.device_get(logs).items()}

    def keep(self, flags: np.ndarray) -> None:
        """Keeps the weights that some of the runs have now, to put them back in the end."""
        now = self.ts.params, self.ts.state
        if flags.all() or self.best is None:
            self.best = jax.tree.map(jnp.copy, now)
        else:
            self.best = jax.tree.map(lambda new, old: jnp.where(spread(flags, new), new, old), now, self.best)

    def finish(self, kept: np.ndarray) -> None:
        """The weights to end with: those that were kept, in some runs; for some optimizers not the last ones."""
        self.ts = jax.jit(jax.vmap(jax.vmap(self.made.finish, (0, None)), (0, 0)))(self.ts, self.settings)
        if kept.any():
            now = self.ts.params, self.ts.state
            best = jax.tree.map(lambda best, new: jnp.where(spread(kept, new), best, new), self.best, now)
            self.ts = self.ts._replace(params=best[0], state=best[1])

    def evaluate(self, rows: Rows, size: int) -> dict[str, np.ndarray]:
        """What the runs measure on some rows, with axes (settings, keys, ...)."""
        runs = self.ts, jnp.asarray(self.alive)
        return jax.device_get(self.tester(rows, size)(runs, self.settings, rows.on_device()))

    def member(self, setting: int, key: int) -> TrainState:
        """The state of one run."""
        return jax.tree.map(lambda a: a[setting, key], self.ts)


def spread(flags: np.ndarray, like: Any) -> np.ndarray:
    """Flags with as many axes as an array whose first axes are theirs."""
    return flags.reshape(flags.shape + (1,) * (np.ndim(like) - flags.ndim))


def advance_all(
    groups: list[Group], epochs: int, bar: Progress, tell: Callable[[Any], Any], stops: Stops
) -> dict[str, np.ndarray]:
    """All epochs of all groups; returns what was measured, with axes (settings, keys, epochs, ...).

    Values are NaN from where a run diverged, or after it was stopped.

    tell: what the bar shows of the logs of an epoch, which have axes (settings, keys, ...).
    """
    count, curves = sum(len(places) for places, _ in groups), []
    for epoch in range(epochs):
        if not stops.going.any():
            break
        bar.begin_epoch(epoch)
        logs: dict[str, np.ndarray] = {}
        for places, population in groups:
            if not population.going.any():
                continue
            for name, values in population.advance().items():
                logs.setdefault(name, np.full((count, *values.shape[1:]), np.nan))[places] = values
        curves.append(logs)
        kept = stops.note(epoch, logs)
        for places, population in groups:
            population.going = stops.going[places]
            if kept[places].any():
                population.keep(kept[places])
        bar.end_epoch(1, tell(logs))
    for places, population in groups:
        population.finish(stops.kept[places])
    return {name: np.stack([logs[name] for logs in curves], axis=2) for name in (curves[0] if curves else ())}


def gather(
    model: Any, parts: tuple[Any, Any, Any], validation_data: Any, split: float, class_weight: Any
) -> tuple[Rows, Rows | None, list[str]]:
    """(training rows, validation rows, the names of what is measured) from what `fit` was given: arrays."""
    rows, validation = rows_for(model, *parts, needs_labels=True), None
    if validation_data is not None:
        validation = rows_for(model, *validation_parts(validation_data), needs_labels=True)
    elif split:
        rows, validation = split_validation(rows, split)
    if validation is not None:
        require_measure(model, "validation_data")
    if class_weight is not None:
        rows = weighed(model, rows, class_weight)
    objective = objective_for(model, rows, validation)
    made = Made(model, objective, model.optimizer, own_steps(model, objective, model.optimizer, rows))
    return rows, validation, made.names(rows, validation)


# --- keys and values -------------------------------------------------------------------------------


def parts_of(model: Any) -> dict[str, Any]:
    """The models by name within one that is no function of its inputs: each draws its first values by itself."""
    return {} if is_callable(model) else {n: part for n, part in model.children.items() if "_key" in vars(part)}


def words_of(model: Any) -> np.ndarray:
    """The words of the key of a model, and of its parts that draw by themselves, stacked."""
    return np.stack([np.asarray(part._key) for part in (model, *parts_of(model).values())])


def put_words(model: Any, words: np.ndarray) -> None:
    """Gives keys to a model and its parts."""
    for part, own in zip((model, *parts_of(model).values()), words, strict=True):
        object.__setattr__(part, "_key", own)


def first_values(model: Any, words: Any, x: Any) -> Any:
    """(params, state) of a model, drawn from its keys."""
    if is_callable(model):
        return model.init(random.as_key(words[0]), specs_of_rows(x))
    params, state = map(dict, facade.gather(model))
    for (name, part), own in zip(parts_of(model).items(), words[1:], strict=True):
        args, kwargs = part._known_specs()
        drawn = part.init(random.as_key(own), *args, **kwargs)
        for values, new in zip((params, state), drawn, strict=True):
            values.update({name: new} if name in values else {})
    return params, state


def put(model: Any, ts: TrainState) -> None:
    """Lays the values of a run into a model of its own, with what its optimizer remembers."""
    facade.gather(model)
    storey.scatter(model, (ts.params, ts.state))
    optimizing.put(model, ts.opt_state)
    object.__setattr__(model, "_steps", ts.step)


def labels_of(rows: Rows) -> list[Any]:
    """Specs of the labels."""
    return [None if t is None else jax.ShapeDtypeStruct(t.shape, t.dtype) for t in rows.y or [None]]
