"""Models and weights in files; names of user-written classes and functions in configs."""

from ..registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..registry import serialize as serialize_keras_object
from .config import deserialize_keras_object
from .editor import KerasFileEditor
from .errors import DamagedFileError, UnsafeModelError
from .export import Exported, export_model, load_exported
from .public import load_model, load_weights, save_model, save_weights
from .safetensors import export_weights, import_weights

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "DamagedFileError",
    "Exported",
    "KerasFileEditor",
    "UnsafeModelError",
    "custom_object_scope",
    "deserialize_keras_object",
    "export_model",
    "export_weights",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "import_weights",
    "load_exported",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
