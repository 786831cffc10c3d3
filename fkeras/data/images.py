"""Images in files, as a Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import config
from .directory import Choice, datasets
from .resizing import INTERPOLATIONS, check_size, resize
from .timeseries import check_format

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def read_image(path: str, mode: str) -> np.ndarray:
    """The pixels of an image file, (height, width, channels). mode: "grayscale", "rgb" or "rgba".

    Needs Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Reading images needs Pillow: pip install pillow.") from error
    try:
        with Image.open(path) as image:
            keeps = image.mode == MODES[mode] or (mode == "grayscale" and image.mode in ("I;16", "I"))
            pixels = np.asarray(image if keeps else image.convert(MODES[mode]))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images (bmp, gif, jpeg, png) below a directory, and their labels: a Dataset that reads them as needed.

    labels: "inferred": each directory in it is a class; None: no labels; or a number for each file, in their order.
    label_mode: "int", "categorical" (one-hot), "binary" (0. or 1.), or None.
    class_names: of the directories to use, in the order of their labels.
    color_mode: "grayscale", "rgb" or "rgba".
    batch_size: None for images one by one.
    image_size: (height, width) to which images are resized, by `interpolation`: nearest, bilinear, bicubic, area,
        lanczos3, lanczos5, gaussian or mitchellcubic; proportions are kept by `crop_to_aspect_ratio` or
        `pad_to_aspect_ratio`.
    shuffle, seed: files are mixed, and batches are others in each pass.
    validation_split, subset: a share of the files for "validation", the others for "training"; or "both" in a list.
    follow_links: also into directories that are symbolic links.
    format: "tf" or "grain", Keras' choice of library; both give a Dataset of fkeras.
    verbose: prints how many files were found.

    The Dataset has `class_names` and `file_paths`. Needs Pillow.

    Shapes: (batch, height, width, channels) in float32, from 0 to 255; labels (batch,), (batch, classes) or (batch, 1).
    """
    check_format(format)
    if color_mode not in MODES:
        raise ValueError(f"color_mode must be one of {', '.join(MODES)}; got {color_mode!r}.")
    how = str(interpolation).lower()
    if how not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}; got {interpolation!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Give crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    size, first = check_size(image_size), config.standardize_data_format(data_format) == "channels_first"

    def read(path: str) -> np.ndarray:
        image = resize(read_image(path, color_mode), size, how, crop_to_aspect_ratio, pad_to_aspect_ratio)
        return np.moveaxis(image, -1, 0) if first else image

    choice = Choice(
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose
    )
    return datasets(choice, FORMATS, read, batch_size)
