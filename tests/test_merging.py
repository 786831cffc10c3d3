"""Layers of several inputs: against Keras, and what they refuse."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

from fkeras import layers
from fkeras.layers.merging import batch_dot

RNG = np.random.default_rng(0)
NAMES = ("Add", "Multiply", "Average", "Maximum", "Minimum")


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


A, B, C = floats(2, 4, 5), floats(2, 4, 5), floats(2, 4, 5)
M, N = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool), np.array([[1, 0, 1, 0], [0, 1, 1, 1]], bool)


@pytest.mark.parametrize("name", NAMES)
def test_of_three(name):
    def make(L):
        return getattr(L, name)()

    compare(make, [A, B, C], unknown=((0,), (0, 1)))
    compare(make, [A, B, C], masks=([M, N, N],))


@pytest.mark.parametrize("name", NAMES)
def test_some_masks_and_broadcasting(name):
    def make(L):
        return getattr(L, name)()

    compare(make, [A, B], masks=([M, None],))
    compare(make, [A, B], masks=([None, M],))
    compare(make, [A, floats(2, 1, 5), floats(2, 5)], unknown=((0,),))


def test_subtract():
    compare(lambda L: L.Subtract(), [A, B], masks=([M, N],))
    compare(lambda L: L.Subtract(), [A, floats(2, 5)])


@pytest.mark.parametrize("axis", [-1, 1, 2, 0])
def test_concatenate(axis):
    other = list(A.shape)
    other[axis] = 3
    compare(lambda L: L.Concatenate(axis), [A, floats(*other), B], unknown=((0,),) if axis else ())


def test_concatenate_masks():
    compare(lambda L: L.Concatenate(), [A, B], masks=([M, N],))
    compare(lambda L: L.Concatenate(1), [A, B], masks=([M, N],))
    compare(lambda L: L.Concatenate(1), [A, B], masks=([None, N],))


@pytest.mark.parametrize(
    "axes, shapes",
    [(1, ((2, 5), (2, 5))), (-1, ((2, 5), (2, 5))), (2, ((2, 4, 5), (2, 3, 5))), ((2, 1), ((2, 4, 5), (2, 5, 3))),
     ((1, 2), ((2, 4, 5), (2, 3, 4))), ((1, 1), ((2, 5), (2, 5, 3))),
     ((2, 1), ((2, 4, 5), (2, 5))), ((3, 2), ((2, 2, 4, 5), (2, 3, 5, 2)))],
)  # fmt: skip
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(axes, shapes, normalize):
    compare(lambda L: L.Dot(axes, normalize), [floats(*s) for s in shapes], unknown=((0,),))


def test_batch_dot_defaults():
    theirs = keras.src.layers.merging.dot.batch_dot
    for x, y in ((A, floats(2, 5, 3)), (A, floats(2, 5)), (floats(2, 5), floats(2, 5))):
        np.testing.assert_allclose(batch_dot(jnp.asarray(x), jnp.asarray(y)), theirs(x, y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*NAMES, "Subtract", "Concatenate"])
def test_functions(name):
    ours, theirs = getattr(layers, name.lower()), getattr(keras.layers, name.lower())
    np.testing.assert_allclose(ours([A, B]), theirs([A, B]), rtol=1e-6)


def test_dot_function_and_symbols():
    np.testing.assert_allclose(layers.dot([A, B]), keras.layers.dot([A, B]), rtol=1e-4, atol=1e-5)
    symbols = [layers.Input((4, 5)), layers.Input((4, 5))]
    assert layers.add(symbols).shape == (None, 4, 5)
    assert layers.concatenate(symbols, axis=1).shape == (None, 8, 5)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: layers.Add()(A), "takes a list of inputs"),
        (lambda: layers.Add()([]), "got 0"),
        (lambda: layers.Add()([A, floats(3, 4, 5)]), "cannot merge inputs of shapes"),
        (lambda: layers.Add()([A, floats(2, 4, 3)]), "cannot merge inputs of shapes"),
        (lambda: layers.Add()([floats(1, 4, 5), A]), "cannot merge inputs of shapes"),
        (lambda: layers.Subtract()([A, B, C]), "a list of 2 inputs"),
        (lambda: layers.Concatenate()([A, floats(2, 3, 5)]), "equal but along axis -1"),
        (lambda: layers.Concatenate(3)([A, B]), "equal but along axis 3"),
        (lambda: layers.Concatenate()([A, floats(2, 4)]), "equal but along axis"),
        (lambda: layers.Dot("a"), "axes is a number or two"),
        (lambda: layers.Dot((1, 2, 3)), "axes is a number or two"),
        (lambda: layers.Dot(2)([A, floats(2, 4, 3)]), "sizes must be equal"),
        (lambda: layers.Dot(0)([A, B]), "behind the batch"),
        (lambda: layers.Dot(1)([A]), "a list of 2 inputs"),
    ],
)
def test_refused(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call()
