"""Architectures beside Keras': the same layers, the same weights files, the same numbers."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pytest

import fkeras
from fkeras import applications, layers
from fkeras.applications import imagenet_utils

SMALL = {"classes": 3, "weights": None}
BODY = {"include_top": False, "weights": None}
CASES = {  # name: size of the images, settings
    "MobileNetV2": (32, {**SMALL, "alpha": 0.35}),
    "VGG16": (32, BODY),
}
LONG = {
    "ResNet50": (32, {**BODY, "pooling": "avg"}),
    "ConvNeXtTiny": (32, SMALL),
    "DenseNet121": (32, {**BODY, "pooling": "max"}),
    "EfficientNetB0": (33, SMALL),
    "EfficientNetV2B0": (32, SMALL),
    "InceptionResNetV2": (75, BODY),
    "InceptionV3": (75, SMALL),
    "MobileNet": (32, {**SMALL, "alpha": 0.5}),
    "MobileNetV3Large": (32, {**BODY, "minimalistic": True}),
    "MobileNetV3Small": (33, SMALL),
    "NASNetMobile": (32, SMALL),
    "ResNet50V2": (32, BODY),
    "Xception": (71, BODY),
}
LARGE = "ConvNeXtXLarge DenseNet201 EfficientNetB7 EfficientNetV2B3 EfficientNetV2L NASNetLarge ResNet152V2".split()


def pair(name: str, size: int, settings: dict[str, Any]) -> tuple[Any, Any]:
    """The architecture of Keras, and ours."""
    keras.backend.clear_session()
    made = ((k, getattr(k, name)(input_shape=(size, size, 3), **settings)) for k in (keras.applications, applications))
    (_, theirs), (_, ours) = made
    return theirs, ours


def same_structure(theirs: Any, ours: Any) -> None:
    assert ours.name == theirs.name
    assert [x.name for x in ours.layers] == [x.name for x in theirs.layers]
    assert ours.count_params() == theirs.count_params()
    assert ours.output_shape == theirs.output_shape


def check(name: str, size: int, settings: dict[str, Any], path: Any) -> None:
    theirs, ours = pair(name, size, settings)
    same_structure(theirs, ours)
    rng = np.random.default_rng(0)
    for v in theirs.weights:
        scale = 1 / np.sqrt(np.prod(v.shape[:-1])) if len(v.shape) > 1 else 0.1
        positive = "gamma" in v.path or "variance" in v.path
        v.assign(rng.uniform(0.5, 1.5, v.shape) if positive else scale * rng.normal(size=v.shape))
    file = path / "theirs.weights.h5"
    theirs.save_weights(file)
    ours = getattr(applications, name)(input_shape=(size, size, 3), **{**settings, "weights": str(file)})
    for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = rng.uniform(0, 255, (2, size, size, 3)).astype("float32")
    want = np.asarray(theirs(x))
    np.testing.assert_allclose(ours.predict(x, verbose=0), want, atol=2e-5 * np.abs(want).max() + 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_architectures(name, tmp_path):
    check(name, *CASES[name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_more_architectures(name, tmp_path):
    check(name, *LONG[name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_large_architectures(name):
    same_structure(*pair(name, 32, BODY))


def test_names_and_arguments_are_those_of_keras():
    for name in (n for n in dir(keras.applications) if n[0].isupper()):
        theirs, ours = (
            inspect.signature(getattr(k, name)).parameters.values() for k in (keras.applications, applications)
        )
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name
    for family in (n for n in dir(keras.applications) if n[0].islower()):
        theirs, ours = getattr(keras.applications, family), getattr(applications, family)
        missing = {n for n in dir(theirs) if n[0] != "_"} - set(dir(ours))
        assert not missing, family


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing(mode, data_format):
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 3, 3))
    settings = {"mode": mode, "data_format": data_format}
    for x in (images, images[0], images.astype("float32")):
        want = keras.applications.imagenet_utils.preprocess_input(x.copy(), **settings)
        kept = x.copy()
        np.testing.assert_allclose(imagenet_utils.preprocess_input(x, **settings), want, rtol=1e-5)
        np.testing.assert_array_equal(x, kept)
    symbol = layers.Input((3, 3, 3))
    model = fkeras.Model(symbol, imagenet_utils.preprocess_input(symbol, **settings))
    want = keras.applications.imagenet_utils.preprocess_input(images.astype("float32"), **settings)
    np.testing.assert_allclose(model.predict(images.astype("float32"), verbose=0), want, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="'caffe'"):
        imagenet_utils.preprocess_input(images, mode="coffee")


def test_predictions_in_words(monkeypatch):
    monkeypatch.setattr(imagenet_utils, "class_index", lambda: {str(i): (f"n{i}", f"word{i}") for i in range(1000)})
    chances = np.zeros((1, 1000))
    chances[0, [7, 3]] = 0.75, 0.25
    assert imagenet_utils.decode_predictions(chances, top=2) == [[("n7", "word7", 0.75), ("n3", "word3", 0.25)]]
    with pytest.raises(ValueError, match="1000 classes"):
        imagenet_utils.decode_predictions(np.zeros((1, 10)))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"weights": "imagenet", "classes": 5}, r"include_top=False.*Dense\(5\)"),
        ({"weights": "no/such.weights.h5"}, "path of a file"),
        ({"weights": None, "input_shape": (16, 16, 3)}, "at least 32x32"),
        ({"weights": None, "input_shape": (64, 64)}, "one image"),
        ({"weights": None, "include_top": False, "pooling": "mean"}, "'avg' or 'max'"),
        ({"weights": "imagenet", "input_shape": (64, 64, 3)}, "include_top=False other sizes work"),
    ],
)
def test_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        applications.VGG16(**settings)


def test_weights_that_cannot_be_fetched(monkeypatch, tmp_path):
    from fkeras.applications import network

    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(network, "get_file", unreachable)
    with pytest.raises(OSError, match=r"mobilenet_2_5_128_tf_no_top\.h5.*weights=None"):
        applications.MobileNet(input_shape=(128, 128, 3), alpha=0.25, include_top=False)


def test_a_frozen_body_under_a_new_head():
    body = applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")
    body.trainable = False
    x = layers.Input((32, 32, 3))
    model = fkeras.Model(x, layers.Dense(2)(body(x, training=False)))
    assert len(model.trainable_weights) == 2 and len(body.weights) == 260
    features = fkeras.Model(body.inputs, body.get_layer("block_1_expand_relu").output)
    assert features.output_shape == (None, 16, 16, 96 // 2)
