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


class Own(fkeras.Model):
    """Two layers, trained in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = layers.Dense(3, "tanh"), layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))


class Noisy(Own):
    def train_step(self, train_state: Any, batch: Any) -> Any:
        x, y = batch

        def loss(net: Any, rng: Any) -> Any:
            noisy = x + 0.1 * jax.random.normal(rng, x.shape)
            return net.objective(y, net(noisy)), {"mean": jnp.mean(net(x))}

        return self.minimize(train_state, loss)


class Shrunk(Own):
    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True) -> Any:
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.1 * jnp.mean(y_pred**2)


class Listed(Own):
    def train_step(self, state: Any, data: Any) -> Any:
        (trained, others, memory, counts), (x, y) = state, data

        def loss(trained: Any, others: Any) -> Any:
            y_pred, others = self.stateless_call(trained, others, x, training=True)
            return self.compute_loss(x, y, y_pred), others

        (value, others), slope = jax.value_and_grad(loss, has_aux=True)(trained, others)
        trained, memory = self.optimizer.stateless_apply(memory, slope, trained)
        return {"loss": value}, (trained, others, memory, counts)


class Game(fkeras.Model):
    """No function of its inputs: each part draws its own first values."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = Sequential([layers.Input((2,)), layers.Dense(5)])
        self.critic = Sequential([layers.Input((5,)), layers.Dense(1)])

    def train_step(self, train_state: Any, real: Any) -> Any:
        def fakes(net: Any, rng: Any) -> Any:
            return net.critic(net.maker(jax.random.normal(rng, (len(real), 2)))).mean()

        critic = lambda net, rng: fakes(net, rng) - net.critic(real).mean()  # noqa: E731
        return self.minimize(train_state, {"critic": critic, "maker": lambda net, rng: -fakes(net, rng)})


def build_own(cls: Any, learning_rate: float) -> Any:
    model = cls()
    model.compile(optimizers.Adam(learning_rate), None if cls is Game else "mse")
    return model


def follow(runs: Any, alone: Any, told: dict[str, Any], given: tuple[Any, ...]) -> None:
    """A run out of many has the curves and the weights of one alone."""
    curves, model = runs
    history = alone.fit(*given, **told).history
    assert set(history) == set(curves)
    for name, curve in history.items():
        np.testing.assert_allclose(curves[name][: len(curve)], curve, rtol=1e-4, atol=1e-5)
        assert np.isnan(curves[name][len(curve) :]).all()
    for a, b in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    "cls", [Listed, *(pytest.param(cls, marks=pytest.mark.long) for cls in (Noisy, Shrunk, Game))]
)
def test_steps_of_ones_own_at_once_equal_those_one_by_one(cls: Any) -> None:
    given = (X,) if cls is Game else (X, Y)
    told: dict[str, Any] = {"epochs": 2, "verbose": 0, "batch_size": 32}
    runs = fkeras.sweep(lambda learning_rate: build_own(cls, learning_rate), {"learning_rate": [0.01, 0.1]})
    runs = runs.fit(*given, **told, monitor="critic_loss" if cls is Game else None)
    fkeras.utils.set_random_seed(0)
    alone = build_own(cls, 0.1)
    curves = {name: values[1, 0] for name, values in runs.history.items()}
    follow((curves, runs.model({"learning_rate": 0.1})), alone, told, given)
    two = fkeras.ensemble(alone, 2)
    curves = two.fit(*given, **told)
    follow(({n: v[1] for n, v in curves.items()}, two.members[1]), two.twin(1), told, given)
    assert not np.allclose(two.members[0].get_weights()[0], two.members[1].get_weights()[0], atol=1e-2)


