"""The arguments of every layer of Keras, of its constructor and of its call: names, places, defaults."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fkeras
from fkeras import arguments, layers

MORE = {  # classes that take more than Keras' at the end
    "ConvLSTM1D": ["unroll"], "ConvLSTM2D": ["unroll"], "ConvLSTM3D": ["unroll"],
    "ReversibleEmbedding": ["lora_rank", "lora_alpha", "quantization_config"],
}  # fmt: skip
CLASSES = [n for n in dir(keras.layers) if inspect.isclass(getattr(keras.layers, n)) and hasattr(layers, n)]
X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")


def table(init, kinds):
    """[(name, default)] of arguments of these kinds; names of initializers in lower case."""
    found = [p for p in inspect.signature(init).parameters.values() if p.kind in kinds and p.name != "self"]
    return [(p.name, p.default.lower() if isinstance(p.default, str) else p.default) for p in found]


@pytest.mark.parametrize("name", CLASSES)
def test_constructor(name):
    ours, theirs = getattr(layers, name).__init__, getattr(keras.layers, name).__init__
    placed = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    named = (*placed, inspect.Parameter.KEYWORD_ONLY)
    mine = [p for p in table(ours, placed) if p[0] not in MORE.get(name, ())]
    assert mine == table(theirs, placed)
    assert {n for n, _ in table(theirs, named)} <= {n for n, _ in table(ours, named)}


@pytest.mark.parametrize("name", [n for n in CLASSES if hasattr(getattr(keras.layers, n), "call")])
def test_call(name):
    ours, theirs = getattr(layers, name), getattr(keras.layers, name)
    places = [n for n, p in inspect.signature(theirs.call).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
    known = {*inspect.signature(ours.call).parameters, "training", "mask"}
    assert {*places[1:]} <= known
    if places and not ours.is_bound and ours._needed:
        behind = [n for n in ours.behind if n in places]
        assert [*ours._places[1:], *behind][: len(places) - 1] == places[1:]


def test_arguments_by_place_are_those_of_keras():
    made = layers.Dense(3, None, True, "zeros", "ones", None, None, "l2", "non_neg")
    assert made.activity_regularizer.get_config() == {"l2": 0.01}
    assert type(made.kernel_constraint).__name__ == "NonNeg"
    assert layers.MaxPooling1D(2, None, "valid", None, "pool").name == "pool"
    table = np.arange(6.0).reshape(3, 2)
    embedding = layers.Embedding(3, 2, "uniform", None, None, False, [table])
    np.testing.assert_array_equal(embedding(np.array([2])), [[4, 5]])
    both = layers.Bidirectional(layers.LSTM(2), "sum", None, layers.LSTM(2, go_backwards=True))
    assert both.backward_layer.go_backwards
    entry = layers.InputLayer((3,), 4, "int32")
    assert entry.batch_shape == (4, 3) and entry.dtype == "int32"


def test_subclasses_take_them_too():
    class Wider(layers.Dense):
        extra: int = 0

    class Own(layers.Dense):
        def __init__(self, units, **kwargs):
            super().__init__(units, None, True, "zeros", "ones", None, None, "l2", **kwargs)

    assert Wider(3, None, True, "zeros", "ones", None, None, "l2").activity_regularizer is not None
    assert Own(3, name="a").activity_regularizer is not None
    assert Own(3, name="a")(X).shape == (2, 4, 3)


def test_the_first_argument_by_name():
    dense = layers.Dense(2)
    np.testing.assert_array_equal(dense(inputs=X), dense(X))
    x = fkeras.Input((4, 3))
    assert fkeras.Model(x, dense(inputs=x)).predict(X, verbose=0).shape == (2, 4, 2)
    params, state = dense.init(jax.random.key(0), inputs=X)
    assert dense.apply(params, state, inputs=X)[0].shape == (2, 4, 2)


def test_training_and_mask_by_their_places():
    assert (layers.Dropout(0.9, seed=1)(X, True) == 0).any() and not (layers.Dropout(0.9)(X, False) == 0).any()
    norm = layers.BatchNormalization()
    norm(X, True)
    assert not np.allclose(norm.moving_mean, 0)
    lstm, mask = layers.LSTM(2), jnp.array([[True, True, False, False]] * 2)
    np.testing.assert_allclose(lstm(X, None, mask), lstm(X, mask=mask))
    assert not np.allclose(lstm(X, None, mask), lstm(X))
    scores = jnp.ones((2, 4))
    np.testing.assert_allclose(layers.Softmax()(scores, mask), layers.Softmax()(scores, mask=mask))
    heads = layers.MultiHeadAttention(2, 2)
    y = heads(X, X, None, None, None, None, None, False, False, True)
    np.testing.assert_allclose(y, heads(X, X, use_causal_mask=True))
    with pytest.raises(TypeError, match="takes 1 arguments"):
        layers.Dropout(0.5)(X, True, None)
    with pytest.raises(TypeError, match="twice"):
        layers.Dropout(0.5)(X, True, training=False)


def test_an_unknown_argument_of_a_call():
    with pytest.raises(TypeError, match=r"'use_casual_mask' in its call. Did you mean 'use_causal_mask'"):
        layers.MultiHeadAttention(2, 2)(X, X, use_casual_mask=True)
    with pytest.raises(TypeError, match="It takes mask, training, x"):
        layers.Dense(2)(X, power=2)


def test_a_constructor_says_what_is_wrong():
    with pytest.raises(TypeError, match="unit"):
        layers.Dense(unit=3)
    with pytest.raises(TypeError, match="too many"):
        layers.Flatten(None, 1, 2)
    with pytest.raises(TypeError, match="multiple values"):
        layers.Dense(3, units=4)


def test_in_order_leaves_out_what_is_not_there():
    def init(self, a, b=2, *, name=None):
        self.found = a, b, name

    class Thing:
        __init__ = arguments.in_order(init, {"name": "a", "weights": "c", "other": "b"})

    assert Thing(1, "n", 3).found == (1, 3, "n")  # type: ignore[call-arg]


# --- members -----------------------------------------------------------------------------------------


def test_members_that_users_read():
    mask = jnp.array([[True] * 4, [True, True, False, False]])
    for name, inputs in {"Dense": X, "LSTM": X, "RepeatVector": X[:, 0], "Embedding": None, "Flatten": X}.items():
        sizes = {"Dense": (3,), "LSTM": (3,), "RepeatVector": (2,), "Embedding": (5, 3)}.get(name, ())
        ours, theirs = getattr(layers, name)(*sizes), getattr(keras.layers, name)(*sizes)
        if inputs is not None:
            mine, want = ours.input_spec, theirs.input_spec
            assert (mine.ndim, mine.min_ndim) == (want.ndim, want.min_ndim), name
        shape = (None, 4) if inputs is None else (None, *inputs.shape[1:])
        x = fkeras.Input(shape[1:])
        y = ours(x)
        assert ours.input is x and ours.output is y and ours.built is False
        assert ours.metrics == [] and ours.metrics_variables == [] and ours.path == ours.name
        assert ours.compute_output_shape(input_shape=shape) == theirs.compute_output_shape(shape) == y.shape
    dense = layers.Dense(2)
    dense.build((None, 3))
    assert dense.kernel.shape == (3, 2) and dense.bias.shape == (2,) and dense.built and not dense.lora_enabled
    assert layers.LSTM(3).compute_mask(X, mask) is None
    assert layers.LSTM(3, return_sequences=True).compute_mask(X, mask) is mask
    assert layers.MultiHeadAttention(2, 3).compute_output_shape((2, 4, 5), (2, 6, 7), None) == (2, 4, 5)
    assert layers.Attention().compute_output_shape([(2, 4, 5), (2, 6, 5)]) == (2, 4, 5)
    assert [type(c).__name__ for c in layers.StackedRNNCells([layers.LSTMCell(2)]).cells] == ["LSTMCell"]
    for refused in (dense.quantize, dense.quantized_call, dense.add_metric):
        with pytest.raises(NotImplementedError, match="Dense"):
            refused("int8")


def test_an_input_spec_of_a_users_layer_is_its_own():
    class Mine(layers.Layer):
        def __init__(self):
            super().__init__()
            assert self.input_spec is None
            self.input_spec = layers.InputSpec(ndim=2)

        def call(self, x):
            return x

    assert Mine().input_spec.ndim == 2
    with pytest.raises(ValueError, match="rank 2"):
        Mine()(X)
