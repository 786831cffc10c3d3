"""Scripts that Keras users have written for years run here as they stand, with one import changed."""

from __future__ import annotations

import importlib
import json
import random

import numpy as np
import pytest

import fkeras as keras
from fkeras import regularizers
from fkeras.layers import LSTM, Activation, Dense, Dropout, Embedding
from fkeras.models import Sequential, model_from_json

PATHS = (
    "models layers activations initializers regularizers constraints losses metrics optimizers callbacks utils backend"
    " preprocessing datasets ops random"
)


@pytest.mark.parametrize("name", PATHS.split())
def test_paths(name):
    module = importlib.import_module(f"fkeras.{name}")
    assert getattr(keras, name) is module and module.__doc__


def test_embedding():
    model = Sequential()
    model.add(Embedding(4, 64, input_length=10))
    input_array = np.random.default_rng(0).integers(4, size=(4, 10))
    model.compile("adam", "mse")
    assert model.predict(input_array).shape == (4, 10, 64)


def test_classifier_of_noise(capsys):
    rng = np.random.default_rng(0)
    model = Sequential([Dense(32, input_shape=(100,)), Activation("relu"), Dense(10), Activation("softmax")])
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    data = rng.random([1000, 100])
    labels = rng.integers(10, size=(1000, 1))
    one_hot = keras.utils.to_categorical(labels, num_classes=10)
    assert one_hot.shape == (1000, 10)
    history = model.fit(data, one_hot, epochs=10, batch_size=32)
    assert len(history.history["loss"]) == 10 and history.history["loss"][-1] < history.history["loss"][0]
    assert "Epoch 10/10" in capsys.readouterr().out

    x_test, y_test_one_hot = data[:300], one_hot[:300]
    scores = model.evaluate(x_test, y_test_one_hot, batch_size=128)
    assert len(scores) == len(model.metrics_names) == 2 and model.metrics_names[0] == "loss"
    answers = model.predict(x_test)
    assert scores[1] == pytest.approx((answers.argmax(-1) == labels[:300, 0]).mean(), abs=1e-6)


def test_recurrent_classifier():
    timesteps, features, classes = 6, 3, 4
    rng = np.random.default_rng(0)
    model = Sequential()
    model.add(LSTM(256, input_shape=(timesteps, features)))
    model.add(Dropout(0.2))
    model.add(Dense(classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    x, y = rng.random((64, timesteps, features)), np.eye(classes)[rng.integers(classes, size=64)]
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert model.output_shape == (None, classes)
    np.testing.assert_allclose(model.predict(x[:5]).sum(-1), 1.0, rtol=1e-5)


def test_settings_by_name(capsys):
    model = Sequential()
    more = {"kernel_initializer": "he_uniform", "kernel_regularizer": None, "kernel_constraint": "MaxNorm"}
    model.add(Dense(32, input_shape=(16,), **more, activation="relu"))
    model.summary()
    assert "dense (Dense)" in capsys.readouterr().out
    assert [layer.name for layer in model.layers] == ["dense"] and model.layers[0].kernel.shape == (16, 32)

    first = Dense(512, activation="relu", input_shape=(784,), kernel_regularizer=regularizers.l1(0.0))
    assert Sequential([first]).output_shape == (None, 512)

    model = Sequential()
    model.add(Dense(20, input_dim=8, activation="relu"))
    assert model.count_params() == 8 * 20 + 20


def test_json():
    model = Sequential([Dense(20, input_dim=8, activation="relu"), Dropout(0.5), Dense(3, kernel_constraint="MaxNorm")])
    new_model = model_from_json(model.to_json())
    assert json.loads(new_model.to_json()) == json.loads(model.to_json())
    new_model.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((5, 8))
    np.testing.assert_array_equal(new_model.predict(x), model.predict(x))


def test_dense_by_hand():
    dense = Dense(2)
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    dense(x)
    dense.set_weights([np.array([[0.5, 0.75], [0.25, 0.5]]), np.zeros(2)])
    assert np.asarray(dense(x)).tolist() == [[1.0, 1.75], [2.5, 4.25]]


def test_numpy_random_is_never_read_and_seeded_only_with_the_rest():
    keras.utils.set_random_seed(7)
    drawn = np.random.rand(), random.random()
    keras.utils.set_random_seed(7)
    assert (np.random.rand(), random.random()) == drawn
    keras.utils.set_random_seed(0)
    before = np.random.get_state()[1].copy()
    model = Sequential([Dense(3, input_shape=(2,)), Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 2)), np.ones((8, 3)), epochs=2, verbose=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    values = model.get_weights()

    keras.utils.set_random_seed(0)
    np.random.seed(8)
    twin = Sequential([Dense(3, input_shape=(2,)), Dropout(0.5)])
    twin.compile("adam", "mse")
    twin.fit(np.ones((8, 2)), np.ones((8, 3)), epochs=2, verbose=0)
    for a, b in zip(values, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
