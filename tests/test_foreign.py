"""Layers around JAX functions, Flax, Equinox and Haiku modules."""

from __future__ import annotations

import copy
import pickle

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fkeras
from fkeras import layers, registry
from fkeras.layers import FlaxLayer, JaxLayer

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")
Y = RNG.normal(size=(4, 2)).astype("float32")


@registry.register_keras_serializable("foreign")
def affine(params, inputs):
    return jnp.tanh(inputs @ params["w"] + params["b"])


@registry.register_keras_serializable("foreign")
def affine_values(rng, inputs):
    return {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": jnp.zeros(2)}


@registry.register_keras_serializable("foreign")
def counted(params, state, rng, inputs, training):
    """Dropout, and a count of the examples seen."""
    scale, (_, label) = params
    assert label == "seen"
    if training:
        keep = jax.random.bernoulli(rng, 0.5, inputs.shape)
        return jnp.where(keep, inputs * scale, 0), {"seen": state["seen"] + inputs.shape[0], "mean": inputs.mean(0)}
    return inputs * scale, state


@registry.register_keras_serializable("foreign")
def counted_values(rng, inputs, training):
    assert training
    return (jnp.ones(inputs.shape[-1:]), (3, "seen")), {"seen": 0, "mean": jnp.zeros(inputs.shape[-1])}


def trained(layer):
    """The losses of a short training of a model with this layer, and the model."""
    model = fkeras.Sequential([fkeras.Input((3,)), layer, layers.Dense(2)])
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=3, verbose=0).history["loss"], model


# --- JaxLayer ---------------------------------------------------------------------------------------


def test_numbers_and_weights_of_keras():
    values = {"w": RNG.normal(size=(3, 2)).astype("float32"), "b": np.ones(2, "float32")}
    ours, theirs = JaxLayer(affine, params=values), keras.layers.JaxLayer(affine, params=values)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5)
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == ["b", "w"]
    new = [np.full(2, 3.0), np.full((3, 2), 2.0)]
    ours.set_weights(new), theirs.set_weights(new)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5)


def test_the_config_is_that_of_keras():
    named = {"foreign>affine": affine, "foreign>affine_values": affine_values}
    with keras.saving.custom_object_scope(named):
        theirs = keras.layers.JaxLayer(affine, affine_values, name="here")
        config = theirs.get_config()
    ours = JaxLayer.from_config({**config, "call_fn": config["call_fn"], "name": "here"} | ours_named(config))
    assert ours.call_fn is affine and ours.init_fn is affine_values
    assert ours.get_config().keys() == config.keys()


def ours_named(config):
    """The functions of a config under the names they are registered by here."""
    return {n: {**config[n], "config": f"foreign>{config[n]['config'].split('>')[-1]}"} for n in ("call_fn", "init_fn")}


def test_init_reads_shapes_and_needs_no_batch():
    layer = JaxLayer(affine, affine_values)
    params, state = layer.init(KEY, fkeras.Spec((None, 3)))
    assert list(params) == ["b", "w"] and state == {}
    again = layer.init(KEY, X)[0]
    np.testing.assert_array_equal(params["w"], again["w"])
    assert layer.compute_output_shape((None, 3)) == (None, 2)
    twin = JaxLayer(affine, affine_values)  # applied without having been initialised
    np.testing.assert_allclose(twin.apply(params, state, X)[0], layer.apply(params, state, X)[0])


def test_state_randomness_and_leaves_that_are_no_arrays():
    layer = JaxLayer(counted, counted_values)
    params, state = layer.init(KEY, X)
    assert list(params) == ["0"] and state["1.0"] == 3  # whole numbers are not trained
    y, new = jax.jit(lambda p, s: layer.apply(p, s, X, rng=KEY, training=True))(params, state)
    assert int(new["seen"]) == 4 and (y == 0).any()
    np.testing.assert_allclose(new["mean"], X.mean(0), rtol=1e-6)
    y, same = layer.apply(params, new, X)
    np.testing.assert_allclose(y, X)
    assert int(same["seen"]) == 4
    with pytest.raises(ValueError, match="rng="):
        layer.apply(params, state, X, training=True)


