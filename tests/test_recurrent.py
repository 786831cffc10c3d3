"""Recurrent layers: numbers against Keras, cells of every kind, states, refusals."""

from __future__ import annotations

from typing import Any

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from catalogue.recurrent import Leaky
from parity import compare

import fkeras
from fkeras import layers, models
from fkeras.layer import Layer
from fkeras.layers import GRU, LSTM, RNN, GRUCell, Input, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells
from fkeras.masking import Masked

DATA = np.random.default_rng(0)
X = DATA.normal(size=(3, 4, 5)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], bool)
H, C = (DATA.normal(size=(3, 2)).astype("float32") for _ in range(2))
BOTH = ((0,), (0, 1))  # which axes of the inputs are not known
ALL = {"return_sequences": True, "return_state": True}


# --- Keras' numbers -----------------------------------------------------------------------------

PLAIN = {
    "lstm": (lambda L: L.LSTM(2, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm"), {}),
    "lstm_settings": (lambda L: L.LSTM(2, "relu", "hard_sigmoid", use_bias=False, go_backwards=True, **ALL), {}),
    "lstm_states": (lambda L: L.LSTM(2, unit_forget_bias=False, **ALL), {"initial_state": [H, C]}),
    "lstm_unrolled": (lambda L: L.LSTM(2, unroll=True, go_backwards=True, return_sequences=True), {}),
    "lstm_dropout": (lambda L: L.LSTM(2, dropout=0.3, seed=1), {}),
    "lstm_dropouts": (lambda L: L.LSTM(2, dropout=0.3, recurrent_dropout=0.2, seed=1), {}),
    "lstm_recurrent_dropout": (lambda L: L.LSTM(2, recurrent_dropout=0.2, seed=1), {}),
    "lstm_masks_by_gate": (lambda L: L.LSTM(2, dropout=0.5, seed=1, implementation=1, use_cudnn=False), {}),
    "gru": (lambda L: L.GRU(2, bias_regularizer="l2", bias_initializer="ones"), {}),
    "gru_before": (lambda L: L.GRU(2, reset_after=False, return_sequences=True), {"initial_state": H}),
    "gru_no_bias": (lambda L: L.GRU(2, "softsign", "tanh", use_bias=False, **ALL), {"initial_state": [H]}),
    "gru_dropout": (lambda L: L.GRU(2, dropout=0.3, seed=1), {}),
    "gru_dropouts": (lambda L: L.GRU(2, dropout=0.3, recurrent_dropout=0.2, seed=3, reset_after=False), {}),
    "simple": (lambda L: L.SimpleRNN(2, "relu", recurrent_constraint="unit_norm", **ALL), {}),
    "simple_dropouts": (lambda L: L.SimpleRNN(2, dropout=0.3, recurrent_dropout=0.2, seed=1), {}),
    "rnn": (lambda L: L.RNN(L.LSTMCell(2, dropout=0.2, seed=4), return_state=True), {}),
    "rnn_stack": (lambda L: L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], **ALL), {}),
}


@pytest.mark.parametrize("name", PLAIN)
def test_numbers(name):
    make, kwargs = PLAIN[name]
    unknown = ((0,),) if "unroll" in name else ((1,),) if kwargs else BOTH
    compare(make, X, unknown=unknown, modes=(False, True) if name == "lstm_dropouts" else (True,), **kwargs)


MASKED = {
    "lstm": lambda L: L.LSTM(2),
    "lstm_all": lambda L: L.LSTM(2, **ALL),
    "lstm_zero": lambda L: L.LSTM(2, zero_output_for_mask=True, return_sequences=True),
    "lstm_zero_last": lambda L: L.LSTM(2, zero_output_for_mask=True),
    "lstm_backwards": lambda L: L.LSTM(2, go_backwards=True, **ALL),
    "gru_backwards_dropout": lambda L: L.GRU(2, go_backwards=True, return_sequences=True, dropout=0.3, seed=1),
    "simple": lambda L: L.SimpleRNN(2, return_sequences=True),
    "stack": lambda L: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True),
}


@pytest.mark.parametrize("name", MASKED)
def test_numbers_with_masks(name):
    compare(MASKED[name], X, masks=(MASK,), unknown=BOTH, modes=(True,))


