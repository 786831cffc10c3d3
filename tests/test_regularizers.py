"""Regularizers against Keras: penalties, gradients, configs both ways, refusals."""

from __future__ import annotations

import json

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras import regularizers

CASES = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L1", {"l1": None}),
    ("L2", {}),
    ("L2", {"l2": 0}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.2}),
    ("L1L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.2, "l2": 0.3}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}),
]


def both(name, settings):
    return getattr(regularizers, name)(**settings), getattr(keras.regularizers, name)(**settings)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_penalties_and_gradients_are_those_of_keras(name, settings, rng):
    x = jnp.asarray(rng.normal(size=(5, 4)).astype(np.float32))
    ours, theirs = (jax.jit(jax.value_and_grad(f))(x) for f in both(name, settings))
    chex.assert_trees_all_close(ours, theirs, rtol=1e-6)
    ours, theirs = (jax.jit(f)(x.astype(jnp.bfloat16)) for f in both(name, settings))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(np.float32(ours), np.float32(theirs), 1e-2)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_configs_go_both_ways(name, settings):
    ours, theirs = both(name, settings)
    assert ours.get_config() == theirs.get_config()
    assert regularizers.serialize(ours) == keras.regularizers.serialize(theirs)
    config = json.loads(json.dumps(keras.regularizers.serialize(theirs)))
    assert regularizers.get(config).get_config() == ours.get_config()
    assert keras.regularizers.get(regularizers.serialize(ours)).get_config() == ours.get_config()


def test_every_name_of_keras_is_known():
    table = keras.src.regularizers.ALL_OBJECTS_DICT  # type: ignore[attr-defined]
    for name, cls in table.items():
        assert type(regularizers.get(name)).__name__ == cls.__name__
    for name in dir(keras.regularizers):
        if not name.startswith("_"):
            assert hasattr(regularizers, name), name
    assert isinstance(regularizers.get("l1_l2"), regularizers.L1L2)
    assert regularizers.get(None) is None and regularizers.get(jnp.sum) is jnp.sum


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "0.1", [0.1]])
@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_wrong_factors_are_refused_as_in_keras(name, wrong):
    for module in (regularizers, keras.regularizers):
        with pytest.raises(ValueError, match=r"non-negative|>= 0"):
            getattr(module, name)(wrong)


def test_refusals():
    for module in (regularizers, keras.regularizers):
        with pytest.raises(ValueError, match="mode"):
            module.OrthogonalRegularizer(mode="diagonal")
        with pytest.raises(ValueError, match="shape"):
            module.OrthogonalRegularizer()(jnp.ones((2, 2, 2)))
        with pytest.raises(ValueError, match="l3"):
            module.get("l3")
    with pytest.raises(ValueError, match="at least two rows"):
        regularizers.OrthogonalRegularizer()(jnp.ones((1, 3)))
    with pytest.raises(ValueError, match="factor"):
        regularizers.OrthogonalRegularizer(None)  # type: ignore[arg-type]


def test_subclasses_of_either_style():
    class Dataclass(regularizers.Regularizer):
        factor: float = 0.5

        def __call__(self, x):
            return self.factor * jnp.sum(x)

    class Keras(regularizers.Regularizer):
        def __init__(self, factor=0.5):
            self.factor = factor

        def __call__(self, x):
            return self.factor * jnp.sum(x)

        def get_config(self):
            return {"factor": float(self.factor)}

    for cls in (Dataclass, Keras):
        read = regularizers.get(regularizers.serialize(cls(2.0)))
        assert read(jnp.ones(3)) == 6
    assert regularizers.Regularizer()(jnp.ones(3)) == 0
