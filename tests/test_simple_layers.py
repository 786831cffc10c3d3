"""Activations, reshaping and noise: against Keras, and what they refuse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity import compare

from fkeras import layers
from fkeras.layers import regularization
from fkeras.masking import Masked
from fkeras.spec import Spec

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32") * 3


X, X3, X4, X5 = floats(6, 5), floats(2, 4, 5), floats(2, 3, 4, 5), floats(2, 3, 2, 4, 5)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)

ACTIVATIONS = {
    "activation": lambda L: L.Activation("gelu"),
    "relu": lambda L: L.ReLU(),
    "relu_all": lambda L: L.ReLU(max_value=2.0, negative_slope=0.2, threshold=0.5),
    "leaky": lambda L: L.LeakyReLU(),
    "elu": lambda L: L.ELU(0.5),
    "prelu": lambda L: L.PReLU("ones", alpha_regularizer="l2"),
    "prelu_shared": lambda L: L.PReLU("ones", shared_axes=[1]),
    "softmax": lambda L: L.Softmax(),
    "softmax_axis": lambda L: L.Softmax(axis=[1, 2]),
    "activity": lambda L: L.ActivityRegularization(0.1, 0.2),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    masks = None if "softmax" in name else (MASK,)
    compare(ACTIVATIONS[name], X3, masks=masks, configs=name != "elu")  # Keras' ELU forgets its alpha


def test_softmax_with_a_mask():
    x = floats(2, 4, 4)
    for mask in (MASK[:, None, :], np.tril(np.ones((4, 4), bool)), MASK[:, None, :].astype("float32")):
        compare(lambda L: L.Softmax(), x, mask=mask, unknown=())
    with pytest.raises(ValueError, match="does not broadcast"):
        layers.Softmax()(x, mask=np.ones((2, 3), bool))


RESHAPING = {
    "flatten": (lambda L: L.Flatten(), X4, ((0,), (0, 1))),
    "flatten_first": (lambda L: L.Flatten("channels_first"), X4, ((0,),)),
    "flatten_vector": (lambda L: L.Flatten(), X[0], ((0,),)),
    "reshape": (lambda L: L.Reshape((5, 12)), X4, ((0,), (0, 1))),
    "reshape_rest": (lambda L: L.Reshape((-1, 10)), X4, ((0,), (0, 1), (0, 1, 2))),
    "reshape_none": (lambda L: L.Reshape((None, 10)), X4, ((0,),)),
    "reshape_empty": (lambda L: L.Reshape(()), floats(3, 1), ((0,),)),
    "permute": (lambda L: L.Permute((3, 1, 2)), X4, ((0,), (0, 2))),
    "repeat": (lambda L: L.RepeatVector(3), X, ((0,), (0, 1))),
}


@pytest.mark.parametrize("name", RESHAPING)
def test_reshaping(name):
    make, x, unknown = RESHAPING[name]
    compare(make, x, unknown=unknown)
    compare(make, (x * 10).astype("int32"), unknown=() if name == "repeat" else unknown, gradients=False, configs=False)


NOISE = {
    "dropout": (lambda L: L.Dropout(0.4, seed=3), X3),
    "dropout_shape": (lambda L: L.Dropout(0.4, (None, 1, 5), seed=3), X3),
    "dropout_none": (lambda L: L.Dropout(0.0, seed=3), X3),
    "dropout_all": (lambda L: L.Dropout(1.0, seed=3), X3),
    "spatial_1d": (lambda L: L.SpatialDropout1D(0.4, seed=3), X3),
    "spatial_2d": (lambda L: L.SpatialDropout2D(0.4, seed=3), X4),
    "spatial_2d_first": (lambda L: L.SpatialDropout2D(0.4, "channels_first", 3), X4),
    "spatial_3d": (lambda L: L.SpatialDropout3D(0.4, seed=3), X5),
    "gaussian_dropout": (lambda L: L.GaussianDropout(0.4, seed=3), X3),
    "gaussian_noise": (lambda L: L.GaussianNoise(0.4, seed=3), X3),
    "alpha": (lambda L: L.AlphaDropout(0.4, seed=3), X3),
    "alpha_shape": (lambda L: L.AlphaDropout(0.4, (2, 1, 5), seed=3), X3),
}


@pytest.mark.parametrize("name", NOISE)
def test_noise_has_the_numbers_of_keras(name):
    make, x = NOISE[name]
    compare(make, x, masks=(np.ones(x.shape[:-1], bool),))


def test_a_seed_gives_other_numbers_each_call():
    drop = layers.Dropout(0.5, seed=1)
    first, second = drop(X3, training=True), drop(X3, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, layers.Dropout(0.5, seed=1)(X3, training=True))


def test_noise_keeps_the_mean():
    x = jnp.ones((50, 60, 41))
    made = layers.Dropout(0.3), layers.SpatialDropout1D(0.3), layers.AlphaDropout(0.3)
    for y in jax.jit(lambda k: [layer.apply({}, {}, x, rng=k, training=True)[0] for layer in made])(KEY):
        assert abs(float((y == y.min()).mean()) - 0.3) < 0.02
        assert abs(float(y.mean()) - float(0.7 * y.max() + 0.3 * y.min())) < 0.03


def test_draws_of_dropout_are_as_good_as_independent():
    """Means, and products of places, of keys and of neighbours, are within what independent draws give."""
    keep = jax.jit(lambda k, rate: regularization.keep(k, rate, (256, 512)), static_argnums=1)
    keys = [*jax.random.split(KEY, 12), *map(jax.random.key, range(12))]  # good keys, and those next to each other
    for rate in (0.1, 0.5):
        z = (np.stack([keep(k, rate) for k in keys]) - (1 - rate)) / np.sqrt(rate * (1 - rate))
        flat, n = z.reshape(len(keys), -1), z[0].size
        assert np.abs(flat.mean(1)).max() * np.sqrt(n) < 4
        for lag in (1, 2, 3, 4, 8, 64, 512, 1024, 4096):
            assert np.abs((flat[:, lag:] * flat[:, :-lag]).mean(1)).max() * np.sqrt(n) < 4.5
        between = np.corrcoef(flat)[np.triu_indices(len(keys), 1)] * np.sqrt(n)
        assert np.abs(between).max() < 4.5 and 0.8 < between.std() < 1.2
        for axis in (1, 2):  # sums of rows and columns are spread as binomials are
            spread = (z.sum(axis).std(1) ** 2 / z.shape[axis]).mean()
            assert 0.9 < spread < 1.1
    patterns = np.bincount(np.packbits(np.concatenate([keep(k, 0.5).ravel() for k in keys])), minlength=256)
    mean = patterns.mean()
    assert ((patterns - mean) ** 2 / mean).sum() < 255 + 5 * np.sqrt(2 * 255)


def test_dropout_draws_rarely_and_often():
    x, rates = jnp.ones((1000, 101)), (1e-3, 0.5, 0.999)
    ys = jax.jit(lambda k: [layers.Dropout(r).apply({}, {}, x, rng=k, training=True)[0] for r in rates])(KEY)
    for rate, y in zip(rates, ys, strict=True):
        share = float((y == 0).mean())
        assert abs(share - rate) < 5 * np.sqrt(rate * (1 - rate) / x.size) + 2**-17
        np.testing.assert_allclose(float(y.max()), 1 / (1 - rate), rtol=1e-5)


def test_training_needs_a_key():
    for layer in (
        layers.Dropout(0.5),
        layers.GaussianNoise(0.5),
        layers.GaussianDropout(0.5),
        layers.AlphaDropout(0.5),
    ):
        with pytest.raises(ValueError, match="needs rng= when training=True"):
            layer.apply({}, {}, X3, training=True)


def test_a_mask_ends_with_a_warning():
    with pytest.warns(UserWarning, match="knows no masks"):
        y, _ = layers.Flatten().apply({}, {}, Masked(jnp.asarray(X3), jnp.asarray(MASK)))
    assert not isinstance(y, Masked)


def test_old_names():
    assert layers.LeakyReLU(alpha=0.1).get_config()["negative_slope"] == 0.1
    assert layers.LeakyReLU.from_config({"alpha": 0.1, "name": "a"}).negative_slope == 0.1


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: layers.ReLU(max_value=-1.0), "max_value must be a number, 0 or more"),
        (lambda: layers.LeakyReLU(None), "negative_slope must be a number"),
        (lambda: layers.PReLU(shared_axes=[3])(X), "shared_axes are axes from 1 to 1"),
        (lambda: layers.Reshape((-1, -1)), "-1 at most once"),
        (lambda: layers.Reshape((7, 2))(X), "cannot hold the 5 values"),
        (lambda: layers.Reshape((-1, 2))(X), "cannot hold the 5 values"),
        (lambda: layers.Permute((0, 1)), "numbers from 1 to the rank"),
        (lambda: layers.Permute((2, 1))(X), "of rank 3; got shape"),
        (lambda: layers.RepeatVector(0), "n must be"),
        (lambda: layers.RepeatVector(2)(X3), "of rank 2; got shape"),
        (lambda: layers.Dropout(1.5), "rate must be a number from 0 to 1"),
        (lambda: layers.Dropout(0.5, noise_shape=(0, 1)), "noise_shape is a tuple of sizes"),
        (lambda: layers.Dropout(0.5, noise_shape=(2, 3))(X3, training=True), "does not broadcast to inputs of shape"),
        (lambda: layers.Dropout(0.5, (2, 3, 5), seed=1)(X3, training=True), "does not broadcast to inputs of shape"),
        (lambda: layers.AlphaDropout(0.5, (2, 3))(X3, training=True), "does not broadcast to inputs of shape"),
        (lambda: layers.Dropout(0.5, seed=-1), "seed"),
        (lambda: layers.SpatialDropout2D(0.5, "first"), "Unknown data_format"),
        (lambda: layers.GaussianNoise(2.0), "stddev must be a number from 0 to 1"),
        (lambda: layers.GaussianDropout(1.0), "below 1"),
    ],
)
def test_refused(make, said):
    with pytest.raises((ValueError, TypeError), match=said):
        make()


def test_reshape_of_unknown_sizes():
    assert layers.Reshape((6, 4)).output_spec(Spec((None, None, 4))).shape == (None, 6, 4)
    assert layers.Reshape((-1, 4)).output_spec(Spec((None, None, 2))).shape == (None, None, 4)
