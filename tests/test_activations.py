"""Activations against Keras: values, gradients, names, configs, refusals."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import activations, registry

PLAIN = (
    "relu6 selu softplus softsign sparse_plus silu swish tanh tanh_shrink sigmoid sparse_sigmoid exponential "
    "hard_sigmoid hard_silu hard_swish hard_tanh linear mish log_sigmoid"
)
CASES = {  # name -> settings to try
    "relu": [
        *({}, {"negative_slope": 0.1}, {"max_value": 6}, {"max_value": 2.5}, {"threshold": 1.5}),
        *({"negative_slope": 0.3, "max_value": 2.0, "threshold": -0.5}, {"negative_slope": 0.2, "max_value": 6}),
    ],
    "leaky_relu": [{}, {"negative_slope": 0.01}],
    "elu": [{}, {"alpha": 0.3}],
    "celu": [{}, {"alpha": 0.3}],
    "gelu": [{}, {"approximate": True}],
    "squareplus": [{}, {"b": 2}],
    "hard_shrink": [{}, {"threshold": 1.0}],
    "soft_shrink": [{}, {"threshold": 1.0}],
    "threshold": [{"threshold": 0.5, "default_value": -2.0}],
    "softmax": [{}, {"axis": 0}, {"axis": (0, 1)}],
    "log_softmax": [{}, {"axis": 0}, {"axis": (0, 1)}],
    "glu": [{}, {"axis": 0}],
    **{name: [{}] for name in PLAIN.split()},
}
RUNS = [(name, settings) for name, each in CASES.items() for settings in each]
GRID = np.linspace(-7, 7, 112, dtype=np.float32).reshape(8, 14)  # holds the corners 0, ±1, ±3, 6 up to rounding
GRID = np.concatenate([GRID, np.array([[0, -0.5, 0.5, 1, -1, 3, -3, 6, -6, 1.5, 2.5, 2, -2, 100]] * 2, np.float32)])


def values(module, x):
    return [getattr(module, name)(x, **settings) for name, settings in RUNS]


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("bfloat16", 2e-2)])
def test_values_are_those_of_keras(dtype, rtol):
    x = jnp.asarray(GRID, dtype)
    ours, theirs = (jax.jit(lambda x, m=m: values(m, x))(x) for m in (activations, keras.activations))
    for (name, settings), a, b in zip(RUNS, ours, theirs, strict=True):
        assert a.dtype == b.dtype, name
        a, b = (np.asarray(v, np.float32) for v in (a, b))
        np.testing.assert_allclose(a, b, rtol, rtol, err_msg=f"{name} {settings}")


def test_gradients_are_those_of_keras():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32))

    def gradients(module):
        def total(x, i):
            y = getattr(module, RUNS[i][0])(x, **RUNS[i][1])
            return jnp.sum(y * weights[: y.shape[0], : y.shape[1]])

        return jax.jit(lambda x: [jax.grad(total)(x, i) for i in range(len(RUNS))])(jnp.asarray(GRID))

    for run, a, b in zip(RUNS, gradients(activations), gradients(keras.activations), strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-5, err_msg=str(run))


def projection(x):
    """The nearest point of the simplex, by bisection on the threshold."""
    low, high = x.min(-1) - 1, x.max(-1)
    for _ in range(60):
        tau = (low + high) / 2
        over = np.maximum(x - tau[:, None], 0).sum(-1) > 1
        low, high = np.where(over, tau, low), np.where(over, high, tau)
    return np.maximum(x - low[:, None], 0)


@pytest.mark.parametrize("axis", [-1, 0])
def test_sparsemax_projects_on_the_simplex(rng, axis):
    x = rng.normal(size=(6, 6))
    y = jax.jit(lambda x: activations.sparsemax(x, axis))(x.astype(np.float32))
    expected = projection(x) if axis == -1 else projection(x.T).T
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert ((expected > 0).sum(axis) > 1).any()  # more than one entry stays, unlike in the next test


def test_sparsemax_of_well_separated_values_is_that_of_keras():
    x = np.linspace(1, 24, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(activations.sparsemax(x), keras.activations.sparsemax(x), atol=1e-6)


def test_every_name_of_keras_is_known():
    table = keras.src.activations.ALL_OBJECTS_DICT  # type: ignore[attr-defined]
    assert set(activations.KIND.table) == set(table)
    for name in table:
        assert activations.serialize(activations.get(name)) == keras.activations.serialize(keras.activations.get(name))
        assert keras.activations.get(activations.serialize(activations.get(name))).__name__ == table[name].__name__
    assert activations.get(None) is activations.linear
    assert activations.get(jnp.sin) is jnp.sin


def test_configs_of_functions_are_read_as_keras_writes_them():
    config = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
    assert activations.get(config) is activations.relu

    @registry.register_keras_serializable("mine")
    def twice(x):
        return 2 * x

    assert activations.get(activations.serialize(twice)) is twice
    assert activations.deserialize("thrice", {"thrice": twice}) is twice


@pytest.mark.parametrize("wrong", ["reul", 3, {"class_name": "function", "config": "nope"}])
def test_unknown_activations_are_refused(wrong):
    with pytest.raises(ValueError, match=r"activation|nope"):
        activations.get(wrong)


def test_the_nearest_name_is_suggested():
    with pytest.raises(ValueError, match="'relu'"):
        activations.get("reul")


def test_lists_are_arrays():
    chex.assert_trees_all_equal(activations.relu([-1.0, 2.0]), jnp.array([0.0, 2.0]))


def test_refusals():
    with pytest.raises(ValueError, match="even size"):
        activations.glu(jnp.ones(3))
    with pytest.raises(TypeError):
        activations.sigmoid(jnp.arange(3))
    with pytest.warns(UserWarning, match="sigmoid"):
        activations.softmax(jnp.ones((3, 1)))
