"""Inception blocks as the residuals of a residual network (Szegedy et al., 2016, arXiv:1602.07261)."""

from __future__ import annotations

from typing import Any

from .. import layers
from ..layer import Layer
from .imagenet_utils import decode_predictions, preprocessing
from .network import Order, act, architecture, axis, channels, entrance, finished, norm, pooled, then, topped, usual

FOLDER = "inception_resnet_v2"
PUBLISHED = usual(FOLDER, FOLDER, "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4")
KINDS: dict[str, tuple[tuple[tuple[int, Any], ...], ...]] = {  # the branches of each kind: filters, kernel
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


class CustomScaleLayer(Layer, module="keras.src.applications.inception_resnet_v2"):
    """`x + scale * y`.

    Shapes: [(...), (...)] -> (...).
    """

    scale: float

    def call(self, inputs: Any) -> Any:
        return inputs[0] + inputs[1] * self.scale


def convolved(
    x: Any, filters: int, kernel: Any, strides: int = 1, padding: str = "same", name: str | None = None
) -> Any:
    """A convolution, normalized, and a relu."""
    return then(
        x,
        layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name),
        norm(name and f"{name}_bn", scale=False),
        act(name and f"{name}_ac"),
    )


def along(x: Any, *steps: tuple[Any, ...]) -> Any:
    """One branch: convolutions one after another."""
    for step in steps:
        x = convolved(x, *step)
    return x


def residual(x: Any, scale: float, kind: str, i: int, activation: str | None = "relu") -> Any:
    """Branches side by side, projected, and added in part."""
    name = f"{kind}_{i}"
    branches = layers.Concatenate(axis(), name=f"{name}_mixed")([along(x, *steps) for steps in KINDS[kind]])
    up = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(branches)
    x = CustomScaleLayer(scale)([x, up])
    return x if activation is None else act(f"{name}_ac", activation)(x)


def build(order: Order) -> Any:
    """The stem, and three series of residual blocks."""
    source, halve = entrance(order, 299, 75), (2, "valid")
    x = along(source, (32, 3, *halve), (32, 3, 1, "valid"), (64, 3))
    x = along(layers.MaxPooling2D(3, strides=2)(x), (80, 1, 1, "valid"), (192, 3, 1, "valid"))
    x = layers.MaxPooling2D(3, strides=2)(x)
    branches = [along(x, (96, 1)), along(x, (48, 1), (64, 5)), along(x, (64, 1), (96, 3), (96, 3))]
    mean = along(layers.AveragePooling2D(3, strides=1, padding="same")(x), (64, 1))
    x = layers.Concatenate(axis(), name="mixed_5b")([*branches, mean])
    for i in range(1, 11):
        x = residual(x, 0.17, "block35", i)
    branches = [along(x, (384, 3, *halve)), along(x, (256, 1), (256, 3), (384, 3, *halve))]
    x = layers.Concatenate(axis(), name="mixed_6a")([*branches, layers.MaxPooling2D(3, strides=2)(x)])
    for i in range(1, 21):
        x = residual(x, 0.1, "block17", i)
    branches = [
        along(x, (256, 1), (384, 3, *halve)), along(x, (256, 1), (288, 3, *halve)),
        along(x, (256, 1), (288, 3), (320, 3, *halve)),
    ]  # fmt: skip
    x = layers.Concatenate(axis(), name="mixed_7a")([*branches, layers.MaxPooling2D(3, strides=2)(x)])
    for i in range(1, 10):
        x = residual(x, 0.2, "block8", i)
    x = residual(x, 1.0, "block8", 10, activation=None)
    x = convolved(x, 1536, 1, name="conv_7b")
    x = topped(x, order) if order.include_top else pooled(x, order)
    return finished(source, x, order, PUBLISHED)


InceptionResNetV2 = architecture("InceptionResNetV2", "branches as residuals (arXiv:1602.07261)", build, FOLDER)
preprocess_input = preprocessing("tf")

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]
