"""Wrapper, TimeDistributed, Bidirectional: numbers against Keras, masks, states, refusals."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

from fkeras import layers, models
from fkeras.layer import Layer
from fkeras.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    GRUCell,
    Input,
    LSTMCell,
    SimpleRNN,
    TimeDistributed,
    Wrapper,
)  # fmt: skip
from fkeras.masking import Masked

DATA = np.random.default_rng(0)
X = DATA.normal(size=(3, 4, 5)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], bool)
STATES = [DATA.normal(size=(3, 2)).astype("float32") for _ in range(4)]
BOTH = ((0,), (0, 1))
SEQUENCES = {"return_sequences": True}

# --- Bidirectional -------------------------------------------------------------------------------

TWO_WAYS = {
    "lstm": (lambda L: L.Bidirectional(L.LSTM(2)), {}),
    "gru_all": (lambda L: L.Bidirectional(L.GRU(2, return_sequences=True, return_state=True), "sum"), {}),
    "apart": (lambda L: L.Bidirectional(L.SimpleRNN(2, return_state=True), None), {}),
    "apart_all": (lambda L: L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode=None), {}),
    "states": (lambda L: L.Bidirectional(L.LSTM(2, return_state=True), "ave"), {"initial_state": STATES}),
    "own_layer": (
        lambda L: L.Bidirectional(
            L.GRU(2, return_sequences=True), "mul", backward_layer=L.LSTM(2, go_backwards=True, **SEQUENCES)
        ),
        {},
    ),
    "rnn": (lambda L: L.Bidirectional(L.RNN([L.GRUCell(3), L.LSTMCell(2)], return_sequences=True)), {}),
    "dropout": (lambda L: L.Bidirectional(L.LSTM(2, dropout=0.3, recurrent_dropout=0.2, seed=1)), {}),
}


@pytest.mark.parametrize("name", TWO_WAYS)
def test_two_ways(name):
    make, kwargs = TWO_WAYS[name]
    if kwargs:  # Keras forgets the mask in band where states are given
        compare(make, X, unknown=((1,),), modes=(True,), **kwargs)
    else:
        compare(make, X, masks=(MASK,), unknown=BOTH, modes=(True,))


def test_the_layer_given_is_copied():
    inner = LSTM(2, name="inner")
    layer = Bidirectional(RNN(cell := LSTMCell(2)))
    layer(X)
    assert layer.forward_layer.cell is not cell and layer.forward_layer.cell is not layer.backward_layer.cell
    both = Bidirectional(inner)
    assert (both.forward_layer.name, both.backward_layer.name) == ("forward_inner", "backward_inner")
    both(X), inner(X)
    assert [w.shape for w in both.weights] == 2 * [w.shape for w in inner.weights]
    assert Bidirectional(GRU(2, return_sequences=True)).forward_layer.zero_output_for_mask


def test_two_ways_stateful():
    layer = Bidirectional(GRU(2, stateful=True), merge_mode=None)
    a, b = layer(X), layer(X)
    chex.assert_trees_all_close(layer.states, (b[0], b[1]), rtol=1e-6)
    assert float(abs(a[0] - b[0]).max()) > 1e-4
    layer.reset_state()
    chex.assert_trees_all_close(layer(X), a)
    model = models.Sequential([Input((4, 5), batch_size=3), layer])
    model.reset_states()
    chex.assert_trees_all_close(model(X), a)
    with pytest.raises(AttributeError, match="not stateful"):
        Bidirectional(GRU(2)).reset_state()


def test_two_ways_in_a_model_with_masks():
    """A tagger: Embedding with a mask, two directions, a Dense at every step."""

    def make(package):
        L = package.layers
        embed = L.Embedding(7, 4, mask_zero=True)
        return package.Sequential(
            [embed, L.Bidirectional(L.LSTM(3, return_sequences=True)), L.TimeDistributed(L.Dense(2))]
        )

    ids = np.array([[1, 2, 3, 0], [4, 0, 0, 0]])
    import fkeras

    ours, theirs = make(fkeras), make(keras)
    theirs(ids), ours(ids)
    ours.set_weights(theirs.get_weights())
    chex.assert_trees_all_close(ours(ids), jnp.asarray(theirs(ids)), rtol=1e-5, atol=1e-6)


def test_weights_of_both_ways_given():
    first = Bidirectional(LSTM(2))
    first(X)
    again = Bidirectional(LSTM(2), weights=first.get_weights())
    chex.assert_trees_all_close(again(X), first(X))


# --- TimeDistributed -----------------------------------------------------------------------------

STEPWISE = {
    "dense": (lambda L: L.TimeDistributed(L.Dense(3, "tanh", kernel_regularizer="l2")), X),
    "flatten": (lambda L: L.TimeDistributed(L.Flatten()), X.reshape(3, 2, 2, 5)),
    "lstm": (lambda L: L.TimeDistributed(L.LSTM(2)), X.reshape(3, 2, 2, 5)),
    "nested": (lambda L: L.TimeDistributed(L.TimeDistributed(L.Dense(3))), X.reshape(3, 2, 2, 5)),
    "batch_norm": (lambda L: L.TimeDistributed(L.BatchNormalization()), X),
    "dropout": (lambda L: L.TimeDistributed(L.Dropout(0.5, seed=3)), X),
}


@pytest.mark.parametrize("name", STEPWISE)
def test_steps(name):
    make, x = STEPWISE[name]
    compare(make, x, unknown=((0,),))


def test_steps_of_a_model():
    def make(package):
        inner = package.Sequential([package.Input((5,)), package.layers.Dense(3), package.layers.BatchNormalization()])
        return package.layers.TimeDistributed(inner)

    import fkeras

    ours, theirs = make(fkeras), make(keras)
    theirs(X), ours(X)
    ours.set_weights(theirs.get_weights())
    chex.assert_trees_all_close(ours(X), jnp.asarray(theirs(X)), rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(ours(X, training=True), jnp.asarray(theirs(X, training=True)), rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(ours.get_weights(), [np.asarray(w) for w in theirs.get_weights()], rtol=1e-5, atol=1e-6)


def test_steps_run_at_once_unless_their_state_changes():
    def loops(layer, training):
        values = layer.init(jax.random.key(0), X)
        program = str(jax.make_jaxpr(lambda: layer.apply(*values, X, rng=jax.random.key(0), training=training))())
        return "scan[" in program

    assert not loops(TimeDistributed(Dense(3)), True)
    assert not loops(TimeDistributed(Dropout(0.5)), True)
    assert not loops(TimeDistributed(BatchNormalization()), False)
    assert loops(TimeDistributed(BatchNormalization()), True)


def test_each_step_draws_for_itself():
    layer = TimeDistributed(Dropout(0.5))
    y = layer.apply(*layer.init(jax.random.key(0), X), jnp.ones((2, 4, 50)), rng=jax.random.key(1), training=True)[0]
    assert all((y[:, 0] != y[:, t]).any() for t in range(1, 4))


def test_masks_of_steps():
    class Seen(Layer):
        supports_masking = True

        def call(self, x, mask=None):
            return x if mask is None else x * mask[..., None]

    x = jnp.ones((2, 3, 4, 5))
    mask = jnp.asarray(DATA.integers(0, 2, (2, 3, 4)), bool)
    y = TimeDistributed(Seen())(Masked(x, mask))
    chex.assert_trees_all_close(y.value, x * mask[..., None])
    chex.assert_trees_all_equal(y.mask, mask)
    inner = TimeDistributed(LSTM(2))
    chex.assert_trees_all_close(
        inner(x, mask=mask)[1, 2], inner.layer(x[1, 2][None], mask=mask[1, 2][None])[0], rtol=1e-5
    )


def test_steps_of_nests():
    class Pair(Layer):
        def call(self, xs):
            return {"sum": xs[0] + xs[1], "difference": xs[0] - xs[1]}

    y = TimeDistributed(Pair())([X, X])
    chex.assert_trees_all_close(y, {"sum": 2 * X, "difference": 0 * X})


# --- Wrapper -------------------------------------------------------------------------------------


def test_a_wrapper_of_ones_own():
    class Residual(Wrapper):
        def call(self, x):
            return x + self.layer(x)

    layer = Residual(Dense(5))
    params, state = layer.init(jax.random.key(0), X)
    assert jax.tree.map(jnp.shape, params) == {"layer": {"kernel": (5, 5), "bias": (5,)}}
    chex.assert_trees_all_close(layer.apply(params, state, X)[0], X + layer.layer.apply(params["layer"], {}, X)[0])
    assert layers.Wrapper(Dense(5)).get_config()["layer"]["class_name"] == "Dense"


# --- what may go wrong ---------------------------------------------------------------------------

REFUSED = {
    "no_layer": (lambda: TimeDistributed(3), "TimeDistributed: layer must be a layer; got 3"),
    "class": (lambda: Bidirectional(LSTM), r"Write LSTM\(...\), not LSTM"),
    "rank": (lambda: TimeDistributed(Dense(3))(X[0]), "at least 3"),
    "mask": (lambda: TimeDistributed(Dense(3))(X, mask=MASK[:, :2]), r"begins with \(3, 4\); got \(3, 2\)"),
    "not_recurrent": (lambda: Bidirectional(Dense(3)), "takes a recurrent layer.*no setting 'go_backwards'"),
    "mode": (lambda: Bidirectional(LSTM(2), "max"), "merge_mode must be one of 'sum'"),
    "same_way": (
        lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)),
        "one of the layers must have go_backwards=True",
    ),
    "apart": (
        lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2, go_backwards=True, return_state=True)),
        "the same return_state",
    ),
    "states": (
        lambda: Bidirectional(SimpleRNN(2))(X, initial_state=STATES[:3]),
        "as many of the backward one; got 3 of them",
    ),
    "state": (lambda: Bidirectional(RNN(GRUCell(2)))(X, initial_state=STATES[0]), "got one array"),
    "shape": (
        lambda: Bidirectional(GRU(3))(X, initial_state=STATES[:2]),
        r"forward_gru|carries 1 state of shape \(3, 3\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    run, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        run()
