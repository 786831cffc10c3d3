"""Residual networks (He et al., 2015, arXiv:1512.03385; with activations first, 2016, arXiv:1603.05027)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import Order, act, architecture, entrance, finished, norm, then, topped, usual

EPSILON = 1.001e-5
HASHES = {
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def activated(name: str) -> tuple[Any, Any]:
    """Normalization and a relu."""
    return norm(f"{name}_bn", epsilon=EPSILON), act(f"{name}_relu")


def bottleneck(x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; each normalized after it."""
    shortcut = x
    if project:
        shortcut = then(
            x,
            layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv"),
            norm(f"{name}_0_bn", epsilon=EPSILON),
        )
    x = then(
        x,
        layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv"),
        *activated(f"{name}_1"),
        layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv"),
        *activated(f"{name}_2"),
        layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv"),
        norm(f"{name}_3_bn", epsilon=EPSILON),
    )
    return then(layers.Add(name=f"{name}_add")([shortcut, x]), act(f"{name}_out"))


def preactivated(x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
    """The same, normalized before each convolution, so that the shortcut is a plain sum."""
    before = then(x, *activated(f"{name}_preact"))
    if project:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = then(
        before,
        layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv"),
        *activated(f"{name}_1"),
        layers.ZeroPadding2D(((1, 1), (1, 1)), name=f"{name}_2_pad"),
        layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv"),
        *activated(f"{name}_2"),
        layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv"),
    )
    return layers.Add(name=f"{name}_out")([shortcut, x])


def stages(x: Any, depths: tuple[int, ...], first: bool) -> Any:
    """Four stages of blocks. The second kind halves the image at the end of a stage, but the last."""
    for stage, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512), strict=True), 2):
        for i in range(1, depth + 1):
            halves = (i == depth and stage < 5) if first else (i == 1 and stage > 2)
            block = preactivated if first else bottleneck
            x = block(x, filters, 2 if halves else 1, i == 1, f"conv{stage}_block{i}")
    return x


def build(order: Order, depth: int, first: bool = False) -> Any:
    """A residual network of so many layers; first: activations before convolutions."""
    source = entrance(order, 224)
    x = then(
        source,
        layers.ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad"),
        layers.Conv2D(64, 7, strides=2, name="conv1_conv"),
        *(() if first else activated("conv1")),
        layers.ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad"),
        layers.MaxPooling2D(3, strides=2, name="pool1_pool"),
    )
    x = stages(x, DEPTHS[depth], first)
    x = topped(then(x, *(activated("post") if first else ())), order)
    stem = f"resnet{depth}{'v2' if first else ''}"
    return finished(source, x, order, usual("resnet", stem, *HASHES[stem]))


def residual(depth: int) -> Any:
    """The network of so many layers."""
    paper = f"{depth} layers with shortcuts (arXiv:1512.03385)"
    return architecture(f"ResNet{depth}", paper, lambda order: build(order, depth), f"resnet{depth}")


ResNet50, ResNet101, ResNet152 = residual(50), residual(101), residual(152)
preprocess_input = preprocessing("caffe")

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]
