"""Schedules: Keras' numbers and configs, pure in the step, differentiable in their settings."""

import json

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fkeras.optimizers import schedules

CASES = [
    ("ExponentialDecay", (0.1, 7, 0.9), {}),
    ("ExponentialDecay", (0.1, 7, 0.9), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 7, 0.9), {}),
    ("InverseTimeDecay", (0.1, 7, 0.9), {"staircase": True}),
    ("PolynomialDecay", (0.1, 7), {}),
    ("PolynomialDecay", (0.1, 7, 0.01), {"power": 2.0, "cycle": True}),
    ("PiecewiseConstantDecay", ([3, 9], [1.0, 0.5, 0.1]), {}),
    ("PiecewiseConstantDecay", ([5], [1.0, 0.5]), {}),
    ("CosineDecay", (0.1, 11), {"alpha": 0.2}),
    ("CosineDecay", (0.01, 11), {"warmup_target": 0.1, "warmup_steps": 4}),
    ("CosineDecay", (0.01, 11), {"warmup_target": 0.1}),
    ("CosineDecayRestarts", (0.1, 5), {"alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 5, 1.5, 0.9), {}),
    ("CosineDecayRestarts", (0.1, 5, 1.0, 0.5), {"name": "mine"}),
]


def both(case):
    name, args, kwargs = case
    return getattr(schedules, name)(*args, **kwargs), getattr(keras.optimizers.schedules, name)(*args, **kwargs)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_numbers_are_those_of_keras(case):
    ours, theirs = both(case)
    steps = jnp.arange(24)
    want = jax.vmap(lambda s: jnp.asarray(theirs(s)))(steps)
    got = jax.jit(ours)(steps)
    assert got.dtype == jnp.float32 and not got.weak_type
    chex.assert_trees_all_close(got, jnp.asarray(want, jnp.float32), atol=1e-6)
    chex.assert_trees_all_close(jax.jit(jax.vmap(ours))(steps), got, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_configs_are_those_of_keras(case):
    ours, theirs = both(case)
    assert ours.get_config() == theirs.get_config()
    assert schedules.serialize(ours) == keras.optimizers.schedules.serialize(theirs)
    config = json.loads(json.dumps(schedules.serialize(ours)))
    assert schedules.deserialize(config).get_config() == ours.get_config()
    assert keras.optimizers.schedules.deserialize(config).get_config() == theirs.get_config()


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_gradients_of_the_settings_are_finite(case):
    name, args, kwargs = case

    def total(scale):
        first = [v * scale for v in args[1]] if name == "PiecewiseConstantDecay" else args[0] * scale
        changed = (args[0], first) if name == "PiecewiseConstantDecay" else (first, *args[1:])
        return jnp.sum(getattr(schedules, name)(*changed, **kwargs)(jnp.arange(24)))

    value, slope = jax.jit(jax.value_and_grad(total))(1.0)
    assert np.isfinite(slope)
    if "warmup_target" not in kwargs and name != "PolynomialDecay":
        np.testing.assert_allclose(slope, value, rtol=1e-4)  # every other schedule is a multiple of its first value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.ExponentialDecay(0.1, 0, 0.5), "decay_steps"),
        (lambda s: s.InverseTimeDecay(0.1, -1, 0.5), "decay_steps"),
        (lambda s: s.PolynomialDecay(0.1, 0), "decay_steps"),
        (lambda s: s.CosineDecay(0.1, 0), "decay_steps"),
        (lambda s: s.CosineDecayRestarts(0.1, 0), "first_decay_steps"),
        (lambda s: s.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "1 less than"),
    ],
)
def test_what_keras_refuses_is_refused(make, message):
    for module in (keras.optimizers.schedules, schedules):
        with pytest.raises(ValueError, match=message):
            make(module)
    with pytest.raises(ValueError, match="must increase"):
        schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="not known"):
        schedules.deserialize({"class_name": "CosineDecai", "config": {}})


def test_a_schedule_of_ones_own():
    class Root(schedules.LearningRateSchedule):
        def __init__(self, first):
            self.first = first

        def __call__(self, step):
            return self.first / jnp.sqrt(step + 1.0)

        def get_config(self):
            return {"first": self.first}

    config = schedules.serialize(Root(0.5))
    assert schedules.deserialize(config, {"Root": Root}).first == 0.5
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(0)