def test_an_explicit_mask_replaces_the_one_in_band():
    layer = LSTM(2)
    y = layer(X, mask=jnp.asarray(MASK))
    chex.assert_trees_all_close(layer(Masked(X, jnp.ones_like(MASK)), mask=MASK), y)
    assert float(abs(layer(X) - y).max()) > 1e-3
    chex.assert_trees_all_close(layer(X, mask=MASK[..., None]), y)


def test_masks_hold_where_states_are_given():
    """Keras has the mask only if it is given again; here the one in band is enough."""
    ours, theirs = LSTM(2, return_sequences=True), keras.layers.LSTM(2, return_sequences=True)
    theirs(X), ours(X)
    ours.set_weights(theirs.get_weights())
    expected = jnp.asarray(theirs(X, initial_state=[H, C], mask=MASK))
    chex.assert_trees_all_close(
        ours(Masked(X, jnp.asarray(MASK)), initial_state=[H, C]).value, expected, rtol=1e-5, atol=1e-6
    )
    chex.assert_trees_all_close(ours(X, initial_state=[H, C], mask=MASK).value, expected, rtol=1e-5, atol=1e-6)


def test_unrolled_equals_the_loop():
    for make in (
        lambda **k: LSTM(2, zero_output_for_mask=True, **ALL, **k),
        lambda **k: GRU(2, go_backwards=True, **k),
    ):
        loop, unrolled = make(), make(unroll=True)
        params, state = loop.init(jax.random.key(0), X)
        a, b = (jax.jit(lambda m, x=x: x.apply(params, state, X, mask=m)[0])(MASK) for x in (loop, unrolled))
        chex.assert_trees_all_close(a, b, rtol=1e-5)


def test_first_values():
    """Seeded initializers give Keras' values; the forget gate's bias is one."""
    for name in ("LSTM", "GRU"):
        kwargs = {
            "kernel_initializer": "GlorotUniform",
            "recurrent_initializer": "Orthogonal",
            "bias_initializer": "RandomNormal",
        }
        ours, theirs = (
            getattr(package.layers, name)(2, **{k: getattr(package.initializers, v)(seed=7) for k, v in kwargs.items()})
            for package in (__import__("fkeras"), keras)
        )
        ours(X), theirs(X)
        chex.assert_trees_all_close(ours.get_weights(), [np.asarray(w) for w in theirs.get_weights()], atol=1e-6)


# --- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "SimpleRNNCell"])
def test_cells_alone(kind):
    states = [H, C] if kind == "LSTMCell" else [H]
    ours, theirs = (getattr(package, kind)(2) for package in (layers, keras.layers))
    theirs(X[:, 0], states)
    ours.build((None, 5))
    ours.set_weights(theirs.get_weights())
    chex.assert_trees_all_close(ours(X[:, 0], states), jax.tree.map(jnp.asarray, theirs(X[:, 0], states)), rtol=1e-5)
    assert [s.shape for s in ours.get_initial_state(3)] == [(3, 2)] * len(states)
    assert (ours.state_size, ours.output_size) == (theirs.state_size, theirs.output_size)


def test_a_cell_on_symbols_is_a_step_of_a_model():
    x, h = Input((5,)), Input((2,))
    cell = GRUCell(2)
    y, (last,) = cell(x, [h])
    model = models.Model([x, h], [y, last])
    chex.assert_trees_all_close(model([X[:, 0], H]), [cell(X[:, 0], [H])[0]] * 2)


def test_a_cell_alone_draws_its_dropout():
    cell = LSTMCell(2, dropout=0.5, seed=3)
    y = cell(X[:, 0], [H, C])[0]
    dropped = [cell(X[:, 0], [H, C], training=True)[0] for _ in range(2)]
    assert all(float(abs(d - y).max()) > 1e-4 for d in dropped) and float(abs(dropped[0] - dropped[1]).max()) > 1e-4
    params, state = cell.init(jax.random.key(0), X[:, 0])
    assert state["seed_generator"].tolist() == [3, 0]
    assert cell.apply(params, state, X[:, 0], [H, C], training=True)[1]["seed_generator"].tolist() == [3, 1]


