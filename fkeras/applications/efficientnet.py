"""EfficientNet: depth, width and image size scaled together (Tan & Le, 2019, arXiv:1905.11946)."""

from __future__ import annotations

import math
from typing import Any

from .. import layers
from .imagenet_utils import DEVIATION, decode_predictions
from .imagenet_utils import untouched as preprocess_input
from .network import Order, Published, act, architecture, axis, edges, entrance, finished, norm, rounded, then, topped

ADDRESS = "https://storage.googleapis.com/keras-applications/"
CONVOLUTION = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
CLASSIFIER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
}
STAGES = (  # blocks, filters before, filters after, expansion, kernel, stride
    (1, 32, 16, 1, 3, 1), (2, 16, 24, 6, 3, 2), (2, 24, 40, 6, 5, 2), (3, 40, 80, 6, 3, 2),
    (3, 80, 112, 6, 5, 1), (4, 112, 192, 6, 5, 2), (1, 192, 320, 6, 3, 1),
)  # fmt: skip
SCALES = (  # width, depth, image size, dropout
    (1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5),
)  # fmt: skip
DROP = 0.2  # of whole blocks, at the last
HASHES = {
    "b0": (
        "902e53a9f72be733fc0bcb005b3ebbac",
        "50bc09e76180e00e4465e1a485ddc09d",
    ),
    "b1": (
        "1d254153d4ab51201f1646940f018540",
        "74c4e6b3e1f6a1eea24c589628592432",
    ),
    "b2": (
        "b15cce36ff4dcbd00b6dd88e7857a6ad",
        "111f8e2ac8aa800a7a99e3239f7bfb39",
    ),
    "b3": (
        "ffd1fdc53d0ce67064dc6a9c7960ede0",
        "af6d107764bb5b1abb91932881670226",
    ),
    "b4": (
        "18c95ad55216b8f92d7e70b3a046e2fc",
        "ebc24e6d6c33eaebbd558eafbeedf1ba",
    ),
    "b5": (
        "ace28f2a6363774853a83a0b21b9421a",
        "38879255a25d3c92d5e44e04ae6cec6f",
    ),
    "b6": (
        "165f6e37dce68623721b423839de8be5",
        "9ecce42647a20130c1f39a5d4cb75743",
    ),
    "b7": (
        "8c03f828fec3ef71311cd463b6759d99",
        "cbcfe4450ddf6f3ad90b1b398090fe4a",
    ),
}


def convolution(filters: int, size: int, name: str, **settings: Any) -> Any:
    """A convolution as this family draws and pads it."""
    settings = {"padding": "same", "use_bias": False, **settings}
    return layers.Conv2D(filters, size, kernel_initializer=CONVOLUTION, name=name, **settings)


def squeezed(x: Any, filters: int, narrow: int, name: str) -> Any:
    """Every channel times a weight between 0 and 1, computed of all channels' means."""
    weight = then(
        x,
        layers.GlobalAveragePooling2D(name=f"{name}se_squeeze"),
        layers.Reshape((1, 1, filters) if axis() == 3 else (filters, 1, 1), name=f"{name}se_reshape"),
        convolution(narrow, 1, f"{name}se_reduce", activation="swish", use_bias=True),
        convolution(filters, 1, f"{name}se_expand", activation="sigmoid", use_bias=True),
    )
    return layers.Multiply(name=f"{name}se_excite")([x, weight])


def joined(source: Any, x: Any, drop: float, name: str) -> Any:
    """The sum with what a block began with; in training the block is left out at times."""
    return layers.Add(name=f"{name}add")([
        layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x) if drop else x, source,
    ])  # fmt: skip


def inverted(x: Any, before: int, after: int, expansion: int, kernel: int, stride: int, drop: float, name: str) -> Any:
    """Widened, filtered, weighed by channel, narrowed again."""
    source, filters = x, before * expansion
    if expansion != 1:
        x = then(
            x, convolution(filters, 1, f"{name}expand_conv"), norm(f"{name}expand_bn"),
            act(f"{name}expand_activation", "swish"),
        )  # fmt: skip
    x = then(
        x,
        layers.ZeroPadding2D(edges(x, kernel), name=f"{name}dwconv_pad") if stride == 2 else None,
        layers.DepthwiseConv2D(
            kernel,
            strides=stride,
            padding="valid" if stride == 2 else "same",
            use_bias=False,
            depthwise_initializer=CONVOLUTION,
            name=f"{name}dwconv",
        ),
        norm(f"{name}bn"),
        act(f"{name}activation", "swish"),
    )
    x = squeezed(x, filters, max(1, int(before * 0.25)), name)
    x = then(x, convolution(after, 1, f"{name}project_conv"), norm(f"{name}project_bn"))
    return joined(source, x, drop, name) if stride == 1 and before == after else x


def build(order: Order, number: int) -> Any:
    """The network of a scale from 0 to 7."""
    width, depth, size, dropout = SCALES[number]
    source = entrance(order, size)
    x = then(
        source,
        layers.Rescaling(1.0 / 255.0),
        layers.Normalization(axis=axis()),
        layers.Rescaling([1.0 / math.sqrt(d) for d in DEVIATION]) if order.weights == "imagenet" else None,
    )
    x = then(
        x,
        layers.ZeroPadding2D(edges(x, 3), name="stem_conv_pad"),
        convolution(rounded(32 * width), 3, "stem_conv", strides=2, padding="valid"),
        norm("stem_bn"),
        act("stem_activation", "swish"),
    )
    repeats = [math.ceil(depth * stage[0]) for stage in STAGES]
    done = 0
    for i, (_, before, after, expansion, kernel, stride) in enumerate(STAGES):
        before, after = rounded(before * width), rounded(after * width)
        for j in range(repeats[i]):
            drop = DROP * done / float(sum(repeats))
            name = f"block{i + 1}{chr(j + 97)}_"
            x = inverted(x, after if j else before, after, expansion, kernel, 1 if j else stride, drop, name)
            done += 1
    x = then(x, convolution(rounded(1280 * width), 1, "top_conv"), norm("top_bn"), act("top_activation", "swish"))
    x = topped(x, order, drop=dropout, kernel_initializer=CLASSIFIER)
    top, rest = HASHES[f"b{number}"]
    return finished(source, x, order, Published(ADDRESS, (f"{order.name}.h5", top), (f"{order.name}_notop.h5", rest)))


def scaled(number: int) -> Any:
    """The function that builds the network of a scale."""
    paper = "depth, width and image size scaled together (arXiv:1905.11946)"
    title = f"EfficientNetB{number}"
    return architecture(title, paper, lambda order: build(order, number), title.lower())


EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3 = map(scaled, range(4))
EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7 = map(scaled, range(4, 8))

__all__ = [
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5",
    "EfficientNetB6", "EfficientNetB7", "decode_predictions", "preprocess_input",
]  # fmt: skip
