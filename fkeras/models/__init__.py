"""Models: layers that can be trained, saved and described."""

from .cloning import clone_model, model_from_json
from .model import Functional, Model
from .sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "model_from_json"]
