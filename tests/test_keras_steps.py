"""Steps written for Keras on JAX run unchanged, and give its numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1))).astype("float32")
WEIGHT = RNG.uniform(0.5, 2, 22).astype("float32")


def graph(module: Any) -> Any:
    inputs = module.Input((4,))
    hidden = module.layers.Dense(3, "tanh", kernel_regularizer="l2")(inputs)
    return inputs, module.layers.Dense(1)(module.layers.BatchNormalization()(hidden))


def by_hand(keras: Any) -> Any:
    """The loss computed by hand, metrics in a property."""

    class Model(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = keras.metrics.Mean(name="loss")
            self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = keras.losses.MeanSquaredError()

        def compute_loss_and_updates(self, trainable_variables, non_trainable_variables, x, y, training=False):
            y_pred, non_trainable_variables = self.stateless_call(
                trainable_variables, non_trainable_variables, x, training=training
            )
            loss = self.loss_fn(y, y_pred)
            return loss, (y_pred, non_trainable_variables)

        def train_step(self, state, data):
            trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables = state
            x, y = data
            grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (y_pred, non_trainable_variables)), grads = grad_fn(
                trainable_variables, non_trainable_variables, x, y, training=True
            )
            trainable_variables, optimizer_variables = self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
            loss_tracker_vars = metrics_variables[: len(self.loss_tracker.variables)]
            mae_metric_vars = metrics_variables[len(self.loss_tracker.variables) :]
            loss_tracker_vars = self.loss_tracker.stateless_update_state(loss_tracker_vars, loss)
            mae_metric_vars = self.mae_metric.stateless_update_state(mae_metric_vars, y, y_pred)
            logs = {
                self.loss_tracker.name: self.loss_tracker.stateless_result(loss_tracker_vars),
                self.mae_metric.name: self.mae_metric.stateless_result(mae_metric_vars),
            }
            new_metrics_vars = loss_tracker_vars + mae_metric_vars
            state = (trainable_variables, non_trainable_variables, optimizer_variables, new_metrics_vars)
            return logs, state

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae_metric]

    return Model, {}


def with_compiled_metrics(keras: Any) -> Any:
    """A loop over the metrics that compile was told, and a test step."""

    class Model(keras.Model):
        def metered(self, metrics_variables, loss, y, y_pred, sample_weight):
            new_metrics_vars, logs = [], {}
            for metric in self.metrics:
                here = len(new_metrics_vars)
                this_metric_vars = metrics_variables[here : here + len(metric.variables)]
                if metric.name == "loss":
                    this_metric_vars = metric.stateless_update_state(this_metric_vars, loss)
                else:
                    this_metric_vars = metric.stateless_update_state(this_metric_vars, y, y_pred)
                value = metric.stateless_result(this_metric_vars)
                logs.update(value if isinstance(value, dict) else {metric.name: value})
                new_metrics_vars += this_metric_vars
            return logs, new_metrics_vars

        def train_step(self, state, data):
            trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (_, aux), grads = grad_fn(
                trainable_variables, non_trainable_variables, metrics_variables, x, y, sample_weight, training=True,
                optimizer_variables=optimizer_variables,
            )  # fmt: skip
            loss, y_pred, non_trainable_variables, metrics_variables = aux
            grads = [0.5 * g for g in grads]
            trainable_variables, optimizer_variables = self.optimizer.stateless_apply(
                optimizer_variables, grads, trainable_variables
            )
            logs, metrics_variables = self.metered(metrics_variables, loss, y, y_pred, sample_weight)
            return logs, (trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables)

        def test_step(self, state, data):
            trainable_variables, non_trainable_variables, metrics_variables = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            y_pred, non_trainable_variables = self.stateless_call(
                trainable_variables, non_trainable_variables, x, training=False
            )
            loss, _ = self.stateless_compute_loss(
                trainable_variables, non_trainable_variables, metrics_variables, x=x, y=y, y_pred=y_pred,
                sample_weight=sample_weight, training=False,
            )  # fmt: skip
            loss = 3 * loss
            logs, metrics_variables = self.metered(metrics_variables, loss, y, y_pred, sample_weight)
            return logs, (trainable_variables, non_trainable_variables, metrics_variables)

    return Model, {"loss": "mse", "metrics": ["mae"]}


def around_the_default(keras: Any) -> Any:
    """The default step with something before and after it, and another prediction."""

    class Model(keras.Model):
        def train_step(self, state, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            logs, state = super().train_step(state, (2 * x, y, sample_weight))
            logs["size"] = sum(jnp.sum(v**2) for v in state[0])
            return logs, state

        def predict_step(self, state, data):
            outputs, non_trainable_variables = super().predict_step(state, data)
            return {"twice": 2 * outputs}, non_trainable_variables

    return Model, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]}


def own_loss(keras: Any) -> Any:
    """A loss of the outputs and of a layer."""

    class Model(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            return loss + 0.1 * keras.ops.mean(keras.ops.abs(y_pred))

    return Model, {"loss": "mae", "metrics": ["mse"]}


def own_metrics(keras: Any) -> Any:
    """A metric beside those of compile."""

    class Model(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.largest = keras.metrics.Mean(name="largest")

        def compute_metrics(self, x, y, y_pred, sample_weight):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.largest.update_state(keras.ops.max(y_pred))
            results["largest"] = self.largest.result()
            return results

    return Model, {"loss": "mse", "metrics": ["mae"]}


def tracked_loss(keras: Any) -> Any:
    """A loss that its own metric follows."""

    class Model(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = keras.metrics.Mean(name="loss")

        def compute_loss(self, x, y, y_pred, sample_weight, training=True):
            loss = keras.ops.mean((y_pred - y) ** 2)
            loss += sum(self.losses)
            self.loss_tracker.update_state(loss)
            return loss

        def reset_metrics(self):
            self.loss_tracker.reset_state()

        @property
        def metrics(self):
            return [self.loss_tracker]

    return Model, {}


MODELS = [by_hand, with_compiled_metrics, around_the_default, own_loss, own_metrics, tracked_loss]
NO_TEST = ("by_hand",)


SLOW = (with_compiled_metrics, own_loss, own_metrics, tracked_loss)


@pytest.mark.parametrize(
    "build", [pytest.param(m, marks=[pytest.mark.slow] * (m in SLOW), id=m.__name__) for m in MODELS]
)
def test_steps_of_keras(build):
    found = []
    for module in (keras, fkeras):
        cls, settings = build(module)
        model = cls(*graph(module))
        model.set_weights(fill(model))
        model.compile(optimizer=module.optimizers.SGD(0.05, momentum=0.5), **settings)
        weights = {"sample_weight": WEIGHT} if build is around_the_default else {}
        validation = {} if build.__name__ in NO_TEST else {"validation_data": (X[:9], Y[:9])}
        history = model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, **weights, **validation).history
        measured = None if build.__name__ in NO_TEST else model.evaluate(X, Y, verbose=0, return_dict=True)
        found.append((history, measured, model.predict(X, verbose=0), model.get_weights()))
    theirs, ours = found
    assert sorted(theirs[0]) == sorted(ours[0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=2e-3, atol=1e-4), theirs, ours)


def fill(model: Any) -> list[Any]:
    """First weights by their shapes, the same in both."""
    rng = np.random.default_rng(1)
    return [np.abs(rng.normal(size=w.shape)).astype("float32") * 0.5 for w in model.get_weights()]


def test_a_loop_from_scratch():
    """The loop of Keras' guide for JAX."""
    found = []
    for module in (keras, fkeras):
        model = module.Model(*graph(module))
        model.set_weights(fill(model))
        loss_fn, optimizer = module.losses.MeanSquaredError(), module.optimizers.Adam(0.01)
        metric = module.metrics.MeanAbsoluteError()

        def updates(trainable, others, measured, x, y, model=model, loss_fn=loss_fn, metric=metric):
            y_pred, others = model.stateless_call(trainable, others, x, training=True)
            return loss_fn(y, y_pred), (others, metric.stateless_update_state(measured, y, y_pred))

        grad_fn = jax.value_and_grad(updates, has_aux=True)

        @jax.jit
        def train_step(state, data, grad_fn=grad_fn, optimizer=optimizer):
            trainable, others, optimizer_variables, measured = state
            (loss, (others, measured)), grads = grad_fn(trainable, others, measured, *data)
            trainable, optimizer_variables = optimizer.stateless_apply(optimizer_variables, grads, trainable)
            return loss, (trainable, others, optimizer_variables, measured)

        optimizer.build(model.trainable_variables)
        owners = model.trainable_variables, model.non_trainable_variables, optimizer.variables, metric.variables
        state = tuple([v.value for v in variables] for variables in owners)
        losses = []
        for _ in range(4):
            loss, state = train_step(state, (X, Y))
            losses.append(float(loss))
        for variables, values in zip(owners, state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        found.append((losses, float(metric.result()), model.get_weights()))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5), *found)


def test_a_layer_with_a_seed_generator_draws_anew_in_each_step():
    class Sampling(fkeras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = fkeras.random.SeedGenerator(1337)

        def call(self, inputs):
            mean, log_var = inputs
            noise = fkeras.random.normal(fkeras.ops.shape(mean), seed=self.seed_generator)
            return mean + fkeras.ops.exp(0.5 * log_var) * noise

    inputs = fkeras.Input((4,))
    model = fkeras.Model(inputs, Sampling()([inputs, 0.0 * inputs]) - inputs)
    model.compile("sgd", "mse")
    seen = []
    note = fkeras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    model.fit(X, 0 * X, epochs=4, batch_size=22, shuffle=False, callbacks=[note], verbose=0)
    assert len(set(seen)) == 4  # the mean square of the noise
    assert abs(np.mean(seen) - 1) < 0.3
    assert not np.array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
