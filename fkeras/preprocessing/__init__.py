"""Data on its way into a model."""

from ..data.images import image_dataset_from_directory
from ..data.texts import text_dataset_from_directory
from ..data.timeseries import timeseries_dataset_from_array
from . import image, sequence, text

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
