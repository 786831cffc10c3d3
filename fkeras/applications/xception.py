"""Xception: depthwise separable convolutions throughout (Chollet, 2016, arXiv:1610.02357)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import Order, act, architecture, entrance, finished, norm, pooled, then, topped, usual

PUBLISHED = usual("xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")


def separable(filters: int, name: str) -> tuple[Any, Any]:
    """A separable convolution, normalized."""
    return layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name), norm(f"{name}_bn")


def narrowing(x: Any, block: int, widths: tuple[int, int]) -> Any:
    """Two separable convolutions and a pooling, beside a strided projection."""
    shortcut = then(x, layers.Conv2D(widths[1], 1, strides=2, padding="same", use_bias=False), norm())
    for i, filters in enumerate(widths, 1):
        name = f"block{block}_sepconv{i}"
        x = then(x, None if block == 2 and i == 1 else act(f"{name}_act"), *separable(filters, name))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, shortcut])


def middle(x: Any, block: int) -> Any:
    """Three separable convolutions beside the input."""
    shortcut = x
    for i in (1, 2, 3):
        name = f"block{block}_sepconv{i}"
        x = then(x, act(f"{name}_act"), *separable(728, name))
    return layers.Add()([x, shortcut])


def build(order: Order) -> Any:
    """Entry, middle and exit."""
    source = x = entrance(order, 299, 71)
    for i, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{i}"
        convolution = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name)
        x = then(x, convolution, norm(f"{name}_bn"), act(f"{name}_act"))
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = narrowing(x, block, (filters, filters))
    for block in range(5, 13):
        x = middle(x, block)
    x = narrowing(x, 13, (728, 1024))
    for i, filters in ((1, 1536), (2, 2048)):
        name = f"block14_sepconv{i}"
        x = then(x, *separable(filters, name), act(f"{name}_act"))
    x = topped(x, order) if order.include_top else pooled(x, order)
    return finished(source, x, order, PUBLISHED)


Xception = architecture("Xception", "36 separable convolutions (arXiv:1610.02357)", build, "xception")
preprocess_input = preprocessing("tf")

__all__ = ["Xception", "decode_predictions", "preprocess_input"]
