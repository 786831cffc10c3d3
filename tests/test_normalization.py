"""Normalization: against Keras, under axis names, and what it refuses."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

from fkeras import layers
from fkeras.layers import BatchNormalization
from fkeras.masking import Masked

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def floats(*shape):
    return (RNG.normal(size=shape) * 2 + 1).astype("float32")


X2, X3, X4 = floats(6, 5), floats(3, 4, 5), floats(2, 3, 4, 6)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)

CLIPPING = {"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}

LAYERS = {
    "batch": (lambda L: L.BatchNormalization(), X2),
    "batch_4d": (lambda L: L.BatchNormalization(momentum=0.9, epsilon=1e-2), X4),
    "batch_first": (lambda L: L.BatchNormalization(axis=1, gamma_regularizer="l2", beta_constraint="non_neg"), X4),
    "batch_plain": (lambda L: L.BatchNormalization(center=False, scale=False), X2),
    "batch_no_beta": (lambda L: L.BatchNormalization(center=False), X2),
    "batch_renorm": (lambda L: L.BatchNormalization(renorm=True), X2),
    "batch_clipped": (lambda L: L.BatchNormalization(renorm=True, renorm_clipping=CLIPPING, scale=False), X2),
    "batch_frozen": (lambda L: L.BatchNormalization(trainable=False), X2),
    "layer": (lambda L: L.LayerNormalization(), X3),
    "layer_axes": (lambda L: L.LayerNormalization(axis=(1, 2), epsilon=1e-5), X3),
    "layer_axis_1": (lambda L: L.LayerNormalization(axis=1, center=False), X3),
    "layer_plain": (lambda L: L.LayerNormalization(center=False, scale=False), X3),
    "group": (lambda L: L.GroupNormalization(2), X4),
    "group_instance": (lambda L: L.GroupNormalization(-1, gamma_regularizer="l2"), X4),
    "group_one": (lambda L: L.GroupNormalization(1, scale=False), X2),
    "group_first": (lambda L: L.GroupNormalization(3, axis=1), X4),
    "rms": (lambda L: L.RMSNormalization(), X3),
    "rms_axes": (lambda L: L.RMSNormalization(axis=[1, 2], epsilon=1e-3), X3),
    "unit": (lambda L: L.UnitNormalization(), X3),
    "unit_axes": (lambda L: L.UnitNormalization(axis=[1, 2]), X3),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_equals_keras(name):
    make, x = LAYERS[name]
    compare(
        make,
        x,
        unknown=((0,), (0, 1)) if x.ndim > 2 and name in ("batch_4d", "layer", "rms", "unit", "group") else ((0,),),
        atol=1e-4,
    )


def test_masks():
    compare(lambda L: L.BatchNormalization(), X3, masks=(MASK,))
    compare(lambda L: L.BatchNormalization(), X3, mask=MASK, unknown=())
    compare(lambda L: L.LayerNormalization(), X3, masks=(MASK,))
    compare(lambda L: L.BatchNormalization(), X3, masks=(np.zeros_like(MASK),))


@pytest.mark.filterwarnings("ignore:rms_scaling=True")
def test_rms_scaling():
    compare(lambda L: L.LayerNormalization(rms_scaling=True), X3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["batch", "layer", "group", "rms", "unit"])
def test_half_precision(name, policy):
    settings = {"groups": 2} if name == "group" else {}
    title = {"rms": "RMSNormalization"}.get(name, f"{name.title()}Normalization")
    compare(
        lambda L: getattr(L, title)(dtype=policy, **settings), X4, gradients=False, rtol=2e-2, atol=2e-2, unknown=()
    )


def test_statistics_are_float32_under_mixed_precision():
    x = jnp.full((8, 1), 300.0) + jnp.arange(8.0)[:, None] / 4  # in bfloat16 these are 300, 300, ..., 302
    layer = BatchNormalization(dtype="mixed_bfloat16", momentum=0.0)
    params, state = layer.init(KEY, x)
    _, state = jax.jit(lambda p, s: layer.apply(p, s, x, training=True))(params, state)
    assert state["moving_mean"].dtype == jnp.float32
    np.testing.assert_allclose(state["moving_mean"], x.astype(jnp.bfloat16).astype(jnp.float32).mean(0), rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_axis_name_takes_the_statistics_of_all(masked):
    layer, alone = BatchNormalization(axis_name="devices"), BatchNormalization()
    params, state = alone.init(KEY, X3)
    mask = jnp.asarray(MASK) if masked else None
    whole = jax.jit(lambda x: alone.apply(params, state, x, training=True, mask=mask))(X3)

    def run(x, m):
        return layer.apply(params, state, x, training=True, mask=m)

    parts = jax.jit(jax.vmap(run, axis_name="devices"))(X3[:, None], None if mask is None else mask[:, None])
    y, whole_y = (v.value if isinstance(v, Masked) else v for v in (parts[0], whole[0]))
    np.testing.assert_allclose(y[:, 0], whole_y, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(jax.tree.map(lambda v: v[1], parts[1]), whole[1], rtol=1e-5, atol=1e-6)
    assert layer.get_config()["axis_name"] == "devices" and "axis_name" not in alone.get_config()
    assert BatchNormalization.from_config(layer.get_config()).axis_name == "devices"


def test_frozen_after_it_was_made():
    layer = BatchNormalization()
    layer(X2)
    layer.trainable = False
    before = layer.get_weights()
    y = layer(X2, training=True)
    np.testing.assert_allclose(y, layer(X2), rtol=1e-6)
    chex.assert_trees_all_equal(before, layer.get_weights())
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 4


def test_gradients_at_zero_are_numbers():
    for layer in (
        layers.UnitNormalization(),
        layers.LayerNormalization(),
        layers.RMSNormalization(),
        BatchNormalization(),
    ):
        params, state = layer.init(KEY, jnp.zeros((2, 3)))
        g = jax.jit(jax.grad(lambda x: layer.apply(params, state, x, training=True)[0].sum()))(jnp.zeros((2, 3)))
        assert np.isfinite(g).all(), layer


def test_rms_along_an_axis_that_is_not_the_last():
    layer = layers.RMSNormalization(axis=1)
    _, state = layer.init(KEY, X3)
    scale = jnp.arange(1.0, 5.0)
    y = layer.apply({"scale": scale}, state, X3)[0]
    np.testing.assert_allclose(y, X3 / np.sqrt((X3**2).mean(1, keepdims=True)) * np.asarray(scale)[:, None], rtol=1e-5)


@pytest.mark.parametrize(
    "inner", [lambda L: L.Dense(4, "tanh"), lambda L: L.Conv1D(4, 2), lambda L: L.BatchNormalization()]
)
@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral(inner, iterations):
    if "Batch" in repr(inner(layers)):
        with pytest.raises(ValueError, match="neither a kernel nor embeddings"):
            layers.SpectralNormalization(inner(layers)).init(KEY, X3)
        return
    compare(lambda L: L.SpectralNormalization(inner(L), iterations), X3, atol=1e-4)


def test_spectral_of_zeros_and_its_norm():
    layer = layers.SpectralNormalization(layers.Dense(4, kernel_initializer="zeros"), 30)
    params, state = layer.init(KEY, X2)
    y, new = layer.apply(params, state, X2, training=True)
    assert np.isfinite(y).all() and (new["vector_u"] == state["vector_u"]).all()
    kernel = jax.random.normal(KEY, (5, 4))
    found, _ = jax.jit(layer.normalized)(kernel, state["vector_u"])
    np.testing.assert_allclose(np.linalg.norm(found, 2), 1, rtol=1e-3)


def test_keras_2_config():
    assert BatchNormalization(axis=[3]).axis == 3
    old = {
        "name": "bn",
        "trainable": True,
        "dtype": "float32",
        "axis": [3],
        "momentum": 0.9,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
    }
    assert BatchNormalization.from_config(old).momentum == 0.9


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: BatchNormalization(axis=[1, 2]), "axis is the number of the axis"),
        (lambda: BatchNormalization(axis=3)(X2), "axis 3 is none that inputs of shape"),
        (lambda: BatchNormalization(renorm=True, renorm_clipping={"r": 1}), "the keys rmax, rmin and dmax"),
        (lambda: BatchNormalization(renorm=True, renorm_clipping={"rmax": 1, "rmin": 2}), "rmin <= rmax"),
        (lambda: BatchNormalization()(X3, mask=MASK[0], training=True), "a mask of one axis less"),
        (lambda: layers.LayerNormalization(axis="x"), "axis is a number"),
        (lambda: layers.LayerNormalization(axis=[])(X2), "axis is a number"),
        (lambda: layers.LayerNormalization(axis=4)(X2), "axis 4 is none"),
        (lambda: layers.UnitNormalization(axis=4)(X2), "axis 4 is none"),
        (lambda: layers.GroupNormalization(0), "groups must be"),
        (lambda: layers.GroupNormalization(4)(X2), "4 equal groups of 5 features"),
        (lambda: layers.GroupNormalization(1, axis=0)(X2), "behind the batch"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), "power_iterations must be"),
    ],
)
def test_refused(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call()


def test_synchronized_is_accepted():  # Keras on JAX refuses it
    with pytest.raises(ValueError):
        keras.layers.BatchNormalization(synchronized=True)
    assert BatchNormalization(synchronized=True).get_config()["synchronized"]
