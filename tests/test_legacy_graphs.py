"""What scripts of Keras 1 and 2 did with the graph: derivatives, updates, losses that read symbols, own weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fkeras import backend as K
from fkeras import initializers, layers, optimizers
from fkeras.callbacks import LambdaCallback
from fkeras.layers import Dense, Input, Lambda, Layer
from fkeras.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore::fkeras.legacy.OldSpelling")
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def classifier():
    return Sequential([Dense(4, "tanh", input_shape=(3,)), Dense(2, "softmax")])


def test_gradients_by_inputs_inner_symbols_and_weights():
    model = classifier()
    params, state = model.values
    inner, score = model.layers[0].output, model.output[:, 1]
    wanted = [model.input, inner, *model.trainable_weights]
    found = K.function([model.input], K.gradients(score, wanted))([X])

    def of(p, x):
        return model.apply(p, state, x)[0][:, 1].sum()

    by_weights, by_x = jax.jit(jax.grad(of, (0, 1)))(params, X)
    np.testing.assert_allclose(found[0], by_x, atol=1e-6)
    expected = [by_weights[n][k] for n in ("dense", "dense_1") for k in ("kernel", "bias")]
    for a, b in zip(found[2:], expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert found[1].shape == (8, 4) and np.abs(found[1]).max() > 0


def test_gradients_by_an_inner_symbol_pass_through_it_alone():
    x = Input((3,))
    h = x * 2.0
    y = h * h
    by_x, by_h = K.function([x], K.gradients(y, [x, h]))([X])
    np.testing.assert_allclose(by_h, 4 * X, rtol=1e-6)
    np.testing.assert_allclose(by_x, 8 * X, rtol=1e-6)
    assert K.gradients(y, Input((3,))) == [None]


def test_gradients_refuse_arrays_and_whole_numbers():
    with pytest.raises(TypeError, match=r"jax\.grad"):
        K.gradients(np.ones(2), np.ones(2))
    words = Input((3,), dtype="int32")
    with pytest.raises(TypeError, match="whole numbers"):
        K.gradients(K.sum(K.cast(words, "float32")), words)


def test_a_model_may_have_a_derivative_among_its_outputs():
    x = Input((3,))
    y = Dense(1, "tanh")(x)
    model = Model(x, [y, K.gradients(y, x)[0]])
    model.compile(optimizers.SGD(0.1), "mse")
    history = model.fit(X, [np.ones((8, 1)), np.zeros((8, 3))], epochs=5, verbose=0).history
    assert len(model.weights) == 2 and history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("old", [True, False])
def test_policy_gradient(old):
    model = classifier()
    action = K.placeholder(shape=(None, 2))
    loss = -K.sum(K.log(K.sum(action * model.output, axis=1)))
    adam = optimizers.Adam(lr=0.01)
    weights = model.trainable_weights
    updates = adam.get_updates(weights, [], loss) if old else adam.get_updates(loss=loss, params=weights)
    train = K.function([model.input, action], [loss], updates=updates)
    chosen = np.eye(2)[np.arange(8) % 2]
    told = [float(train([X, chosen])[0]) for _ in range(5)]
    assert told == sorted(told, reverse=True) and int(adam.iterations) == 5


def test_updates_of_variables():
    x, count = Input((3,)), K.variable(0.0)
    run = K.function([x], [], updates=[K.update_add(count, K.sum(x))])
    run([np.ones((2, 3))]), run([np.ones((1, 3))])
    assert K.get_value(count) == 9


def test_a_variable_of_a_loss_may_change_between_epochs():
    weight = K.variable(0.0)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", lambda y, y_pred: 0 * K.mean(y_pred) + weight)
    change = LambdaCallback(on_epoch_end=lambda epoch, logs: K.set_value(weight, epoch + 1))
    assert model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=[change]).history["loss"] == [0, 1, 2]


def test_a_loss_may_read_weights():
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(optimizers.SGD(0.1), lambda y, y_pred: 0 * K.mean(y_pred) + K.sum(K.square(model.layers[0].kernel)))
    before = model.get_weights()[0]
    told = model.fit(X, X[:, :1], epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(told, [np.sum(before**2), np.sum((0.8 * before) ** 2)], rtol=1e-5)


def test_tied_weights_in_a_lambda():
    x, dense = Input((3,)), Dense(2, use_bias=False)
    model = Model(x, Lambda(lambda t: K.dot(t, K.transpose(dense.kernel)))(dense(x)))
    model.compile(optimizers.SGD(0.1), "mse")
    kernel = jnp.asarray(dense.get_weights()[0])
    slope = jax.grad(lambda k: jnp.mean((X @ k @ k.T - X) ** 2))(kernel)
    model.fit(X, X, batch_size=8, verbose=0)
    np.testing.assert_allclose(dense.get_weights()[0], kernel - 0.1 * slope, atol=1e-6)
    k = dense.get_weights()[0]
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ k @ k.T, atol=1e-6)


def test_a_loss_may_read_another_input():
    x, weight = Input((3,)), Input((1,))

    def loss(y, y_pred):
        return K.mean(K.square(y - y_pred) * weight, axis=-1)

    def told(y, y_pred):
        return K.mean(weight)

    model = Model([x, weight], Dense(3)(x))
    model.compile("sgd", loss, metrics=[told])
    w = np.arange(8.0)[:, None]
    found = model.evaluate([X, w], X, verbose=0)
    expected = np.mean((model.predict([X, w], verbose=0) - X) ** 2 * w)
    np.testing.assert_allclose(found, [expected, 3.5], rtol=1e-5)
    assert model.fit([X, 0 * w], X, verbose=0).history["loss"] == [0]


def test_a_vae_whose_loss_reads_its_codes():
    x = Input((3,))
    mean, spread = Dense(2)(x), Dense(2)(x)
    z = Lambda(lambda t: t[0] + K.exp(t[1] / 2) * K.random_normal(shape=K.shape(t[0])))([mean, spread])
    y = Dense(3)(z)

    def loss(a, b):
        return K.sum(K.square(a - b), -1) - 0.5 * K.sum(1 + spread - K.square(mean) - K.exp(spread), axis=-1)

    model = Model(x, y)
    model.compile(optimizers.Adam(0.01), loss)
    history = model.fit(X, X, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]
    codes = [K.function([x], [s])([X])[0] for s in (mean, spread)]
    expected = np.mean(-0.5 * np.sum(1 + codes[1] - codes[0] ** 2 - np.exp(codes[1]), -1))
    flat = Model(x, Lambda(lambda t: t)(y))
    flat.compile("sgd", lambda a, b: 0 * K.sum(b, -1) - 0.5 * K.sum(1 + spread - K.square(mean) - K.exp(spread), -1))
    np.testing.assert_allclose(flat.evaluate(X, X, verbose=0), expected, rtol=1e-4)


# --- layers of Keras 1 and 2 -----------------------------------------------------------------------


class WithVariable(Layer):
    def build(self, shape):
        self.W = K.variable(np.ones((3, 2)), name="W")
        self.trainable_weights = [self.W]
        Layer.build(self, shape)

    def call(self, x, mask=None):
        return K.dot(x, self.W)

    def get_output_shape_for(self, shape):
        return shape[0], 2


class WithInitialization(WithVariable):
    def __init__(self, **kwargs):
        from fkeras.initializations import get

        self.init = get("one")
        super().__init__(**kwargs)

    def build(self, shape):
        self.W = self.init((shape[-1], 2), name=f"{self.name}_W")
        self.b = K.zeros((2,))
        self.trainable_weights = [self.W, self.b]
        Layer.build(self, shape)


class WithInitializer(WithVariable):
    def __init__(self, **kwargs):
        self.init = initializers.get("ones")
        super().__init__(**kwargs)

    def build(self, shape):
        self.W = self.add_weight((shape[-1], 2), self.init, "W")
        Layer.build(self, shape)


class InOrderOfKeras2(WithVariable):
    def build(self, shape):
        self.W = self.add_weight("W", (shape[-1], 2), "float32", "ones", None, True)
        Layer.build(self, shape)


@pytest.mark.parametrize("kind", [WithVariable, WithInitialization, WithInitializer, InOrderOfKeras2])
def test_weights_of_old_layers(kind):
    model = Sequential([kind(input_shape=(3,))])
    model.compile(optimizers.SGD(0.1), "mse")
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ np.ones((3, 2)), rtol=1e-5)
    history = model.fit(X, X[:, :2], epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0] and model.get_weights()[0].shape == (3, 2)
    layer = kind()
    layer.build((None, 3))
    assert layer.get_weights()[0].tolist() == np.ones((3, 2)).tolist()


def test_phase():
    class Noisy(Layer):
        def call(self, x, mask=None):
            return K.in_train_phase(x + 1.0, x)

    model = Sequential([Noisy(input_shape=(3,)), Lambda(lambda x: K.in_train_phase(2 * x, x))])
    model.compile("sgd", lambda y, y_pred: K.mean(y_pred, -1))
    one = np.ones((4, 3))
    assert model.fit(one, one, verbose=0).history["loss"] == [4] and model.evaluate(one, one, verbose=0) == 1
    x = Input((3,))
    run = K.function([x, K.learning_phase()], [K.in_train_phase(x * 3.0, x)])
    assert run([one, 1])[0].max() == 3 and run([one, 0])[0].max() == 1


def test_deconvolution_to_a_shape():
    x = Input((14, 14, 2))
    y = layers.Deconvolution2D(3, 2, 2, (None, 29, 29, 3), subsample=(2, 2))(x)
    z = layers.Deconvolution2D(3, 3, 3, output_shape=(None, 28, 28, 3), border_mode="same", subsample=(2, 2))(x)
    assert y.shape == (None, 29, 29, 3) and z.shape == (None, 28, 28, 3)
    with pytest.raises(ValueError, match="no output of shape"):
        layers.Deconvolution2D(3, 2, 2, (None, 40, 29, 3), subsample=(2, 2))(x)


def test_a_layer_that_uses_the_kernel_of_another():
    class Tied(Layer):
        def __init__(self, tied_to, **kwargs):
            self.tied_to = tied_to
            super().__init__(**kwargs)

        def build(self, shape):
            self.b = self.add_weight(shape=(K.int_shape(self.tied_to.kernel)[0],), initializer="zeros", name="b")
            self.built = True

        def call(self, x):
            return K.dot(x, K.transpose(self.tied_to.kernel)) + self.b

    x, dense = Input((3,)), Dense(2)
    model = Model(x, Tied(dense)(dense(x)))
    model.compile(optimizers.SGD(0.1), "mse")
    kernel = jnp.asarray(dense.get_weights()[0])
    slope = jax.grad(lambda k: jnp.mean((X @ k @ k.T - X) ** 2))(kernel)
    model.fit(X, X, verbose=0)
    np.testing.assert_allclose(dense.get_weights()[0], kernel - 0.1 * slope, atol=1e-6)
    assert len(model.weights) == 3


def test_shapes_with_unknown_sizes():
    x = Input((3,))
    count = K.prod(K.cast(K.shape(x), "float32"))
    assert float(K.function([x], [count])([X])[0]) == 24
    assert K.function([x], [K.reshape(x, (K.shape(x)[0], 3, 1))])([X])[0].shape == (8, 3, 1)


def test_products_along_unknown_sizes():
    a, b = Input((None, 3)), Input((None, 3))
    scores = layers.Dot([2, 2])([a, b])
    found = layers.Dot([2, 1])([scores, b])
    assert found.shape == (None, None, 3)
    assert K.function([a, b], [found])([np.ones((2, 3, 3)), np.ones((2, 5, 3))])[0].shape == (2, 3, 3)


def test_names_that_were_functions_are_modules_today():
    import fkeras

    assert fkeras.optimizers.adam(lr=0.5).get_config()["learning_rate"] == 0.5
    assert type(fkeras.optimizers.rmsprop()) is fkeras.optimizers.RMSprop
    names: dict[str, object] = {}
    exec("from fkeras.layers import *\nfrom fkeras.layers.recurrent import *", names)
    assert {"CuDNNLSTM", "Deconvolution2D", "Dense", "LSTM"} <= set(names)
