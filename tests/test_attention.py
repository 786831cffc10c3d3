"""Attention, with and without heads: against Keras, and what it refuses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

import fkeras
from fkeras import layers
from fkeras.layers.attention.heads import equations
from fkeras.masking import Masked

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


Q, V, K = floats(2, 3, 4), floats(2, 5, 6), floats(2, 5, 4)
SAME = floats(2, 5, 4)
LONG = np.arange(3) < np.array([[2], [3]])
KNOWN = np.arange(5) < np.array([[3], [5]])
ALLOWED = RNG.random((2, 3, 5)) < 0.7
ALLOWED[:, :, 0] = True

# --- Attention, AdditiveAttention ------------------------------------------------------------------

SCORED = {
    "plain": (lambda L: L.Attention(), [Q, SAME], {}),
    "scale": (lambda L: L.Attention(True), [Q, V, K], {"use_causal_mask": True}),
    "concat": (lambda L: L.Attention(True, "concat"), [Q, V, K], {"return_attention_scores": True}),
    "concat_plain": (lambda L: L.Attention(score_mode="concat"), [Q, SAME], {}),
    "seed": (lambda L: L.Attention(dropout=0.4, seed=3), [Q, V, K], {"return_attention_scores": True}),
    "additive": (lambda L: L.AdditiveAttention(), [Q, V, K], {"return_attention_scores": True}),
    "additive_plain": (lambda L: L.AdditiveAttention(use_scale=False), [Q, SAME], {"use_causal_mask": True}),
    "additive_seed": (lambda L: L.AdditiveAttention(dropout=0.4, seed=7), [Q, SAME], {}),
}


@pytest.mark.parametrize("name", SCORED)
def test_scored(name):
    make, inputs, kwargs = SCORED[name]
    compare(make, inputs, unknown=((0,), (0, 1)), **kwargs)


@pytest.mark.parametrize("name", ["scale", "additive_plain", "concat"])
def test_scored_with_masks(name):
    make, inputs, kwargs = SCORED[name]
    for masks in ([LONG, KNOWN, None], [None, KNOWN, None]):
        compare(make, inputs, masks=(masks[: len(inputs)],), configs=False, **kwargs)


def test_scored_with_explicit_masks():
    ours, theirs = layers.Attention(), keras.layers.Attention()
    given = {"mask": [jnp.asarray(LONG), jnp.asarray(KNOWN)], "return_attention_scores": True}
    mine = ours([Q, SAME], **given)
    for a, b in zip(mine, theirs([Q, SAME], **given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_scored_refuses():
    for wrong, said in [
        (Q, r"\[query, value\]"),
        ([Q], "1 of them"),
        ([Q, V], "same size of features"),
        ([Q, V, floats(2, 4, 4)], "same number of steps"),
    ]:
        with pytest.raises(ValueError, match=said):
            layers.Attention()(wrong)
    with pytest.raises(ValueError, match=r"\[query_mask, value_mask\]"):
        layers.Attention()([Q, SAME], mask=jnp.asarray(LONG))
    with pytest.raises(ValueError, match=r"value_mask must have shape \(2, 5\)"):
        layers.Attention()([Q, SAME], mask=[None, jnp.asarray(LONG)])
    with pytest.raises(ValueError, match="score_mode"):
        layers.Attention(score_mode="sum")
    with pytest.raises(ValueError, match="dropout"):
        layers.AdditiveAttention(dropout=1.5)
    with pytest.raises(ValueError, match="rng="):
        layers.Attention(dropout=0.5).apply({}, {}, [Q, SAME], training=True)


# --- MultiHeadAttention, GroupQueryAttention -------------------------------------------------------

PENALTIES = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}
LIMITS = {"kernel_constraint": "max_norm", "bias_constraint": "non_neg", "kernel_initializer": "he_normal"}
SETTINGS = {**PENALTIES, **LIMITS}

HEADS = {
    "plain": (lambda L: L.MultiHeadAttention(2, 3), (Q, V), {}),
    "key": (lambda L: L.MultiHeadAttention(2, 3, use_bias=False), (Q, V, K), {"attention_mask": ALLOWED}),
    "value_dim": (lambda L: L.MultiHeadAttention(2, 3, 5), (SAME, V), {"return_attention_scores": True}),
    "settings": (lambda L: L.MultiHeadAttention(2, 3, **PENALTIES, **LIMITS, bias_initializer="ones"), (Q, V), {}),
    "scores": (lambda L: L.MultiHeadAttention(2, 3), (SAME, SAME), {"return_attention_scores": True}),
    "causal": (lambda L: L.MultiHeadAttention(2, 3), (SAME, SAME), {"use_causal_mask": True}),
    "window": (lambda L: L.MultiHeadAttention(2, 3, sliding_window=2), (SAME, V), {"use_causal_mask": True}),
    "shape": (lambda L: L.MultiHeadAttention(2, 3, output_shape=7), (Q, V), {}),
    "shape_two": (lambda L: L.MultiHeadAttention(2, 3, output_shape=(3, 2)), (Q, V), {"attention_mask": ALLOWED[0]}),
    "gate": (lambda L: L.MultiHeadAttention(2, 3, use_gate=True), (Q, V), {"attention_mask": ALLOWED}),
    "seed": (lambda L: L.MultiHeadAttention(2, 3, dropout=0.4, seed=3), (Q, V), {"attention_mask": ALLOWED}),
    "axes": (lambda L: L.MultiHeadAttention(2, 3, attention_axes=(2,)), (floats(2, 3, 4, 5), floats(2, 3, 4, 5)), {}),
    "axes_last": (lambda L: L.MultiHeadAttention(2, 3, attention_axes=-2), (floats(2, 3, 4, 5),) * 2, {}),
    "images": (lambda L: L.MultiHeadAttention(2, 3, 2), (floats(2, 2, 3, 4), floats(2, 3, 2, 4)), {}),
    "group": (lambda L: L.GroupQueryAttention(3, 4, 2), (SAME, SAME), {}),
    "group_key": (lambda L: L.GroupQueryAttention(3, 4, 1, use_bias=False), (Q, K, SAME), {"attention_mask": ALLOWED}),
    "group_causal": (lambda L: L.GroupQueryAttention(3, 4, 2), (SAME, SAME), {"use_causal_mask": True}),
    "group_scores": (lambda L: L.GroupQueryAttention(3, 4, 2), (SAME, SAME), {"return_attention_scores": True}),
    "group_all": (
        lambda L: L.GroupQueryAttention(
            3, 4, 2, dropout=0.3, seed=5, sliding_window=2, use_gate=True, bias_initializer="ones", **SETTINGS
        ),
        (SAME, SAME),
        {"use_causal_mask": True},
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_heads(name):
    make, inputs, kwargs = HEADS[name]
    unknown: Any = ((0,),) if len(inputs[0].shape) > 3 or "return_attention_scores" in kwargs else ((0,), (0, 1))
    unknown = () if "attention_mask" in kwargs else unknown
    compare(make, *inputs, unknown=unknown, **kwargs)


@pytest.mark.parametrize("name", ["plain", "key", "window", "group", "gate"])
def test_heads_with_masks(name):
    make, inputs, kwargs = HEADS[name]
    masks = [np.arange(x.shape[1]) < np.array([[2], [x.shape[1]]]) for x in inputs]
    compare(make, *inputs, masks=tuple(masks), unknown=(), configs=False, **kwargs)
    compare(make, *inputs, unknown=(), masks=(None, *masks[1:]), configs=False, **kwargs)


@pytest.mark.parametrize("name", ["scores", "group_scores"])
def test_scores_with_masks(name):  # the scores of Keras carry a mask of their own, left over from a softmax
    make, inputs, kwargs = HEADS[name]
    ours, theirs = make(layers), make(keras.layers)
    params, state = ours.init(KEY, *inputs)
    ours.values = params, state
    theirs.build(*[x.shape for x in inputs])
    theirs.set_weights(ours.get_weights())
    mask = np.arange(5) < np.array([[2], [5]])
    for given in ({"use_causal_mask": True}, {"value_mask": mask}, {"value_mask": mask, "use_causal_mask": True}):
        run = jax.jit(lambda given=given: (ours(*inputs, **kwargs, **given), theirs(*inputs, **kwargs, **given)))
        mine, keras_ = run()
        for a, b in zip(mine, keras_, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_masks_given_by_name_and_in_band_are_one():
    layer = layers.MultiHeadAttention(2, 3)
    params, state = layer.init(KEY, Q, V)

    @jax.jit
    def run(params):
        band = layer.apply(params, state, Masked(Q, LONG), value=Masked(V, KNOWN))[0]
        named = layer.apply(params, state, Q, V, query_mask=LONG, value_mask=KNOWN)[0]
        both = layer.apply(params, state, Q, V, attention_mask=LONG[:, :, None] & KNOWN[:, None, :])[0]
        return band, named, both, layer.apply(params, state, Q, V)[0]

    (band, mask), named, both, plain = run(params)
    np.testing.assert_array_equal(mask, LONG)
    np.testing.assert_allclose(band, named)
    np.testing.assert_allclose(band, both)
    assert not np.allclose(band, plain)


def test_arguments_by_name():
    layer = layers.MultiHeadAttention(2, 3)
    y = layer(Q, V, K)
    np.testing.assert_array_equal(layer(key=K, value=V, query=Q), y)
    np.testing.assert_array_equal(layer(Q, key=K, value=V), y)
    x, v, m = fkeras.Input((3, 4)), fkeras.Input((5, 6)), fkeras.Input((3, 5), dtype="bool")
    out = layers.MultiHeadAttention(2, 3)(x, value=v, attention_mask=m)
    model = fkeras.Model([x, v, m], out)
    twin = fkeras.Model.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    y = model.predict([Q, V, ALLOWED], verbose=0)
    assert y.shape == (2, 3, 4)
    np.testing.assert_allclose(twin.predict([Q, V, ALLOWED], verbose=0), y, rtol=1e-6)


def test_a_keras_model_with_attention_reads_our_config_and_weights():
    def make(K):
        ids = K.Input((5,), dtype="int32")
        x = K.layers.Embedding(7, 4, mask_zero=True)(ids)
        x = x + K.layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
        x = K.layers.GroupQueryAttention(3, 2, 1)(x, x)
        return K.Model(ids, K.layers.GlobalAveragePooling1D()(K.layers.AdditiveAttention()([x, x])))

    ours, theirs = make(fkeras), make(keras)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [layer.name for layer in ours.layers if "attention" in layer.name] == [
        "multi_head_attention", "grouped_query_attention", "additive_attention",
    ]  # fmt: skip
    theirs.set_weights(ours.get_weights())
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 2]])
    np.testing.assert_allclose(ours.predict(ids, verbose=0), theirs.predict(ids, verbose=0), rtol=1e-4, atol=1e-6)


def test_attributes():
    layer = layers.MultiHeadAttention(2, 3, output_shape=4, attention_axes=1)
    assert (layer.num_heads, layer.key_dim, layer.value_dim, layer.dropout, layer.use_bias) == (2, 3, 3, 0.0, True)
    assert layer.attention_axes == (1,)
    layer(Q, V)
    shapes = [tuple(part.kernel.shape) for part in (layer.query_dense, layer.key_dense, layer.value_dense)]
    assert shapes == [(4, 2, 3), (6, 2, 3), (6, 2, 3)]
    assert tuple(layer.output_dense.kernel.shape) == (2, 3, 4)
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.weights) == 8
    frozen = layers.GroupQueryAttention(3, 4, 2, trainable=False)
    assert frozen.num_repeats == 2 and not frozen.query.trainable


def test_heads_of_two_sizes_need_no_scores():  # Keras on JAX fails without them
    layer = layers.MultiHeadAttention(2, 3, 5)
    np.testing.assert_allclose(layer(Q, V), layer(Q, V, return_attention_scores=True)[0], rtol=1e-5)


def test_lora_in_a_projection():
    layer = layers.MultiHeadAttention(2, 3)
    before = np.asarray(layer(Q, V))
    layer.query_dense.enable_lora(2)
    np.testing.assert_allclose(layer(Q, V), before, atol=1e-6)
    assert "lora_kernel_a" in [w.name for w in layer.trainable_weights]


def test_equations():
    for shape, axes in [((2, 3, 4, 2, 5), (1, 2)), ((2, 3, 4, 2, 5), (2,)), ((2, 3, 2, 5), (1,))]:
        product, combination = equations(len(shape), axes)
        q = floats(*shape)
        scores = np.einsum(product, q, q)
        assert scores.shape[-len(axes) :] == tuple(shape[a] for a in axes)
        assert np.einsum(combination, scores, q).shape == shape


def test_causal_mask_of_inputs_with_more_axes():
    x = floats(2, 3, 4, 5)
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    params, state = layer.init(KEY, x, x)
    run = jax.jit(lambda x: layer.apply(params, state, x, x, use_causal_mask=True)[0])
    y, moved = run(x), run(x + np.eye(4)[3][:, None])
    np.testing.assert_allclose(y[:, :, :3], moved[:, :, :3], rtol=1e-5, atol=1e-6)
    assert not np.allclose(y[:, :, 3], moved[:, :, 3])


def test_heads_refuse():
    for make, said in [
        (lambda: layers.MultiHeadAttention(0, 3), "num_heads"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window"),
        (lambda: layers.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True), "flash attention"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape="ab"), "output_shape"),
        (lambda: layers.GroupQueryAttention(3, 4, 3), "multiple of"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q), "a query and a value"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V, floats(2, 4, 6)), "same sizes but for the last"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V, attention_mask=ALLOWED[:, :2]), "attention_mask has shape"),
        (lambda: layers.MultiHeadAttention(2, 3)(Q, V, query_mask=KNOWN), r"query_mask has shape \(2, 5\)"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=2)(Q, V), "attention_axes must lie"),
        (lambda: layers.MultiHeadAttention(2, 3)(*[floats(2, 2, 3, 4)] * 2, use_causal_mask=True), "along one axis"),
        (
            lambda: layers.MultiHeadAttention(2, 3, flash_attention=True)(Q, V, return_attention_scores=True),
            "does not give its scores",
        ),
    ]:
        with pytest.raises(ValueError, match=said):
            make()


def test_files_go_both_ways(tmp_path):
    def make(K):
        x, v, m = K.Input((3, 4)), K.Input((5, 6)), K.Input((3, 5), dtype="bool")
        y = K.layers.MultiHeadAttention(2, 3, use_gate=True, output_shape=4, dropout=0.1)(x, value=v, attention_mask=m)
        y = K.layers.GroupQueryAttention(3, 4, 2)(y, y, use_causal_mask=True)
        return K.Model([x, v, m], K.layers.Attention(use_scale=True)([y, x]))

    theirs, data = make(keras), [Q, V, ALLOWED]
    theirs.save(tmp_path / "theirs.keras")
    want = theirs.predict(data, verbose=0)
    ours = fkeras.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(ours.predict(data, verbose=0), want, rtol=1e-4, atol=1e-6)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), want, rtol=1e-4, atol=1e-6)
