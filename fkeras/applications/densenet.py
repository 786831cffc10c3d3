"""Densely connected networks (Huang et al., 2016, arXiv:1608.06993)."""

from __future__ import annotations

from typing import Any

from .. import config, layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import Order, act, architecture, axis, channels, entrance, finished, norm, then, topped, usual

EPSILON = 1.001e-5
GROWTH = 32
HASHES = {
    121: ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    169: ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    201: ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}
DEPTHS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}


def convolved(x: Any, filters: int, size: int, before: str, name: str) -> Any:
    """Normalization, a relu and a convolution."""
    convolution = layers.Conv2D(filters, size, padding="same", use_bias=False, name=f"{name}_conv")
    return then(x, norm(f"{before}_bn", epsilon=EPSILON), act(f"{before}_relu"), convolution)


def build(order: Order, depth: int) -> Any:
    """Four stages, in which each block reads what all blocks before it made."""
    if config.image_data_format() == "channels_first":
        raise ValueError("DenseNet is for images whose channels come last: config.set_image_data_format.")
    source = entrance(order, 224)
    x = then(
        source,
        layers.ZeroPadding2D(((3, 3), (3, 3))),
        layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv"),
        norm("conv1_bn", epsilon=EPSILON),
        act("conv1_relu"),
        layers.ZeroPadding2D(((1, 1), (1, 1))),
        layers.MaxPooling2D(3, strides=2, name="pool1"),
    )
    for stage, blocks in enumerate(DEPTHS[depth], 2):
        if stage > 2:
            name = f"pool{stage - 1}"
            x = convolved(x, channels(x) // 2, 1, name, name)
            x = layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
        for i in range(1, blocks + 1):
            name = f"conv{stage}_block{i}"
            new = convolved(x, 4 * GROWTH, 1, f"{name}_0", f"{name}_1")
            new = convolved(new, GROWTH, 3, f"{name}_1", f"{name}_2")
            x = layers.Concatenate(axis(), name=f"{name}_concat")([x, new])
    x = topped(then(x, norm("bn", epsilon=EPSILON), act("relu")), order)
    return finished(source, x, order, usual("densenet", f"densenet{depth}", *HASHES[depth]))


def dense(depth: int) -> Any:
    """The network of so many layers."""
    paper = f"{depth} layers, each reading all before it (arXiv:1608.06993)"
    return architecture(f"DenseNet{depth}", paper, lambda order: build(order, depth), f"densenet{depth}")


DenseNet121, DenseNet169, DenseNet201 = dense(121), dense(169), dense(201)
preprocess_input = preprocessing("torch")

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]