def test_dropout_drops_the_same_at_every_step():
    layer = SimpleRNN(
        2, "linear", dropout=0.5, kernel_initializer="ones", recurrent_initializer="zeros", return_sequences=True
    )
    params, state = layer.init(jax.random.key(0), X)
    one = np.tile(X[:, :1], (1, 4, 1))
    y = layer.apply(params, state, one, rng=jax.random.key(1), training=True)[0]
    chex.assert_trees_all_close(y, jnp.broadcast_to(y[:, :1], y.shape), rtol=1e-6)
    other = layer.apply(params, state, one, rng=jax.random.key(2), training=True)[0]
    assert float(abs(y - other).max()) > 1e-3


def user_cells(base, ops, dense):
    """A cell in the style of Keras' documentation, and one with sublayers, for either package."""

    class Minimal(base):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", name="kernel")
            self.recurrent_kernel = self.add_weight(
                shape=(self.units, self.units), initializer="ones", name="recurrent_kernel"
            )

        def call(self, inputs, states):
            output = 0.1 * (ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel))
            return output, [output]

    class Two(base):
        state_size, output_size = [3, 2], 4

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.a, self.b, self.c = (dense(n, kernel_initializer="ones") for n in (3, 2, 4))

        def call(self, inputs, states, training=False):
            a, b = ops.tanh(self.a(inputs) + states[0]), self.b(states[0]) - states[1]
            return self.c(a), [a, b]

        def get_initial_state(self, batch_size=None):
            return [ops.ones((batch_size, 3)), ops.zeros((batch_size, 2))]

    return Minimal, Two


OURS, THEIRS = user_cells(Layer, jnp, layers.Dense), user_cells(keras.Layer, keras.ops, keras.layers.Dense)


@pytest.mark.parametrize("which", [0, 1])
def test_users_cells(which):
    args = [(2,), ()][which]
    ours, theirs = (RNN(OURS[which](*args), **ALL), keras.layers.RNN(THEIRS[which](*args), **ALL))
    expected = [np.asarray(y) for y in jax.tree.leaves(theirs(X))]
    chex.assert_trees_all_close(jax.tree.leaves(ours(X)), expected, rtol=1e-5)
    params, state = ours.init(jax.random.key(0), X)
    chex.assert_trees_all_close(jax.tree.leaves(jax.jit(ours.apply)(params, state, X)[0]), expected, rtol=1e-5)
    symbol = ours(Input((None, 5)))
    assert [s.shape for s in symbol] == [
        (None, None, y.shape[-1]) if i == 0 else (None, y.shape[-1]) for i, y in enumerate(expected)
    ]
    assert jax.tree.leaves(jax.grad(lambda p: jnp.sum(ours.apply(p, state, X)[0][0]))(params))


def test_users_cells_in_a_stack_and_under_a_mask():
    layer = RNN([OURS[0](3), LSTMCell(2), OURS[0](2)], return_sequences=True)
    theirs = keras.layers.RNN([THEIRS[0](3), keras.layers.LSTMCell(2), THEIRS[0](2)], return_sequences=True)
    theirs(X)
    layer.build(X.shape)
    layer.set_weights(theirs.get_weights())
    chex.assert_trees_all_close(layer(X), jnp.asarray(theirs(X)), rtol=1e-5, atol=1e-6)
    masked = layer(X, mask=MASK)
    chex.assert_trees_all_close(masked[1, 1], masked[1, 0])
    with pytest.raises(ValueError, match="zero_output_for_mask=True"):
        RNN(OURS[1]())(X, mask=MASK)
    assert RNN(OURS[1](), zero_output_for_mask=True)(X, mask=MASK).shape == (3, 4)


def test_a_users_cell_keeps_its_own_state_over_the_steps():
    layer = RNN(Leaky(2))
    params, state = layer.init(jax.random.key(0), X)
    _, state = jax.jit(layer.apply)(params, state, X)
    assert float(state["cell"]["count"]) == 4
    layer(X), layer(X)
    assert float(layer.cell.count.value) == 8


