"""Convolutions: against Keras, and what they refuse."""

from __future__ import annotations

import chex
import jax
import keras
import numpy as np
import pytest
from parity import compare

from fkeras import config, layers
from fkeras.spec import Spec

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


STEPS, IMAGE, VOLUME = (2, 7, 4), (2, 6, 7, 4), (2, 4, 5, 4, 4)

LAYERS = {
    "1d": (lambda L: L.Conv1D(3, 2), STEPS),
    "1d_causal": (lambda L: L.Conv1D(4, 3, padding="causal", dilation_rate=2, groups=2, activation="relu"), STEPS),
    "1d_causal_first": (lambda L: L.Conv1D(3, 2, 2, padding="causal", data_format="channels_first"), (2, 4, 7)),
    "2d": (lambda L: L.Conv2D(3, 3, kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2"), IMAGE),
    "2d_same": (lambda L: L.Convolution2D(3, (3, 2), (2, 1), "SAME", use_bias=False), IMAGE),
    "2d_dilated": (lambda L: L.Conv2D(3, 2, dilation_rate=(2, 1), kernel_constraint="max_norm"), IMAGE),
    "2d_first": (lambda L: L.Conv2D(6, 3, padding="same", groups=2, data_format="channels_first"), (2, 4, 6, 5)),
    "2d_wide": (lambda L: L.Conv2D(5, 3, strides=2, padding="same"), (2, 7, 6, 9)),
    "2d_one": (lambda L: L.Conv2D(3, 1, strides=2), (2, 5, 5, 8)),
    "3d": (lambda L: L.Conv3D(3, 2, bias_initializer="ones"), VOLUME),
    "3d_wide": (lambda L: L.Conv3D(3, (2, 3, 2), strides=(1, 2, 2), padding="same"), (2, 4, 5, 4, 6)),
    "3d_first": (lambda L: L.Conv3D(4, 2, groups=2, dilation_rate=2, data_format="channels_first"), (2, 6, 4, 5, 4)),
    "1d_transpose": (lambda L: L.Conv1DTranspose(3, 3, strides=2), STEPS),
    "2d_transpose": (lambda L: L.Conv2DTranspose(3, 3, 2, "same", kernel_regularizer="l2"), (2, 4, 3, 2)),
    "2d_transpose_more": (lambda L: L.Conv2DTranspose(3, (4, 2), 3, output_padding=(2, 0)), (2, 4, 3, 2)),
    "2d_transpose_same_more": (lambda L: L.Conv2DTranspose(2, 3, 2, padding="same", output_padding=1), (2, 4, 3, 2)),
    "2d_transpose_dilated": (lambda L: L.Conv2DTranspose(2, 3, dilation_rate=2, use_bias=False), (2, 4, 3, 2)),
    "2d_transpose_first": (lambda L: L.Conv2DTranspose(2, 2, 2, data_format="channels_first"), (2, 3, 4, 5)),
    "3d_transpose": (lambda L: L.Conv3DTranspose(3, (3, 2, 3), strides=2, padding="same"), (2, 2, 3, 2, 4)),
    "depthwise_1d": (lambda L: L.DepthwiseConv1D(3, 2, depth_multiplier=2, depthwise_regularizer="l2"), STEPS),
    "depthwise_2d": (lambda L: L.DepthwiseConv2D(3, padding="same", dilation_rate=2, activation="relu"), IMAGE),
    "depthwise_2d_first": (lambda L: L.DepthwiseConv2D(2, 2, "same", 3, "channels_first"), (2, 4, 5, 6)),
    "separable_1d": (lambda L: L.SeparableConv1D(3, 2, pointwise_regularizer="l2", depth_multiplier=2), STEPS),
    "separable_2d": (lambda L: L.SeparableConvolution2D(3, 3, 2, "same", depthwise_constraint="unit_norm"), IMAGE),
    "separable_2d_first": (lambda L: L.SeparableConv2D(5, 3, 1, "same", "channels_first"), (2, 4, 5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_equals_keras(name):
    make, shape = LAYERS[name]
    compare(make, floats(*shape), unknown=((0,), tuple(range(1, len(shape) - 1))) if "first" not in name else ((0,),))


def test_bfloat16_equals_keras():
    compare(lambda L: L.Conv2D(6, 3, dtype="mixed_bfloat16"), floats(2, 6, 5, 8), rtol=0.05, atol=0.1)


def test_layout_of_the_process():
    keras.config.set_image_data_format("channels_first")
    config.set_image_data_format("channels_first")
    try:
        compare(lambda L: L.Conv2D(3, 2), floats(2, 3, 4, 5))
    finally:
        keras.config.set_image_data_format("channels_last")


def test_lora():
    x = floats(2, 5, 5, 3)
    pair = compare(lambda L: L.Conv2D(4, 3, lora_rank=2, lora_alpha=3.0, kernel_regularizer="l2"), x)
    assert set(pair.state) == {"kernel"}
    ours, theirs = layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)
    y = ours(x)
    theirs(x)
    theirs.set_weights(ours.get_weights())
    for layer in (ours, theirs):
        layer.enable_lora(2)
    chex.assert_trees_all_close(ours(x), y, atol=1e-5)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert ours.get_config()["lora_rank"] == theirs.get_config()["lora_rank"] == 2
    with pytest.raises(ValueError, match="constraint"):
        layers.Conv2D(4, 3, lora_rank=2, kernel_constraint="max_norm")


def test_repr_shows_what_is_not_default():
    assert repr(layers.Conv1D(3, 2, strides=1)) == "Conv1D(filters=3, kernel_size=(2,))"
    assert repr(layers.Conv2D(3, 2, strides=(1, 2))) == "Conv2D(filters=3, kernel_size=(2, 2), strides=(1, 2))"
    assert "data_format='channels_first'" in repr(layers.Conv2D(3, 2, data_format="channels_first"))


def test_aliases():
    for n in "123":
        for end in ("D", "DTranspose"):  # classes that also read the sides of a kernel one by one, and make today's
            old, new = (getattr(layers, f"{name}{n}{end}") for name in ("Convolution", "Conv"))
            assert type(old(2, 3)) is new and isinstance(new(2, 3), old)
    assert type(layers.SeparableConvolution1D(2, 3)) is layers.SeparableConv1D


# --- refusals -----------------------------------------------------------------------------------------

REFUSED = {
    "filters": (lambda: layers.Conv2D(0, 3), "filters must be a whole number above 0; got 0"),
    "kernel": (lambda: layers.Conv2D(3, (3, 3, 3)), "kernel_size must be a whole number >= 1 or 2 of them"),
    "kernel 0": (lambda: layers.Conv1D(3, 0), "kernel_size"),
    "strides": (lambda: layers.Conv2D(3, 3, strides=0), "strides"),
    "padding": (lambda: layers.Conv2D(3, 3, padding="casual"), "one of 'valid', 'same'; got 'casual'"),
    "causal": (lambda: layers.Conv2D(3, 3, padding="causal"), "padding must be"),
    "layout": (lambda: layers.Conv2D(3, 3, data_format="last"), "data_format"),
    "groups": (lambda: layers.Conv2D(3, 3, groups=2), "filters=3 and groups=2"),
    "both": (lambda: layers.Conv2D(3, 3, strides=2, dilation_rate=2), "exclude each other"),
    "both transposed": (lambda: layers.Conv1DTranspose(3, 3, strides=2, dilation_rate=2), "exclude each other"),
    "output padding": (lambda: layers.Conv2DTranspose(3, 3, output_padding=1), "stay below strides"),
    "multiplier": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier"),
    "activation": (lambda: layers.Conv2D(3, 3, activation="reul"), "relu"),
    "divisible": (lambda: layers.Conv2D(4, 3, groups=2)(floats(1, 8, 8, 3)), "groups=2.*3 channels"),
    "small": (lambda: layers.Conv2D(4, 3, name="c")(floats(1, 8, 2, 3)), r"Conv2D\(.*covers \(3, 3\).*only \(8, 2\)"),
    "small dilated": (lambda: layers.DepthwiseConv1D(3, dilation_rate=4)(floats(1, 8, 3)), r"covers \(9,\)"),
    "small init": (lambda: layers.SeparableConv2D(4, 3).init(KEY, Spec((None, 8, 2, 3))), r"only \(8, 2\)"),
    "rank": (lambda: layers.Conv2D(4, 3)(floats(8, 8, 3)), "rank 4; got shape"),
    "channels unknown": (lambda: layers.Conv2D(4, 3).init(KEY, Spec((None, 8, 8, None))), "kernel"),
    "other channels": (
        lambda: layers.Conv2D(4, 3).apply(layers.Conv2D(4, 3).init(KEY, floats(1, 8, 8, 3))[0], {}, floats(1, 8, 8, 5)),
        "need",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()
