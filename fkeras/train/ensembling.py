"""`ensemble`: n members of one model, trained at once, which answer with a mean and a spread."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, random, storey
from ..masking import values_of
from .checks import check_batch_size, check_counts, is_count, require_compiled, require_measure
from .intake import meet, rows_for
from .population import Population, Run, advance_all, gather, put, put_words, words_of
from .progress import Progress
from .stopping import Stops


class Prediction(NamedTuple):
    """What an ensemble predicts: the mean over its members, and their standard deviation."""

    mean: Any
    spread: Any


def ensemble(model: Any, n: int = 5) -> Ensemble:
    """n members like `model`, each with first values and an order of the data of its own, trained at once by `vmap`.

    model: a compiled model; it is left as it is. Member i is what `fit` makes of it, alone,
    with the key `jax.random.fold_in(model.base_key(), i)`, up to rounding. To keep one model for all of them:
    `Model(x, Average()([member(x) for member in five.members]))`, with `x = Input(...)`.

    >>> import fkeras
    >>> model = fkeras.Sequential([fkeras.layers.Dense(8, "tanh"), fkeras.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> x = np.linspace(-1, 1, 32, dtype="float32")[:, None]
    >>> five = ensemble(model, 5)
    >>> _ = five.fit(x, x**2, epochs=3, verbose=0)
    >>> mean, spread = five.predict(x)
    >>> mean.shape, bool((spread > 0).all()), len(five.members)
    ((32, 1), True, 5)
    """
    return Ensemble(model, n)


class Ensemble:
    """Members of one model: see `ensemble`."""

    def __init__(self, model: Any, n: int = 5):
        if not is_count(n, 1):
            raise ValueError(f"ensemble: n must be a whole number above 0; got {n!r}.")
        require_compiled(model, "ensemble")
        self.model, self.n = model, n
        fold = jax.vmap(jax.vmap(jax.random.fold_in, (0, None)), (None, 0))
        keys = fold(jax.vmap(random.as_key)(words_of(model)), jnp.arange(n))
        self.words = np.asarray(jax.random.key_data(keys))  # (members, model and parts, ...)
        self._population: Any = None

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1, verbose: Any = "auto",
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None, callbacks: Any = None,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Trains all members; the arguments are those of `model.fit`. Calling it again trains new members.

        callbacks: an `EarlyStopping`, which each member has for itself.

        Returns what was measured, by name, with axes (members, epochs); NaN after a member was stopped.
        """
        check_counts(epochs=epochs)
        parts = x, y, sample_weight
        rows, validation, _ = gather(self.model, parts, validation_data, validation_split, class_weight)
        run = Run(lambda _: self.twin(), rows, validation, min(check_batch_size(batch_size), rows.count))
        self._population = Population(run, {}, self.words, bool(shuffle))

        def tell(logs: Any) -> dict[str, float]:
            return {f"mean {k}": float(np.nanmean(v)) for k, v in logs.items() if v.ndim == 2 and not np.isnan(v).all()}

        stops = Stops(callbacks, self.model, (1, self.n))
        curves = advance_all([([0], self._population)], epochs, Progress(verbose, epochs, 1), tell, stops)
        return {name: values[0] for name, values in curves.items()}

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, sample_weight: Any = None
    ) -> dict[str, np.ndarray]:
        """What each member measures on some data: by name, one value for each."""
        population = self.trained_population
        require_measure(self.model, "evaluate")
        rows = rows_for(self.model, x, y, sample_weight, needs_labels=True)
        found = population.evaluate(rows, check_batch_size(batch_size))
        return {name: values[0] for name, values in found.items()}

    def twin(self, member: int | None = None) -> Any:
        """A compiled model like the given one, without values; with the keys of a member if one is named."""
        twin, told = compiled.skeleton(self.model), self.model._compiled
        optimizer = self.model.optimizer
        for part in storey.subtree(twin):
            part._face.filled = False
        for name in compiled.UPSTAIRS:  # nothing of what the given model has been through
            vars(twin).pop(name, None)
        object.__setattr__(twin, "_compiled", told)
        object.__setattr__(twin, "optimizer", optimizer.skeleton() if hasattr(optimizer, "skeleton") else optimizer)
        if member is not None:
            put_words(twin, self.words[member])
        return twin

    @property
    def trained_population(self) -> Population:
        """The runs of the members. Raises ValueError before `fit`."""
        if self._population is None:
            raise ValueError("The ensemble has no values yet: call fit(x, y) first.")
        return self._population

    @property
    def trained(self) -> Any:
        """The TrainState of the members, stacked along a first axis: vmap over it. Raises ValueError before `fit`."""
        return jax.tree.map(lambda a: a[0], self.trained_population.ts)

    @property
    def members(self) -> list[Any]:
        """The members as ordinary models, ready to predict or to be trained further."""
        ts, models = self.trained, []
        for i in range(self.n):
            member = self.twin(i)
            meet(member, self.trained_population.made.rows.x)
            put(member, jax.tree.map(lambda a, i=i: a[i], ts))
            models.append(member)
        return models

    def answers(self, x: Any, batch_size: int | None = None) -> Any:
        """What each member predicts: arrays of shape (members, rows, ...)."""
        ts, rows = self.trained, rows_for(self.model, x)
        skeleton, size = compiled.skeleton(self.model), check_batch_size(batch_size)

        @jax.jit
        def run(params: Any, state: Any, x: Any) -> Any:
            def one(params: Any, state: Any) -> Any:
                return values_of(skeleton.apply(params, state, x, training=False)[0])

            return jax.vmap(one)(params, state)

        parts = [
            run(ts.params, ts.state, jax.tree.map(lambda a, i=i: a[i : i + size], rows.x))
            for i in range(0, rows.count, size)
        ]
        return jax.tree.map(lambda *a: np.concatenate(a, axis=1), *parts)

    def predict(self, x: Any, batch_size: int | None = None) -> Prediction:
        """(mean, spread) of the members' answers: spread is their standard deviation, how much they disagree."""
        answers = self.answers(x, batch_size)
        return Prediction(*(jax.tree.map(lambda a, f=f: f(a, axis=0), answers) for f in (np.mean, np.std)))

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"<Ensemble of {self.n}: {self.model!r}>"