def test_a_subclass_of_a_cell_that_writes_call_is_used_as_written():
    class Doubled(LSTMCell):
        def call(self, inputs, states, training=False):
            y, states = super().call(inputs, states)
            return 2 * y, states

    plain, doubled = RNN(LSTMCell(2)), RNN(Doubled(2))
    plain(X), doubled(X)
    doubled.set_weights(plain.get_weights())
    chex.assert_trees_all_close(doubled(X), 2 * plain(X), rtol=1e-6)


def test_a_subclass_of_a_layer_that_writes_call():
    class Doubled(LSTM):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return 2 * super().call(sequences, initial_state=initial_state)

    plain, doubled = LSTM(2), Doubled(2)
    plain(X), doubled(X)
    doubled.set_weights(plain.get_weights())
    chex.assert_trees_all_close(doubled(X), 2 * plain(X), rtol=1e-6)


def test_settings_of_the_layer_are_settings_of_its_cell():
    layer = LSTM(2)
    layer.kernel_regularizer = "l2"
    layer.trainable = False
    assert layer.cell.kernel_regularizer is layer.kernel_regularizer and not layer.cell.trainable
    assert LSTM(2, dtype="mixed_bfloat16").cell.compute_dtype == "bfloat16"
    assert layer.cell.name == "lstm_cell" and not layer.trainable_weights


# --- states --------------------------------------------------------------------------------------


def test_stateful():
    layer, free = LSTM(2, stateful=True, return_state=True), LSTM(2, return_state=True)
    first, second = X[:, :2], X[:, 2:]
    layer(first)
    y, h, c = layer(second)
    free(X)
    free.set_weights(layer.get_weights())
    chex.assert_trees_all_close((y, h, c), free(X), rtol=1e-5)
    chex.assert_trees_all_close(layer.states, [h, c])
    layer.reset_state()
    assert not any(s.any() for s in layer.states)
    chex.assert_trees_all_close(layer(X), free(X), rtol=1e-5)
    assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    y, state, _ = layer.stateless_call(layer.trainable_variables, layer.non_trainable_variables, X, return_losses=True)
    assert state == []


def test_stateful_model_resets_and_needs_a_batch():
    model = models.Sequential([Input((4, 5), batch_size=3), GRU(2, stateful=True), layers.Dense(1)])
    a, b = model(X), model(X)
    assert float(abs(a - b).max()) > 1e-4
    model.reset_states()
    chex.assert_trees_all_close(model(X), a)
    with pytest.raises(ValueError, match=r"GRU\(.*stateful=True.*keeps the states of a batch of 3; got a batch of 2"):
        GRU(2, stateful=True).apply(*GRU(2, stateful=True).init(jax.random.key(0), X), X[:2])
    with pytest.raises(ValueError, match=r"needs to know the batch size.*batch_size=8"):
        models.Sequential([Input((4, 5)), GRU(2, stateful=True)])


def test_initial_state_of_symbols():
    """A sequence-to-sequence model: the decoder begins where the encoder ended."""
    source, target = Input((None, 5)), Input((4, 5))
    _, h, c = LSTM(2, return_state=True, name="encoder")(source)
    y = LSTM(2, return_sequences=True, name="decoder")(target, initial_state=[h, c])
    model = models.Model([source, target], y)
    _, h, c = model.get_layer("encoder")(X)
    chex.assert_trees_all_close(model([X, X]), model.get_layer("decoder")(X, initial_state=[h, c]), rtol=1e-5)
    again = models.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    chex.assert_trees_all_close(again([X, X]), model([X, X]))


def test_states_of_a_stack():
    layer = RNN([LSTMCell(2), GRUCell(3)], return_state=True)
    _, one, other = layer(X)
    assert [len(one), len(other)] == [2, 1]
    chex.assert_trees_all_close(layer(X, initial_state=[one, other])[0], layer(X, initial_state=[*one, *other])[0])
    cells = StackedRNNCells([LSTMCell(2), GRUCell(3)])
    assert cells.output_size == 3 and cells.state_size == [[2, 2], 3]
    assert jax.tree.map(jnp.shape, cells.get_initial_state(4)) == [[(4, 2)] * 2, [(4, 3)]]


