"""Pooling: against Keras, ties and masks included; the fast form is the definition; refusals."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from jax import export
from parity import compare

from fkeras import forms, layers, pool
from fkeras.masking import Masked

RNG = np.random.default_rng(0)
CHEAP = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
FIRST = "channels_first"


def ties(*shape):
    """Few different values, so that most windows hold their maximum more than once."""
    return RNG.integers(0, 3, shape).astype("float32")


STEPS, IMAGE, VOLUME = (2, 7, 3), (2, 6, 7, 3), (2, 4, 5, 4, 2)

LAYERS = {
    "max_1d": (lambda L: L.MaxPooling1D(), STEPS),
    "max_1d_first": (lambda L: L.MaxPool1D(3, 2, "same", FIRST), (2, 3, 7)),
    "max_2d": (lambda L: L.MaxPooling2D((2, 3)), IMAGE),
    "max_2d_overlapping": (lambda L: L.MaxPool2D(3, (1, 2), padding="same"), IMAGE),
    "max_2d_first": (lambda L: L.MaxPooling2D(2, padding="same", data_format=FIRST), (2, 3, 5, 7)),
    "max_3d": (lambda L: L.MaxPooling3D(2, 1), VOLUME),
    "average_1d": (lambda L: L.AveragePooling1D(3, padding="same"), STEPS),
    "average_2d": (lambda L: L.AvgPool2D(2), IMAGE),
    "average_2d_overlapping": (lambda L: L.AveragePooling2D(3, 2, padding="same"), IMAGE),
    "average_3d_first": (lambda L: L.AveragePooling3D((2, 1, 2), data_format=FIRST), VOLUME),
    "global_max_1d": (lambda L: L.GlobalMaxPooling1D(), STEPS),
    "global_max_2d": (lambda L: L.GlobalMaxPool2D(data_format=FIRST, keepdims=True), IMAGE),
    "global_max_3d": (lambda L: L.GlobalMaxPooling3D(), VOLUME),
    "global_average_1d": (lambda L: L.GlobalAveragePooling1D(data_format=FIRST), STEPS),
    "global_average_2d": (lambda L: L.GlobalAvgPool2D(keepdims=True), IMAGE),
    "global_average_3d": (lambda L: L.GlobalAveragePooling3D(data_format=FIRST), VOLUME),
    "adaptive_average_1d": (lambda L: L.AdaptiveAveragePooling1D(3), STEPS),
    "adaptive_average_2d": (lambda L: L.AdaptiveAveragePooling2D((2, 3)), IMAGE),
    "adaptive_average_3d": (lambda L: L.AdaptiveAveragePooling3D((2, 3, 1), data_format=FIRST), (2, 2, 4, 5, 4)),
    "adaptive_max_1d": (lambda L: L.AdaptiveMaxPooling1D((3,), FIRST), (2, 3, 7)),
    "adaptive_max_2d": (lambda L: L.AdaptiveMaxPooling2D([4, 3]), IMAGE),
    "adaptive_max_3d": (lambda L: L.AdaptiveMaxPooling3D(3), VOLUME),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_keras(name):
    make, shape = LAYERS[name]
    sizes = tuple(range(1, len(shape) - 1))
    compare(make, ties(*shape), unknown=((0,),) if "adaptive" in name or "first" in name else ((0,), sizes))


@pytest.mark.parametrize("first", [False, True])
def test_the_mean_over_steps_that_a_mask_shows(first):
    x, mask = ties(3, 4, 2), np.array([[1, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0]], bool)
    if first:
        x = x.swapaxes(1, 2)
    for keepdims in (False, True):
        compare(lambda L: L.GlobalAveragePooling1D(FIRST if first else None, keepdims), x, masks=(mask,))


def test_a_row_without_steps_is_zero():
    layer = layers.GlobalAveragePooling1D()
    y = layer(Masked(jnp.ones((2, 3, 2)), jnp.array([[True, False, False], [False] * 3])))
    assert y.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_bfloat16_equals_keras():
    for make in (
        lambda L: L.MaxPooling2D(dtype="bfloat16"),
        lambda L: L.AveragePooling2D(3, 2, "same", dtype="bfloat16"),
    ):
        compare(make, ties(*IMAGE), rtol=0.02, atol=0.02)


# --- forms ------------------------------------------------------------------------------------------

POOLS = {  # shape, pool_size, strides, padding
    "side by side": ((2, 7, 6, 3), 2, None, "valid"),
    "side by side, same": ((2, 7, 6, 3), (3, 2), None, "same"),
    "overlapping": ((2, 7, 6, 3), 3, 2, "same"),
    "every place": ((2, 7, 3), 3, 1, "valid"),
    "gaps": ((2, 9, 3), 2, 4, "valid"),
    "volume": ((2, 4, 5, 4, 2), (2, 3, 1), (2, 1, 1), "same"),
    "one": ((2, 5, 3), 1, 2, "same"),
    "long": ((2, 60, 2), 20, None, "valid"),
}


@pytest.mark.parametrize("pooling", [pool.max_pool, pool.average_pool])
@pytest.mark.parametrize("name", POOLS)
def test_forms_are_equal(name, pooling):
    shape, pool_size, strides, padding = POOLS[name]
    x = jnp.asarray(ties(*shape))

    def f(x):
        return pooling(x, pool_size, strides, padding)

    def everything(x):
        gradient = jax.grad(lambda x: jnp.sum(jnp.sin(f(x) + x.mean())))
        return {
            "value": f(x),
            "gradient": gradient(x),
            "jvp": jax.jvp(f, (x,), (x * x,))[1] if pooling is pool.average_pool else 0.0,  # at ties it is free
            "second": jax.grad(lambda x: jnp.sum(jnp.cos(gradient(x))))(x),
            "vmap": jax.vmap(gradient)(jnp.stack([x, -x])),
        }

    tuned = jax.jit(lambda: everything(x), compiler_options=CHEAP)()
    with forms.plain():
        plain = jax.jit(lambda: everything(x), compiler_options=CHEAP)()
    chex.assert_trees_all_close(tuned, plain, rtol=1e-5, atol=1e-5)


def test_the_form_is_chosen():
    x = jnp.zeros((2, 60, 3))

    def operations(f):
        return {eqn.primitive.name for eqn in jax.make_jaxpr(f)(x).jaxpr.eqns}

    assert "reduce_window_max" not in operations(lambda x: pool.max_pool(x, 3))
    assert "reduce_window_max" in operations(lambda x: pool.max_pool(x, 20))
    with forms.plain():
        assert "reduce_window_max" in operations(lambda x: pool.max_pool(x, 3))


def test_the_first_of_equal_values_gets_the_gradient():
    for pool_size in (3, 20):
        gradient = jax.grad(lambda x, k=pool_size: pool.max_pool(x, k).sum())(jnp.zeros((1, 60, 1)))
        assert np.flatnonzero(gradient).tolist() == list(range(0, 60, pool_size))
    gradient = jax.grad(lambda x: pool.adaptive_max_pool(x, 2).sum())(jnp.zeros((1, 60, 1)))
    assert np.flatnonzero(gradient).tolist() == [0, 30]


def test_not_a_number_stays():
    x = jnp.array([1.0, jnp.nan, 2.0, 3.0]).reshape(1, 4, 1)
    for f in (pool.max_pool, pool.average_pool):
        assert np.isnan(f(x, 2)).ravel().tolist() == [True, False]
    assert np.isnan(pool.adaptive_max_pool(x, 2)).ravel().tolist() == [True, False]


def test_whole_numbers():
    x = jnp.arange(-6, 6).reshape(1, 12, 1)
    y = pool.max_pool(x, 5, 3, "same")
    assert y.dtype == x.dtype and y.ravel().tolist() == [-3, 0, 3, 5]
    assert pool.average_pool(x, 4).ravel().tolist() == [-4.5, -0.5, 3.5]


def test_export_with_symbolic_sizes():
    batch, height = export.symbolic_shape("b, h")
    x = ties(2, 7, 6, 3)
    for f in (pool.max_pool, pool.average_pool):
        for symbolic in ((batch, 7, 6, 3), (batch, height, 6, 3)):
            run = jax.jit(lambda x, f=f: f(x, 3, 2, "same"))
            exported = export.export(run)(jax.ShapeDtypeStruct(symbolic, "float32"))
            chex.assert_trees_all_close(exported.call(x), f(x, 3, 2, "same"), rtol=1e-5)


# --- functions and refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_adaptive_sizes_equal_keras(size):
    x = ties(2, 7, 6, 3)
    for ours, theirs in (
        (pool.adaptive_max_pool, keras.ops.adaptive_max_pool),
        (pool.adaptive_average_pool, keras.ops.adaptive_average_pool),
    ):
        chex.assert_trees_all_close(ours(x, size), theirs(x, size, "channels_last"), rtol=1e-5)


def test_adaptive_pooling_to_the_same_size_is_the_identity():
    x = ties(2, 7, 7, 3)
    for f in (pool.adaptive_max_pool, pool.adaptive_average_pool):
        chex.assert_trees_all_equal(jax.jit(lambda x, f=f: f(x, 7))(x), x)


def test_aliases():
    for n in "123":
        for short, long in (("AvgPool", "AveragePooling"), ("MaxPool", "MaxPooling")):
            assert getattr(layers, f"{short}{n}D") is getattr(layers, f"{long}{n}D")
            assert getattr(layers, f"Global{short}{n}D") is getattr(layers, f"Global{long}{n}D")


REFUSED = {
    "size": (lambda: layers.MaxPooling2D(0), "pool_size must be a whole number >= 1 or 2 of them; got 0"),
    "sizes": (lambda: layers.AveragePooling1D((2, 2)), "pool_size"),
    "strides": (lambda: layers.MaxPooling2D(2, strides=0), "strides"),
    "padding": (lambda: layers.MaxPooling2D(padding="full"), "one of 'valid', 'same'; got 'full'"),
    "layout": (lambda: layers.GlobalMaxPooling1D("last"), "data_format"),
    "adaptive": (lambda: layers.AdaptiveMaxPooling2D((2, 2, 2)), "output_size must be a whole number >= 1 or 2"),
    "small": (lambda: layers.MaxPooling2D(4)(ties(1, 8, 3, 2)), r"MaxPooling2D\(.*covers \(4, 4\).*only \(8, 3\)"),
    "rank": (lambda: layers.GlobalAveragePooling2D()(ties(2, 3, 4)), "rank 4; got shape"),
    "function": (lambda: pool.max_pool(ties(1, 3, 2), 4), "does not fit"),
    "function rank": (lambda: pool.max_pool(ties(3, 2), 2), "rank 3 or more"),
    "function padding": (lambda: pool.average_pool(ties(1, 3, 2), 2, padding="causal"), "'causal'"),
    "adaptive rank": (lambda: pool.adaptive_max_pool(ties(3, 2), 2), "rank 3, 4 or 5"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()
