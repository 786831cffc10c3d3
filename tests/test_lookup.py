"""Layers with a vocabulary: values of Keras' documentation, configs equal to Keras' own."""

from __future__ import annotations

import collections
import contextlib
import copy
import math
import pickle
from types import SimpleNamespace
from unittest.mock import MagicMock

import jax
import keras
import numpy as np
import pytest
from keras.src.layers.preprocessing import index_lookup, integer_lookup, string_lookup, text_vectorization
from parity import plain

from fkeras import Input, Model, Sequential, layers

ABCD = list("abcd")
FOUR = [12, 36, 1138, 42]
WEIGHTS = [0.25, 0.75, 0.6, 0.4]
LETTERS = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
NUMBERS = np.array([[12, 1138, 42, 42], [42, 7, 36, 7]])


def both(**settings):
    """The same lookup, of strings and of numbers, with its data."""
    return [(layers.StringLookup(vocabulary=ABCD, **settings), LETTERS),
            (layers.IntegerLookup(vocabulary=FOUR, **settings), NUMBERS)]  # fmt: skip


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [[1, 3, 4, 4], [4, 0, 2, 0]]),
        ({"output_mode": "multi_hot"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "binary"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "count"}, [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
        (
            {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 7},
            [[0, 1, 0, 1, 2, 0, 0], [2, 0, 1, 0, 1, 0, 0]],
        ),
        ({"output_mode": "tf_idf", "idf_weights": WEIGHTS}, [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]]),
        ({"output_mode": "one_hot"}, np.eye(5)[[[1, 3, 4, 4], [4, 0, 2, 0]]]),
    ],
)
def test_lookups_of_the_documentation(settings, expected):
    for layer, data in both(**settings):
        np.testing.assert_allclose(layer(data), expected, rtol=1e-6)
        assert isinstance(layer(data), jax.Array)
    run = jax.jit(lambda x: layer.apply({}, {}, x)[0])
    np.testing.assert_allclose(run(NUMBERS), expected, rtol=1e-6)
    np.testing.assert_allclose(layer.call(NUMBERS), expected, rtol=1e-6)  # on the host


def test_weights_of_strangers_may_be_given():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.set_vocabulary(["[UNK]", *ABCD], idf_weights=[0.9, *WEIGHTS])
    np.testing.assert_allclose(layer(LETTERS), [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]], rtol=1e-6)


@pytest.mark.long
def test_buckets_of_strangers():
    assert layers.StringLookup(vocabulary=ABCD, num_oov_indices=2)([list("acd"), list("mzb")]).tolist() == [
        [2, 4, 5],
        [0, 1, 3],
    ]
    numbers = layers.IntegerLookup(vocabulary=FOUR, num_oov_indices=2)
    assert numbers([[12, 1138, 42], [37, 1000, 36]]).tolist() == [[2, 4, 5], [1, 0, 3]]
    hashed = layers.IntegerLookup(vocabulary=[10, 20, 30], num_oov_indices=4, oov_method="farmhash")
    x = np.array([100, 300, 700, 1100, 1700, 2000])
    assert hashed(x).tolist() == hashed.call(x).tolist() == [3, 3, 2, 2, 0, 1]
    salted = hashed.replace(salt=[1, 2])
    assert salted(x).tolist() == salted.call(x).tolist() == layers.Hashing(4, salt=[1, 2])(x).tolist()
    wide = layers.IntegerLookup(vocabulary=[2**40, 5])
    assert wide([[2**40, 5, 2**40 + 1]]).tolist() == [[1, 2, 0]]


def test_masks():
    for mode, expected in (
        ("int", [[2, 0, 1]]),
        ("count", [[1, 1, 0]]),
        ("one_hot", [[[0, 1, 0], [0, 0, 0], [1, 0, 0]]]),
    ):
        strings = layers.StringLookup(vocabulary=["a", "b"], mask_token="", output_mode=mode)
        numbers = layers.IntegerLookup(vocabulary=[1, 2], mask_token=0, output_mode=mode)
        assert strings([["a", "", "x"]]).tolist() == numbers([[1, 0, 9]]).tolist() == expected
    assert strings.get_vocabulary() == ["[UNK]", "a", "b"] and numbers.get_vocabulary() == [-1, 1, 2]
    masked = layers.StringLookup(vocabulary=["", "[UNK]", "a"], mask_token="")
    assert masked.get_vocabulary() == ["", "[UNK]", "a"] and masked.get_vocabulary(False) == ["a"]


