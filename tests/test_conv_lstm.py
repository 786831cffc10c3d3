"""ConvLSTM layers: numbers against Keras, masks, refusals."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity import compare

from fkeras.layers import Bidirectional, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, Input
from fkeras.masking import Masked

DATA = np.random.default_rng(0)
X = DATA.normal(size=(2, 3, 5, 4, 2)).astype("float32")
ROWS = X[..., 0]
ALL = {"return_sequences": True, "return_state": True}

CASES = {
    "1d": (lambda L: L.ConvLSTM1D(2, 2, dilation_rate=2, use_bias=False, go_backwards=True, **ALL), ROWS),
    "2d": (lambda L: L.ConvLSTM2D(3, 2, kernel_regularizer="l2", activity_regularizer="l2"), X),
    "2d_settings": (
        lambda L: L.ConvLSTM2D(2, (2, 3), 2, "SAME", activation="relu", unit_forget_bias=False, return_sequences=True),
        X,
    ),
    "2d_dropouts": (lambda L: L.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.2, seed=1), X),
    "2d_first": (lambda L: L.ConvLSTM2D(2, 2, data_format="channels_first", return_state=True), X),
    "3d": (lambda L: L.ConvLSTM3D(2, 2), X[..., None]),
}


@pytest.mark.parametrize("name", CASES)
def test_numbers(name):
    make, x = CASES[name]
    compare(make, x, modes=(True,), unknown=((0,), (0, 1)))


def test_masked_steps_change_nothing():
    layer = ConvLSTM2D(2, 2, **ALL)
    params, state = layer.init(jax.random.key(0), X)
    mask = jnp.array([[True, False, True], [False, False, False]])
    y, h, _ = jax.jit(layer.apply)(params, state, Masked(X, mask))[0]
    kept, _, _ = jax.jit(layer.apply)(params, state, X[:, ::2])[0]
    chex.assert_trees_all_close(y.value[0, ::2], kept[0], rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(y.value[0, 1], y.value[0, 0])
    assert not h[1].any()


def test_states_given_and_kept():
    layer = ConvLSTM1D(2, 2, stateful=True, return_state=True)
    first, h, c = layer(ROWS)
    again = layer(ROWS)[0]
    layer.reset_state()
    chex.assert_trees_all_close(layer(ROWS, initial_state=[h, c])[0], again, rtol=1e-5)
    assert float(abs(first - again).max()) > 1e-3


def test_both_ways():
    assert Bidirectional(ConvLSTM1D(2, 2, return_sequences=True))(ROWS).shape == (2, 3, 4, 4)


REFUSED = {
    "rank": (lambda: ConvLSTM2D(2, 2)(ROWS), r"ConvLSTM2D\(filters=2, kernel_size=\(2, 2\)\) expects inputs of rank 5"),
    "filters": (lambda: ConvLSTM1D(0, 2), "ConvLSTM1D: filters must be a whole number above 0; got 0"),
    "window": (lambda: ConvLSTM3D(2, (2, 2)), "kernel_size must be a whole number >= 1 or 3 of them"),
    "padding": (lambda: ConvLSTM2D(2, 2, padding="causal"), "padding must be one of 'valid', 'same'"),
    "dilated": (lambda: ConvLSTM2D(2, 2, strides=2, dilation_rate=2), "exclude each other"),
    "small": (lambda: ConvLSTM2D(2, 9)(Input((3, 5, 4, 2))), "have only"),
    "states": (
        lambda: ConvLSTM1D(2, 2)(ROWS, initial_state=[ROWS[:, 0]] * 2),
        r"carries 2 states of shape \(2, 4, 2\)",
    ),
    "sizes": (lambda: ConvLSTM1D(2, 2).get_initial_state(3), "needs to know the sizes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    run, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        run()
