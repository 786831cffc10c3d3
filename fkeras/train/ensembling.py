"""`ensemble`: n members of one model, trained at once, which answer with a mean and a spread."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, storey
from ..masking import values_of
from .checks import check_batch_size, check_counts, is_count, require_compiled
from .hooks import refuse_hooks
from .intake import rows_for
from .population import Population, Run, gather
from .progress import Progress
from .sweeping import put


class Prediction(NamedTuple):
    """What an ensemble predicts: the mean over its members, and their standard deviation."""

    mean: Any
    spread: Any


def ensemble(model: Any, n: int = 5) -> Ensemble:
    """n members like `model`, each with first values and an order of the data of its own, trained at once by `vmap`.

    model: a compiled model; it is left as it is. Member i is what `fit` makes of it, alone,
    with the key `jax.random.fold_in(model.base_key(), i)`, up to rounding.

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
        refuse_hooks(model, "An ensemble")
        self.model, self.n = model, n
        keys = jax.vmap(jax.random.fold_in, (None, 0))(model.base_key(), jnp.arange(n))
        self.keys = np.asarray(jax.random.key_data(keys))
        self._population: Any = None

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1, verbose: Any = "auto",
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Trains all members; the arguments are those of `model.fit`. Calling it again trains new members.

        Returns what was measured, by name, with axes (members, epochs).
        """
        check_counts(epochs=epochs)
        parts = x, y, sample_weight
        rows, validation, _ = gather(self.model, parts, validation_data, validation_split, class_weight)
        run = Run(lambda _: self.twin(), rows, validation, min(check_batch_size(batch_size), rows.count))
        self._population = Population(run, {}, self.keys, bool(shuffle))
        bar, curves = Progress(verbose, epochs, 1), []
        for epoch in range(epochs):
            bar.begin_epoch(epoch)
            curves.append({k: v[0] for k, v in self._population.advance().items()})
            bar.end_epoch(1, {f"mean {k}": float(np.mean(v)) for k, v in curves[-1].items()})
        return {k: np.stack([logs[k] for logs in curves], axis=-1) for k in (curves[0] if curves else ())}

    def twin(self) -> Any:
        """A compiled model like the given one, without values."""
        twin, told = compiled.skeleton(self.model), self.model._compiled
        optimizer = self.model.optimizer
        for part in storey.subtree(twin):
            part._face.filled = False
        object.__setattr__(twin, "_compiled", told)
        object.__setattr__(twin, "optimizer", optimizer.skeleton() if hasattr(optimizer, "skeleton") else optimizer)
        return twin

    @property
    def trained(self) -> Any:
        """The TrainState of the members, stacked along a first axis: vmap over it. Raises ValueError before `fit`."""
        if self._population is None:
            raise ValueError("The ensemble has no values yet: call fit(x, y) first.")
        return jax.tree.map(lambda a: a[0], self._population.ts)

    @property
    def members(self) -> list[Any]:
        """The members as ordinary models, ready to predict or to be trained further."""
        ts, models = self.trained, []
        for i in range(self.n):
            member = self.twin()
            object.__setattr__(member, "_key", self.keys[i])
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
