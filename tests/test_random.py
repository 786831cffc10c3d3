"""Random numbers: Keras' numbers from its seeds, keys that work under jit, one tidy source."""

from __future__ import annotations

import random as python_random
import threading

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import config, random, stream

LOGITS = np.log(np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]], np.float32))
X = np.arange(24, dtype=np.float32).reshape(4, 6)
DRAWS = [  # name, arguments
    ("normal", ((3, 5),), {}),
    ("normal", ((2, 3, 7), 1.5, 0.3), {}),
    ("normal", (4,), {"dtype": "bfloat16", "mean": 0.1, "stddev": 0.7}),
    ("normal", ((),), {}),
    ("truncated_normal", ((3, 5), -1.0, 2.0), {}),
    ("truncated_normal", ([70000],), {"dtype": "float16"}),
    ("uniform", ((3, 5),), {}),
    ("uniform", ((257, 301), -0.123, 0.456), {}),
    ("uniform", ((0, 3),), {}),
    ("randint", ((3, 5), -4, 9), {}),
    ("randint", ((6,), 0, 256), {"dtype": "uint8"}),
    ("categorical", (LOGITS, 5), {}),
    ("categorical", (LOGITS, 2), {"dtype": "int8"}),
    ("dropout", (X, 0.3), {}),
    ("dropout", (X, 0.5, (4, 1)), {}),
    ("dropout", (X, 0.5, (None, 1)), {}),
    ("dropout", (X, 0.0), {}),
    ("dropout", (X, 1.0), {}),
    ("shuffle", (X,), {}),
    ("shuffle", (X, 1), {}),
    ("gamma", ((3, 5), 2.5), {}),
    ("gamma", ((3, 2), jnp.array([0.5, 3.0])), {}),
    ("binomial", ((3, 2), [5.0, 9.0], [0.2, 0.7]), {}),
    ("beta", ((3, 2), [0.5, 2.0], 1.5), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), DRAWS)
def test_integer_seeds_give_the_numbers_of_keras(name, args, kwargs):
    args = [jnp.asarray(a) if a is X else a for a in args]
    ours, theirs = (getattr(m, name)(*args, seed=1337, **kwargs) for m in (random, keras.random))
    assert ours.dtype == theirs.dtype
    if name == "uniform" and ours.dtype == np.float32:  # XLA may round once or twice where it scales
        chex.assert_trees_all_close(ours, theirs, rtol=1e-6, atol=1e-7)
    else:
        chex.assert_trees_all_equal(ours, theirs)


def test_generators_give_the_numbers_of_keras():
    ours, theirs = random.SeedGenerator(3), keras.random.SeedGenerator(3)
    for _ in range(3):
        chex.assert_trees_all_equal(random.normal((4,), seed=ours), keras.random.normal((4,), seed=theirs))
    for ordered in (True, False, False, True):
        chex.assert_trees_all_equal(ours.next(ordered), theirs.next(ordered))
    chex.assert_trees_all_equal(ours.state, np.asarray(theirs.state))


def test_generators_have_the_config_of_keras():
    ours, theirs = random.SeedGenerator(3, name="g"), keras.random.SeedGenerator(3, name="g")
    assert ours.get_config() == theirs.get_config()
    assert random.SeedGenerator.from_config(theirs.get_config()).next().tolist() == [3, 0]
    assert random.SeedGenerator().get_config() == {"seed": None, "name": "seed_generator"}
    assert random.SeedGenerator().state[0] != random.SeedGenerator().state[0]


@pytest.mark.parametrize("wrong", ["a", 1.5, -1, 2**32])
def test_wrong_seeds_are_refused(wrong):
    with pytest.raises(ValueError, match="seed"):
        random.SeedGenerator(wrong)
    with pytest.raises(ValueError, match="seed"):
        random.normal((2,), seed=wrong)


