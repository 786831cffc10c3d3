"""Steps of a model's own in the pure form, and what is said of steps that are wrong."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fkeras
from fkeras import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1))).astype("float32")


class Net(fkeras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, "tanh", kernel_regularizer="l2", kernel_constraint="unit_norm")
        self.norm = layers.BatchNormalization()
        self.head = layers.Dense(1)

    def call(self, x):
        return self.head(self.norm(self.hidden(x)))


class ByLoss(Net):
    def train_step(self, train_state, batch):
        x, y = batch
        return self.minimize(train_state, lambda net: jnp.mean((net(x) - y) ** 2))


class ByParts(Net):
    def train_step(self, train_state, batch):
        x, y = batch

        def loss(net):
            y_pred = net.head(net.norm(net.hidden(x)))
            return net.objective(y, y_pred), {"y_pred": y_pred}

        train_state, logs = self.minimize(train_state, loss)
        return self.measure(train_state, y, logs.pop("y_pred")), logs


class ByStep(Net):
    def train_step(self, train_state, batch):
        return self.step(train_state, batch)


def train(cls, optimizer=None, **settings):
    fkeras.utils.set_random_seed(3)
    model = cls()
    model.compile(optimizer or fkeras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    settings = {"epochs": 3, "batch_size": 16, "verbose": 0, **settings}
    return model, model.fit(X, Y, **settings).history


OPTIMIZERS = [
    pytest.param(lambda: None, id="ours"),
    pytest.param(lambda: optax.adam(0.02), id="optax", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cls", [ByLoss, ByParts, ByStep])
def test_the_same_step_in_other_words(cls, optimizer):
    (plain, expected), (model, history) = train(Net, optimizer()), train(cls, optimizer())
    for name in history:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-4, err_msg=name)
    assert ("mae" in history) == (cls is not ByLoss)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_logs_are_means_over_all_rows():
    class Told(Net):
        def train_step(self, train_state, batch):
            x, _ = batch
            train_state, logs = self.step(train_state, batch)
            return train_state, {**logs, "first": jnp.mean(x[:, 0]), "step": 1.0 * train_state.step}

    history = train(Told, shuffle=False)[1]
    assert list(history) == ["first", "loss", "mae", "step"]
    np.testing.assert_allclose(history["first"], [X[:, 0].mean()] * 3, rtol=1e-4)
    np.testing.assert_allclose(history["step"][0], np.average([1, 2, 3, 4], weights=[16, 16, 16, 2]), rtol=1e-5)


def test_a_step_runs_many_times_in_one_program():
    calls = []

    class Counted(ByLoss):
        def train_step(self, train_state, batch):
            calls.append(1)
            return super().train_step(train_state, batch)

    train(Counted, epochs=20, batch_size=10)
    assert len(calls) <= 6  # of 100 steps: to learn the logs, and in each program


def test_frozen_parts_stay():
    class Part(Net):
        def train_step(self, train_state, batch):
            x, y = batch
            return self.minimize(train_state, {"head": lambda net: jnp.mean((net(x) - y) ** 2)})

    fkeras.utils.set_random_seed(3)
    model = Part()
    model.compile(fkeras.optimizers.SGD(0.1))
    model.fit(X, Y, epochs=1, verbose=0)
    before = [np.asarray(w) for w in model.hidden.get_weights()]
    assert list(model.fit(X, Y, epochs=2, verbose=0).history) == ["head_loss"]
    np.testing.assert_array_equal(before[0], model.hidden.get_weights()[0])
    model.compile(optax.sgd(0.1))
    with pytest.raises(ValueError, match="no loss for"):
        model.fit(X, Y, verbose=0)


def test_a_step_for_testing_and_one_for_predicting():
    class Whole(ByLoss):
        def test_step(self, train_state, batch):
            x, y = batch
            y_pred, state = self.apply(train_state.params, train_state.state, x)
            return train_state._replace(state=state), {"far": jnp.max(jnp.abs(y - y_pred))}

        def predict_step(self, train_state, x):
            return {"sign": jnp.sign(self.apply(train_state.params, train_state.state, x)[0])}

    model, history = train(Whole, validation_data=(X[:8], Y[:8]), validation_batch_size=8)
    assert list(history) == ["loss", "val_far"]
    plain = np.asarray(model(X))
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=50, verbose=0), np.abs(plain - Y).max(), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X, verbose=0)["sign"], np.sign(plain))


def test_noise_differs_from_step_to_step():
    class Noisy(fkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.source = fkeras.random.SeedGenerator(3)

        def call(self, x):
            return self.dense(x) + fkeras.random.normal((1,), seed=self.source)

        def train_step(self, train_state, batch):
            def loss(net, rng):
                noise = net(batch[0])[0, 0] - (batch[0] @ net.dense.kernel)[0, 0]
                return 0.0 * noise, {"inside": noise, "mine": jax.random.normal(rng, ())}

            return self.minimize(train_state, loss)

    model = Noisy()
    model.compile("sgd")
    seen = []
    note = fkeras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: seen.append(dict(logs)))
    model.fit(X[:1].repeat(6, 0), Y[:6], batch_size=1, epochs=1, callbacks=[note], verbose=0)
    for name in ("inside", "mine"):
        means = np.array([logs[name] for logs in seen])
        assert len(np.unique(np.diff(means * np.arange(1, 7)).round(4))) == 5  # the draws themselves
    predictions = model.predict(X[:1].repeat(4, 0), batch_size=1, verbose=0)
    assert len(np.unique(predictions)) == 4


def test_a_loss_that_is_not_finite_stops_training():
    class Broken(Net):
        def train_step(self, train_state, batch):
            x, _ = batch
            return self.minimize(train_state, lambda net: jnp.mean(net(x)) / jnp.where(train_state.step < 2, 1.0, 0.0))

    model = Broken()
    model.compile("sgd")
    with pytest.raises(FloatingPointError, match="batch 2"):
        model.fit(X, Y, batch_size=10, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_evaluation_needs_something_to_measure():
    class Silent(ByLoss):
        pass

    model = Silent()
    model.compile("sgd")
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="test_step"):
        model.evaluate(X, Y, verbose=0)


def wrong(step):
    model = type("Wrong", (Net,), {"train_step": step})()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_what_is_said_of_wrong_steps():
    with pytest.raises(TypeError, match=r"self\.minimize\(train_state, loss\)"):
        wrong(lambda self, data: {})
    with pytest.raises(TypeError, match="must return \\(train_state, logs\\)"):
        wrong(lambda self, train_state, batch: ({}, train_state))
    with pytest.raises(TypeError, match="must return \\(logs, state\\)"):
        wrong(lambda self, state, data: (state, {}))
    with pytest.raises(ValueError, match="scalar"):
        wrong(lambda self, train_state, batch: self.minimize(train_state, lambda net: net(batch[0])))
    with pytest.raises(TypeError, match="has another name than train_state"):
        wrong(lambda self, state, batch: self.minimize(state, lambda net: jnp.mean(net(batch[0]))))
    with pytest.raises(ValueError, match="sublayers head, hidden, norm"):
        wrong(lambda self, train_state, batch: self.minimize(train_state, {"body": lambda net: 0.0}))


def test_hooks_for_the_loss_see_masks_weights_and_several_outputs():
    class Summed(fkeras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert set(y) == set(y_pred) == {"a", "b"}
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    inputs = fkeras.Input((4,))
    outputs = {"a": layers.Dense(1)(inputs), "b": layers.Dense(1)(inputs)}
    runs = []
    for cls in (fkeras.Model, Summed):
        fkeras.utils.set_random_seed(0)
        model = cls(inputs, outputs)
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 0.5, "b": 2.0})
        weight = {"a": np.linspace(0, 1, 50), "b": np.ones(50)}
        runs.append(model.fit(X, {"a": Y, "b": Y}, sample_weight=weight, epochs=2, verbose=0).history)
    assert list(runs[0]) == list(runs[1])
    for name in runs[0]:
        np.testing.assert_allclose(runs[1][name], runs[0][name], rtol=1e-5)


def test_streams_and_models_without_a_call():
    class Parts(fkeras.Model):
        def __init__(self):
            super().__init__()
            self.line = fkeras.Sequential([fkeras.Input((4,)), layers.Dense(1)])

        def train_step(self, train_state, batch):
            x, y = batch
            return self.minimize(train_state, lambda net: jnp.mean((net.line(x) - y) ** 2))

        def test_step(self, train_state, batch):
            x, y = batch
            far = y - self.line.apply(train_state.params["line"], {}, x)[0]
            return train_state, {"far": jnp.mean(far**2)}

    def batches():
        for i in range(0, 48, 12):
            yield X[i : i + 12], Y[i : i + 12]

    runs = []
    for data in ({"x": X[:48], "y": Y[:48], "batch_size": 12}, {"x": batches()}):
        fkeras.utils.set_random_seed(0)
        model = Parts()
        model.compile(fkeras.optimizers.SGD(0.1))
        history = model.fit(**data, shuffle=False, verbose=0, validation_data=(X, Y)).history
        runs.append((history, model.line.get_weights()))
    np.testing.assert_allclose(runs[0][0]["val_far"], runs[1][0]["val_far"], rtol=1e-5)
    np.testing.assert_allclose(runs[0][1][0], runs[1][1][0], rtol=1e-5)


def test_the_search_for_a_learning_rate_runs_the_step_of_the_model():
    found = []
    for cls in (Net, ByStep):
        fkeras.utils.set_random_seed(3)
        model = cls()
        model.compile(fkeras.optimizers.SGD(), "mse")
        found.append(fkeras.train.find_learning_rate(model, X, Y, high=10.0, steps=20))
    np.testing.assert_allclose(found[0].losses[:5], found[1].losses[:5], rtol=1e-4)
    silent = type("Silent", (Net,), {"train_step": lambda self, train_state, batch: (train_state, {"far": 0.0})})()
    silent.compile("sgd")
    with pytest.raises(ValueError, match="Silent measures none"):
        fkeras.train.find_learning_rate(silent, X, Y)


def test_metrics_asked_for_before_a_fit():
    model = ByLoss()
    model.compile("sgd", "mse", metrics=["mae"])
    assert [m.name for m in model.metrics] == ["loss"]
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[fkeras.callbacks.EarlyStopping("loss")])
    twin = fkeras.compiled.skeleton(model)  # a private copy has none of its own
    twin.compile("sgd", "mse")
    assert None not in twin.metrics
