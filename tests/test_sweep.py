"""Runs trained at once equal the same runs one by one; gradients beyond the mean; the search for a learning rate."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fkeras
from fkeras import Sequential, layers, losses, optimizers, regularizers, train
from fkeras.train.intake import rows_for

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 5)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")
GRID = {"learning_rate": [0.01, 0.1], "l2": [0.0, 0.01], "rate": [0.1, 0.3], "units": [4, 6]}
FIT = {"epochs": 2, "validation_split": 0.2, "class_weight": {0: 1.0, 1: 2.0}, "verbose": 0}


def build(learning_rate: float = 0.01, l2: float = 0.0, rate: float = 0.0, units: int = 4) -> Any:
    model = Sequential([
        layers.Input((5,)), layers.Dense(units, "relu", kernel_regularizer=regularizers.L2(l2)), layers.Dropout(rate),
        layers.BatchNormalization(), layers.Dense(1, "sigmoid"),
    ])  # fmt: skip
    model.compile(optimizers.Adam(learning_rate), "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def runs() -> Any:
    return fkeras.sweep(build, GRID, seeds=2).fit(X, Y, **FIT)


@pytest.mark.parametrize("setting", [0, 7, 14])
def test_a_sweep_equals_its_runs_one_by_one(runs: Any, setting: int) -> None:
    for j, seed in enumerate(runs.seeds):
        fkeras.utils.set_random_seed(seed)
        alone = build(**runs.settings[setting])
        curves = alone.fit(X, Y, **FIT).history
        assert set(curves) == set(runs.history)
        for name, curve in curves.items():
            np.testing.assert_allclose(runs.history[name][setting, j], curve, rtol=1e-5, atol=1e-6)
        one = runs.model(runs.settings[setting], seed)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), one.get_weights(), alone.get_weights())
        again = [m.fit(X, Y, epochs=1, verbose=0).history["loss"] for m in (one, alone)]  # both go on alike
        np.testing.assert_allclose(*again, rtol=1e-4)


def test_the_table_names_the_best(runs: Any) -> None:
    assert len(runs) == len(runs.table) == 32 and runs.table[0] == runs.best
    assert runs.best["val_loss"] == min(row["val_loss"] for row in runs.table)
    loss, _ = runs.best_model.evaluate(X[56:], Y[56:], verbose=0)
    np.testing.assert_allclose(loss, runs.best["val_loss"], rtol=1e-5)
    assert str(runs).splitlines()[-1] == "... and 12 more" and runs.mean().shape == (16,)


def test_floats_are_arguments_of_one_program_and_the_others_are_not() -> None:
    sweep = fkeras.sweep(build, GRID)
    rows = rows_for(build(), X, Y)
    assert sweep.numbers(rows) == ["learning_rate", "l2", "rate"]
    decided = fkeras.sweep(lambda rate: build(l2=0.1 if rate > 0.2 else 0.0), {"rate": [0.1, 0.3]})
    assert decided.numbers(rows) == []


def test_a_run_that_diverges_harms_no_other() -> None:
    runs = fkeras.sweep(
        lambda learning_rate: linear(optimizers.SGD(learning_rate)), {"learning_rate": [0.01, 1e30]}
    ).fit(X, 5 * Y, epochs=4, verbose=0)
    assert np.isnan(runs.history["loss"][1, 0, -1]) and np.isfinite(runs.history["loss"][0]).all()
    assert runs.best_settings == {"learning_rate": 0.01}


class Each(fkeras.metrics.F1Score):
    """A metric with a number for each class."""

    def __init__(self) -> None:
        super().__init__(name="each")


def linear(optimizer: Any, metrics: Any = None) -> Any:
    model = Sequential([layers.Input((5,)), layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=metrics)
    return model


@pytest.mark.parametrize("case", [
    (lambda: fkeras.sweep(build, {"units": []}), "at least one value"),
    (lambda: fkeras.sweep(build, {"units": [4]}, seeds=0), "seeds"),
    (lambda: fkeras.sweep(build, [{"units": 4}, {"l2": 0.1}]), "same names"),
    (lambda: fkeras.sweep(build, {"units": [4]}).fit(X, Y, monitor="val_acc"), "val_acc.*there are loss, accuracy"),
    (lambda: fkeras.sweep(lambda n: Sequential([layers.Dense(n)]), {"n": [1]}).fit(X, Y), "compile"),
    (lambda: fkeras.ensemble(build(), 0), "n must be"),
    (lambda: fkeras.ensemble(linear("sgd", [Each()]), 2).fit(X, Y, verbose=0), "'each' measures several numbers"),
    (lambda: fkeras.ensemble(build(), 2).predict(X), "fit"),
    (lambda: train.find_learning_rate(linear(optax.sgd(0.1)), X, Y), "optimizer of fkeras"),
])  # fmt: skip
def test_refused(case: Any) -> None:
    action, said = case
    with pytest.raises(ValueError, match=said):
        action()


def test_an_ensemble_equals_its_members_one_by_one() -> None:
    model = build(rate=0.2)
    before = model.get_weights()
    three = fkeras.ensemble(model, 3)
    curves = three.fit(X, Y, epochs=2, verbose=0)
    alone = three.twin()
    object.__setattr__(alone, "_key", three.keys[1])
    np.testing.assert_allclose(alone.fit(X, Y, epochs=2, verbose=0).history["loss"], curves["loss"][1], rtol=1e-5)
    each = np.stack([member.predict(X, verbose=0) for member in three.members])
    mean, spread = three.predict(X, batch_size=32)
    np.testing.assert_allclose(mean, each.mean(0), atol=1e-5)
    np.testing.assert_allclose(spread, each.std(0), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, before, model.get_weights())  # the model is left as it is


def test_gradients_of_each_example_have_that_of_all_as_their_mean() -> None:
    model = Sequential([layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid")])
    params, state = model.init(jax.random.key(0), X[:1])
    each = jax.jit(lambda p: train.per_example_grads(model, "binary_crossentropy", p, state, (X, Y)))(params)
    whole = jax.grad(lambda p: losses.binary_crossentropy(Y, model.apply(p, state, X)[0]).mean())(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a.mean(0), b, atol=1e-6), each, whole)
    model.layers[0].trainable = False
    held = train.per_example_grads(model, "mse", params, state, (X, Y))
    assert held[model.layers[0].name]["kernel"] is None and held[model.layers[1].name]["kernel"].shape == (70, 4, 1)


def test_sharpness_is_the_largest_eigenvalue() -> None:
    model = layers.Dense(1, use_bias=False)
    f = train.loss_of(model, "mse", {}, (X, Y))
    params = {"kernel": jnp.zeros((5, 1))}
    largest = np.linalg.eigvalsh(2 * X.T @ X / len(X)).max()
    found = jax.jit(lambda p: train.sharpness(f, p, jax.random.key(0), steps=100))(params)
    np.testing.assert_allclose(found, largest, rtol=1e-3)


def test_the_rate_that_is_found_trains() -> None:
    model = linear(optimizers.SGD(1.0))
    before = model.get_weights()
    found = train.find_learning_rate(model, X, X.sum(1, keepdims=True), high=10.0)
    jax.tree.map(np.testing.assert_array_equal, before, model.get_weights())
    assert found.rates.shape == found.losses.shape and found.losses[-1] > found.losses.min()
    model.optimizer.learning_rate = found.best
    history = model.fit(X, X.sum(1, keepdims=True), epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]
