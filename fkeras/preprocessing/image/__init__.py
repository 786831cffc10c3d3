"""Images on their way into a model: files, arrays, and `ImageDataGenerator`."""

from ...utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize
from .arrays import NumpyArrayIterator
from .files import DirectoryIterator
from .generator import ImageDataGenerator
from .iterator import Iterator
from .tables import DataFrameIterator
from .transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)  # fmt: skip

__all__ = [
    "DataFrameIterator", "DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator",
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "array_to_img", "img_to_array",
    "load_img", "random_brightness", "random_channel_shift", "random_rotation", "random_shear", "random_shift",
    "random_zoom", "save_img", "smart_resize",
]  # fmt: skip
