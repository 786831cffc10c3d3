"""Layers around what other libraries made: JAX functions, Flax, Equinox and Haiku modules."""

from .flax_layer import FlaxLayer
from .jax_layer import JaxLayer
from .refused import TFSMLayer, TorchModuleWrapper

__all__ = ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]
