"""Embedding and ReversibleEmbedding: against Keras, and what they refuse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

from fkeras import layers

IDS = np.array([[1, 2, 0, 6], [3, 0, 0, 1]], "int32")


def test_embedding():
    compare(
        lambda L: L.Embedding(7, 3, embeddings_regularizer="l2", activity_regularizer="l1"), IDS, unknown=((0,), (0, 1))
    )
    compare(lambda L: L.Embedding(7, 3, mask_zero=True), IDS)
    compare(
        lambda L: L.Embedding(7, 3, mask_zero=True, embeddings_constraint="unit_norm"),
        IDS.astype("float32"),
        configs=False,
    )
    compare(lambda L: L.Embedding(7, 3), IDS.astype("uint8"))
    compare(lambda L: L.Embedding(7, 3), IDS[0])
    compare(lambda L: L.Embedding(7, 4, lora_rank=2, embeddings_regularizer="l2"), IDS)


def test_mixed_precision_casts_the_vectors_only():
    layer = layers.Embedding(7, 3, dtype="mixed_bfloat16")
    params, state = layer.init(jax.random.key(0), IDS)
    assert params["embeddings"].dtype == jnp.float32
    assert layer.apply(params, state, IDS)[0].dtype == jnp.bfloat16
    text = str(jax.make_jaxpr(lambda p, x: layer.apply(p, state, x)[0])(params, IDS))
    assert "bf16[7,3]" not in text and "bf16[2,4,3]" in text


def test_reversible():
    for settings in ({}, {"tie_weights": False}, {"logit_soft_cap": 5.0}, {"mask_zero": True}):
        compare(lambda L: L.ReversibleEmbedding(7, 3, **settings), IDS)
        vectors = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
        compare(lambda L: L.ReversibleEmbedding(7, 3, **settings), vectors, reverse=True, unknown=())
    assert isinstance(layers.ReversibleEmbedding(7, 3), layers.Embedding)
    bits = layers.ReversibleEmbedding(7, 3, dtype="bfloat16", reverse_dtype="float32")
    assert bits(jnp.ones((2, 3), jnp.bfloat16), reverse=True).dtype == jnp.float32


def test_weights_are_there_before_the_first_call():
    table = np.arange(6.0).reshape(3, 2)
    for given in (table, [table]):
        ours, theirs = layers.Embedding(3, 2, weights=given), keras.layers.Embedding(3, 2, weights=given)
        np.testing.assert_array_equal(ours.get_weights()[0], theirs.get_weights()[0])
        np.testing.assert_array_equal(ours(np.array([2, 0])), theirs(np.array([2, 0])))
    assert layers.Embedding(3, 2, input_length=5).get_weights()[0].shape == (3, 2)
    assert "input_length" not in layers.Embedding(3, 2, input_length=5).get_config()


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: layers.Embedding(0, 3), "input_dim must be"),
        (lambda: layers.Embedding(3, 2.5), "output_dim must be"),
        (lambda: layers.Embedding(3, 2)(np.array([[0, 1], [2, 3]])), r"from 0 to 2.*Got 3 at position \(1, 1\)"),
        (lambda: layers.Embedding(3, 2)(np.array([[0, -1]])), r"from 0 to 2.*Got -1 at position \(0, 1\)"),
        (lambda: layers.Embedding(3, 2)(np.array([[0.0, 1.5]])), r"whole numbers.*Got 1.5 at position \(0, 1\)"),
        (lambda: layers.Embedding(3, 2)(np.array([[0.0, np.nan]])), "at position"),
        (lambda: layers.ReversibleEmbedding(3, 2)(np.array([[0, 3]])), r"Got 3 at position \(0, 1\)"),
        (lambda: layers.Embedding(3, 2, weights=np.ones((2, 2)))(np.array([0])), r"weights= holds shapes \[\(2, 2\)\]"),
    ],
)
def test_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_compiled_program_shows_what_is_not_in_the_table():
    layer = layers.Embedding(3, 2)
    params, state = layer.init(jax.random.key(0), IDS)
    y = jax.jit(lambda ids: layer.apply(params, state, ids)[0])(np.array([0, 5]))
    assert not np.isnan(y[0]).any() and np.isnan(y[1]).all()