def test_each_run_stops_early_for_itself() -> None:
    def stop() -> Any:
        return fkeras.callbacks.EarlyStopping(min_delta=0.003, patience=2, restore_best_weights=True)

    told: dict[str, Any] = {"epochs": 12, "validation_split": 0.2, "verbose": 0}
    runs = fkeras.sweep(lambda rate: linear(optimizers.SGD(rate, use_ema=True)), {"rate": [0.003, 0.1, 0.5]})
    runs = runs.fit(X, Y, **told, callbacks=stop())
    lengths = np.isfinite(runs.history["loss"][:, 0]).sum(-1)
    assert len(set(lengths)) > 1 and lengths.min() < 12
    for i, setting in enumerate(runs.settings):
        fkeras.utils.set_random_seed(0)
        curves = {name: values[i, 0] for name, values in runs.history.items()}
        alone = linear(optimizers.SGD(setting["rate"], use_ema=True))
        follow((curves, runs.model(setting)), alone, {**told, "callbacks": [stop()]}, (X, Y))
        row = next(row for row in runs.table if row["rate"] == setting["rate"])
        assert row["val_loss"] == curves["val_loss"][runs.ends[i, 0]]


def with_layer(*middle: Any, optimizer: Any = "sgd", loss: Any = "mse", **settings: Any) -> Any:
    model = Sequential([layers.Input((5,)), layers.Dense(4, **settings), *middle, layers.Dense(1)])
    model.compile(optimizer, loss)
    return model


