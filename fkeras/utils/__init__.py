"""Small functions that scripts need around a model."""

from ..config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from ..data import PyDataset
from ..data.images import image_dataset_from_directory
from ..data.sounds import audio_dataset_from_directory
from ..data.splitting import split_dataset
from ..data.texts import text_dataset_from_directory
from ..data.timeseries import timeseries_dataset_from_array
from ..policies import standardize_dtype
from ..random import set_random_seed
from ..registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..registry import serialize as serialize_keras_object
from ..saving.config import deserialize_keras_object
from . import bounding_boxes
from .batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .download import get_file
from .feature_space import FeatureSpace
from .images import array_to_img, img_to_array, load_img, save_img
from .numbers import normalize, to_categorical
from .plotting import model_to_dot, plot_model
from .progbar import Progbar
from .sequences import pad_sequences
from .session import clear_session, is_keras_tensor
from .settings import Config
from .summary import count_params, print_summary
from .symbols import get_source_inputs

CustomObjectScope = custom_object_scope
Sequence = PyDataset

__all__ = [
    "Config",
    "Progbar",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_source_inputs",
    "is_interactive_logging_enabled",
    "model_to_dot",
    "plot_model",
    "CustomObjectScope",
    "FeatureSpace",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "count_params",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_keras_tensor",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "print_summary",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
