"""MobileNetV2: narrow blocks that are wide inside (Sandler et al., 2018, arXiv:1801.04381)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet import rows_of, square
from .network import (
    ADDRESS,
    ARGUMENTS,
    Order,
    Published,
    channels,
    edges,
    entrance,
    finished,
    norm,
    rounded,
    then,
    topped,
)

SIZES = (96, 128, 160, 192, 224)
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
STAGES = (
    (16, 1, 1),
    (24, 2, 2),
    (32, 3, 2),
    (64, 4, 2),
    (96, 3, 1),
    (160, 3, 2),
    (320, 1, 1),
)  # filters, blocks, stride
NORM = {"epsilon": 1e-3, "momentum": 0.999}


def inverted(x: Any, filters: int, stride: int, i: int) -> Any:
    """Widened by a pointwise convolution, filtered by a depthwise one, narrowed again."""
    source, name = x, f"block_{i}_" if i else "expanded_conv_"
    if i:
        x = then(
            x,
            layers.Conv2D(6 * channels(x), 1, padding="same", use_bias=False, name=f"{name}expand"),
            norm(f"{name}expand_BN", **NORM),
            layers.ReLU(6.0, name=f"{name}expand_relu"),
        )
    x = then(
        x,
        layers.ZeroPadding2D(edges(x, 3), name=f"{name}pad") if stride == 2 else None,
        layers.DepthwiseConv2D(
            3, strides=stride, use_bias=False, padding="valid" if stride == 2 else "same", name=f"{name}depthwise"
        ),
        norm(f"{name}depthwise_BN", **NORM),
        layers.ReLU(6.0, name=f"{name}depthwise_relu"),
        layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project"),
        norm(f"{name}project_BN", **NORM),
    )
    return layers.Add(name=f"{name}add")([source, x]) if stride == 1 and channels(source) == filters else x


def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Any:
    order = Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    size = square(order, SIZES)
    order.name = f"mobilenetv2_{alpha:0.2f}_{rows_of(order, size)}" if name is None else name
    source = entrance(order, size)
    x = then(
        source,
        layers.Conv2D(rounded(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1"),
        norm("bn_Conv1", **NORM),
        layers.ReLU(6.0, name="Conv1_relu"),
    )
    i = 0
    for filters, blocks, stride in STAGES:
        for j in range(blocks):
            x = inverted(x, rounded(int(filters * alpha)), 1 if j else stride, i)
            i += 1
    x = then(
        x,
        layers.Conv2D(rounded(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1"),
        norm("Conv_1_bn", **NORM),
        layers.ReLU(6.0, name="out_relu"),
    )
    stem = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}"
    files = Published(f"{ADDRESS}mobilenet_v2/", (f"{stem}.h5", None), (f"{stem}_no_top.h5", None))
    return finished(source, topped(x, order, False, None), order, files if alpha in ALPHAS else None)


MobileNetV2.__doc__ = f"""MobileNetV2 (arXiv:1801.04381).

alpha: the width, as a part of the usual one.{ARGUMENTS}"""
preprocess_input = preprocessing("tf")

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