def test_a_generator_whose_state_is_traced_is_pure():
    generator = random.SeedGenerator(5)

    @jax.jit
    def draw(state):
        generator.state = state
        y = random.normal((3,), seed=generator)
        return y, generator.state

    expected = random.normal((3,), seed=5)
    y, state = draw(np.array([5, 0], np.uint32))
    generator.state = state
    chex.assert_trees_all_close(y, expected, rtol=1e-6)
    chex.assert_trees_all_equal(state, np.array([5, 1], np.uint32))


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["normal", "truncated_normal", "uniform"])
def test_keys_are_seeds_under_jit_and_vmap(name):
    draw = getattr(random, name)
    keys = jax.random.split(jax.random.key(1), 3)
    eager = jnp.stack([draw((5,), seed=k) for k in keys])
    chex.assert_trees_all_close(jax.jit(jax.vmap(lambda k: draw((5,), seed=k)))(keys), eager, rtol=1e-6)
    chex.assert_trees_all_equal(draw((5,), seed=jax.random.key_data(keys[0])), eager[0])


def test_parameters_may_be_traced():
    mean = jax.jit(jax.grad(lambda m: random.normal((8,), m, 2.0, seed=1).sum()))(1.0)
    span = jax.jit(jax.grad(lambda m: random.uniform((8,), 0.0, m, seed=1).sum()))(1.0)
    rate = jax.jit(lambda r: random.dropout(X, r, seed=1))(0.3)
    assert mean == 8 and span > 0
    chex.assert_trees_all_close(rate, random.dropout(X, 0.3, seed=1), rtol=1e-6)


def test_without_a_seed_each_draw_is_new_until_the_source_restarts():
    draws = [random.normal((4,)) for _ in range(3)]
    assert len({d.tobytes() for d in map(np.asarray, draws)}) == 3
    random.set_random_seed(7)
    first = [random.normal((4,)), random.uniform((4,))]
    random.set_random_seed(7)
    chex.assert_trees_all_equal(first, [random.normal((4,)), random.uniform((4,))])
    random.set_random_seed(8)
    assert not (random.normal((4,)) == first[0]).all()
    with pytest.raises(ValueError, match="set_random_seed"):
        random.set_random_seed("a")  # type: ignore[arg-type]


def test_the_source_is_apart_from_integer_seeds_and_from_global_state():
    random.set_random_seed(7)  # which seeds the generators of Python and NumPy too
    python, numpy = python_random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    assert not (random.normal((4,)) == random.normal((4,), seed=7)).any()
    random.SeedGenerator()
    assert python_random.getstate() == python and np.random.get_state()[1].tobytes() == numpy  # type: ignore[index]


def test_the_source_gives_threads_different_keys():
    words: list[tuple[int, ...]] = []

    def take():
        words.extend(tuple(random._SOURCE.words(2)) for _ in range(50))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(words)) == 200


def test_a_key_from_nowhere_is_refused_under_jit():
    with pytest.raises(ValueError, match="tracing"):
        jax.jit(lambda: random.normal((2,)))()


def test_fold_gives_each_name_its_key(key):
    folded = [random.fold(key, name) for name in ("dense", "dense_1", "kernel")]
    assert len({tuple(jax.random.key_data(k).tolist()) for k in folded}) == 3
    chex.assert_trees_all_equal(jax.jit(lambda k: random.fold(k, "dense"))(key), folded[0])


def test_seeded_counts_on_as_keras_does(key):
    generator = keras.random.SeedGenerator(9)
    state = {"seed_generator": random.seed_state(9), "other": 1}
    for _ in range(2):
        drawn, state = random.seeded(state, key)
        chex.assert_trees_all_equal(random.normal((3,), seed=drawn), keras.random.normal((3,), seed=generator))
    several, state = random.seeded(state, None, n=2)
    for k in several:
        chex.assert_trees_all_equal(random.normal((3,), seed=k), keras.random.normal((3,), seed=generator))
    assert state["seed_generator"].tolist() == [9, 4] and state["other"] == 1


