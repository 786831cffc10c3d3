"""`fkeras.data.Dataset`: lazy, reproducible, and taken by `fit` and `adapt`."""

from __future__ import annotations

import math
import threading
from typing import Any

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
    lambda: Dataset.range(3).repeat().to_numpy(),
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
