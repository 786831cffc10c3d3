"""`fkeras.data.Dataset`: lazy, reproducible, and taken by `fit` and `adapt`."""

from __future__ import annotations

import math
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fkeras
from fkeras import layers
from fkeras.data import Dataset

N = np.arange(10)


def numbers(data: Any) -> list[Any]:
    return [np.asarray(e).tolist() for e in data]


def slow(n: int = 10) -> Dataset:
    """The same numbers, one by one and of unknown length."""
    return Dataset.from_generator(lambda: iter(range(n)))


@pytest.mark.parametrize("make", [lambda: Dataset.range(10), slow], ids=["examples", "stream"])
def test_chains(make):
    data = make()
    assert numbers(data) == numbers(data) == [*range(10)]
    assert numbers(data.batch(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert numbers(data.batch(4, drop_remainder=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert numbers(data.batch(4).unbatch()) == [*range(10)]
    assert numbers(data.map(lambda x: x * 2).filter(lambda x: x % 3 == 0)) == [0, 6, 12, 18]
    assert numbers(data.map(lambda x: x * 2, num_parallel_calls=3)) == [*range(0, 20, 2)]
    assert (
        numbers(data.take(3)) == [0, 1, 2]
        and numbers(data.skip(8)) == [8, 9]
        and numbers(data.take(-1)) == [*range(10)]
    )
    assert numbers(data.take(2).repeat(2)) == [0, 1, 0, 1] and numbers(data.repeat().take(12))[10:] == [0, 1]
    assert numbers(data.take(1).concatenate(data.skip(9))) == [0, 9]
    assert [(i, int(e)) for i, e in data.take(2).enumerate(5)] == [(5, 0), (6, 1)]
    assert [tuple(map(int, e)) for e in Dataset.zip(data, Dataset.range(2))] == [(0, 0), (1, 1)]
    assert numbers(data.prefetch(3).take(2)) == [0, 1] and numbers(data.prefetch(3)) == [*range(10)]
    assert data.batch(4).to_numpy().tolist() == data.to_numpy().tolist() == [*range(10)]
    assert numbers(data.shuffle(seed=1).take(0)) == []
    assert not [t for t in threading.enumerate() if "fkeras" in t.name]


def test_lengths():
    data, unknown = Dataset.range(10), slow()
    assert len(data) == 10 and len(data.batch(3)) == 4 and len(data.batch(3, True)) == 3 and len(data.repeat(3)) == 30
    assert data.repeat().cardinality() == data.repeat().batch(2).cardinality() == -1
    assert unknown.cardinality() == data.filter(bool).cardinality() == data.batch(2).unbatch().cardinality() == -2
    assert len(data.repeat().take(7)) == 7 and len(Dataset.zip(data.repeat(), data.skip(3))) == 7
    assert data.concatenate(unknown).cardinality() == -2 and data.concatenate(data.repeat()).cardinality() == -1
    with pytest.raises(TypeError, match="unknown"):
        len(unknown)
    with pytest.raises(TypeError, match="infinite"):
        len(data.repeat())
    assert bool(unknown) and repr(data.batch(2)) == "<Dataset of batches: 5>"


@pytest.mark.parametrize("make", [lambda: Dataset.range(10), slow], ids=["examples", "stream"])
@pytest.mark.parametrize("size", [None, 4, 100])
def test_shuffling(make, size):
    data = make().shuffle(size, seed=3)
    first, second = numbers(data), numbers(data)
    assert sorted(first) == sorted(second) == [*range(10)] and first != second
    assert numbers(make().shuffle(size, seed=3)) == first != [*range(10)]
    still = make().shuffle(size, seed=3, reshuffle_each_iteration=False)
    assert numbers(still) == numbers(still)
    twice = numbers(make().shuffle(size, seed=3).repeat(2))
    assert sorted(twice[:10]) == sorted(twice[10:]) == [*range(10)] and twice[:10] != twice[10:]
    if size == 4:
        assert all(e <= i + 4 for i, e in enumerate(first))
    fkeras.utils.set_random_seed(1)
    a = numbers(make().shuffle(size))
    fkeras.utils.set_random_seed(1)
    assert numbers(make().shuffle(size)) == a


def test_a_chain_is_lazy_and_a_cache_makes_once():
    made: list[int] = []
    data = Dataset.range(5).map(lambda x: made.append(int(x)) or x)
    assert not made
    next(iter(data))
    assert made == [0]
    kept = data.cache()
    assert numbers(kept.take(2)) == [0, 1] and numbers(kept) == numbers(kept) == [*range(5)]
    assert made == [0, 0, 1, *range(5)]


def test_nests():
    data = Dataset.from_tensor_slices(({"a": N, "b": N * 2.0}, [*N]))
    x, y = next(iter(data.batch(3)))
    assert x["b"].tolist() == [0, 2, 4] and y.tolist() == [0, 1, 2]
    x, y = data.batch(3).to_numpy()
    assert x["a"].shape == y.shape == (10,)
    assert numbers(data.map(lambda x, y: x["b"] - y).batch(5))[1] == [5, 6, 7, 8, 9]
    texts = Dataset.from_tensor_slices(["a", "bcd"]).batch(2)
    assert numbers(texts) == [["a", "bcd"]]


@pytest.mark.parametrize("wrong", [
    lambda: Dataset.range(3).batch(0), lambda: Dataset.range(3).take(1.5), lambda: Dataset.range(3).shuffle(0),
    lambda: Dataset.from_tensor_slices((N, N[:3])), lambda: Dataset.range(0).to_numpy(),
    lambda: Dataset.range(3).repeat().to_numpy(), lambda: Dataset.range(3).cache("file"),
])  # fmt: skip
def test_what_cannot_be(wrong):
    with pytest.raises(ValueError):
        wrong()
    with pytest.raises(TypeError, match="function"):
        Dataset.from_generator([1])  # type: ignore[arg-type]


def test_fit_and_adapt_take_it():
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (40, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    data = Dataset.from_tensor_slices((x, y))
    normalize = layers.Normalization()
    normalize.adapt(data.map(lambda x, y: x).batch(8))
    np.testing.assert_allclose(np.ravel(normalize.mean), x.mean(0), rtol=1e-5)
    model = fkeras.Sequential([layers.Input((3,)), normalize, layers.Dense(1)])
    model.compile("sgd", "mse")
    weights = model.get_weights()
    got = model.fit(data.batch(16), epochs=2, validation_data=data.batch(7), verbose=0).history
    model.set_weights(weights)
    wanted = model.fit(x, y, 16, 2, 0, shuffle=False, validation_data=(x, y), validation_batch_size=7).history
    for name, values in wanted.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5)
    endless = data.shuffle(seed=0).repeat().batch(8)
    with pytest.raises(ValueError, match="has no end"):
        model.fit(endless, verbose=0)
    assert math.isfinite(model.fit(endless, steps_per_epoch=9, epochs=2, verbose=0).history["loss"][1])


def test_windows():
    def windows(*args, **kwargs):
        return [numbers(w) for w in slow(7).window(*args, **kwargs)]

    assert windows(3) == [[0, 1, 2], [3, 4, 5], [6]]
    assert windows(3, drop_remainder=True) == [[0, 1, 2], [3, 4, 5]]
    assert windows(3, 1, drop_remainder=True) == [[i, i + 1, i + 2] for i in range(5)]
    assert windows(2, shift=4) == [[0, 1], [4, 5]] and windows(2, stride=3, shift=2) == [[0, 3], [2, 5], [4], [6]]
    for shift, size, stride, drop in ((1, 3, 2, True), (5, 2, 1, False), (2, 4, 3, True), (3, 1, 1, False)):
        data = Dataset.range(11).window(size, shift, stride, drop)
        assert len(data) == len([*data])
    pairs = Dataset.from_tensor_slices({"x": N, "y": N * 2}).window(2)
    assert numbers(next(iter(pairs))["y"]) == [0, 2]
    series = Dataset.range(6).window(4, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(4))
    x, y = series.map(lambda w: (w[:-1], w[-1])).batch(8).to_numpy()
    assert x.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]] and y.tolist() == [3, 4, 5]


def test_rarer_links():
    assert numbers(Dataset.range(7).shard(3, 1)) == [1, 4] and len(Dataset.range(7).shard(3, 0)) == 3
    assert numbers(Dataset.from_tensors(N)) == [N.tolist()]
    assert Dataset.range(5).reduce(0, lambda a, b: a + b) == 10
    assert numbers(slow().take_while(lambda x: x < 3)) == [0, 1, 2]
    assert numbers(Dataset.range(5).batch(2).rebatch(3)) == [[0, 1, 2], [3, 4]]
    assert numbers(slow(3).apply(lambda d: d.map(lambda x: -x)).with_options(None)) == [0, -1, -2]
    made = Dataset.range(1, 6).interleave(lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4)
    assert numbers(made) == [*map(int, "111122221122333344443344" + "555555")]  # as tf.data's documentation has it
    made = Dataset.range(1, 5).interleave(lambda x: Dataset.from_tensors(x).repeat(2), cycle_length=2, block_length=2)
    assert numbers(made) == [1, 1, 2, 2, 3, 3, 4, 4]
    ragged = Dataset.from_generator(lambda a: ({"x": np.ones(n), "t": np.array(["é"] * n)} for n in a), args=([1, 2],))
    batch = next(iter(ragged.padded_batch(2)))
    assert batch["x"].tolist() == [[1, 0], [1, 1]] and batch["t"].tolist() == [["é", ""], ["é", "é"]]
    for shape in ([3], 3):
        batch = next(iter(ragged.map(lambda e: e["x"]).padded_batch(2, shape, -1.0)))
        assert batch.tolist() == [[1, -1, -1], [1, 1, -1]]
    batch = next(iter(ragged.padded_batch(2, {"x": [None], "t": [4]}, {"x": -1.0, "t": "-"})))
    assert batch["x"].tolist() == [[1, -1], [1, 1]] and batch["t"].tolist()[0] == ["é", "-", "-", "-"]
    zipped = Dataset.zip(({"a": Dataset.range(2), "b": slow(2)}, slow(3)))
    assert [(int(x["a"]), int(x["b"]), int(y)) for x, y in zipped] == [(0, 0, 0), (1, 1, 1)]
    for wrong in (
        lambda: Dataset.range(3).shard(2, 2),
        lambda: Dataset.range(0).element_spec,
        lambda: [*ragged.map(lambda e: e["x"]).padded_batch(2, [1])],
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(TypeError, match="zip takes"):
        Dataset.zip(Dataset.range(2), [1])


def test_what_iterating_gives_answers_as_tensors_do():
    data = Dataset.from_tensor_slices((np.ones((4, 3), "float32"), np.arange(4), ["a", "b", "c", "d"])).batch(2)
    x, y, text = next(iter(data))
    assert type(x.numpy()) is np.ndarray and x[0].numpy().astype("uint8").shape == (3,)
    assert y[1].numpy() == 1 and ["no", "yes"][y[1]] == "yes" and {1: "one"}[y[1]] == "one" and f"{y[1]}" == "1"
    assert [int(v.numpy()) for v in y] == [0, 1] and text.numpy()[0] == "a"
    assert jax.jit(jnp.sum)(x) == 6 and type(jnp.asarray(y)) is type(jnp.zeros(1))
    assert type(next(data.as_numpy_iterator())[0]) is type(data.to_numpy()[0]) is np.ndarray
    spec = data.element_spec
    assert str(spec) == "(Spec(?, 3; float32), Spec(?; int64), Spec(?; string))"
    assert data.unbatch().element_spec[0].shape == (3,)


def test_text_in_a_chain():
    layer = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2)
    texts = Dataset.from_tensor_slices((["a b", "b", "c"], [0, 1, 0]))
    for ops_of in (lambda x: fkeras.ops.expand_dims(x, -1), lambda x: fkeras.ops.reshape(x, (-1, 1))):
        batch, _ = next(iter(texts.batch(3).map(lambda x, y, ops_of=ops_of: (layer(ops_of(x)), y))))
        assert batch.tolist() == [[2, 3], [3, 0], [1, 0]]
    assert fkeras.ops.squeeze(np.array([["a"]])).tolist() == "a"
