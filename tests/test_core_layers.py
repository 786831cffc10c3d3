"""Dense, EinsumDense, Identity, Masking, LoRA: against Keras, and what they refuse."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from parity import compare

import fkeras
from fkeras.layers import BatchNormalization, Dense, EinsumDense

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


X, X3 = floats(2, 5), floats(2, 4, 5)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], bool)


def test_dense():
    compare(lambda L: L.Dense(3, "tanh", kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2"), X)
    compare(
        lambda L: L.Dense(3, use_bias=False, kernel_constraint="max_norm"), X3, masks=(MASK,), unknown=((0,), (0, 1))
    )


@pytest.mark.parametrize(
    "equation, output_shape, bias_axes, shape, unknown",
    [
        ("ab,bc->ac", 3, "c", (2, 5), ((0,),)),
        ("abc,cd->abd", (None, 3), "d", (2, 4, 5), ((0,), (0, 1))),
        ("...x,xy->...y", 3, "y", (2, 4, 5), ((0,), (0, 1))),
        ("...x,xy->...y", 3, "y", (2, 5), ((0,),)),
        ("abc,cde->abde", (None, 3, 2), "de", (2, 4, 5), ((0,),)),
        ("abc,cde->abde", (None, 3, 2), "d", (2, 4, 5), ((0,),)),
        ("ab...,bc->ac...", (3,), "c", (2, 5, 4), ((0,),)),
        ("abcd,cde->abe", (None, 3), None, (2, 4, 5, 3), ((0,),)),
    ],
)
def test_einsum_dense(equation, output_shape, bias_axes, shape, unknown):
    def make(L):
        return L.EinsumDense(
            equation, output_shape, "tanh", bias_axes, kernel_regularizer="l2", activity_regularizer="l1"
        )

    compare(make, floats(*shape), unknown=unknown)


def test_einsum_dense_counts_inputs_and_outputs_by_the_equation():
    seeded = {"class_name": "GlorotUniform", "config": {"seed": 3}}
    ours, theirs = EinsumDense("abc,cde->abde", (None, 3, 2), kernel_initializer=seeded), None
    theirs = keras.layers.EinsumDense("abc,cde->abde", (None, 3, 2), kernel_initializer=seeded)
    ours.build((2, 4, 5)), theirs.build((2, 4, 5))
    np.testing.assert_allclose(ours.get_weights()[0], theirs.get_weights()[0], rtol=1e-5, atol=1e-7)


def test_identity_and_masking():
    compare(lambda L: L.Identity(), X3, masks=(MASK,))
    sparse = np.where(floats(2, 4, 1) > 0, X3, 0.5).astype("float32")
    compare(lambda L: L.Masking(0.5), sparse, unknown=((0,), (0, 1)))
    compare(lambda L: L.Masking(), X3 * MASK[..., None])


def test_lora():  # Keras' Dense forgets lora_alpha when it is built; ours does not
    pair = compare(lambda L: L.Dense(3, "tanh", kernel_regularizer="l2", lora_rank=2), X)
    assert [w.name for w in pair.ours.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    compare(lambda L: L.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="de", lora_rank=2, lora_alpha=4.0), X3)


def test_lora_on_a_built_layer():
    ours, theirs = Dense(3), keras.layers.Dense(3)
    ours(X), theirs(X)
    before = np.asarray(ours(X))
    ours.enable_lora(2), theirs.enable_lora(2)
    np.testing.assert_allclose(ours(X), before, atol=1e-6)
    assert [(w.name, tuple(w.shape), w.trainable) for w in ours.weights] == [
        (w.name, w.shape, w.trainable) for w in theirs.weights
    ]
    assert ours.get_config()["lora_rank"] == theirs.get_config()["lora_rank"] == 2
    assert ours.get_config()["lora_alpha"] == theirs.get_config()["lora_alpha"]


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Dense(-1), "units must be a whole number"),
        (lambda: Dense(True), "units must be a whole number"),
        (lambda: Dense(3, "reul"), "Did you mean 'relu'"),
        (lambda: Dense(3, quantization_config={}), "not supported"),
        (lambda: Dense(3, lora_alpha=2), "lora_rank"),
        (lambda: Dense(3, lora_rank=2, kernel_constraint="non_neg"), "cannot have a constraint"),
        (lambda: EinsumDense("ab->c", 3), "must read 'x,kernel->y'"),
        (lambda: EinsumDense("ab,bc->ad", 3), "size is not known"),
        (lambda: EinsumDense("ab,bc->ac", 3, bias_axes="z"), "names z"),
        (lambda: EinsumDense("ab,bc->ac", 3)(X3), "expects inputs with axes 'ab'"),
        (lambda: EinsumDense("abc,cd->abd", (3, 3))(X3), "axis 'b' has size 4"),
        (lambda: Dense(3)(X[0]), "rank at least 2"),
        (lambda: Dense(3).enable_lora(2), "no weights yet"),
    ],
)
def test_refused(make, said):
    with pytest.raises((ValueError, NotImplementedError), match=said):
        make()


class Doubled(Dense):
    """A subclass in the Keras style: `super().call` finds its weights by itself."""

    def call(self, inputs):
        return super().call(inputs) * 2


class ByHand(Dense):
    """A subclass that reads the weights as attributes."""

    def call(self, inputs):
        return inputs @ self.kernel + self.bias


class OneUp(BatchNormalization):
    """A subclass of a layer with state."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask) + 1


def test_subclasses_in_the_keras_style():
    plain = Dense(3)
    want = np.asarray(plain(X))
    for cls, factor in ((Doubled, 2), (ByHand, 1)):
        layer = cls(3)
        layer(X)
        layer.set_weights(plain.get_weights())
        np.testing.assert_allclose(layer(X), factor * want, rtol=1e-5)
    ours, plain = OneUp(), BatchNormalization()
    np.testing.assert_allclose(ours(X, training=True), np.asarray(plain(X, training=True)) + 1, atol=1e-5)
    np.testing.assert_allclose(ours.moving_mean.value, plain.moving_mean.value, rtol=1e-5)


def extended(module, base, early=False, first=False):
    """A user's subclass that adds weights before and after those of the built-in layer."""

    class Extended(getattr(module.layers, base)):
        def __init__(self, *args):
            super().__init__(*args)
            self.e = self.add_weight(shape=(1,), name="e") if early else 0.0

        def build(self, input_shape):
            self.f = self.add_weight(shape=(1,), name="f") if first else 0.0
            super().build(input_shape)
            self.g = self.add_weight(shape=(1,), name="g", trainable=False)

        def call(self, inputs):
            return super().call(inputs) * self.g + self.e + self.f

    return Extended


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("base", "args"), [("Dense", (3,)), ("BatchNormalization", ())])
def test_weights_of_a_subclass_are_in_the_order_of_keras(base, args, early, first):
    theirs = extended(keras, base, early, first)(*args)
    theirs.build((None, 5))
    ours = extended(fkeras, base, early, first)(*args)
    model = fkeras.Sequential([fkeras.Input((5,)), extended(fkeras, base, early, first)(*args)])
    ours(X)
    assert [w.name for w in ours.weights] == [w.name for w in model.weights] == [w.name for w in theirs.weights]


def test_an_axis_of_einsum_may_be_the_batch_before_its_size_is_known():
    layer = EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")
    model = fkeras.Sequential([fkeras.Input((4, 3)), layer])
    assert model.output_shape == (None, 4, 5) and model.count_params() == 20
