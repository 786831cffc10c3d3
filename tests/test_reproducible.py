"""One seed gives the same bits, however a run is cut, watched or continued."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fkeras
from fkeras import layers
from fkeras.train import loop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 2))).astype("float32")


def build() -> Any:
    fkeras.utils.set_random_seed(7)
    model = fkeras.Sequential(
        [
            layers.Dense(8, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1),
            layers.Dense(2),
        ]
    )
    model.compile(fkeras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def fit(model: Any, epochs: int, **settings: Any) -> Any:
    return model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, **settings).history


def once(model: Any) -> Any:
    return fit(model, 4)


def in_two(model: Any) -> Any:
    first = fit(model, 1)
    rest = fit(model, 4, initial_epoch=1)
    return {name: first[name] + rest[name] for name in first}


def in_steps(model: Any) -> Any:
    model.steps_per_execution = 3
    return fit(model, 4)


def watched(model: Any) -> Any:
    return fit(model, 4, callbacks=[fkeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)])


def read_and_written(model: Any) -> Any:
    class Look(fkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights(self.model.get_weights())
            self.model.predict(X[:3], verbose=0)
            fkeras.random.normal((3,))
            np.random.default_rng().normal()

    return fit(model, 4, callbacks=[Look(), fkeras.callbacks.TerminateOnNaN()])


def validated(model: Any) -> Any:
    history = fit(model, 4, validation_data=(X[:20], Y[:20]))
    return {name: history[name] for name in ("loss", "mae")}


def copied(model: Any) -> Any:
    first = fit(model, 2)
    twin = fkeras.models.clone_model(model)
    twin.build((None, 5))
    rest = fit(model, 4, initial_epoch=2)
    return {name: first[name] + rest[name] for name in first}


WAYS = [in_two, in_steps, watched, read_and_written, validated, copied]


@pytest.fixture(scope="module")
def expected() -> Any:
    model = build()
    return once(model), model.get_weights(), model.predict(X, verbose=0)


def check(history: Any, model: Any, expected: Any) -> None:
    assert {k: list(v) for k, v in history.items()} == {k: list(v) for k, v in expected[0].items()}
    for ours, theirs in zip(model.get_weights(), expected[1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected[2])


@pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)
def test_the_same_bits(way, expected):
    model = build()
    check(way(model), model, expected)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_of_any_length(chunk, expected, monkeypatch):
    class Pace(loop.Pace):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__()
            self.steps, self.fixed = chunk, True

    monkeypatch.setattr("fkeras.train.fitting.Pace", Pace)
    model = build()
    check(once(model), model, expected)


def test_other_seeds_give_other_bits(expected):
    model = build()
    model = fkeras.models.clone_model(model)  # draws its own key
    model.compile(fkeras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    assert once(model)["loss"] != expected[0]["loss"]


@pytest.mark.slow
def test_a_step_of_its_own_is_as_reproducible():
    class Own(fkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.drop = layers.Dense(2), layers.Dropout(0.5)

        def call(self, x):
            return self.drop(self.dense(x))

        def train_step(self, train_state, batch):
            x, y = batch

            def loss(net, rng):
                return net.objective(y, net(x + fkeras.random.normal(x.shape, seed=rng)))

            return self.minimize(train_state, loss)

    runs = []
    for way in (once, in_two, watched, in_steps):
        fkeras.utils.set_random_seed(7)
        model = Own()
        model.compile("adam", "mse")
        runs.append((way(model), [w.tolist() for w in model.get_weights()]))
    assert all(run == runs[0] for run in runs)


def test_compiling_ahead_draws_no_keys():
    """Dropout that stays on takes one key where it is measured, also while programs for it are compiled."""
    x = fkeras.Input((4,))
    model = fkeras.Model(x, fkeras.layers.Dropout(0.5)(x, training=True))
    model.compile("sgd", "mse")
    rows, drawn = np.ones((50, 4), "float32"), []
    for measure in (lambda: model.evaluate(rows, rows, verbose=0), fkeras.random.next_key):
        fkeras.utils.set_random_seed(3)
        measure()
        drawn.append(fkeras.random.normal((2,)).tolist())
    assert drawn[0] == drawn[1]
