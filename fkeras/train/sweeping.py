"""`sweep`: hundreds of small training runs in one program, over every setting that is a number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config, random
from .arrays import Rows
from .callbacks import MonitorCallback
from .checks import check_batch_size, check_counts, require_compiled
from .intake import rows_for
from .population import Group, Population, Run, advance_all, gather, put, words_of
from .progress import Progress
from .results import Row, Runs
from .stopping import Stops

Build = Callable[..., Any]


def sweep(build: Build, settings: Any, seeds: int | Sequence[int] = 1) -> Sweep:
    """Trains `build(**setting)` for every setting and seed, all at once: call `.fit(x, y, ...)` on the result.

    build: settings -> a compiled model.
    settings: lists of values by name, for every combination; or a list of dicts.
    seeds: how many runs each setting gets, or their seeds.

    Settings that are floats become arguments of one compiled program, which `vmap` runs for
    all their values; all others (lists of whole numbers alone, names, and floats that decide how
    the model is made) get a program for each value. Each run equals the one that
    `set_random_seed(seed); build(**setting).fit(...)` makes alone, up to rounding.

    >>> import fkeras
    >>> def build(learning_rate, l2):
    ...     model = fkeras.Sequential([fkeras.layers.Dense(1, kernel_regularizer=fkeras.regularizers.L2(l2))])
    ...     model.compile(fkeras.optimizers.SGD(learning_rate), "mse")
    ...     return model
    >>> x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    >>> runs = sweep(build, {"learning_rate": [0.01, 0.1], "l2": [0.0, 0.01]}, seeds=2)
    >>> runs = runs.fit(x, 2 * x, epochs=20, verbose=0)
    >>> len(runs), runs.best_settings
    (8, {'learning_rate': 0.1, 'l2': 0.0})
    """
    return Sweep(build, settings, seeds)


class Sweep:
    """Training runs to be made: see `sweep`."""

    def __init__(self, build: Build, settings: Any, seeds: int | Sequence[int] = 1):
        self.build = build
        self.settings = combinations(settings)
        self.seeds = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"sweep: seeds must be a number above 0 or a list of different seeds; got {seeds!r}.")

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1, verbose: Any = "auto",
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None, monitor: str | None = None, mode: str = "auto", callbacks: Any = None,
    ) -> Runs:  # fmt: skip
        """Trains them all; the arguments are those of `model.fit`.

        monitor: what runs are compared by: "val_loss" if there is validation data, else "loss".
        mode: "min", "max", or "auto", which knows the metrics.
        callbacks: an `EarlyStopping`, which each run has for itself.

        Raises ValueError for data that does not fit, as `model.fit` does.
        """
        check_counts(epochs=epochs)
        model, *_ = [self.alone(setting, self.seeds[0]) for setting in self.settings]  # each of them may be refused
        parts = x, y, sample_weight
        rows, validation, names = gather(model, parts, validation_data, validation_split, class_weight)
        monitor = monitor or ("loss" if validation is None else "val_loss")
        if monitor not in names:
            raise ValueError(f"sweep: monitor={monitor!r} is not measured; there are {', '.join(names)}.")
        groups = self.groups(rows, validation, check_batch_size(batch_size), bool(shuffle))

        def tell(logs: Any) -> dict[str, float]:
            if logs[monitor].ndim > 2:
                raise ValueError(f"{monitor!r} measures several numbers; runs are compared by one: pass monitor=.")
            values = logs[monitor][np.isfinite(logs[monitor])]
            return {f"least {monitor}": float(values.min()), "most": float(values.max())} if values.size else {}

        stops = Stops(callbacks, model, (len(self.settings), len(self.seeds)))
        history = advance_all(groups, epochs, Progress(verbose, epochs, 1), tell, stops)
        way = direction(model, monitor, mode)
        return Runs(self.settings, self.seeds, history, monitor, way, self.restorer(groups), stops.ends)

    def alone(self, setting: Row, seed: int) -> Any:
        """The compiled model of one run, as it begins; settings may be tracers."""
        with random.seeded_source(seed):
            try:
                model = self.build(**setting)
            except Exception as error:
                error.add_note(f"In a sweep, with the settings {setting}.")
                raise
        if not hasattr(model, "_compiled"):
            raise ValueError(f"sweep: build must return a model; got {type(model).__name__}.")
        require_compiled(model, "sweep")
        return model

    def groups(self, rows: Rows, validation: Rows | None, size: int, shuffle: bool) -> list[Group]:
        """The runs for every combination of the settings that no program takes as numbers."""
        free = self.numbers(rows)
        kinds: dict[Any, list[int]] = {}
        for i, setting in enumerate(self.settings):
            kinds.setdefault(tuple(repr(v) for k, v in setting.items() if k not in free), []).append(i)
        found = []
        for members in kinds.values():
            fixed = {k: v for k, v in self.settings[members[0]].items() if k not in free}
            values = {k: np.array([self.settings[i][k] for i in members], config.floatx()) for k in free}
            words = np.stack([words_of(self.alone(self.settings[members[0]], s)) for s in self.seeds])

            def build(given: Any, fixed: Row = fixed) -> Any:
                return self.alone({**fixed, **given}, self.seeds[0])

            run = Run(build, rows, validation, min(size, rows.count))
            found.append((members, Population(run, values, words, shuffle)))
        return found

    def numbers(self, rows: Rows) -> list[str]:
        """The settings that a program can take as arguments: floats that nothing in the model is decided by."""
        lists = {k: [s[k] for s in self.settings] for k in self.settings[0]}
        floats = [k for k, v in lists.items() if all(map(is_number, v)) and any(isinstance(n, FLOAT) for n in v)]
        return [name for name in floats if self.takes(name, rows)]

    def takes(self, name: str, rows: Rows) -> bool:
        """Whether a model can be made and trained with a tracer for a setting; nothing is computed."""
        first = self.settings[0]
        words = jnp.asarray(words_of(self.alone(first, self.seeds[0])))

        def trial(value: Any) -> Any:
            run = Run(lambda _: self.alone({**first, name: value}, self.seeds[0]), rows, None, 1)
            batch = jax.tree.map(lambda a: a[:1], rows.parts())
            return run.epoch((run.start(({},), words), jnp.asarray(True)), ({},), None, batch)

        try:
            found = jax.eval_shape(trial, jax.ShapeDtypeStruct((), config.floatx()))
        except (TypeError, ValueError):  # JAX's errors for tracers where numbers are needed are of these kinds
            return False
        special = {s[name] for s in self.settings if s[name] in (0, 1)}  # at which parts may be left out
        plain = [jax.eval_shape(lambda v=v: trial(v)) for v in {first[name], *special}]
        return all(jax.tree.structure(found) == jax.tree.structure(p) for p in plain)  # or names are made of numbers

    def restorer(self, groups: Any) -> Callable[[int, int], Any]:
        """(setting, seed) -> the trained model."""
        places = {i: (population, n) for members, population in groups for n, i in enumerate(members)}

        def restore(setting: int, seed: int) -> Any:
            population, place = places[setting]
            model = self.alone(self.settings[setting], self.seeds[seed])
            rows_for(model, population.made.rows.x)
            put(model, population.member(place, seed))
            return model

        return restore


FLOAT = (float, np.floating)


def is_number(value: Any) -> bool:
    """Whether a setting is a number, whole or not."""
    return isinstance(value, (int, np.integer, *FLOAT)) and not isinstance(value, bool)


def combinations(settings: Any) -> list[Row]:
    """Every setting as a dict: the product of lists by name, or the dicts of a list."""
    if isinstance(settings, dict):
        lists = {k: list(np.asarray(v).tolist() if hasattr(v, "shape") else v) for k, v in settings.items()}
        if not lists or not all(lists.values()):
            raise ValueError("sweep: give at least one value for each setting, as in {'learning_rate': [0.01, 0.1]}.")
        return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    rows = [dict(row) for row in settings]
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("sweep: settings are lists by name, or a list of dicts with the same names in each.")
    return rows


def direction(model: Any, monitor: str, mode: str) -> str:
    """ "min" or "max": which way is better for what is monitored."""
    watch = MonitorCallback(monitor, mode)
    watch.set_model(model)
    return "max" if watch.is_improvement(1.0, 0.0) else "min"


__all__ = ["Runs", "Sweep", "sweep"]
