"""A second call takes the program of the first, and sees everything that has changed in between."""

from __future__ import annotations

import numpy as np
import pytest

import fkeras
from fkeras import layers


def twice(act):
    """What an action gives the second time, where a program may be remembered."""
    act()
    return act()


@pytest.mark.parametrize("use", ["call", "predict"])
def test_a_second_call_sees_what_has_changed(use):
    model = fkeras.Sequential([fkeras.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    x = np.ones((2, 3), "float32")

    def run(x=x):
        return np.asarray(model(x)) if use == "call" else model.predict(x, verbose=0)

    expected = twice(run)
    model.layers[0].bias.assign([1.0, 2.0])
    np.testing.assert_allclose(twice(run), expected + np.array([1, 2]) / np.sqrt(1 + 1e-3), rtol=1e-5)
    model.layers[0].activation = fkeras.activations.relu
    assert np.all(twice(run) >= 0)
    model.fit(x, np.zeros((2, 2)), verbose=0)
    np.testing.assert_allclose(run(), model.apply(*model.values, x)[0], rtol=1e-6)
    assert twice(lambda: run(x[:1])).shape == (1, 2) and twice(lambda: run(x.astype(int))).shape == (2, 2)
    with pytest.raises(ValueError, match="expects shape"):
        run(np.ones((2, 4), "float32"))


def test_a_second_call_refuses_as_the_first_did():
    model = fkeras.Sequential([fkeras.Input((3,), dtype="int32"), layers.Embedding(5, 2)])
    good, bad = np.zeros((2, 3), "int32"), np.full((2, 3), 7, "int32")
    for run in (model, lambda x: model.predict(x, verbose=0)):
        twice(lambda run=run: run(good))
        with pytest.raises(ValueError, match="7"):
            run(bad)
    model = fkeras.Sequential([fkeras.Input((3,)), layers.Dense(2)])
    x = np.ones((2, 3), "float32")
    twice(lambda: model.predict(x, verbose=0))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(x * np.nan, verbose=0)


def test_a_second_call_of_what_is_drawn_or_carried():
    x = np.ones((2, 4, 3), "float32")
    model = fkeras.Sequential([fkeras.Input(batch_shape=x.shape), layers.LSTM(2, stateful=True)])
    first, second = model.predict(x, verbose=0), model.predict(x, verbose=0)
    assert np.abs(first - second).max() > 1e-4
    given = fkeras.Input((4, 3))
    model = fkeras.Model(given, layers.Dropout(0.5)(given, training=True))
    assert len({np.asarray(model(x)).tobytes() for _ in range(4)}) > 1
    assert len({model.predict(x, verbose=0).tobytes() for _ in range(4)}) > 1


def test_compiling_anew_is_seen(capsys):
    class Told(layers.Layer):
        def call(self, x):
            print("told")
            return x

    model = fkeras.Sequential([fkeras.Input((3,)), layers.Dense(2), Told()])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.ones((2, 3), "float32")
    capsys.readouterr()
    for _ in range(3):
        model.predict(x, verbose=0)
    assert capsys.readouterr().out.count("told") >= 3


def test_a_second_call_looks_through_nothing(monkeypatch):
    model = fkeras.Sequential([fkeras.Input((3,)), layers.Dense(2)])
    x = np.ones((2, 3), "float32")
    twice(lambda: model(x)), twice(lambda: model.predict(x, verbose=0))
    monkeypatch.setattr(type(model), "check_inputs", None)
    assert model(x).shape == model.predict(x, verbose=0).shape == (2, 2)