ini, reg, con = fkeras.initializers, fkeras.regularizers, fkeras.constraints
NUMBERS: dict[str, Any] = {
    "momentum": lambda v: with_layer(optimizer=optimizers.SGD(0.1, v)),
    "beta": lambda v: with_layer(optimizer=optimizers.Adam(0.1, v)),
    "decay": lambda v: with_layer(optimizer=optimizers.AdamW(0.1, v)),
    "clipping": lambda v: with_layer(optimizer=optimizers.SGD(0.1, clipnorm=v)),
    "schedule": lambda v: with_layer(optimizer=optimizers.SGD(optimizers.schedules.ExponentialDecay(v, 2, v))),
    "l1 and l2": lambda v: with_layer(kernel_regularizer=reg.L1L2(v, v)),
    "of what is active": lambda v: with_layer(layers.ActivityRegularization(v, v)),
    "norm": lambda v: with_layer(kernel_constraint=con.MaxNorm(v)),
    "norms": lambda v: with_layer(kernel_constraint=con.MinMaxNorm(v, 1.0, v)),
    "first values": lambda v: with_layer(kernel_initializer=ini.RandomNormal(0.0, v)),
    "scale": lambda v: with_layer(kernel_initializer=ini.VarianceScaling(v), bias_initializer=ini.Constant(v)),
    "limits": lambda v: with_layer(kernel_initializer=ini.RandomUniform(-v, v)),
    "uniform scale": lambda v: with_layer(kernel_initializer=ini.VarianceScaling(v, "fan_avg", "uniform")),
    "noise": lambda v: with_layer(layers.GaussianNoise(v), layers.GaussianDropout(v), layers.AlphaDropout(v)),
    "slopes": lambda v: with_layer(layers.LeakyReLU(v), layers.ELU(v), layers.ReLU(v, v, v)),
    "normalization": lambda v: with_layer(layers.BatchNormalization(momentum=v, epsilon=v)),
    "of layers": lambda v: with_layer(layers.LayerNormalization(epsilon=v), layers.GroupNormalization(2, epsilon=v)),
    "recurrent": lambda v: with_layer(layers.Reshape((4, 1)), layers.LSTM(3, dropout=v, recurrent_dropout=v)),
    "smoothing": lambda v: with_layer(loss=losses.BinaryCrossentropy(True, v)),
    "huber": lambda v: with_layer(loss=losses.Huber(v)),
    "focus": lambda v: with_layer(loss=losses.BinaryFocalCrossentropy(True, v, v, from_logits=True)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_settings_that_are_arguments_of_one_program(name: str) -> None:
    sweep = fkeras.sweep(lambda value: NUMBERS[name](value), {"value": [0.25, 0.5]})
    assert sweep.numbers(rows_for(NUMBERS[name](0.25), X, Y)) == ["value"]


def test_where_a_number_leaves_something_out_it_gets_a_program_of_its_own() -> None:
    sweep = fkeras.sweep(lambda momentum: linear(optimizers.SGD(0.1, momentum)), {"momentum": [0.9, 0, 0.5]})
    assert sweep.numbers(rows_for(linear("sgd"), X, Y)) == []
    best = sweep.fit(X, Y, epochs=2, verbose=0).model({"momentum": 0})
    best.fit(X, Y, verbose=0)  # goes on with what its optimizer remembers, which is nothing
    assert fkeras.sweep(build, {"learning_rate": [1, 0.1]}).numbers(rows_for(build(), X, Y)) == ["learning_rate"]


def test_numbers_that_name_a_layer_are_no_arguments() -> None:
    def build(rate: float) -> Any:
        model = Sequential([layers.Input((5,)), layers.Dense(1, name=f"dense_{str(rate)[-1]}")])
        model.compile(optimizers.SGD(rate), "mse")
        return model

    sweep = fkeras.sweep(build, {"rate": [0.1, 0.2]})
    assert sweep.numbers(rows_for(build(0.1), X, Y)) == []
    runs = sweep.fit(X, Y, verbose=0)
    fkeras.utils.set_random_seed(0)
    np.testing.assert_allclose(runs.history["loss"][1, 0], build(0.2).fit(X, Y, verbose=0).history["loss"], rtol=1e-5)


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


def test_metrics_of_several_numbers() -> None:
    classes = fkeras.utils.to_categorical(RNG.integers(0, 3, 70))

    def three(rate: float) -> Any:
        model = Sequential([layers.Input((5,)), layers.Dense(3, "softmax")])
        model.compile(optimizers.SGD(rate), "categorical_crossentropy", metrics=[Each()])
        return model

    runs = fkeras.sweep(three, {"rate": [0.1, 1.0]}).fit(X, classes, epochs=2, verbose=0)
    fkeras.utils.set_random_seed(0)
    wanted = three(1.0).fit(X, classes, epochs=2, verbose=0).history["each"]
    np.testing.assert_allclose(runs.history["each"][1, 0], wanted, rtol=1e-5)
    assert len(runs.best["each"]) == 3 and str(runs)
    assert fkeras.ensemble(three(0.1), 2).fit(X, classes, epochs=2, verbose=0)["each"].shape == (2, 2, 3)


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
    (lambda: fkeras.sweep(lambda n: linear("sgd", [Each()]), {"n": [1]}).fit(X, Y, monitor="each"), "several numbers"),
    (lambda: fkeras.sweep(build, {"rate": [0.1, 1.5]}).fit(X, Y, verbose=0), "rate"),
    (lambda: fkeras.ensemble(build(), 2).fit(X, Y, callbacks=fkeras.callbacks.History()), "EarlyStopping.*got History"),
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
    alone = three.twin(1)
    np.testing.assert_allclose(alone.fit(X, Y, epochs=2, verbose=0).history["loss"], curves["loss"][1], rtol=1e-5)
    each = np.stack([member.predict(X, verbose=0) for member in three.members])
    mean, spread = three.predict(X, batch_size=32)
    np.testing.assert_allclose(mean, each.mean(0), atol=1e-5)
    np.testing.assert_allclose(spread, each.std(0), atol=1e-5)
    for name, value in three.members[2].evaluate(X, Y, verbose=0, return_dict=True).items():
        np.testing.assert_allclose(three.evaluate(X, Y)[name][2], value, rtol=1e-5)
    whole = fkeras.Model(inputs := fkeras.Input((5,)), layers.Average()([m(inputs) for m in three.members]))
    np.testing.assert_allclose(whole.predict(X), mean, atol=1e-5)
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