def test_inverted():
    indices = [[1, 3, 4], [4, 0, 2]]
    assert layers.StringLookup(vocabulary=ABCD, invert=True)(indices).tolist() == [["a", "c", "d"], ["d", "[UNK]", "b"]]
    numbers = layers.IntegerLookup(vocabulary=FOUR, invert=True)
    assert numbers(indices).tolist() == numbers.call(np.array(indices)).tolist() == [[12, 1138, 42], [42, -1, 36]]
    model = Sequential([Input((3,), dtype="int32"), numbers])
    assert model.predict(np.array(indices), verbose=0).tolist() == [[12, 1138, 42], [42, -1, 36]]
    with pytest.raises(ValueError, match="makes text"):
        layers.StringLookup(vocabulary=ABCD, invert=True)(Input((3,), dtype="int32"))


# --- learned ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [lambda x: x, np.array, lambda x: iter([np.array(x[:1]), np.array(x[1:])])])
def test_adapting(source):
    strings, numbers = layers.StringLookup(), layers.IntegerLookup()
    strings.adapt(source([["a", "c", "d"], ["d", "z", "b"]]))
    assert strings.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    numbers.adapt(source([[12, 1138, 42], [42, 1000, 36]]))
    assert numbers.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    capped = layers.StringLookup(max_tokens=4, mask_token="")
    capped.adapt(source([["a", "c", ""], ["d", "c", "[UNK]"]]))
    assert capped.get_vocabulary() == ["", "[UNK]", "c", "d"] and capped.vocabulary_size() == 4
    capped.adapt(["new"])
    assert capped.get_vocabulary(False) == ["new"]


def test_learned_weights():
    data = [["a", "b", "b"], ["b", "c", "c"], ["b", "b", "d"]]
    layer = layers.StringLookup(output_mode="tf_idf", max_tokens=6, pad_to_max_tokens=True)
    layer.adapt(data)
    seen = collections.Counter(t for row in data for t in set(row))
    weights = [math.log(1 + 3 / (1 + seen[t])) for t in layer.get_vocabulary(False)]
    np.testing.assert_allclose(
        layer([["b", "c", "x", "b"]])[0], [np.mean(weights), 2 * weights[0], weights[1], 0, 0, 0], rtol=1e-6
    )
    batches = layers.StringLookup(output_mode="tf_idf")
    batches.adapt(iter([np.array(row) for row in data]))  # a flat batch is one document
    np.testing.assert_allclose(batches.words.idf, layer.words.idf[:5], rtol=1e-6)
    steps = layers.StringLookup()
    steps.adapt((np.array([w]) for w in "abc"), steps=2)
    assert steps.get_vocabulary(False) == ["b", "a"]


def test_a_model_sees_a_vocabulary_that_changes():
    layer = layers.IntegerLookup(max_tokens=5, output_mode="count", pad_to_max_tokens=True)
    model = Sequential([Input((2,), dtype="int32"), layer])
    layer.adapt([[1, 2], [1, 1]])
    assert model.predict(np.array([[1, 2]]), verbose=0).tolist() == [[0, 1, 1, 0, 0]]
    layer.adapt([[7, 8], [8, 8]])
    assert model.predict(np.array([[1, 8]]), verbose=0).tolist() == [[1, 1, 0, 0, 0]]


# --- text -----------------------------------------------------------------------------------------------


