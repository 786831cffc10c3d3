"""Lambda: against Keras, and what it refuses."""

from __future__ import annotations

import json
import pickle

import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare, plain

import fkeras
from fkeras import layers, registry
from fkeras.masking import Masked

X = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)


@registry.register_keras_serializable("test")
@keras.saving.register_keras_serializable("test")
def scaled(x, by=2.0):
    return x * by


@registry.register_keras_serializable("test")
@keras.saving.register_keras_serializable("test")
def only_known(x, mask=None, training=None):
    x = x if mask is None else jnp.where(mask[..., None], x, 0)
    return -x if training else x


@registry.register_keras_serializable("test")
@keras.saving.register_keras_serializable("test")
def halved(inputs, mask):
    return None if mask is None else mask[:, :2]


def test_equals_keras():
    compare(lambda L: L.Lambda(scaled, arguments={"by": 3.0}), X, modes=(False,))
    compare(lambda L: L.Lambda(scaled, output_shape=(4, 5)), X, modes=(False,))
    compare(lambda L: L.Lambda(lambda xs: xs[0] + xs[1]), [X, X], modes=(False,), configs=False)
    compare(lambda L: L.Lambda(only_known, mask=halved), X, masks=(MASK,), unknown=())
    compare(lambda L: L.Lambda(only_known, mask=halved), X, unknown=())


def test_a_mask_ends_unless_the_layer_makes_one():
    with pytest.warns(UserWarning, match="knows no masks"):
        y, _ = layers.Lambda(scaled).apply({}, {}, Masked(jnp.asarray(X), jnp.asarray(MASK)))
    assert not isinstance(y, Masked)


def test_configs():
    layer = layers.Lambda(scaled, mask=halved, arguments={"by": 3.0, "more": [1, 2]})
    twin = layers.Lambda.from_config(json.loads(json.dumps(layer.get_config())))
    assert (twin.function, twin.mask, twin.arguments) == (scaled, halved, layer.arguments)
    assert pickle.loads(pickle.dumps(layers.Lambda(scaled))).function is scaled
    assert plain(layers.Lambda(jnp.tanh).get_config())["function"]["config"] == "tanh"


def test_a_lambda_keeps_its_place_in_a_file(tmp_path):
    model = fkeras.Sequential([layers.Input((5,)), layers.Dense(2), layers.Lambda(lambda x: x * 3, name="thrice")])
    with pytest.warns(UserWarning, match=r"custom_objects={'thrice': function}"):
        model.save(tmp_path / "m.keras")
    for kwargs in ({}, {"safe_mode": False}):
        with pytest.raises(fkeras.saving.UnsafeModelError, match=r"custom_objects={'thrice': function}"):
            fkeras.models.load_model(tmp_path / "m.keras", **kwargs)
    back = fkeras.models.load_model(tmp_path / "m.keras", {"thrice": lambda x: x * 3})
    np.testing.assert_array_equal(back(X[0]), model(X[0]))
    twin = fkeras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(X[0]), model(X[0]))


def test_code_is_neither_written_nor_run():
    with pytest.warns(UserWarning, match="is not kept"):
        assert layers.Lambda(lambda x: x).get_config()["function"]["config"]["code"] == ""
    theirs = keras.layers.Lambda(lambda x: x).get_config()
    with pytest.raises(ValueError, match="never run"):
        layers.Lambda.from_config(theirs)
    with pytest.raises(ValueError, match="custom_objects"):
        layers.Lambda.from_config({"function": {"class_name": "function", "config": "unheard_of"}})


def test_it_runs_as_written(capsys):
    layers.Lambda(lambda x: print("here") or x)(X)
    layers.Lambda(lambda x: print(float(x[0, 0, 0])) or x)(X)
    assert capsys.readouterr().out.startswith("here\n" + str(float(X[0, 0, 0])))


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: layers.Lambda(3), "function must be a function"),
        (lambda: layers.Lambda(scaled, output_shape=(3,))(X), r"was to return shape \(\?, 3\)"),
        (lambda: layers.Lambda(scaled, output_shape=lambda s: (s[0], 1, 5))(X), r"was to return shape \(2, 1, 5\)"),
    ],
)
def test_refused(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call()
