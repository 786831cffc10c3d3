"""Small functions that scripts need around a model."""

from ..data import PyDataset
from ..policies import standardize_dtype
from ..random import set_random_seed
from ..registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..registry import deserialize as deserialize_keras_object
from ..registry import serialize as serialize_keras_object
from . import bounding_boxes
from .batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .download import get_file
from .numbers import normalize, to_categorical
from .sequences import pad_sequences
from .session import clear_session, is_keras_tensor
from .summary import count_params, print_summary

CustomObjectScope = custom_object_scope
Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "bounding_boxes",
    "clear_session",
    "count_params",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "is_keras_tensor",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "print_summary",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