def test_text_of_the_documentation():
    layer = layers.TextVectorization(max_tokens=5000, output_sequence_length=4)
    layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    assert layer([["foo qux bar"], ["qux baz"]]).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    given = layers.TextVectorization(vocabulary=["earth", "wind", "and", "fire"])
    assert given.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]
    assert given(["earth wind and fire", "fire and earth michigan"]).tolist() == [[2, 3, 4, 5], [5, 4, 2, 1]]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({}, ["its", "ÉÇÉ", "twice"]),
        ({"standardize": None}, ["It's", "(ÉÇÉ)", "twice!"]),
        ({"standardize": "lower"}, ["it's", "(ÉÇÉ)", "twice!"]),
        ({"standardize": "strip_punctuation"}, ["Its", "ÉÇÉ", "twice"]),
        ({"standardize": np.char.upper}, ["IT'S", "(ÉÇÉ)", "TWICE!"]),
        ({"ngrams": 2}, ["its", "ÉÇÉ", "twice", "its ÉÇÉ", "ÉÇÉ twice"]),
        ({"ngrams": (3,)}, ["its ÉÇÉ twice"]),
        ({"split": None}, ["its  ÉÇÉ\ttwice"]),
        ({"split": "character", "standardize": lambda x: np.char.replace(x, "\t", "")}, list("It's  (ÉÇÉ)twice!")),
        ({"split": lambda x: [t.split("t") for t in x]}, ["i", "s  ÉÇÉ\t", "wice"]),
    ],
)
def test_tokens(settings, words):
    layer = layers.TextVectorization(**settings)
    layer.adapt(["It's  (ÉÇÉ)\ttwice!"])
    assert sorted(layer.get_vocabulary(False)) == sorted(set(words))
    assert [layer.get_vocabulary()[i] for i in layer([["It's  (ÉÇÉ)\ttwice!"]])[0]] == words
    assert layer(np.array(["It's  (ÉÇÉ)\ttwice!".encode()])).tolist() == layer(["It's  (ÉÇÉ)\ttwice!"]).tolist()


@pytest.mark.parametrize("mode, expected", [("multi_hot", [[1, 1, 1, 0]]), ("count", [[1, 2, 1, 0]]),
                                           ("tf_idf", [[0.5, 1.0, 1.0, 0]])])  # fmt: skip
def test_bags_of_words(mode, expected):
    weights = {"idf_weights": [0.5, 1.0, 0.0]} if mode == "tf_idf" else {}
    layer = layers.TextVectorization(output_mode=mode, vocabulary=["a", "b", "c"], **weights)
    np.testing.assert_allclose(layer(["a x b a", ""]), [*expected, [0] * 4])
    assert layer("a").shape == (4,)
    padded = layers.TextVectorization(5, output_mode="count", pad_to_max_tokens=True)
    padded.adapt(["a b b"])
    assert padded(["b a", "c"]).tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 0]]
    assert layers.TextVectorization(output_sequence_length=2, vocabulary=["a"])(["a a a", ""]).tolist() == [
        [2, 2],
        [0, 0],
    ]