def test_a_seed_makes_runs_the_same():
    runs = []
    for _ in range(2):
        layer = JaxLayer(counted, counted_values, seed=3)
        runs.append([np.asarray(layer(X, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][1]).any()


def test_training_copies_and_a_model_read_again():
    losses, model = trained(JaxLayer(affine, affine_values))
    assert losses[-1] < losses[0]
    twin = fkeras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    for other in (twin, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    counts = trained(JaxLayer(counted, counted_values, seed=1))[1]
    assert int(counts.layers[0].values[1]["seen"]) == 12


def test_policy():
    layer = JaxLayer(affine, affine_values, dtype="mixed_bfloat16")
    params, _ = layer.init(KEY, X)
    assert params["w"].dtype == jnp.float32 and layer.apply(params, {}, X)[0].dtype == jnp.bfloat16


def test_inputs_may_be_a_nest():
    layer = JaxLayer(lambda inputs: inputs["a"] + 2 * inputs["b"])
    np.testing.assert_allclose(layer({"a": X, "b": X}), 3 * X, rtol=1e-6)


def test_refuses():
    for make, said in [
        (lambda: JaxLayer(lambda x: x), "must take `inputs`"),
        (lambda: JaxLayer(lambda inputs, key: inputs), "must take `inputs`"),
        (lambda: JaxLayer(affine), "give it an init_fn"),
        (lambda: JaxLayer(lambda state, inputs: inputs, state={"a": 1.0})(X), "must return"),
        (lambda: JaxLayer(lambda state, inputs: (inputs, {"b": 1}), state={"a": 1.0})(X), "form must stay"),
        (lambda: JaxLayer(lambda state, inputs: (inputs, state), lambda inputs: 1)(X), r"\(params, state\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            make()
    for make in (lambda: layers.TFSMLayer("a"), lambda: layers.TorchModuleWrapper(None)):
        with pytest.raises(NotImplementedError, match="which fkeras does not use"):
            make()


# --- Flax --------------------------------------------------------------------------------------------


def linen_block():
    nn = pytest.importorskip("flax.linen")

    @registry.register_keras_serializable("foreign", "Block")
    class Block(nn.Module):
        features: int = 2

        @nn.compact
        def __call__(self, inputs, training):
            x = nn.BatchNorm(use_running_average=not training)(nn.Dense(self.features)(inputs))
            return nn.Dropout(0.5, deterministic=not training)(x)

        def get_config(self):
            return {"features": self.features}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    return Block


def test_linen():
    module = linen_block()(2)
    layer = FlaxLayer(module)
    params, state = layer.init(KEY, X)
    assert list(params) == ["BatchNorm_0.bias", "BatchNorm_0.scale", "Dense_0.bias", "Dense_0.kernel"]
    assert list(state) == ["batch_stats.BatchNorm_0.mean", "batch_stats.BatchNorm_0.var"]
    y, new = jax.jit(lambda p, s: layer.apply(p, s, X, rng=KEY, training=True))(params, state)
    assert (y == 0).any() and not np.allclose(new["batch_stats.BatchNorm_0.mean"], 0)
    given = {
        "params": {"Dense_0": {"kernel": np.ones((3, 2)), "bias": np.ones(2)},
                   "BatchNorm_0": {"scale": np.ones(2), "bias": np.zeros(2)}},
        "batch_stats": {"BatchNorm_0": {"mean": np.zeros(2), "var": np.ones(2)}},
    }  # fmt: skip
    ours, theirs = FlaxLayer(module, variables=given), keras.layers.FlaxLayer(module, variables=given)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5)
    losses, model = trained(FlaxLayer(module, seed=3))
    twin = fkeras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(twin.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert np.isfinite(losses).all()


def test_linen_method():
    nn = pytest.importorskip("flax.linen")

    class Pair(nn.Module):
        @nn.compact
        def forward(self, a, b):
            return nn.Dense(2)(a) + b

    module = Pair()
    layer = FlaxLayer(module, method=lambda module, inputs: module.forward(*inputs))
    assert layer([X, Y]).shape == (4, 2)
    with pytest.raises(ValueError, match="get_config"):
        layer.get_config()


def test_nnx():
    nnx = pytest.importorskip("flax.nnx")

    class Block(nnx.Module):
        def __init__(self, rngs):
            self.dense, self.norm = nnx.Linear(3, 2, rngs=rngs), nnx.BatchNorm(2, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return self.dropout(self.norm(self.dense(x)))

    layer = FlaxLayer(Block(nnx.Rngs(0)))
    params, state = layer.init(KEY, X)
    assert sorted(params) == ["dense.bias", "dense.kernel", "norm.bias", "norm.scale"]
    run = jax.jit(lambda p, s: layer.apply(p, s, X, rng=KEY, training=True))
    y, new = run(params, state)
    again, _ = run(params, new)
    assert (y == 0).any() and (y != again).any() and not np.allclose(new["norm.mean"], state["norm.mean"])
    rest, _ = layer.apply(params, state, X)
    np.testing.assert_array_equal(rest, layer.apply(params, new | {"norm.mean": state["norm.mean"],
                                                                   "norm.var": state["norm.var"]}, X)[0])  # fmt: skip
    assert np.isfinite(trained(FlaxLayer(Block(nnx.Rngs(0))))[0]).all()


# --- Equinox, Haiku ----------------------------------------------------------------------------------


def test_equinox():
    eqx = pytest.importorskip("equinox")
    module = eqx.nn.MLP(3, 2, 8, 1, key=KEY)
    layer = JaxLayer(lambda params, inputs: jax.vmap(params)(inputs), params=module)
    np.testing.assert_allclose(layer(X), jax.vmap(module)(X), rtol=1e-5)
    assert [w.name for w in layer.weights][:2] == ["layers.0.weight", "layers.0.bias"]
    losses, model = trained(JaxLayer(lambda params, inputs: jax.vmap(params)(inputs), params=module))
    assert losses[-1] < losses[0]
    assert not np.allclose(model.layers[0](X), layer(X))


def test_haiku():
    hk = pytest.importorskip("haiku")

    def block(inputs, training):
        x = hk.BatchNorm(True, True, 0.9)(hk.nets.MLP([4, 2])(inputs), training)
        return hk.dropout(hk.next_rng_key(), 0.5, x) if training else x

    t = hk.transform_with_state(block)
    layer = JaxLayer(t.apply, t.init)
    params, state = layer.init(KEY, X)
    assert "mlp.linear_0.w" in params and "batch_norm.mean_ema.average" in state
    _, new = jax.jit(lambda p, s: layer.apply(p, s, X, rng=KEY, training=True))(params, state)
    assert int(new["batch_norm.mean_ema.counter"]) == 1
    assert np.isfinite(trained(JaxLayer(t.apply, t.init))[0]).all()
    plain = hk.transform(lambda inputs: hk.Linear(2)(inputs))
    assert trained(JaxLayer(hk.without_apply_rng(plain).apply, plain.init))[0][-1] < 10
