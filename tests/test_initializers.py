"""Initializers against Keras: the same numbers from the same seed, configs both ways, refusals."""

from __future__ import annotations

import json

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import initializers, random

SCALED = "GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal".split()
DRAWN = [  # class, settings
    *((name, {}) for name in SCALED),
    ("GlorotUniform", {"input_axes": [0, 1], "output_axes": [2]}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.3}),
    ("RandomNormal", {}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 2.0}),
    ("TruncatedNormal", {}),
    ("RandomUniform", {"minval": -0.3, "maxval": 0.7}),
    ("RandomUniform", {}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 0.5, "mode": "fan_avg", "distribution": "UNTRUNCATED_normal"}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", {"distribution": "normal", "input_axes": [1], "output_axes": [0, 2]}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 1.7}),
]
DRAWS = {name for name, _ in DRAWN}
GIVEN = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {}),
    ("Constant", {"value": 0.3}),
    ("Constant", {"value": [1.0, 2.0, 3.0]}),
    ("Constant", {"value": np.arange(3.0)}),
    ("Identity", {}),
    ("Identity", {"gain": 0.3}),
    ("STFT", {}),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}),
    ("STFT", {"window": None, "scaling": None}),
    ("STFT", {"window": [0.5, 1.0, 0.5, 0.25, 0.125], "scaling": "density"}),
]


def both(name, settings):
    return getattr(initializers, name)(**settings), getattr(keras.initializers, name)(**settings)


@pytest.mark.parametrize(("name", "settings"), DRAWN)
def test_a_seed_gives_the_numbers_of_keras(name, settings):
    ours, theirs = both(name, {**settings, "seed": 1337})
    shapes = [(3, 4, 5)] if "input_axes" in settings else [(3, 3, 4, 8), (9, 2)]
    for shape in [*shapes, *([] if name == "Orthogonal" or "input_axes" in settings else [()])]:
        if "Uniform" in name or settings.get("distribution") == "uniform":  # XLA may round once or twice
            chex.assert_trees_all_close(ours(shape), theirs(shape), rtol=1e-6, atol=1e-7)
        else:
            chex.assert_trees_all_equal(ours(shape), theirs(shape))
    chex.assert_trees_all_equal(ours(shapes[0]), ours(shapes[0], rng=jax.random.key(3)))
    if name != "Orthogonal":
        chex.assert_trees_all_equal(ours(shapes[0], "bfloat16"), theirs(shapes[0], "bfloat16"))


@pytest.mark.parametrize(("name", "settings"), GIVEN)
def test_given_values_are_those_of_keras(name, settings):
    ours, theirs = both(name, settings)
    shape = {"STFT": (5, 1, 9), "Identity": (4, 3)}.get(name, (2, 3))
    chex.assert_trees_all_close(ours(shape), theirs(shape), atol=1e-6)
    for dtype in ("bfloat16",) if name == "STFT" else ("float16", "int32"):
        assert ours(shape, dtype).dtype == dtype
    chex.assert_trees_all_close(jax.jit(lambda: ours(shape))(), ours(shape), rtol=1e-6)


@pytest.mark.parametrize(("name", "settings"), [*DRAWN, *GIVEN])
def test_configs_go_both_ways(name, settings):
    ours, theirs = both(name, {**settings, "seed": 7} if name in DRAWS else settings)
    if settings == {"gain": 0.3}:  # Keras forgets this one, but reads it
        assert keras.initializers.get(initializers.serialize(ours)).gain == 0.3
        return
    chex.assert_trees_all_equal(ours.get_config(), theirs.get_config())
    chex.assert_trees_all_equal(initializers.serialize(ours), keras.initializers.serialize(theirs))
    config = json.loads(json.dumps(keras.initializers.serialize(theirs)))
    chex.assert_trees_all_equal(initializers.get(config).get_config(), ours.get_config())
    config = json.loads(json.dumps(initializers.serialize(ours)))
    chex.assert_trees_all_equal(keras.initializers.get(config).get_config(), theirs.get_config())
    chex.assert_trees_all_equal(ours.clone().get_config(), ours.get_config())


def test_every_name_of_keras_is_known():
    table = keras.src.initializers.ALL_OBJECTS_DICT  # type: ignore[attr-defined]
    assert set(table) <= set(initializers.KIND.table)
    for name, cls in table.items():
        assert type(initializers.get(name)).__name__ == cls.__name__
    for name in dir(keras.initializers):
        if not name.startswith("_"):
            assert hasattr(initializers, name), name
    assert initializers.get(None) is None


# --- keys and seeds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SCALED, "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"])
def test_keys_give_the_same_numbers_inside_jit_and_vmap(name):
    f = getattr(initializers, name)()
    keys = jax.random.split(jax.random.key(1), 2)
    eager = jnp.stack([f((6, 4), rng=k) for k in keys])
    traced = jax.jit(jax.vmap(lambda k: f((6, 4), rng=k)))(keys)
    chex.assert_trees_all_close(traced, eager, atol=1e-5 if name == "Orthogonal" else 1e-7, rtol=1e-6)
    assert not (eager[0] == eager[1]).any()
    assert jax.eval_shape(lambda k: f((6, 4), rng=k), keys[0]) == jax.ShapeDtypeStruct((6, 4), jnp.float32)


def test_without_seed_and_key_each_call_draws_anew():
    f = initializers.GlorotUniform()
    random.set_random_seed(1)
    first, second = f((3, 4)), f((3, 4))
    assert not (first == second).any()
    random.set_random_seed(1)
    chex.assert_trees_all_equal(f((3, 4)), first)
    with pytest.raises(ValueError, match="rng=key"):
        jax.jit(lambda: f((3, 4)))()