def test_a_model_from_text_to_score():
    texts = np.array(["good great fine", "bad awful", "great good", "awful bad bad"] * 8)
    labels = np.array([1, 0, 1, 0] * 8)
    read = layers.TextVectorization(output_sequence_length=4)
    read.adapt(texts)
    model = Sequential([Input((1,), dtype="string"), read, layers.Embedding(read.vocabulary_size(), 4, mask_zero=True),
                        layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")])  # fmt: skip
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    first, *_, last = model.fit(texts, labels, epochs=20, verbose=0, validation_split=0.25).history["loss"]
    assert last < first
    np.testing.assert_allclose(model.predict(texts[:2], verbose=0), model(texts[:2, None]), rtol=1e-5)
    loose = Sequential([layers.TextVectorization(vocabulary=["a"], output_mode="count"), layers.Dense(2)])
    assert loose(["a b", "b", "c"]).shape == (3, 2) and loose.predict(["a"], verbose=0).shape == (1, 2)

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.read, self.dense = layers.TextVectorization(vocabulary=["a"], output_mode="count"), layers.Dense(2)

        def call(self, x):
            return self.dense(self.read(x))

    assert Own()(np.array(["a", "b"])).shape == (2, 2)


def test_shapes_are_told_and_pairs_are_pure():
    read = layers.TextVectorization(vocabulary=["a"], output_sequence_length=3, input_shape=(1,))
    assert read.compute_output_shape((None, 1)) == (None, 3) and read.compute_dtype == "string"
    assert layers.StringLookup(vocabulary=["a"], output_mode="count").compute_output_shape((4, 2)) == (4, 2)
    assert layers.IntegerLookup(vocabulary=[7], output_mode="one_hot").compute_output_shape((4, 1)) == (4, 2)
    assert layers.Hashing(5, output_mode="count").compute_output_shape((None, 3)) == (None, 5)
    model = Sequential([read, layers.Embedding(3, 2), layers.Flatten()])
    assert model.output_shape == (None, 6)
    params, state = model.init(jax.random.key(0), np.array(["a"]))
    run = jax.jit(lambda params: model.apply(params, state, np.array(["a a", "b"]))[0])
    np.testing.assert_allclose(run(params)[0, :2], params["embedding"]["embeddings"][2], rtol=1e-6)
    jax.grad(lambda params: run(params).sum())(params)


# --- settings --------------------------------------------------------------------------------------------


class Hashes:
    """As much of TensorFlow's tables as Keras needs to make a config."""

    def __init__(self, initializer=None, default=None, **kwargs):
        self.keys = getattr(initializer, "keys", ())

    def size(self):
        return SimpleNamespace(numpy=lambda: len(self.keys))


class Pairs:
    def __init__(self, keys=(), *rest):
        self.keys = keys


def dtype(name):
    return SimpleNamespace(name=str(name), is_integer="int" in str(name), max=2**63 - 1)


@pytest.fixture
def tables(monkeypatch):
    lookup = SimpleNamespace(StaticHashTable=Hashes, KeyValueTensorInitializer=Pairs, experimental=MagicMock())
    stub = SimpleNamespace(available=True, as_dtype=dtype, lookup=lookup, init_scope=contextlib.nullcontext,
                           convert_to_tensor=MagicMock(), executing_eagerly=lambda: True, is_tensor=lambda x: False,
                           Variable=MagicMock(), size=len, range=lambda a, b, dtype=None: list(range(a, b)),
                           Tensor=MagicMock)  # fmt: skip
    for module in (index_lookup, integer_lookup, string_lookup, text_vectorization):
        monkeypatch.setattr(module, "tf", stub)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("StringLookup", {}),
        (
            "StringLookup",
            {"vocabulary": ABCD, "num_oov_indices": 3, "salt": 5, "mask_token": "", "encoding": "latin-1"},
        ),
        (
            "StringLookup",
            {"vocabulary": np.array(ABCD), "output_mode": "tf-idf", "idf_weights": WEIGHTS, "max_tokens": 9},
        ),
        ("IntegerLookup", {"max_tokens": 9, "output_mode": "count", "pad_to_max_tokens": True, "mask_token": 0}),
        ("IntegerLookup", {"vocabulary": FOUR, "invert": True, "oov_token": -9}),
        ("IntegerLookup", {"vocabulary": FOUR, "oov_method": "farmhash", "salt": [1, 2], "num_oov_indices": 2}),
        ("TextVectorization", {}),
        (
            "TextVectorization",
            {"vocabulary": ABCD, "ngrams": (1, 3), "split": "character", "output_sequence_length": 7},
        ),
        (
            "TextVectorization",
            {"max_tokens": 9, "standardize": None, "output_mode": "binary", "pad_to_max_tokens": True},
        ),
    ],
)
def test_configs_are_those_of_keras(name, settings, tables):
    ours, theirs = getattr(layers, name)(**settings), getattr(keras.layers, name)(**settings)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    for config in (ours.get_config(), theirs.get_config()):
        again = type(ours).from_config(config)
        assert plain(again.get_config()) == plain(ours.get_config())
        assert again.get_vocabulary() == ours.get_vocabulary()
    assert plain(type(theirs).from_config(ours.get_config()).get_config()) == plain(theirs.get_config())


