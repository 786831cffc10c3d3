"""NASNet: two cells found by search, stacked (Zoph et al., 2017, arXiv:1707.07012)."""

from __future__ import annotations

from typing import Any

from .. import config, layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import (
    ADDRESS,
    Order,
    Published,
    act,
    axis,
    channels,
    described,
    edges,
    entrance,
    finished,
    norm,
    pooled,
    then,
    topped,
)  # fmt: skip

NORM = {"momentum": 0.9997, "epsilon": 1e-3}
HASHES = {
    "mobile": ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    "large": ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
}
SIZES = {"mobile": (224, 1056, 4, 32, False), "large": (331, 4032, 6, 96, True)}
Cell = tuple[Any, Any]  # what a cell makes, and what came before it


def pointwise(filters: int, name: str) -> Any:
    """A 1x1 convolution."""
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)


def separable(x: Any, filters: int, kernel: int, name: str, halve: bool = False) -> Any:
    """Two separable convolutions, each after a relu; the first may halve the image."""
    x = act()(x)
    return then(
        x,
        layers.ZeroPadding2D(edges(x, kernel), name=f"separable_conv_1_pad_{name}") if halve else None,
        layers.SeparableConv2D(
            filters,
            kernel,
            strides=2 if halve else 1,
            padding="valid" if halve else "same",
            use_bias=False,
            name=f"separable_conv_1_{name}",
        ),
        norm(f"separable_conv_1_bn_{name}", **NORM),
        act(),
        layers.SeparableConv2D(filters, kernel, padding="same", use_bias=False, name=f"separable_conv_2_{name}"),
        norm(f"separable_conv_2_bn_{name}", **NORM),
    )


def fitted(before: Any, x: Any, filters: int, name: str) -> Any:
    """What came before, in the size and with the channels of now."""
    if before is None:
        return x
    if before.shape[axis() - 1] != x.shape[axis() - 1]:
        before = act(f"adjust_relu_1_{name}")(before)
        halves = []
        for i in (1, 2):
            moved = before if i == 1 else then(
                before, layers.ZeroPadding2D(((0, 1), (0, 1))), layers.Cropping2D(((1, 0), (1, 0)))
            )  # fmt: skip
            pool = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")
            halves.append(then(moved, pool, pointwise(filters // 2, f"adjust_conv_{i}_{name}")))
        return then(layers.Concatenate(axis())(halves), norm(f"adjust_bn_{name}", **NORM))
    if channels(before) != filters:
        return then(
            before, act(), pointwise(filters, f"adjust_conv_projection_{name}"), norm(f"adjust_bn_{name}", **NORM)
        )
    return before


def narrowed(x: Any, filters: int, kind: str, name: str) -> Any:
    """What is now, with the channels of the cell."""
    return then(x, act(), pointwise(filters, f"{kind}_conv_1_{name}"), norm(f"{kind}_bn_1_{name}", **NORM))


def average(name: str) -> Any:
    """The mean of the pixels around each."""
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)


def normal(x: Any, before: Any, filters: int, name: str) -> Cell:
    """The cell that keeps the size."""
    p = fitted(before, x, filters, name)
    h = narrowed(x, filters, "normal", name)
    pairs = (
        lambda: (separable(h, filters, 5, f"normal_left1_{name}"), separable(p, filters, 3, f"normal_right1_{name}")),
        lambda: (separable(p, filters, 5, f"normal_left2_{name}"), separable(p, filters, 3, f"normal_right2_{name}")),
        lambda: (average(f"normal_left3_{name}")(h), p),
        lambda: (average(f"normal_left4_{name}")(p), average(f"normal_right4_{name}")(p)),
        lambda: (separable(h, filters, 3, f"normal_left5_{name}"), h),
    )
    sums = [layers.Add(name=f"normal_add_{i}_{name}")(list(pair())) for i, pair in enumerate(pairs, 1)]
    return layers.Concatenate(axis(), name=f"normal_concat_{name}")([p, *sums]), x


def reduction(x: Any, before: Any, filters: int, name: str) -> Cell:
    """The cell that halves the size."""
    p = fitted(before, x, filters, name)
    h = narrowed(x, filters, "reduction", name)
    padded = layers.ZeroPadding2D(edges(h, 3), name=f"reduction_pad_1_{name}")(h)

    def halved(value: Any, kernel: int, place: str) -> Any:
        return separable(value, filters, kernel, f"reduction_{place}_{name}", halve=True)

    def pool(layer: Any, place: str) -> Any:
        return layer(3, strides=2, name=f"reduction_{place}_{name}")(padded)

    x1 = layers.Add(name=f"reduction_add_1_{name}")([halved(h, 5, "left1"), halved(p, 7, "right1")])
    x2 = layers.Add(name=f"reduction_add_2_{name}")([pool(layers.MaxPooling2D, "left2"), halved(p, 7, "right2")])
    x3 = layers.Add(name=f"reduction_add3_{name}")([pool(layers.AveragePooling2D, "left3"), halved(p, 5, "right3")])
    x4 = layers.Add()([x2, average(f"reduction_left4_{name}")(x1)])
    x5 = layers.Add(name=f"reduction_add4_{name}")([
        separable(x1, filters, 3, f"reduction_left4_{name}"), pool(layers.MaxPooling2D, "right5"),
    ])  # fmt: skip
    return layers.Concatenate(axis(), name=f"reduction_concat_{name}")([x2, x3, x4, x5]), x


def build(order: Order, kind: str) -> Any:
    """A stem of two reductions, and three series of normal cells with reductions between them."""
    if config.image_data_format() == "channels_first":
        raise ValueError("NASNet is for images whose channels come last: config.set_image_data_format.")
    size, last, blocks, stem, skip = SIZES[kind]
    filters = last // 24
    source = entrance(order, size)
    first = layers.Conv2D(
        stem, 3, strides=2, padding="valid", use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )
    x, before = then(source, first, norm("stem_bn1", **NORM)), None
    for i, part in ((1, filters // 4), (2, filters // 2)):
        x, before = reduction(x, before, part, f"stem_{i}")
    for i in range(3):
        if i:
            x, between = reduction(x, before, filters * 2**i, f"reduce_{i * blocks}")
            before = before if skip else between
        for j in range(blocks):
            x, before = normal(x, before, filters * 2**i, str(i * blocks + j + (i > 0)))
    x = act()(x)
    x = topped(x, order, pool=None) if order.include_top else pooled(x, order)
    top, rest = HASHES[kind]
    files = Published(f"{ADDRESS}nasnet/", (f"NASNet-{kind}.h5", top), (f"NASNet-{kind}-no-top.h5", rest))
    return finished(source, x, order, files)


def sized(kind: str) -> Any:
    """The function that builds the mobile or the large network."""

    def make(
        input_shape: Any = None,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = f"nasnet_{kind}",
    ) -> Any:
        if kind == "mobile" and not include_top and input_shape is None:
            input_shape = (224, 224, 3)
        order = Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return build(order, kind)

    return described(make, f"NASNet{kind.title()}", "cells found by search (arXiv:1707.07012)")


NASNetMobile, NASNetLarge = sized("mobile"), sized("large")
preprocess_input = preprocessing("tf")

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