def test_seeded_falls_back_on_the_key(key):
    drawn, state = random.seeded({}, key)
    assert drawn is key and state == {}
    several, _ = random.seeded({}, key, n=3)
    assert len(several) == 3
    with pytest.raises(ValueError, match="rng="):
        random.seeded({}, None)


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random.uniform((2,), dtype="int32", seed=1), "int32"),
        (lambda: random.normal((2,), dtype="int32", seed=1), "int32"),
        (lambda: random.normal((None, 2), seed=1), "unknown sizes"),
        (lambda: random.normal((2,), dtype="float64", seed=1), "jax_enable_x64"),
        (lambda: random.uniform((2,), 1.0, 0.0, seed=1), "minval <= maxval"),
        (lambda: random.randint((2,), 0, 3, dtype="float32", seed=1), "integers"),
        (lambda: random.randint((2,), 3, 3, seed=1), "minval < maxval"),
        (lambda: random.randint((2,), 0, 300, dtype="uint8", seed=1), "uint8"),
        (lambda: random.categorical([0.0, 1.0], 2, seed=1), "batch, classes"),
        (lambda: random.dropout(X, 1.5, seed=1), "rate"),
        (lambda: random.dropout(X.astype(int), 0.5, seed=1), "floats"),
        (lambda: random.dropout(X, 0.5, (3, 1), seed=1), "noise_shape"),
        (lambda: random.gamma((2,), -1.0, seed=1), "alpha"),
        (lambda: random.binomial((2,), 3, 1.5, seed=1), "probabilities"),
        (lambda: random.beta((2,), 1.0, 0.0, seed=1), "beta"),
        (lambda: random.normal((2,), seed=jnp.zeros(2)), "seed"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_dtypes_follow_floatx():
    config.set_floatx("bfloat16")
    assert random.normal((2,), seed=1).dtype == random.gamma((2,), 1.0, seed=1).dtype == jnp.bfloat16


# --- the stream -------------------------------------------------------------------------------------

SHAPES = [(1,), (3, 3, 64, 32), (stream.CHUNK,), (stream.CHUNK + 1,), (7, 13, 1009), (3, stream.CHUNK)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_draw_is_a_piece_of_the_stream(shape, dtype):
    key = jax.random.key(11)
    chex.assert_trees_all_equal(
        stream.draw(random._truncated, key, shape, dtype), np.asarray(random._truncated(key, shape, dtype))
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_numpy_draws_uniform_numbers_as_jax_does(shape):
    key = jax.random.key(12)
    drawn = stream.draw(jax.random.uniform, key, shape, "float32", -0.7, 0.1)
    expected = jax.random.uniform(key, shape, minval=-0.7, maxval=0.1)
    chex.assert_trees_all_close(drawn, np.asarray(expected), rtol=1e-6, atol=1e-7)  # XLA may round once or twice
    assert drawn.dtype == np.float32 and drawn.min() >= np.float32(-0.7) and drawn.max() < 0.1


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1])
def test_numpy_folds_keys_as_jax_does(number):
    for key in (jax.random.key(0), jax.random.key(2**40 + 5), jax.random.key(3, impl="rbg")):
        expected = jax.random.key_data(jax.random.fold_in(key, np.uint32(number)))
        compiled = jax.jit(lambda k: stream.fold(k, np.uint32(number)))(key)
        for folded in (stream.fold(key, number), compiled):
            assert jax.random.key_impl(folded) == jax.random.key_impl(key)
            chex.assert_trees_all_equal(jax.random.key_data(folded), expected)


def test_64_bit_draws():
    with jax.enable_x64(True):
        drawn = random.normal((stream.CHUNK + 5,), dtype="float64", seed=3)
        chex.assert_trees_all_equal(drawn, keras.random.normal((stream.CHUNK + 5,), dtype="float64", seed=3))
        assert drawn.dtype == jnp.float64


def test_the_stream_reaches_beyond_32_bits_of_counter():
    """Element 2**32 + i differs from element i: the high word of the counter counts."""
    words = np.array([3, 5], np.uint32)
    near, far = (jax.random.bits(stream._at(words, start), (8,)) for start in (0, 2**32))
    assert not (near == far).any()
    chex.assert_trees_all_equal(near, jax.random.bits(jax.random.wrap_key_data(words), (8,)))


def test_shapes_share_one_program():
    shapes = set()

    def sampler(key, shape, dtype):
        shapes.add(shape)
        return jax.random.normal(key, shape, dtype)

    for n in (1, 2, 3, 50000):
        stream.draw(sampler, jax.random.key(0), (n, 3), "float32")
    assert shapes == {(stream.CHUNK,)}


@pytest.mark.parametrize("make", [lambda: jax.random.key(1, impl="rbg"), lambda: jax.random.key(1)])
def test_other_streams_are_left_to_jax(make):
    with jax.threefry_partitionable(False):
        key = make()
        drawn = stream.draw(jax.random.normal, key, (5, 3), "float32")
        chex.assert_trees_all_equal(np.asarray(drawn), np.asarray(jax.random.normal(key, (5, 3))))
