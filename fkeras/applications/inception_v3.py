"""Inception: several convolutions side by side (Szegedy et al., 2015, arXiv:1512.00567)."""

from __future__ import annotations

from typing import Any

from .. import layers
from .imagenet_utils import decode_predictions, preprocessing
from .network import Order, act, architecture, axis, entrance, finished, norm, pooled, then, topped, usual

PUBLISHED = usual(
    "inception_v3", "inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"
)
Step = tuple[Any, ...]  # filters, kernel, and for a step that halves the image "halve"


def convolved(x: Any, filters: int, kernel: Any, halve: str = "", padding: str = "same") -> Any:
    """A convolution, normalized, and a relu."""
    padding = "valid" if halve else padding
    strides = 2 if halve else 1
    convolution = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)
    return then(x, convolution, norm(scale=False), act())


def along(x: Any, *steps: Step) -> Any:
    """One branch: convolutions one after another."""
    for step in steps:
        x = convolved(x, *step)
    return x


def averaged(x: Any, filters: int) -> Any:
    """The branch of means."""
    return convolved(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, 1)


def mixed(branches: list[Any], name: str | None) -> Any:
    """The branches side by side."""
    return layers.Concatenate(axis(), name=name)(branches)


def split(x: Any, name: str | None = None) -> Any:
    """A row and a column of three, side by side."""
    return mixed([convolved(x, 384, (1, 3)), convolved(x, 384, (3, 1))], name)


def small(x: Any, filters: int, name: str) -> Any:
    """Branches of 1x1, 5x5 and twice 3x3."""
    branches = [along(x, (64, 1)), along(x, (48, 1), (64, 5)), along(x, (64, 1), (96, 3), (96, 3))]
    return mixed([*branches, averaged(x, filters)], name)


def long(x: Any, n: int, name: str) -> Any:
    """Branches of 1x1 and of rows and columns of seven."""
    row, column = (1, 7), (7, 1)
    branches = [
        along(x, (192, 1)),
        along(x, (n, 1), (n, row), (192, column)),
        along(x, (n, 1), (n, column), (n, row), (n, column), (192, row)),
    ]
    return mixed([*branches, averaged(x, 192)], name)


def wide(x: Any, i: int) -> Any:
    """Branches that fork again into rows and columns."""
    plain = convolved(x, 320, 1)
    once = split(convolved(x, 384, 1), f"mixed9_{i}")
    twice = split(along(x, (448, 1), (384, 3)))
    return mixed([plain, once, twice, averaged(x, 192)], f"mixed{9 + i}")


def build(order: Order) -> Any:
    """The stem and eleven mixed blocks, two of which halve the image."""
    source = entrance(order, 299, 75)
    x = along(source, (32, 3, "halve"), (32, 3, "", "valid"), (64, 3))
    x = along(layers.MaxPooling2D(3, strides=2)(x), (80, 1, "", "valid"), (192, 3, "", "valid"))
    x = layers.MaxPooling2D(3, strides=2)(x)
    for i, filters in enumerate((32, 64, 64)):
        x = small(x, filters, f"mixed{i}")
    halved = [along(x, (384, 3, "halve")), along(x, (64, 1), (96, 3), (96, 3, "halve"))]
    x = mixed([*halved, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for i, n in enumerate((128, 160, 160, 192), 4):
        x = long(x, n, f"mixed{i}")
    halved = [
        along(x, (192, 1), (320, 3, "halve")), along(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, "halve")),
    ]  # fmt: skip
    x = mixed([*halved, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    x = wide(wide(x, 0), 1)
    x = topped(x, order) if order.include_top else pooled(x, order)
    return finished(source, x, order, PUBLISHED)


InceptionV3 = architecture("InceptionV3", "branches of several sizes (arXiv:1512.00567)", build, "inception_v3")
preprocess_input = preprocessing("tf")

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]
