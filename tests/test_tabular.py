"""Layers for tables: numbers equal to Keras', hashes equal to TensorFlow's."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import keras
import numpy as np
import pytest
from keras.src.layers.preprocessing import discretization, normalization
from parity import compare, compare_configs

from fkeras import Input, Model, Sequential, layers
from fkeras.layers.preprocessing.fingerprints import hash_strings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype("float32")
IDS = RNG.integers(0, 5, (6, 3)).astype("int32")


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    """Keras asks whether data is a tensor of TensorFlow, which is not there to ask."""
    stub = SimpleNamespace(data=SimpleNamespace(Dataset=type("Dataset", (), {})), is_tensor=lambda x: False)
    for module in (normalization, discretization):
        monkeypatch.setattr(module, "tf", stub)


# --- hashes -------------------------------------------------------------------------------------------

FARM = {  # length of the text -> FarmHash64, by Google's own code
    0: 11160318154034397263, 1: 1366698271136253306, 3: 9622071900453499901, 4: 17648915545525335717,
    7: 18103137151329643399, 8: 5102859526078303239, 16: 4320848957565769301, 17: 14385391840113208765,
    32: 13139644296358924898, 33: 17464935208016327638, 64: 10142713867129616544, 65: 8330986144681106620,
    128: 6548702730867532314, 129: 18093668623211604690, 300: 12592192079144456656,
}  # fmt: skip
SIP = {0: 0x726FDB47DD0E0E31, 1: 0x74F839C593DC67FD, 15: 0xA129CA6149BE45E5}  # of the paper: key 00..0f, text 00..


def test_farmhash():
    text = ("The quick brown fox jumps over the lazy dog. " * 8).encode()
    assert hash_strings([text[:n] for n in FARM]).tolist() == list(FARM.values())


def test_siphash():
    key = [int(k) for k in np.frombuffer(bytes(range(16)), "<u8")]
    assert hash_strings([bytes(range(n)) for n in SIP], key).tolist() == list(SIP.values())


LETTERS, NAMES = list("ABCDE"), ["omar", "stringer", "marlo", "wire", "skywalker"]


@pytest.mark.parametrize(
    "settings, x, bins",
    [
        ({"num_bins": 3}, LETTERS, [1, 0, 1, 1, 2]),
        ({"num_bins": 3, "mask_value": ""}, ["A", "B", "", "C", "D"], [1, 1, 0, 2, 2]),
        ({"num_bins": 3, "salt": [133, 137]}, LETTERS, [1, 2, 1, 0, 2]),
        ({"num_bins": 3, "salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
        ({"num_bins": 1}, LETTERS, [0] * 5),
        ({"num_bins": 2}, NAMES, [0, 0, 1, 0, 0]),
        ({"num_bins": 3, "mask_value": "omar"}, NAMES, [0, 1, 2, 1, 1]),
        ({"num_bins": 2, "salt": [133, 137]}, NAMES, [0, 1, 0, 1, 0]),
        ({"num_bins": 2, "salt": (211, 137)}, NAMES, [1, 0, 1, 0, 1]),
        ({"num_bins": 3}, range(5), [1, 0, 1, 0, 2]),
        ({"num_bins": 3, "salt": [133, 137]}, range(5), [1, 1, 2, 0, 1]),
        ({"num_bins": 3, "output_mode": "count"}, range(5), [2.0, 2.0, 1.0]),
        ({"num_bins": 3, "output_mode": "multi_hot"}, range(5), [1.0, 1.0, 1.0]),
    ],
)
def test_bins_are_those_of_keras(settings, x, bins):
    layer = layers.Hashing(**settings)
    y = layer(np.array(x))
    assert y.tolist() == bins and isinstance(y, jax.Array)
    if not isinstance(x, range):
        assert layer([[t] for t in x]).tolist() == [[b] for b in bins]
        assert layer(np.array(x, "S").astype(object)).tolist() == bins


@pytest.mark.parametrize("settings", [{}, pytest.param({"salt": 5}, marks=pytest.mark.long), {"mask_value": 7}])
def test_whole_numbers_hash_alike_on_the_host_and_compiled(settings):
    layer = layers.Hashing(999983, **settings)
    x = RNG.integers(-(2**31), 2**31, 300).astype("int32") // 10 ** RNG.integers(0, 9, 300).astype("int32")
    x = np.r_[x, 0, -1, 7, 2**31 - 1, -(2**31)].astype("int32")
    run = jax.jit(lambda v: layer.apply({}, {}, v)[0])
    reader = layers.Hashing(999983, **{k: str(v) if k == "mask_value" else v for k, v in settings.items()})
    text = reader(x.astype(str))
    np.testing.assert_array_equal(run(x), text)
    np.testing.assert_array_equal(jax.vmap(lambda v: layer.apply({}, {}, v)[0])(x), text)
    wide = np.array([2**40, -(2**50)])
    np.testing.assert_array_equal(layer(wide), reader(wide.astype(str)))


def test_crossing():
    one, two = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    assert layers.HashedCrossing(5)((one, two)).tolist() == [1, 4, 1, 1, 3]
    assert layers.HashedCrossing(5, "one_hot")([one[:, None], two[:, None]]).argmax(-1).tolist() == [1, 4, 1, 1, 3]
    assert layers.HashedCrossing(10)([np.array("A"), np.array(101)]).tolist() == 1
    numbers = layers.HashedCrossing(50021)
    compiled = jax.jit(lambda a: numbers.apply({}, {}, [a, -a])[0])(two.astype("int32"))
    assert compiled.tolist() == numbers([two + 2**40 * 0, -two]).tolist() == numbers.call([two, -two]).tolist()
    for wrong, said in (((one, two[:3]), "one shape"), ((one,), "two inputs"), ((one, two / 2), "whole numbers")):
        with pytest.raises(ValueError, match=said):
            numbers(wrong)


def test_refused_hashing():
    for settings in ({"salt": "a"}, {"salt": [1]}, {"sparse": True}, {"output_mode": "tf_idf"}, {"dtype": "float32"}):
        with pytest.raises(ValueError, match="Hashing"):
            layers.Hashing(2, **settings)
    with pytest.raises(ValueError, match="num_bins"):
        layers.Hashing(0)
    with pytest.raises(TypeError, match="position 1"):
        layers.Hashing(3)(np.array(["a", None], object))


# --- numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"mean": 3.0, "variance": 2.0},
        {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 0.0, 4.0, 9.0], "invert": True},
        {"axis": None, "mean": 1.0, "variance": 0.5},
        {"axis": (0, 1), "mean": [[1.0] * 4] * 6, "variance": [[2.0] * 4] * 6},
        {"axis": [1], "mean": 1.0, "variance": 0.5, "invert": True, "dtype": "bfloat16"},
    ],
)
def test_normalization(settings):
    unknown = () if settings.get("axis") == (0, 1) else (0,)
    rtol = 1e-2 if "dtype" in settings else 1e-5
    compare(lambda k: k.Normalization(**settings), X, unknown=(unknown,), rtol=rtol)


@pytest.mark.parametrize("axis", [-1, None, 0, (0, 2), (1, -1)])
@pytest.mark.parametrize("source", [lambda x: x, lambda x: [x[:2], x[2:4]], lambda x: iter([(x[:2], 0), (x[2:4], 1)])])
def test_adapting_normalization(axis, source):
    x = RNG.normal(3.0, 2.0, (4, 3, 5)).astype("float32")
    if axis in (0, (0, 2)) and not isinstance(source(x), np.ndarray):
        return  # batches have no axis 0 of their own
    ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
    compare_configs(ours, theirs)
    ours.adapt(source(x))
    theirs.adapt(source(x))
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    for mine, its in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-4)
    np.testing.assert_allclose(ours.mean, np.asarray(theirs.mean), rtol=1e-4)


def test_normalization_in_a_model_is_compiled_and_keeps_what_it_measured():
    layer = layers.Normalization()
    layer.adapt(X)
    model = Sequential([Input((4,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    np.testing.assert_allclose(layer.mean[0], X.mean(0), rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda x: layer.apply(*layer.values, x)[0])(X).std(0), 1, rtol=1e-5)
    gradient = jax.grad(lambda x: layer.apply(*layer.values, x)[0].sum())(X)
    np.testing.assert_allclose(gradient, np.broadcast_to(1 / X.std(0), X.shape), rtol=1e-4)


def test_refused_normalization():
    with pytest.raises(ValueError, match="together"):
        layers.Normalization(mean=1.0)
    with pytest.raises(ValueError, match="one shape"):
        layers.Normalization(mean=[1.0], variance=[1.0, 2.0])
    with pytest.raises(ValueError, match="axes"):
        layers.Normalization(mean=[[1.0]], variance=[[1.0]])
    layer = layers.Normalization()
    layer.adapt(X)
    with pytest.raises(ValueError, match="built for"):
        layer.adapt(X[:, :2])
    with pytest.raises(ValueError, match="no batches"):
        layers.Normalization().adapt([])
    with pytest.raises(TypeError, match="numbers"):
        layers.Normalization().adapt(np.array(["a"]))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("x", [X, X[:, :1], X[:, 0]])
def test_discretization(mode, x):
    compare(lambda k: k.Discretization([-0.5, 0.1, 1.0], output_mode=mode), x, unknown=(), gradients=False)


@pytest.mark.parametrize("bins, epsilon", [(4, 0.01), (10, 0.1), (1, 0.01)])
def test_adapting_discretization(bins, epsilon):
    x = RNG.normal(size=(500, 3)).astype("float32")
    for source in (x, [x[:100], x[100:]]):
        ours, theirs = (k.Discretization(num_bins=bins, epsilon=epsilon) for k in (layers, keras.layers))
        ours.adapt(source)
        theirs.adapt(source)
        np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
        if bins > 1:
            np.testing.assert_array_equal(ours(x), theirs(x))
        again = layers.Discretization.from_config(ours.get_config())
        assert (
            again.get_config() == {**theirs.get_config(), "name": again.name}
            and again.bin_boundaries == ours.bin_boundaries
        )


def test_refused_discretization():
    for settings in ({}, {"num_bins": 3, "bin_boundaries": [1.0]}, {"num_bins": -1}, {"num_bins": 2, "sparse": True},
                     {"bin_boundaries": [2.0, 1.0]}, {"num_bins": 2, "output_mode": "a"}):  # fmt: skip
        with pytest.raises(ValueError, match="Discretization"):
            layers.Discretization(**settings)
    with pytest.raises(ValueError, match="adapt"):
        layers.Discretization(num_bins=3)(X)
    with pytest.raises(ValueError, match="given its boundaries"):
        layers.Discretization([1.0]).adapt(X)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count", "binary"])
@pytest.mark.parametrize("x", [IDS, IDS[:, :1], IDS[:, 0]])
def test_category_encoding(mode, x):
    compare(lambda k: k.CategoryEncoding(5, output_mode=mode), x, unknown=(), gradients=False)


def test_category_weights_and_refusals():
    weights = np.array([[0.1, 0.2], [0.1, 0.1]], "float32")
    ours, theirs = (
        k.CategoryEncoding(4, "count")([[0, 1], [0, 0]], count_weights=weights) for k in (layers, keras.layers)
    )
    np.testing.assert_allclose(ours, theirs)
    with pytest.raises(ValueError, match=r"from 0 to 3; got 4 at position \(0, 1\)"):
        layers.CategoryEncoding(4)([[0, 4]])
    with pytest.raises(ValueError, match="count_weights"):
        layers.CategoryEncoding(4)([[0, 1]], count_weights=weights[:1])
    with pytest.raises(ValueError, match="num_tokens"):
        layers.CategoryEncoding()


# --- text in models ---------------------------------------------------------------------------------------


def test_text_is_read_on_the_way_into_a_model():
    words = np.array(["a", "b", "c", "a"])
    chain = Sequential([Input((1,), dtype="string"), layers.Hashing(10), layers.Embedding(10, 4), layers.Flatten()])
    by_hand = chain.layers[1](layers.Hashing(10)(words))
    for x in (words, words[:, None], list(words), [[w] for w in words], words.astype(object)):
        np.testing.assert_allclose(chain.predict(x, verbose=0), by_hand, rtol=1e-6)
        np.testing.assert_allclose(chain(x), by_hand, rtol=1e-6)
    text, number, z = Input((1,), dtype="string", name="t"), Input((1,), dtype="int32", name="n"), Input((2,), name="z")
    crossed = layers.HashedCrossing(7, "one_hot")([text, number])
    model = Model({"t": text, "n": number, "z": z}, layers.Dense(1)(layers.concatenate([crossed, z, chain(text)])))
    assert model.output_shape == (None, 1)
    data = {"t": words, "n": np.arange(4), "z": np.ones((4, 2), "float32")}
    model.compile("sgd", "mse")
    before = model.evaluate(data, np.ones(4), verbose=0)
    model.fit(data, np.ones(4), epochs=5, verbose=0, validation_split=0.25)
    assert model.evaluate(data, np.ones(4), verbose=0) < before
    features = np.concatenate([layers.HashedCrossing(7, "one_hot")([words, data["n"]]), data["z"], chain(words)], -1)
    np.testing.assert_allclose(model.predict(data, verbose=0), model.layers[-1](features), rtol=1e-5)


def test_text_where_it_cannot_be():
    text = Input((1,), dtype="string")
    with pytest.raises(TypeError, match=r"Dense.*computes with numbers"):
        layers.Dense(2)(text)
    with pytest.raises(ValueError, match="shape"):
        Sequential([Input((2,), dtype="string"), layers.Hashing(3)]).predict(np.array([["a"]]), verbose=0)
    with pytest.raises(TypeError, match="right behind"):
        jax.jit(lambda x: layers.HashedCrossing(3).apply({}, {}, (x, np.array(["a"])))[0])(np.array([1]))