def test_a_stacked_cell_of_ones_own_with_one_state_returns_it_as_in_keras():
    def build(k: Any) -> Any:
        class Plus(k.layers.Layer):
            state_size = output_size = 5

            def call(self, x, states):
                return x + states[0], [x + states[0]]

        return k.layers.RNN([Plus(), k.layers.GRUCell(3, kernel_initializer="ones")], return_state=True)(X)

    got, want = (jax.tree.map(np.shape, build(k)) for k in (fkeras, keras))
    assert list(got) == list(want)


# --- what may go wrong ---------------------------------------------------------------------------

REFUSED = {
    "rank": (lambda: LSTM(2)(X[0]), r"LSTM\(units=2\) expects inputs of rank 3; got shape \(4, 5\)"),
    "list": (lambda: LSTM(2)([X, H, C]), r"one array \(batch, steps, ...\).*initial_state=\["),
    "count": (lambda: LSTM(2)(X, initial_state=[H]), r"carries 2 states of shape \(3, 2\), \(3, 2\).*got 1"),
    "batch": (
        lambda: GRU(2)(X, initial_state=H[:2]),
        r"GRU\(units=2\) carries 1 state of shape \(3, 2\).*got 1 of shape \(2, 2\)",
    ),
    "cell_states": (lambda: GRUCell(2)(X[:, 0], [H, C]), r"GRUCell\(units=2\) carries 1 state"),
    "features": (lambda: LSTM(2).apply(*LSTM(2).init(jax.random.key(0), X), X[..., :3]), r"kernel of shape \(5, 8\)"),
    "mask": (lambda: LSTM(2)(X, mask=MASK[:, :3]), r"mask of shape \(3, 4\); got \(3, 3\)"),
    "no_steps": (lambda: LSTM(2)(X[:, :0]), "at least one step"),
    "unroll": (lambda: LSTM(2, unroll=True)(Input((None, 5))), "cannot unroll an unknown number of steps"),
    "units": (lambda: LSTM(0), "units must be a whole number above 0; got 0"),
    "rate": (lambda: GRU(2, dropout=1.5), "dropout must be a number from 0 to 1; got 1.5"),
    "rng": (
        lambda: GRU(2, dropout=0.5).apply(*GRU(2, dropout=0.5).init(jax.random.key(0), X), X, training=True),
        "needs rng=",
    ),
    "no_cell": (lambda: RNN(3), "RNN: a cell is a layer with `state_size`.*got 3"),
    "class": (lambda: RNN(LSTMCell), r"Write LSTMCell\(...\), not LSTMCell"),
    "no_state_size": (lambda: RNN(layers.Dense(3)), r"Dense\(units=3\) needs `state_size`"),
    "stack": (lambda: RNN([LSTMCell(2), layers.Dense(3)]), r"StackedRNNCells: .*Dense\(units=3\) needs `state_size`"),
    "empty": (lambda: StackedRNNCells([]), "at least one cell"),
    "cudnn": (lambda: LSTM(2, use_cudnn="yes"), "use_cudnn must be"),
    "implementation": (lambda: LSTM(2, implementation=3), "implementation must be 1 or 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    run, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        run()


def test_arguments_of_older_versions():
    for name in ("time_major", "constants", "return_sequence"):
        with pytest.raises((TypeError, ValueError), match=name):
            LSTM(2, **{name: True})
    assert SimpleRNN(2, implementation=1).units == 2  # Keras 2 had it; it changed no numbers


def test_cells_that_break_their_word():
    class Wrong(Layer):
        state_size = 2

        def call(self, inputs, states):
            return inputs

    class Wider(Layer):
        state_size = 2

        def call(self, inputs, states):
            return inputs, [inputs]

    with pytest.raises(ValueError, match=r"returns \(output, states\)"):
        RNN(Wrong())(X)
    with pytest.raises(ValueError, match=r"given states of shape \(3, 2\) and returned \(3, 5\)"):
        RNN(Wider())(X)


def test_simple_cell_takes_a_bare_state():
    y, h = SimpleRNNCell(2)(X[:, 0], H)
    chex.assert_trees_all_equal(y, h)
