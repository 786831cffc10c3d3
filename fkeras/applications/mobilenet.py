"""MobileNet: convolutions split into depthwise and pointwise ones (Howard et al., 2017, arXiv:1704.04861)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import ADDRESS, ARGUMENTS, Order, Published, act, entrance, finished, norm, pooled, then

SIZES = (128, 160, 192, 224)
ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def square(order: Order, sizes: tuple[int, ...]) -> int:
    """The size of square images that weights are published for; 224 for all others."""
    shape = order.input_shape
    if shape is None and order.input_tensor is not None:
        shape = order.input_tensor.shape[1:]
    sides = () if shape is None else {side for side in shape if side not in (1, 3)}
    return next(iter(sides)) if len(sides) == 1 and next(iter(sides)) in sizes else 224


def separated(x: Any, filters: int, stride: int, multiplier: int, i: int) -> Any:
    """A depthwise and a pointwise convolution."""
    return then(
        x,
        layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}") if stride == 2 else None,
        layers.DepthwiseConv2D(
            3,
            strides=stride,
            padding="valid" if stride == 2 else "same",
            depth_multiplier=multiplier,
            use_bias=False,
            name=f"conv_dw_{i}",
        ),
        norm(f"conv_dw_{i}_bn"),
        layers.ReLU(6.0, name=f"conv_dw_{i}_relu"),
        layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{i}"),
        norm(f"conv_pw_{i}_bn"),
        layers.ReLU(6.0, name=f"conv_pw_{i}_relu"),
    )


def published(order: Order, alpha: float, size: int, multiplier: int) -> Published | None:
    """The files for a width and a size of images."""
    if alpha not in ALPHAS or multiplier != 1:
        return None
    stem = f"mobilenet_{ALPHAS[alpha]}_{size}_tf"
    return Published(f"{ADDRESS}mobilenet/", (f"{stem}.h5", None), (f"{stem}_no_top.h5", None))


def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
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
    order.name = f"mobilenet_{alpha:0.2f}_{rows_of(order, size)}" if name is None else name
    source = entrance(order, size)
    x = then(
        source,
        layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1"),
        norm("conv1_bn"),
        layers.ReLU(6.0, name="conv1_relu"),
    )
    for i, (filters, stride) in enumerate(BLOCKS, 1):
        x = separated(x, int(filters * alpha), stride, depth_multiplier, i)
    if include_top:
        x = then(
            x,
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Dropout(dropout, name="dropout"),
            layers.Conv2D(classes, 1, padding="same", name="conv_preds"),
            layers.Reshape((classes,), name="reshape_2"),
            act("predictions", classifier_activation),
        )
    else:
        x = pooled(x, order)
    return finished(source, x, order, published(order, alpha, size, depth_multiplier))


def rows_of(order: Order, size: int) -> Any:
    """The number of rows of the images, as it stands in the name of a model."""
    if order.input_shape is None:
        return size if order.include_top else 224 if order.weights == "imagenet" else None
    rows = next((side for side in order.input_shape if side not in (1, 3)), size)
    return size if order.weights == "imagenet" else rows


MobileNet.__doc__ = f"""MobileNet (arXiv:1704.04861).

alpha: the width, as a part of the usual one. depth_multiplier: of the depthwise convolutions.
dropout: before the classifier.{ARGUMENTS}"""
preprocess_input = preprocessing("tf")

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
