"""Layers of images."""

from fkeras import layers as L

from .row import Row

X = (2, 6, 5, 3)
STEPS = {"smooth": False}  # rounds, chooses or cuts off: finite differences cannot tell
PARTS = {"transformations": "its parts have rows of their own, and it is slow"}

ROWS = {
    "rescaling": Row(lambda: L.Rescaling(0.5, -1.0), X, unknown=(0, 1)),
    "resizing": Row(lambda: L.Resizing(4, 7, pad_to_aspect_ratio=True), X),
    "center_crop": Row(lambda: L.CenterCrop(3, 4), X, unknown=(0, 1, 2)),
    "random_crop": Row(lambda: L.RandomCrop(3, 4), X),
    "random_flip": Row(lambda: L.RandomFlip(), X, unknown=(0, 1, 2)),
    "random_translation": Row(lambda: L.RandomTranslation(0.3, 0.2, seed=3), X),
    "random_rotation": Row(lambda: L.RandomRotation(0.2), X),
    "random_zoom": Row(lambda: L.RandomZoom(0.3), X),
    "random_shear": Row(lambda: L.RandomShear(0.2, 0.3), X),
    "random_perspective": Row(lambda: L.RandomPerspective(scale=0.3), X),
    "random_elastic_transform": Row(lambda: L.RandomElasticTransform(value_range=(-9, 9)), X),
    "random_brightness": Row(lambda: L.RandomBrightness(0.2, (-9, 9)), X),
    "random_contrast": Row(lambda: L.RandomContrast(0.5, (-9, 9)), X),
    "random_hue": Row(lambda: L.RandomHue(0.2), X, **STEPS),
    "random_saturation": Row(lambda: L.RandomSaturation(0.4, seed=3), X, **STEPS),
    "random_sharpness": Row(lambda: L.RandomSharpness(0.7, (-9, 9)), X),
    "random_color_degeneration": Row(lambda: L.RandomColorDegeneration(0.5, (-9, 9)), X),
    "random_color_jitter": Row(lambda: L.RandomColorJitter((0, 1), 0.2, 0.3, 0.4, 0.1), X, **STEPS),
    "random_grayscale": Row(lambda: L.RandomGrayscale(), X),
    "random_invert": Row(lambda: L.RandomInvert(), X),
    "random_posterization": Row(lambda: L.RandomPosterization((2, 6), (-9, 9)), X, **STEPS),
    "solarization": Row(lambda: L.Solarization(0.3, 0.6, (-9, 9)), X, **STEPS),
    "auto_contrast": Row(lambda: L.AutoContrast((-9, 9)), X, **STEPS),
    "equalization": Row(lambda: L.Equalization((-9, 9)), X, **STEPS),
    "clahe": Row(
        lambda: L.ContrastLimitedAdaptiveHistogramEqualization((-9, 9), tile_grid_size=(2, 2)), X, **STEPS
    ),
    "random_erasing": Row(lambda: L.RandomErasing(value_range=(-9, 9)), X),
    "random_gaussian_blur": Row(lambda: L.RandomGaussianBlur(value_range=(-9, 9)), X),
    "mix_up": Row(lambda: L.MixUp(), X),
    "cut_mix": Row(lambda: L.CutMix(), X),
    "rand_augment": Row(lambda: L.RandAugment((-9, 9)), X, but=PARTS),
    "aug_mix": Row(lambda: L.AugMix((-9, 9), 2, 2, all_ops=False), X, but=PARTS),
    "max_num_bounding_boxes": Row(
        lambda: L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy"),
        {"images": X, "bounding_boxes": {"boxes": (2, 5, 4), "labels": (2, 5)}},
        bits=False,
    ),
    "random_flip_dict": Row(
        lambda: L.RandomFlip(bounding_box_format="xyxy"),
        {"images": X, "labels": (2, 4), "bounding_boxes": {"boxes": (2, 5, 4), "labels": (2, 5)}}, bits=False, **STEPS,
    ),
}  # fmt: skip
