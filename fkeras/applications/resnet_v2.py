"""Residual networks with activations first (He et al., 2016, arXiv:1603.05027)."""

from __future__ import annotations

from typing import Any

from . import resnet
from .imagenet_utils import decode_predictions, preprocessing
from .network import architecture


def residual(depth: int) -> Any:
    """The network of so many layers."""
    paper = f"{depth} layers with plain shortcuts (arXiv:1603.05027)"
    return architecture(f"ResNet{depth}V2", paper, lambda order: resnet.build(order, depth, True), f"resnet{depth}v2")


ResNet50V2, ResNet101V2, ResNet152V2 = residual(50), residual(101), residual(152)
preprocess_input = preprocessing("tf")

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]