def test_files(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b", "c"] and layer.get_config()["vocabulary"] is None
    with pytest.raises(ValueError, match="names a vocabulary file"):
        layers.StringLookup.from_config({"vocabulary": str(path)})
    for one in (layers.StringLookup(), layers.IntegerLookup(output_mode="tf_idf"), layers.TextVectorization()):
        one.adapt([[3, 4], [4, 5]] if isinstance(one, layers.IntegerLookup) else ["é b", "b"])
        one.save_assets(tmp_path)
        store = {}
        one.save_own_variables(store)
        again = type(one).from_config(one.get_config())
        again.load_own_variables(store)
        again.load_assets(tmp_path)
        assert again.get_vocabulary() == one.get_vocabulary() and again.get_config() == one.get_config()
        np.testing.assert_array_equal(again.words.idf, one.words.idf)
        for twin in (copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one.replace()):
            assert twin.get_vocabulary() == one.get_vocabulary()


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"max_tokens": 1}, "greater than 1"),
        ({"num_oov_indices": -1}, "0 or more"),
        ({"pad_to_max_tokens": True}, "max_tokens"),
        ({"output_mode": "ragged"}, "one of"),
        ({"invert": True, "output_mode": "count"}, "invert"),
        ({"sparse": True, "output_mode": "count"}, "sparse"),
        ({"idf_weights": WEIGHTS}, "idf_weights"),
        ({"vocabulary": ABCD, "output_mode": "tf_idf"}, "idf_weights"),
        ({"vocabulary": ["a", "b", "a"]}, "more than once"),
        ({"vocabulary": ["a", "", "b"], "mask_token": ""}, "reserved"),
        ({"vocabulary": ["a", "[UNK]"], "invert": True}, "reserved"),
        ({"vocabulary": ABCD, "max_tokens": 3}, "max_tokens is 3"),
        ({"vocabulary": []}, "empty"),
        ({"vocabulary": [1, 2]}, "strings"),
        ({"vocabulary": "/nowhere"}, "no vocabulary file"),
        ({"salt": "a"}, "salt"),
    ],
)
def test_refused_settings(settings, said):
    with pytest.raises(ValueError, match=said):
        layers.StringLookup(**settings)


def test_refused_inputs():
    strict = layers.StringLookup(vocabulary=ABCD, num_oov_indices=0)
    assert strict(["d", "a"]).tolist() == [3, 0]
    with pytest.raises(ValueError, match="'y', 'z' not in the vocabulary"):
        strict(["a", "z", "y"])
    with pytest.raises(ValueError, match="7 not in the vocabulary"):
        layers.IntegerLookup(vocabulary=FOUR, num_oov_indices=0)(NUMBERS)
    with pytest.raises(TypeError, match="reads text"):
        strict(NUMBERS)
    with pytest.raises(TypeError, match="position 1"):
        strict(np.array(["a", None], object))
    with pytest.raises(ValueError, match="made with a vocabulary"):
        strict.adapt(["a"])
    with pytest.raises(RuntimeError, match="adapt"):
        layers.StringLookup(output_mode="count")(["a"])
    for name, x in (("StringLookup", ["a"]), ("TextVectorization", ["a"]), ("IntegerLookup", [1])):
        layer = getattr(layers, name)()
        with pytest.raises(RuntimeError, match="no vocabulary yet"):
            layer(np.array(x))
        model = Sequential([layers.Input((1,), dtype="int64" if x == [1] else "string"), layer])
        with pytest.raises(RuntimeError, match="no vocabulary yet"):
            model.predict(np.array([x]), verbose=0)
    with pytest.raises(TypeError, match="got text"):
        layers.IntegerLookup(vocabulary=FOUR)(["1"])
    with pytest.raises(TypeError, match="whole numbers"):
        layers.IntegerLookup().adapt([1.0, 2.5])
    with pytest.raises(AttributeError, match=r"np\.strings\.lower"):
        layers.TextVectorization(standardize=lambda text: text.lower()).adapt(["A"])
    with pytest.raises(TypeError, match=r"right behind an Input"):
        jax.jit(lambda x: layers.StringLookup(vocabulary=ABCD, invert=True).apply({}, {}, x)[0])(np.array([1]))
    wrong = (
        {"ragged": True},
        {"split": "words"},
        {"standardize": "upper"},
        {"ngrams": 0},
        {"output_sequence_length": 0},
    )
    for settings in (*wrong, {"output_mode": "count", "output_sequence_length": 3}):
        with pytest.raises(ValueError, match="TextVectorization"):
            layers.TextVectorization(**settings)
    with pytest.raises(ValueError, match="splits text of shape"):
        layers.TextVectorization(vocabulary=["a"])([["a", "b"]])


def test_strings_that_are_tokens_keep_their_shape():
    layer = layers.TextVectorization(vocabulary=["a", "b"], split=None)
    assert layer(["a", "b", "c"]).tolist() == [2, 3, 1] and layer("b").tolist() == 3
    assert layer([["a", "b"]]).tolist() == [[2, 3]]
    assert layers.TextVectorization(vocabulary=["a"])(np.array([], object)).shape == (0, 0)
    numbers = layers.IntegerLookup()
    numbers.adapt(np.array([1.0, 3.0, 3.0]))  # as a table has them, where some rows are empty
    assert numbers.get_vocabulary() == [-1, 3, 1]
