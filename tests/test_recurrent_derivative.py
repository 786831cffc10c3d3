"""The loop's own derivative against that of JAX."""

from __future__ import annotations

import functools

import chex
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from fkeras.layers import GRU, LSTM, GRUCell, LSTMCell, SimpleRNNCell
from fkeras.layers.recurrent import derivative, loop

CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
jit = functools.partial(jax.jit, compiler_options=CHEAP)
DATA = np.random.default_rng(0)
X = DATA.normal(size=(3, 4, 5)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], bool)

CELLS = {
    "lstm": (LSTMCell(3), {"every": True}),
    "lstm_masked_last": (LSTMCell(3, "relu", "hard_sigmoid", use_bias=False), {"every": False, "zeros": True}),
    "gru_back": (GRUCell(3, use_bias=True), {"every": True, "backwards": True, "zeros": True}),
    "gru_last_back": (GRUCell(3, use_bias=False), {"every": False, "backwards": True}),
    "simple_unrolled": (SimpleRNNCell(3, "softplus"), {"every": True, "unroll": True}),
    "lstm_kept": (LSTMCell(3, dropout=0.4), {"every": False}),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_derivative_is_that_of_the_loop(name, masked):
    """Values, gradients, tangents, and tangents of gradients, of everything that may move."""
    cell, how = CELLS[name][0], loop.How(**CELLS[name][1])
    key = jax.random.key(1)
    params, state = cell.init(key, X[:, 0])
    weights, _ = cell.ready(params, state, X[:, 0], key, True)
    assert derivative.fits(cell, weights)
    mask = jnp.asarray(MASK.T) if masked else None
    xs, carry = jnp.swapaxes(X, 0, 1), [0.3 * s + 0.1 for s in jax.random.normal(key, (len(cell.zeros(X[:, 0])), 3, 3))]
    at = (weights, xs, carry)
    direction = jax.tree.map(lambda x: jnp.asarray(DATA.normal(size=x.shape), x.dtype), at)

    def laws(f):
        def scalar(at):
            return sum(jnp.sum(jnp.sin(y + i)) for i, y in enumerate(jax.tree.leaves(f(*at))))

        return (
            f(*at),
            jax.grad(scalar)(at),
            jax.jvp(scalar, (at,), (direction,))[1],
            jax.jvp(jax.grad(scalar), (at,), (direction,))[1],
        )

    cheap = jit(lambda: laws(lambda p, x, c: derivative.run(cell, p, x, c, mask, how)))()
    plain = jit(lambda: laws(lambda p, x, c: loop.run(cell, p, {}, x, c, mask, how)[:2]))()
    chex.assert_trees_all_close(cheap, plain, rtol=1e-4, atol=1e-4)


def test_the_derivative_of_a_layer_under_every_transformation():
    layer = GRU(2, return_sequences=True)
    params, state = layer.init(jax.random.key(0), X)
    flat, unravel = jax.flatten_util.ravel_pytree(params)

    def loss(flat, x=X):
        return jnp.sum(layer.apply(unravel(flat), state, x)[0] ** 3)

    @jit
    def both(flat):
        by_rows = jax.vmap(jax.grad(loss), (None, 0))(flat, X[:, None]).sum(0)
        return (
            jax.hessian(loss)(flat),
            jax.jacrev(jax.jacrev(loss))(flat),
            jax.grad(loss)(flat),
            by_rows,
            jax.jacfwd(loss)(flat),
        )

    one, other, gradient, by_rows, forward = both(flat)
    chex.assert_trees_all_close(one, other, rtol=1e-3, atol=1e-4)
    chex.assert_trees_all_close(one, one.T, rtol=1e-3, atol=1e-4)
    for twin in (by_rows, forward, jax.jit(jax.grad(jax.checkpoint(loss)))(flat)):
        chex.assert_trees_all_close(gradient, twin, rtol=1e-4, atol=1e-4)
    assert str(jax.make_jaxpr(jax.grad(loss))(flat)).count("scan[") == 2  # there, and back


def test_the_derivative_in_half_precision():
    half = LSTM(2, dtype="bfloat16", return_sequences=True)
    full = LSTM(2, return_sequences=True)
    params, state = full.init(jax.random.key(0), X)

    def gradient(layer, dtype):
        cast = jax.tree.map(lambda w: w.astype(dtype), params)
        return jax.jit(jax.grad(lambda p: jnp.sum(layer.apply(p, state, X)[0].astype("float32") ** 2)))(cast)

    a, b = gradient(half, "bfloat16"), gradient(full, "float32")
    assert all(x.dtype == jnp.bfloat16 for x in jax.tree.leaves(a))
    chex.assert_trees_all_close(jax.tree.map(lambda x: x.astype("float32"), a), b, rtol=0.1, atol=0.1)


def test_where_the_cheaper_derivative_does_not_fit():
    class Own(LSTMCell):
        def step(self, params, carry, z):
            carry, y = super().step(params, carry, z)
            return carry, y

    for cell in (GRUCell(2, reset_after=False), LSTMCell(2, "softmax"), SimpleRNNCell(2, lambda x: x[:, ::-1]), Own(2)):
        assert not derivative.fits(cell, {})
    assert not derivative.fits(LSTMCell(2), {"recurrent_keep": X})
