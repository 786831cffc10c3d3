"""Constraints against Keras: projections, configs both ways, refusals."""

from __future__ import annotations

import json

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import config, constraints

CASES = [
    ("NonNeg", {}),
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.7, "axis": 1}),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.2, "rate": 0.4, "axis": (0, 2)}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": -1}),
    ("UnitNorm", {"axis": [0, 1, 2]}),
    ("Constraint", {}),
]


def both(name, settings):
    return getattr(constraints, name)(**settings), getattr(keras.constraints, name)(**settings)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_projections_are_those_of_keras(dtype, rng):
    w = rng.normal(size=(3, 4, 5)).astype(np.float32)
    w[:, 0] = 0
    w = jnp.asarray(w, dtype)
    pairs = [both(*case) for case in CASES]
    ours, theirs = (jax.jit(lambda w, i=i: [pair[i](w) for pair in pairs])(w) for i in (0, 1))
    chex.assert_trees_all_equal_shapes_and_dtypes(ours, theirs)
    chex.assert_trees_all_close(ours, theirs, rtol=1e-6 if dtype == "float32" else 1e-2)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_configs_go_both_ways(name, settings):
    ours, theirs = both(name, settings)
    assert ours.get_config() == theirs.get_config()
    mine, his = constraints.serialize(ours), keras.constraints.serialize(theirs)
    assert {**mine, "module": ""} == {**his, "module": ""}
    assert constraints.get(json.loads(json.dumps(his)))(jnp.ones((2, 2, 2))).shape == (2, 2, 2)
    assert keras.constraints.get(mine).get_config() == theirs.get_config()


def test_every_name_of_keras_is_known():
    table = keras.src.constraints.ALL_OBJECTS_DICT  # type: ignore[attr-defined]
    for name, cls in table.items():
        assert type(constraints.get(name)).__name__ == cls.__name__
    for name in dir(keras.constraints):
        if not name.startswith("_"):
            assert hasattr(constraints, name), name
    assert constraints.get(None) is None and constraints.get(jnp.abs) is jnp.abs


def test_epsilon_is_the_one_at_construction():
    config.set_epsilon(1.0)
    constraint = constraints.UnitNorm()
    config.set_epsilon(1e-7)
    assert constraint(jnp.array([3.0, 4.0])).tolist() == [0.5, jnp.float32(4 / 6).item()]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: constraints.MaxNorm(-1.0), "max_value=-1.0"),
        (lambda: constraints.MaxNorm(float("nan")), "max_value"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), "min_value <= max_value"),
        (lambda: constraints.MinMaxNorm(rate=1.5), "rate"),
        (lambda: constraints.get("non_negative"), "non_neg"),
        (lambda: constraints.get(3), "3"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
