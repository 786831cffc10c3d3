"""Image layers: against Keras, with its own random numbers, and what goes with the images."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from parity import compare

import fkeras
from fkeras import layers

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
FIRST = "channels_first"
IMAGES = RNG.integers(0, 256, (3, 8, 10, 3)).astype("float32")
UNIT = (IMAGES / 255).astype("float32")
BOXES = np.array([[[1, 1, 5, 6], [0, 3, 9, 7]], [[2, 0, 4, 4], [3, 3, 8, 8]], [[0, 0, 10, 8], [5, 1, 6, 7]]], "float32")
TURNED = np.moveaxis(IMAGES, -1, 1)

LAYERS = {
    "rescaling": (lambda L: L.Rescaling(1 / 127.5, offset=-1.0), IMAGES),
    "rescaling_channels": (lambda L: L.Rescaling([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), IMAGES),
    "resizing": (lambda L: L.Resizing(5, 4), IMAGES),
    "resizing_crop": (lambda L: L.Resizing(4, 9, "nearest", crop_to_aspect_ratio=True), IMAGES),
    "resizing_pad": (lambda L: L.Resizing(6, 6, "bicubic", False, True, fill_value=7.0), IMAGES),
    "resizing_antialias": (lambda L: L.Resizing(3, 3, antialias=True, data_format=FIRST), TURNED),
    "center_crop": (lambda L: L.CenterCrop(4, 5), IMAGES),
    "center_crop_small": (lambda L: L.CenterCrop(12, 7, data_format=FIRST), TURNED),
    "flip": (lambda L: L.RandomFlip(seed=7), IMAGES),
    "flip_horizontal": (lambda L: L.RandomFlip("horizontal", 7, FIRST), TURNED),
    "flip_vertical": (lambda L: L.RandomFlip("vertical", seed=7), IMAGES),
    "translation": (lambda L: L.RandomTranslation(0.3, (-0.2, 0.4), seed=7), IMAGES),
    "translation_constant": (
        lambda L: L.RandomTranslation(0.3, 0.2, "constant", "nearest", 7, 3.0, FIRST), TURNED,
    ),
    "rotation": (lambda L: L.RandomRotation(0.2, seed=7), IMAGES),
    "rotation_wrap": (lambda L: L.RandomRotation((-0.5, 0.1), "wrap", "nearest", 7, data_format=FIRST), TURNED),
    "zoom": (lambda L: L.RandomZoom(0.3, seed=7), IMAGES),
    "zoom_both": (lambda L: L.RandomZoom((-0.5, 0.1), 0.4, "nearest", seed=7, data_format=FIRST), TURNED),
    "shear": (lambda L: L.RandomShear((0.1, 0.4), (0.0, 0.5), seed=7), IMAGES),
    "shear_constant": (
        lambda L: L.RandomShear((0.1, 0.4), fill_mode="constant", fill_value=5.0, seed=7, data_format=FIRST), TURNED,
    ),
    "perspective": (lambda L: L.RandomPerspective(0.9, 0.4, seed=7), IMAGES),
    "perspective_first": (lambda L: L.RandomPerspective(1.0, 0.4, "nearest", 9.0, 7, FIRST), TURNED),
    "brightness": (lambda L: L.RandomBrightness(0.5, seed=7), IMAGES),
    "brightness_unit": (lambda L: L.RandomBrightness((-0.2, 0.4), [0.0, 1.0], seed=7), UNIT),
    "contrast": (lambda L: L.RandomContrast(0.7, seed=7), IMAGES),
    "contrast_first": (lambda L: L.RandomContrast((0.2, 0.7), seed=7, data_format=FIRST), TURNED),
    "hue": (lambda L: L.RandomHue(0.7, seed=7), IMAGES),
    "hue_first": (lambda L: L.RandomHue((0.2, 0.7), (0, 255), FIRST, 7), TURNED),
    "saturation": (lambda L: L.RandomSaturation((0.2, 0.9), seed=7), IMAGES),
    "saturation_first": (lambda L: L.RandomSaturation(0.9, (0, 1), FIRST, 7), TURNED / 255),
    "sharpness": (lambda L: L.RandomSharpness(0.9, seed=7), IMAGES),
    "sharpness_first": (lambda L: L.RandomSharpness((0.2, 1.0), (0, 255), FIRST, 7), TURNED),
    "degeneration": (lambda L: L.RandomColorDegeneration(0.9, seed=7), IMAGES),
    "degeneration_first": (lambda L: L.RandomColorDegeneration((0.2, 0.9), (0, 255), FIRST, 7), TURNED),
    "jitter": (lambda L: L.RandomColorJitter((0, 255), 0.3, 0.4, 0.6, 0.5, seed=7), IMAGES),
    "jitter_some": (lambda L: L.RandomColorJitter(contrast_factor=0.4, hue_factor=0.2, seed=7), IMAGES),
    "invert": (lambda L: L.RandomInvert(0.9, seed=7), IMAGES),
    "posterization": (lambda L: L.RandomPosterization((1, 8), seed=7), IMAGES),
    "posterization_unit": (lambda L: L.RandomPosterization((3, 3), (0, 1), seed=7), UNIT),
    "auto_contrast": (lambda L: L.AutoContrast(), IMAGES / 2),
    "auto_contrast_unit": (lambda L: L.AutoContrast((0, 1)), UNIT / 3),
    "equalization": (lambda L: L.Equalization(), IMAGES),
    "equalization_bins": (lambda L: L.Equalization((0, 1), 16, FIRST), TURNED / 255),
    "solarization": (lambda L: L.Solarization(0.3, 0.6, seed=7), IMAGES),
    "solarization_unit": (lambda L: L.Solarization((0.1, 0.3), (0.2, 0.9), (0, 1), seed=7), UNIT),
    "clahe": (lambda L: L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 3)), IMAGES),
    "clahe_first": (
        lambda L: L.ContrastLimitedAdaptiveHistogramEqualization((0, 1), 1.5, (3, 3), FIRST), TURNED / 255,
    ),
    "erasing": (lambda L: L.RandomErasing(0.9, seed=7), IMAGES),
    "erasing_first": (lambda L: L.RandomErasing(1.0, 0.6, 9.0, seed=7, data_format=FIRST), TURNED),
    "blur": (lambda L: L.RandomGaussianBlur(0.9, 5, seed=7), IMAGES),
    "blur_first": (lambda L: L.RandomGaussianBlur(1.0, (3, 5), (0.3, 0.9), seed=7, data_format=FIRST), TURNED),
    "mix_up": (lambda L: L.MixUp(0.4, seed=7), IMAGES),
    "cut_mix": (lambda L: L.CutMix((0.4, 0.8), seed=7), IMAGES),
    "cut_mix_first": (lambda L: L.CutMix(seed=7, data_format=FIRST), TURNED),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_equal_keras(name):
    make, x = LAYERS[name]
    compare(make, x, gradients=False, rtol=1e-4, atol=2e-3, modes=(False, True))


def run(layer, data, training=True):
    """What a layer of ours makes of data, in one program."""
    params, state = layer.init(KEY, data)
    return jax.jit(lambda data, state: layer.apply(params, state, data, rng=KEY, training=training)[0])(data, state)


ALONE = {  # where Keras writes no config that holds the seed, or cannot be compiled
    "grayscale": lambda L: L.RandomGrayscale(0.6, seed=7),
    "crop": lambda L: L.RandomCrop(4, 5, seed=7),
    "crop_too_high": lambda L: L.RandomCrop(12, 5, seed=7),
    "elastic": lambda L: L.RandomElasticTransform((0.5, 1.0), (0.4, 0.9), seed=7),
    "elastic_nearest": lambda L: L.RandomElasticTransform(1.0, (1.0, 1.0), "nearest", "constant", 3.0, seed=7),
}


@pytest.mark.parametrize("name", ALONE)
def test_more_layers_equal_keras(name):
    make = ALONE[name]
    want = make(keras.layers)(IMAGES, training=True)
    np.testing.assert_allclose(run(make(layers), IMAGES), want, rtol=1e-4, atol=2e-3)
    assert np.abs(np.asarray(want)).std() > 1


@pytest.mark.long
def test_rand_augment_equals_keras():
    ours, theirs = (L.RandAugment(num_ops=2, seed=0) for L in (layers, keras.layers))

    def call(x, state):
        with keras.StatelessScope(state_mapping=[(theirs.generator.state, state)]):
            return theirs(x, training=True), ours.apply({}, {"seed_generator": state}, x, training=True)[0]

    call = jax.jit(call)
    for seed in range(6):
        want, have = call(IMAGES, np.array([seed, 0], "uint32"))
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=2e-2)


@pytest.mark.long
def test_boxes_go_through_the_changes_of_the_images():
    layer = layers.RandAugment(num_ops=3, bounding_box_format="xyxy")
    parts, boxes, moved = list(layer.layers().values()), {"boxes": BOXES, "labels": np.array([[0, 1]] * 3)}, 0
    for seed in range(4):
        t = layer.get_random_transformation(IMAGES, seed=jax.random.key(seed))
        want = {k: jnp.asarray(v) for k, v in boxes.items()}
        for i in map(int, t[0]):
            want = parts[i].change_boxes(want, t[1][i], (8, 10))
        have = layer.transform_bounding_boxes(boxes, t, size=(8, 10))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), have, want)
        moved += np.abs(np.asarray(have["boxes"]) - BOXES).max() > 0.1
    assert moved > 1


# --- what belongs to images ----------------------------------------------------------------------

MASKS = RNG.integers(0, 4, (3, 8, 10, 1)).astype("int32")
KEPT = {"bounding_box_format": "xyxy", "seed": 7}
UNSAID = {"images": IMAGES, "bounding_boxes": {"boxes": BOXES, "labels": BOXES[..., 0]}}

TOGETHER = {
    "resizing": lambda L: L.Resizing(5, 4, bounding_box_format="xyxy"),
    "resizing_crop": lambda L: L.Resizing(4, 9, crop_to_aspect_ratio=True, bounding_box_format="xyxy"),
    "resizing_pad": lambda L: L.Resizing(6, 6, pad_to_aspect_ratio=True, bounding_box_format="xyxy"),
    "center_crop": lambda L: L.CenterCrop(4, 5, bounding_box_format="xyxy"),
    "center_crop_small": lambda L: L.CenterCrop(12, 7, bounding_box_format="xyxy"),
    "flip": lambda L: L.RandomFlip(**KEPT),
    "flip_rel": lambda L: L.RandomFlip(seed=7, bounding_box_format="yxyx"),
    "translation": lambda L: L.RandomTranslation(0.3, 0.3, **KEPT),
    "rotation": lambda L: L.RandomRotation(0.2, **KEPT),
    "zoom": lambda L: L.RandomZoom(0.3, 0.4, **KEPT),
    "shear": lambda L: L.RandomShear((0.1, 0.4), (0.0, 0.5), **KEPT),
    "perspective": lambda L: L.RandomPerspective(0.9, 0.4, **KEPT),
    "brightness": lambda L: L.RandomBrightness(0.3, **KEPT),
    "erasing": lambda L: L.RandomErasing(0.3, **KEPT),
}


@pytest.mark.long
@pytest.mark.parametrize("name", TOGETHER)
def test_boxes_and_masks_equal_keras(name):
    wide = 8 if name == "shear" else 10  # Keras shears boxes rightly in squares alone
    boxes = {"boxes": np.minimum(BOXES, 8), "labels": np.array([[0, 1], [1, 2], [2, 3]])}
    data = {
        "images": IMAGES[:, :, :wide], "bounding_boxes": boxes, "labels": np.eye(3, dtype="float32"),
        "segmentation_masks": MASKS[:, :, :wide], "id": np.arange(3),
    }  # fmt: skip
    mine = run(TOGETHER[name](layers), data)
    copy = jax.tree.map(jnp.asarray, data)
    theirs = TOGETHER[name](keras.layers)(copy, training=True)
    for key, value in theirs.items():
        if key == "segmentation_masks" and name.startswith("center"):
            continue  # Keras blends class numbers
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-3), mine[key], value)
    assert mine["segmentation_masks"].dtype == "int32"


@pytest.mark.long
def test_labels_of_mixed_images_equal_keras():
    data = {"images": IMAGES, "labels": np.eye(3, dtype="float32")}
    for make in (lambda L: L.MixUp(seed=7), lambda L: L.CutMix(seed=7)):
        theirs = make(keras.layers)(jax.tree.map(jnp.asarray, data), training=True)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), run(make(layers), data), theirs
        )


def test_one_image_is_a_batch_of_one():
    boxes = {"boxes": BOXES[0], "labels": np.array([0, 1])}
    data = {"images": IMAGES[0], "bounding_boxes": boxes, "segmentation_masks": MASKS[0], "labels": np.float32(1)}
    for make in (lambda: layers.RandomRotation(0.2, **KEPT), lambda: layers.RandomCrop(4, 4, **KEPT)):
        one, many = run(make(), data), run(make(), jax.tree.map(lambda x: x[None], data))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b[0], rtol=1e-5, atol=1e-4), one, many)


def test_boxes_follow_a_random_crop():
    image = np.zeros((8, 10, 1), "float32")
    image[3:5, 4:7] = 1  # the box x 4..7, y 3..5
    boxes = {"boxes": np.array([[4.0, 3.0, 7.0, 5.0]]), "labels": np.array([1])}
    for seed in range(5):
        layer = layers.RandomCrop(6, 7, seed=seed, bounding_box_format="xyxy")
        out = run(layer, {"images": image, "bounding_boxes": boxes})
        left, top, right, bottom = np.asarray(out["bounding_boxes"]["boxes"][0]).astype(int)
        assert out["images"][top:bottom, left:right].min() == 1 and out["images"].sum() == (bottom - top) * (
            right - left
        )


def test_a_crop_at_rest_is_the_middle():
    x = np.arange(48.0, dtype="float32").reshape(1, 6, 8, 1)
    np.testing.assert_array_equal(run(layers.RandomCrop(2, 4), x, training=False), x[:, 2:4, 2:6])


def test_integers_are_rounded_and_do_not_overflow():
    x = IMAGES.astype("uint8")
    want = keras.layers.Resizing(5, 4)(x)
    have = run(layers.Resizing(5, 4), x)
    assert have.dtype == want.dtype == "uint8"
    np.testing.assert_array_equal(have, want)
    bright = run(layers.RandomBrightness((0.5, 0.5), seed=7), x)
    np.testing.assert_allclose(bright, np.minimum(IMAGES + 127.5, 255))


def test_colors_that_erase():
    x = np.zeros((2, 4, 4, 3), "float32")
    for image, layout in ((x, "channels_last"), (np.moveaxis(x, -1, 1), FIRST)):
        y = run(layers.RandomErasing((1, 1), (1.0, 1.0), [1, 2, 3], seed=7, data_format=layout), image)
        y = y if layout == "channels_last" else np.moveaxis(y, 1, -1)
        np.testing.assert_array_equal(y, np.broadcast_to([1.0, 2.0, 3.0], y.shape))


# --- random numbers ------------------------------------------------------------------------------


def test_calls_on_arrays_train_and_the_seed_counts_on():
    ours, theirs = (L.RandomFlip(seed=7) for L in (layers, keras.layers))
    for _ in range(3):
        np.testing.assert_array_equal(ours(IMAGES), theirs(IMAGES))
    np.testing.assert_array_equal(ours(IMAGES, training=False), IMAGES)
    model = fkeras.Sequential([layers.RandomFlip(seed=7), layers.RandomInvert((1, 1), seed=7)])
    assert np.abs(np.asarray(model(IMAGES)) - IMAGES).max() > 0
    np.testing.assert_array_equal(fkeras.Sequential([layers.RandomFlip(), layers.Dropout(0.5)])(IMAGES), IMAGES)


def test_the_key_decides():
    layer = layers.AugMix()
    params, state = layer.init(KEY, IMAGES)
    call = jax.jit(lambda key: layer.apply(params, state, IMAGES, rng=key, training=True)[0])
    one, same, other = call(KEY), call(jax.random.key(0)), call(jax.random.key(1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(np.asarray(one - other)).max() > 1 and np.isfinite(one).all()


def test_augmentation_in_a_compiled_training_step():
    model = fkeras.Sequential([
        layers.Rescaling(1 / 255), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomCrop(6, 6),
        layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    history = model.fit(IMAGES, np.ones((3, 1), "float32"), batch_size=3, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all() and model.predict(IMAGES, verbose=0).shape == (3, 1)


# --- what they refuse ----------------------------------------------------------------------------

WRONG = {
    "mode": (lambda: layers.RandomFlip("sideways"), "horizontal_and_vertical"),
    "factor": (lambda: layers.RandomRotation(3.0), "from -1 to 1"),
    "pair": (lambda: layers.RandomContrast((0.1, 0.2, 0.3)), "a number, or two"),
    "zoom": (lambda: layers.RandomZoom(-1.0), "above it"),
    "range": (lambda: layers.RandomHue(0.2, (0, 0)), "value_range"),
    "kernel": (lambda: layers.RandomGaussianBlur(kernel_size=4), "odd"),
    "size": (lambda: layers.Resizing(0, 3), "height"),
    "both": (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "exclude"),
    "fill": (lambda: layers.RandomErasing(fill_value="red"), "fill_value"),
    "format": (lambda: layers.RandomFlip(bounding_box_format="ltrb"), "xyxy"),
    "alpha": (lambda: layers.MixUp(0.0), "alpha"),
    "rank": (lambda: layers.RandomFlip(seed=1)(np.ones((2, 2))), "rank 3"),
    "rng": (lambda: layers.RandomFlip().apply({}, {}, IMAGES, training=True), "rng="),
    "no format": (lambda: run(layers.RandomFlip(), UNSAID), "bounding_box_format"),
    "no images": (lambda: run(layers.RandomFlip(), {"image": IMAGES}), '"images"'),
    "classes": (lambda: run(layers.MixUp(), {"images": IMAGES, "labels": np.arange(3)}), "one-hot"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    make, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        make()


def test_unknown_sizes():
    for layer in (layers.Resizing(4, 5), layers.CenterCrop(4, 5), layers.RandomCrop(4, 5)):
        x = fkeras.Input((None, None, 3))
        model = fkeras.Model(x, layer(x))
        assert model.output_shape == (None, 4, 5, 3)
        assert model.predict(IMAGES, verbose=0).shape == (3, 4, 5, 3)
    x = fkeras.Input((None, None, 3))
    assert layers.RandomFlip()(layers.RandomZoom(0.2)(x)).shape == (None, None, None, 3)
