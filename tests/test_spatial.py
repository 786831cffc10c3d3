"""Padding, cropping, upsampling: against Keras, and what they refuse."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from parity import compare

from fkeras import layers

RNG = np.random.default_rng(0)
FIRST = "channels_first"


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


STEPS, IMAGE, VOLUME = (2, 5, 3), (2, 4, 5, 3), (2, 4, 5, 4, 2)

LAYERS = {
    "padding_1d": (lambda L: L.ZeroPadding1D(), STEPS),
    "padding_1d_first": (lambda L: L.ZeroPadding1D((0, 2), FIRST), STEPS),
    "padding_2d": (lambda L: L.ZeroPadding2D(), IMAGE),
    "padding_2d_axes": (lambda L: L.ZeroPadding2D((0, 2)), IMAGE),
    "padding_2d_edges": (lambda L: L.ZeroPadding2D([[1, 0], (2, 3)], data_format=FIRST), IMAGE),
    "padding_3d": (lambda L: L.ZeroPadding3D(((1, 0), (0, 2), (3, 0))), VOLUME),
    "padding_3d_first": (lambda L: L.ZeroPadding3D(2, data_format=FIRST), VOLUME),
    "cropping_1d": (lambda L: L.Cropping1D(), STEPS),
    "cropping_1d_end": (lambda L: L.Cropping1D([0, 3]), STEPS),
    "cropping_2d": (lambda L: L.Cropping2D(), IMAGE),
    "cropping_2d_edges": (lambda L: L.Cropping2D(((1, 0), (2, 1))), IMAGE),
    "cropping_2d_first": (lambda L: L.Cropping2D((1, 1), FIRST), (2, 3, 4, 5)),
    "cropping_3d": (lambda L: L.Cropping3D(), VOLUME),
    "cropping_3d_first": (lambda L: L.Cropping3D(((1, 0), (0, 2), (0, 0)), FIRST), (2, 2, 4, 5, 4)),
    "up_1d": (lambda L: L.UpSampling1D(3), STEPS),
    "up_2d": (lambda L: L.UpSampling2D(), IMAGE),
    "up_2d_first": (lambda L: L.UpSampling2D((1, 3), FIRST), IMAGE),
    "up_2d_bilinear": (lambda L: L.UpSampling2D((2, 3), interpolation="Bilinear"), IMAGE),
    "up_2d_bilinear_first": (lambda L: L.UpSampling2D(2, FIRST, "bilinear"), IMAGE),
    "up_2d_bicubic": (lambda L: L.UpSampling2D(2, interpolation="bicubic"), IMAGE),
    "up_2d_lanczos3": (lambda L: L.UpSampling2D(2, interpolation="lanczos3"), IMAGE),
    "up_2d_lanczos5": (lambda L: L.UpSampling2D(2, interpolation="lanczos5"), IMAGE),
    "up_3d": (lambda L: L.UpSampling3D((1, 2, 3)), VOLUME),
    "up_3d_first": (lambda L: L.UpSampling3D(2, FIRST), VOLUME),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_keras(name):
    make, shape = LAYERS[name]
    blends = any(word in name for word in ("bilinear", "bicubic", "lanczos"))
    unknown = ((0,),) if blends or "first" in name else ((0,), tuple(range(1, len(shape) - 1)))
    compare(make, floats(*shape), unknown=unknown)


def test_blending_predicts_sizes_that_are_not_known():
    spec = layers.UpSampling2D((2, 3), interpolation="bilinear").output_spec(layers.Input((None, None, 3)).spec)
    assert spec.shape == (None, None, None, 3)


def test_whole_numbers():
    x = jnp.arange(4).reshape(1, 2, 2, 1)
    assert layers.ZeroPadding2D(1)(x).dtype == layers.UpSampling2D(2)(x).dtype == x.dtype


REFUSED = {
    "padding": (lambda: layers.ZeroPadding2D((1, 2, 3)), r"2 of them, or 2 pairs \(before, after\); got \(1, 2, 3\)"),
    "negative": (lambda: layers.ZeroPadding1D(-1), "padding must be a whole number >= 0"),
    "pairs": (lambda: layers.Cropping3D(((1, 1), (1, 1), (1,))), "3 pairs"),
    "letters": (lambda: layers.ZeroPadding2D("same"), "padding must be a whole number"),
    "size": (lambda: layers.UpSampling1D(0), "size must be a whole number above 0"),
    "sizes": (lambda: layers.UpSampling3D((2, 2)), "size must be a whole number >= 1 or 3 of them"),
    "interpolation": (lambda: layers.UpSampling2D(interpolation="cubic"), "'bicubic', .*; got 'cubic'"),
    "layout": (lambda: layers.ZeroPadding2D(data_format="last"), "data_format"),
    "nothing left": (lambda: layers.Cropping2D(2)(floats(1, 8, 4, 3)), r"Cropping2D\(.*leaves nothing of axis 2"),
    "rank": (lambda: layers.ZeroPadding2D()(floats(2, 3, 4)), "rank 4; got shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        make()
