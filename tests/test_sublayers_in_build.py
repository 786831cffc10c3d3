"""Sublayers that a Keras-style `build` makes belong to the pair as those of `__init__` do."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import pytest

from fkeras import Layer, Sequential, random
from fkeras.layers import Dense


class Residual(Layer):
    """`x + relu(dense(x))`, the Dense made in `build`."""

    def build(self, input_shape):
        self.dense = Dense(input_shape[-1], activation="relu", kernel_regularizer="l2", bias_constraint="non_neg")

    def call(self, x):
        return x + self.dense(x)


class Tower(Layer):
    """A list of layers that make their own sublayers in `build`."""

    def build(self, input_shape):
        self.blocks = [Residual(), Residual()]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def test_they_are_in_params_and_apply_uses_them(key):
    layer = Residual()
    params, state = layer.init(key, jnp.ones((1, 3)))
    chex.assert_trees_all_equal_shapes(params, {"dense": {"kernel": jnp.ones((3, 3)), "bias": jnp.ones(3)}})
    params = jax.tree.map(jnp.ones_like, params)
    y, _ = jax.jit(layer.apply)(params, state, jnp.ones((2, 3)))
    chex.assert_trees_all_close(y, jnp.full((2, 3), 5.0))
    gradient = jax.jit(jax.grad(lambda p: layer.apply(p, state, jnp.ones((2, 3)))[0].sum()))(params)
    chex.assert_trees_all_close(gradient["dense"]["bias"], jnp.full(3, 2.0))


def test_their_settings_count(key):
    layer = Residual()
    params, _ = layer.init(key, jnp.ones((1, 3)))
    assert float(layer.penalty(jax.tree.map(jnp.ones_like, params))) == pytest.approx(0.09)
    chex.assert_trees_all_equal(
        layer.project(jax.tree.map(lambda p: -jnp.ones_like(p), params))["dense"]["bias"], jnp.zeros(3)
    )
    layer.trainable = False
    assert not any(jax.tree.leaves(layer.trainable_mask(params)))


def test_each_shape_gets_its_own_values(key):
    layer = Residual()
    assert layer.init(key, jnp.ones((1, 3)))[0]["dense"]["kernel"].shape == (3, 3)
    assert layer.init(key, jnp.ones((1, 7)))[0]["dense"]["kernel"].shape == (7, 7)


def test_nested(key):
    layer = Tower()
    params, state = layer.init(key, jnp.ones((1, 2)))
    assert sorted(params) == ["blocks_0", "blocks_1"] and params["blocks_1"]["dense"]["kernel"].shape == (2, 2)
    y, _ = jax.jit(layer.apply)(jax.tree.map(jnp.ones_like, params), state, jnp.ones((1, 2)))
    chex.assert_trees_all_close(y, jnp.full((1, 2), 13.0))  # 1 + (1 + 1 + 1) = 4, then 4 + (4 + 4 + 1)


@pytest.mark.parametrize("raw_first", [False, True])
def test_the_box_and_the_pair_agree(key, raw_first):
    random.set_random_seed(0)
    model = Sequential([Dense(3, input_shape=(2,)), Tower(), Dense(1)])
    if raw_first:
        assert sorted(model.init(key, jnp.ones((1, 2)))[0]["tower"]) == ["blocks_0", "blocks_1"]
    model.compile("sgd", "mse")
    x = jnp.ones((8, 2))
    before = model.get_weights()
    model.fit(x, jnp.zeros((8, 1)), epochs=2, verbose=0)
    assert len(before) == 8 and any((a != b).any() for a, b in zip(before[2:6], model.get_weights()[2:6], strict=True))
    params, state = model.values
    y, _ = jax.jit(model.apply)(params, state, x)
    chex.assert_trees_all_close(y, model.predict(x), atol=1e-6)
    chex.assert_trees_all_equal_shapes(params, model.init(key, x)[0])
