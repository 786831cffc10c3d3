"""MobileNetV3: found by search, with attention to channels (Howard et al., 2019, arXiv:1905.02244)."""

from __future__ import annotations

from typing import Any

from .. import config, layers
from .imagenet_utils import decode_predictions
from .imagenet_utils import untouched as preprocess_input
from .network import (
    ADDRESS,
    Order,
    Published,
    act,
    channels,
    check,
    described,
    edges,
    finished,
    norm,
    pooled,
    rounded,
    then,
)  # fmt: skip

NORM = {"epsilon": 1e-3, "momentum": 0.999}
WIDE, HARD, SQUEEZED = 5, "hard_swish", True  # what a minimalistic network has no part of
BLOCKS: dict[str, tuple[Any, ...]] = {  # expansion, filters, kernel, stride, squeeze, activation
    "small": (
        (1, 16, 3, 2, SQUEEZED, "relu"), (72 / 16, 24, 3, 2, False, "relu"), (88 / 24, 24, 3, 1, False, "relu"),
        (4, 40, WIDE, 2, SQUEEZED, HARD), (6, 40, WIDE, 1, SQUEEZED, HARD), (6, 40, WIDE, 1, SQUEEZED, HARD),
        (3, 48, WIDE, 1, SQUEEZED, HARD), (3, 48, WIDE, 1, SQUEEZED, HARD), (6, 96, WIDE, 2, SQUEEZED, HARD),
        (6, 96, WIDE, 1, SQUEEZED, HARD), (6, 96, WIDE, 1, SQUEEZED, HARD),
    ),
    "large": (
        (1, 16, 3, 1, False, "relu"), (4, 24, 3, 2, False, "relu"), (3, 24, 3, 1, False, "relu"),
        (3, 40, WIDE, 2, SQUEEZED, "relu"), (3, 40, WIDE, 1, SQUEEZED, "relu"), (3, 40, WIDE, 1, SQUEEZED, "relu"),
        (6, 80, 3, 2, False, HARD), (2.5, 80, 3, 1, False, HARD), (2.3, 80, 3, 1, False, HARD),
        (2.3, 80, 3, 1, False, HARD), (6, 112, 3, 1, SQUEEZED, HARD), (6, 112, 3, 1, SQUEEZED, HARD),
        (6, 160, WIDE, 2, SQUEEZED, HARD), (6, 160, WIDE, 1, SQUEEZED, HARD), (6, 160, WIDE, 1, SQUEEZED, HARD),
    ),
}  # fmt: skip
POINTS = {"small": 1024, "large": 1280}
HASHES = {
    "large_224_0.75_float": (
        "765b44a33ad4005b3ac83185abf1d0eb",
        "40af19a13ebea4e2ee0c676887f69a2e",
    ),
    "large_224_1.0_float": (
        "59e551e166be033d707958cf9e29a6a7",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "large_minimalistic_224_1.0_float": (
        "675e7b876c45c57e9e63e6d90a36599c",
        "ec5221f64a2f6d1ef965a614bdae7973",
    ),
    "small_224_0.75_float": (
        "cb65d4e5be93758266aa0a7f2c6708b7",
        "ebdb5cc8e0b497cd13a7c275d475c819",
    ),
    "small_224_1.0_float": (
        "8768d4c2e7dee89b9d02b2d03d65d862",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "small_minimalistic_224_1.0_float": (
        "99cd97fb2fcdad2bf028eb838de69e37",
        "cde8136e733e811080d9fcd8a252f7e4",
    ),
}


def active(kind: str) -> Any:
    """An activation as Keras puts it into this network."""
    return layers.ReLU() if kind == "relu" else act(None, kind)


def squeezed(x: Any, filters: int, name: str) -> Any:
    """Every channel times a weight between 0 and 1, computed of all channels' means."""
    weight = then(
        x,
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}squeeze_excite_avg_pool"),
        layers.Conv2D(rounded(filters * 0.25), 1, padding="same", name=f"{name}squeeze_excite_conv"),
        layers.ReLU(name=f"{name}squeeze_excite_relu"),
        layers.Conv2D(filters, 1, padding="same", name=f"{name}squeeze_excite_conv_1"),
    )
    weight = layers.ReLU(6.0)(weight + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}squeeze_excite_mul")([x, weight])


def inverted(x: Any, i: int, expansion: float, filters: int, kernel: int, stride: int, squeeze: bool, kind: str) -> Any:
    """Widened, filtered, weighed by channel, narrowed again."""
    source, name = x, f"expanded_conv_{i}_" if i else "expanded_conv_"
    wide = rounded(channels(x) * expansion)
    if i:
        x = then(
            x,
            layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand"),
            norm(f"{name}expand_bn", **NORM),
            active(kind),
        )
    x = then(
        x,
        layers.ZeroPadding2D(edges(x, kernel), name=f"{name}depthwise_pad") if stride == 2 else None,
        layers.DepthwiseConv2D(
            kernel, strides=stride, padding="valid" if stride == 2 else "same", use_bias=False, name=f"{name}depthwise"
        ),
        norm(f"{name}depthwise_bn", **NORM),
        active(kind),
    )
    x = squeezed(x, wide, name) if squeeze else x
    x = then(
        x,
        layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project"),
        norm(f"{name}project_bn", **NORM),
    )
    return layers.Add(name=f"{name}add")([source, x]) if stride == 1 and channels(source) == filters else x


def entrance(order: Order) -> Any:
    """The symbol that the network begins with: images of any size."""
    check(order)
    if order.input_tensor is not None:
        return order.input_tensor
    last = config.image_data_format() == "channels_last"
    shape = order.input_shape or ((None, None, 3) if last else (3, None, None))
    sides = shape[:2] if last else shape[1:]
    if any(side is not None and side < 32 for side in sides):
        raise ValueError(f"{order.name} needs images of at least 32x32; got input_shape={shape}.")
    return layers.Input(shape)


def build(
    order: Order, model: str, alpha: float, minimalistic: bool, dropout_rate: float, include_preprocessing: bool
) -> Any:
    """The network; minimalistic: without wide kernels, squeezing and hard activations."""
    source = entrance(order)
    kind = "relu" if minimalistic else HARD
    x = then(
        source,
        layers.Rescaling(1.0 / 127.5, offset=-1.0) if include_preprocessing else None,
        layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv"),
        norm("conv_bn", **NORM),
        active(kind),
    )
    for i, (expansion, filters, kernel, stride, squeeze, own) in enumerate(BLOCKS[model]):
        plain = (3, False, "relu") if minimalistic else (kernel, squeeze, own)
        x = inverted(x, i, expansion, rounded(filters * alpha), plain[0], stride, plain[1], plain[2])
    x = then(
        x,
        layers.Conv2D(rounded(channels(x) * 6), 1, padding="same", use_bias=False, name="conv_1"),
        norm("conv_1_bn", **NORM),
        active(kind),
    )
    if order.include_top:
        last = rounded(POINTS[model] * alpha) if alpha > 1.0 else POINTS[model]
        x = then(
            x,
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(last, 1, padding="same", name="conv_2"),
            active(kind),
            layers.Dropout(dropout_rate) if dropout_rate > 0 else None,
            layers.Conv2D(order.classes, 1, padding="same", name="logits"),
            layers.Flatten(),
            act("predictions", order.classifier_activation),
        )
    else:
        x = pooled(x, order, True)
    key = f"{model}{'_minimalistic' if minimalistic else ''}_224_{alpha}_float"
    files = None
    if key in HASHES:
        stem, (top, rest) = f"weights_mobilenet_v3_{key}", HASHES[key]
        files = Published(f"{ADDRESS}mobilenet_v3/", (f"{stem}.h5", top), (f"{stem}_no_top_v2.h5", rest))
    return finished(source, x, order, files)


def mobile(model: str) -> Any:
    """The function that builds the small or the large network."""
    title = f"MobileNetV3{model.title()}"

    def make(
        input_shape: Any = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = title,
    ) -> Any:
        order = Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return build(order, model, alpha, minimalistic, dropout_rate, include_preprocessing)

    return described(make, title, "a network for phones, found by search (arXiv:1905.02244)")


MobileNetV3Small, MobileNetV3Large = mobile("small"), mobile("large")

__all__ = ["decode_predictions", "preprocess_input"]  # as in Keras, the networks are in `applications` itself
