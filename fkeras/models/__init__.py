"""Models: layers that can be trained, saved and described."""

from ..saving.public import load_model, save_model
from .cloning import clone_model, model_from_json
from .model import Functional, Model
from .sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
