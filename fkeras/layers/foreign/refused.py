"""Layers of Keras that need TensorFlow or torch: their names, and what to do instead."""

from __future__ import annotations

from typing import Any

from ...layer import Layer


class TFSMLayer(Layer):
    """Refused: a SavedModel runs in TensorFlow alone.

    >>> TFSMLayer("path")
    Traceback (most recent call last):
    NotImplementedError: TFSMLayer runs a SavedModel in TensorFlow, which fkeras does not use. ...
    """

    def __init__(
        self, filepath: Any, call_endpoint: str = "serve", call_training_endpoint: Any = None, trainable: bool = True,
        name: str | None = None, dtype: Any = None,
    ):  # fmt: skip
        raise NotImplementedError(
            "TFSMLayer runs a SavedModel in TensorFlow, which fkeras does not use. Load the weights of the original "
            "model into an fkeras model instead, or call the SavedModel outside, through its NumPy arrays."
        )


class TorchModuleWrapper(Layer):
    """Refused: a module of torch computes outside of JAX.

    >>> TorchModuleWrapper(None)
    Traceback (most recent call last):
    NotImplementedError: TorchModuleWrapper runs a module in torch, which fkeras does not use. ...
    """

    def __init__(self, module: Any, name: str | None = None, output_shape: Any = None, **_: Any):
        raise NotImplementedError(
            "TorchModuleWrapper runs a module in torch, which fkeras does not use. Write the module as a layer, or as "
            "functions for fkeras.layers.JaxLayer, and copy its weights with set_weights."
        )
