"""Very deep convolutional networks (Simonyan & Zisserman, 2014, arXiv:1409.1556)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .network import Order, Published, entrance, finished, pooled, then


def build(order: Order, depths: tuple[int, ...], published: Published) -> Any:
    """Five blocks of 3x3 convolutions, each followed by a pooling, and three dense layers."""
    source = x = entrance(order, 224)
    for block, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), 1):
        for i in range(1, depth + 1):
            x = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if order.include_top:
        x = then(
            x,
            layers.Flatten(name="flatten"),
            layers.Dense(4096, "relu", name="fc1"),
            layers.Dense(4096, "relu", name="fc2"),
            layers.Dense(order.classes, order.classifier_activation, name="predictions"),
        )
    else:
        x = pooled(x, order)
    return finished(source, x, order, published)