def test_a_seed_generator_is_a_seed():
    ours = initializers.GlorotUniform(seed=random.SeedGenerator(4, name="g"))
    theirs = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(4, name="g"))
    for _ in range(2):
        chex.assert_trees_all_close(ours((3, 4)), theirs((3, 4)), rtol=1e-6, atol=1e-7)
    assert initializers.serialize(ours) == keras.initializers.serialize(theirs)
    read = initializers.get(keras.initializers.serialize(theirs))
    chex.assert_trees_all_equal(read((3, 4)), initializers.GlorotUniform(seed=4)((3, 4)))


def test_orthogonal_in_16_bits_is_computed_in_32():
    q = np.asarray(initializers.Orthogonal(seed=1)((8, 3), "bfloat16"), np.float32)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=2e-2)


def test_64_bits():
    with pytest.raises(ValueError, match="jax_enable_x64"):
        initializers.Zeros()((2,), "float64")
    with jax.enable_x64(True):
        for name in ("HeNormal", "Orthogonal"):
            ours, theirs = both(name, {"seed": 3})
            chex.assert_trees_all_equal(ours((5, 3), "float64"), theirs((5, 3), "float64"))


# --- fill ----------------------------------------------------------------------------------------------


class Old(initializers.Initializer):
    """In the style of Keras: an `__init__`, and no `rng`."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        return jnp.full(shape, self.value, dtype)


FUNCTIONS = [
    Old(2.0),
    keras.initializers.Constant(2.0),
    np.full((2, 3), 2.0),
    jnp.full((2, 3), 2.0),
    initializers.Constant,
    lambda shape, dtype=None: np.full(shape, 2.0, dtype),
    lambda shape, dtype: jnp.full(shape, 2.0),
    lambda shape: np.full(shape, 2),
    lambda *args, **kwargs: np.full(args[0], 2, kwargs["dtype"]),
    lambda key, shape, dtype=jnp.float32: jnp.full(shape, 2.0, dtype) + 0 * jax.random.normal(key, shape),
    lambda k, s, d: jnp.full(s, 2.0, d) + 0 * jax.random.normal(k, s),
    jax.nn.initializers.constant(2.0),
]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_fill_takes_functions_of_every_style(f, dtype, key):
    filled = initializers.fill(f, key, (2, 3), dtype)
    assert filled.dtype == dtype and isinstance(filled, jax.Array)
    np.testing.assert_array_equal(np.asarray(filled, np.float32), 0.0 if f is initializers.Constant else 2.0)


def test_fill_passes_the_key_on(key):
    expected = jax.nn.initializers.he_normal()(key, (4, 3))
    chex.assert_trees_all_equal(initializers.fill(jax.nn.initializers.he_normal(), key, (4, 3)), expected)
    chex.assert_trees_all_equal(initializers.fill("he_normal", key, (4, 3)), initializers.HeNormal()((4, 3), rng=key))
    drawn = initializers.fill(jax.nn.initializers.he_normal(), None, (4, 3))
    assert not (drawn == expected).any()


def test_old_subclasses_keep_their_config():
    assert Old(2.0).get_config() == {"value": 2.0}
    assert initializers.deserialize(initializers.serialize(Old(3.0)))((1,)).tolist() == [3.0]


def test_values_of_another_shape_are_refused(key):
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        initializers.fill(np.zeros((2, 3)), key, (3, 2))
    with pytest.raises(ValueError, match=r"\(5,\)"):
        initializers.fill(lambda shape: np.zeros(5), key, (3, 2))
    with pytest.raises(ValueError, match="broadcast"):
        initializers.Constant([1.0, 2.0])((3,))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i: i.VarianceScaling(scale=0.0), "scale"),
        (lambda i: i.VarianceScaling(mode="fan"), "mode"),
        (lambda i: i.VarianceScaling(distribution="gauss"), "distribution"),
        (lambda i: i.GlorotUniform(seed=1.5), "seed"),
        (lambda i: i.GlorotUniform(seed="a"), "seed"),
        (lambda i: i.STFT(side="left"), "side"),
        (lambda i: i.STFT(scaling="none"), "[sS]caling"),
        (lambda i: i.STFT(window="nope"), "nope"),
        (lambda i: i.Identity()((2, 2, 2)), "2, 2, 2"),
        (lambda i: i.Orthogonal()((2,)), "dimension"),
        (lambda i: i.get("gloro"), "gloro"),
        (lambda i: i.get(3), "3"),
        (lambda i: i.get(np.zeros(2))((3,)), "shape"),
    ],
)
def test_what_keras_refuses_is_refused(call, words):
    for module in (initializers, keras.initializers):
        with pytest.raises(ValueError, match=words):
            call(module)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: initializers.RandomNormal(stddev=float("nan")), "stddev"),
        (lambda: initializers.RandomUniform(1.0, 0.0), "minval"),
        (lambda: initializers.GlorotUniform(input_axes=[0]), "output_axes"),
        (lambda: initializers.HeNormal(seed=-1), "seed"),
        (lambda: initializers.STFT()((4, 2, 3)), "frame length"),
        (lambda: initializers.GlorotUniform()((None, 3)), "unknown sizes"),
    ],
)
def test_what_would_give_wrong_numbers_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_another_shape_compiles_no_other_program(key, caplog):
    names = ["glorot_uniform", "he_normal", "random_normal", "orthogonal", "zeros", "constant", "identity"]
    for name in names:
        initializers.fill(name, key, (5, 3))
    with jax.log_compiles():
        for name in names:
            initializers.fill(name, key, (37, 11))
    assert not [r.getMessage() for r in caplog.records if "ompil" in r.getMessage()]
    with jax.log_compiles():
        jnp.zeros((37, 11)) + 1
    assert [r for r in caplog.records if "ompil" in r.getMessage()]  # it would have been seen
