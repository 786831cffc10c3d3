"""Configs of Keras 2 in the words of Keras 3."""

from __future__ import annotations

from typing import Any

LAYERS = ("layers", "layer", "cell", "cells", "backward_layer", "forward_layer")  # where layers stand


def upgraded(config: Any) -> Any:
    """The config with old names replaced and settings dropped that no longer mean anything.

    >>> upgraded({"class_name": "BatchNormalization", "config": {"axis": [3]}})
    {'class_name': 'BatchNormalization', 'config': {'axis': 3}}
    """
    if isinstance(config, list):
        return [upgraded(v) for v in config]
    if not isinstance(config, dict):
        return config
    config = {k: in_layers(upgraded(v)) if k in LAYERS else upgraded(v) for k, v in config.items()}
    name, inner = config.get("class_name"), config.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        return config
    if name == "Policy":
        config["class_name"] = "DTypePolicy"
    if name in ("LSTM", "GRU", "SimpleRNN", "RNN") and inner.get("time_major") is False:
        inner.pop("time_major")
    axis = inner.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    return config


def in_layers(value: Any) -> Any:
    """Configs of layers, with the module that Keras 2 did not write."""
    if isinstance(value, list):
        return [in_layers(v) for v in value]
    return {"module": "keras.layers", **value} if isinstance(value, dict) and "class_name" in value else value
