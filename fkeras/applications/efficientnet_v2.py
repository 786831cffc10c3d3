"""EfficientNetV2: faster in training by plain convolutions at the start (Tan & Le, 2021, arXiv:2104.00298)."""

from __future__ import annotations

import math
from typing import Any

from .. import layers
from .efficientnet import CLASSIFIER, CONVOLUTION, convolution, joined, squeezed
from .imagenet_utils import DEVIATION, MEAN, decode_predictions
from .imagenet_utils import untouched as preprocess_input
from .network import ADDRESS, Order, Published, act, axis, channels, described, entrance, finished, norm, then, topped

SMALL = (  # fused, blocks, filters before, filters after, expansion, stride
    (True, 1, 32, 16, 1, 1), (True, 2, 16, 32, 4, 2), (True, 2, 32, 48, 4, 2),
    (False, 3, 48, 96, 4, 2), (False, 5, 96, 112, 6, 1), (False, 8, 112, 192, 6, 2),
)  # fmt: skip
STAGES = {
    "s": (
        (True, 2, 24, 24, 1, 1), (True, 4, 24, 48, 4, 2), (True, 4, 48, 64, 4, 2),
        (False, 6, 64, 128, 4, 2), (False, 9, 128, 160, 6, 1), (False, 15, 160, 256, 6, 2),
    ),
    "m": (
        (True, 3, 24, 24, 1, 1), (True, 5, 24, 48, 4, 2), (True, 5, 48, 80, 4, 2), (False, 7, 80, 160, 4, 2),
        (False, 14, 160, 176, 6, 1), (False, 18, 176, 304, 6, 2), (False, 5, 304, 512, 6, 1),
    ),
    "l": (
        (True, 4, 32, 32, 1, 1), (True, 7, 32, 64, 4, 2), (True, 7, 64, 96, 4, 2), (False, 10, 96, 192, 4, 2),
        (False, 19, 192, 224, 6, 1), (False, 25, 224, 384, 6, 2), (False, 7, 384, 640, 6, 1),
    ),
}  # fmt: skip
SCALES = {  # width, depth, image size
    "b0": (1.0, 1.0, 224), "b1": (1.0, 1.1, 240), "b2": (1.1, 1.2, 260), "b3": (1.2, 1.4, 300),
    "s": (1.0, 1.0, 384), "m": (1.0, 1.0, 480), "l": (1.0, 1.0, 480),
}  # fmt: skip
DROP = 0.2  # of whole blocks, at the last; and of the features
HASHES = {
    "b0": (
        "21ecbf6da12460d5c40bb2f29ceb2188",
        "893217f2bb855e2983157299931e43ff",
    ),
    "b1": (
        "069f0534ff22adf035c89e2d9547a9dc",
        "0e80663031ca32d657f9caa404b6ec37",
    ),
    "b2": (
        "424e49f28180edbde1e94797771950a7",
        "1dfe2e7a5d45b6632553a8961ea609eb",
    ),
    "b3": (
        "1f1fc43bd98a6e4fd8fdfd551e02c7a0",
        "f6abf7b5849ac99a89b50dd3fd532856",
    ),
    "s": (
        "e1d88a8495beba45748fedd0cecbe016",
        "af0682fb74e8c54910f2d4393339c070",
    ),
    "m": (
        "a3bf6aa3276309f4fc6a34aa114c95cd",
        "1b8dc055df72dde80d614482840fe342",
    ),
    "l": (
        "27e6d408b53c7ebc868fefa357689935",
        "b0b66b5c863aef5b46e8608fe1711615",
    ),
}


def near(size: float) -> int:
    """The nearest multiple of 8."""
    return max(8, int(size + 4) // 8 * 8)


def swish(name: str) -> Any:
    """The activation of this family."""
    return act(name, "swish")


def fused(x: Any, before: int, after: int, expansion: int, stride: int, drop: float, name: str) -> Any:
    """Widened by a full convolution and narrowed again; with nothing to widen, one full convolution."""
    source = x
    if expansion != 1:
        x = then(
            x, convolution(before * expansion, 3, f"{name}expand_conv", strides=stride),
            norm(f"{name}expand_bn", momentum=0.9), swish(f"{name}expand_activation"),
            convolution(after, 1, f"{name}project_conv"), norm(f"{name}project_bn", momentum=0.9),
        )  # fmt: skip
    else:
        x = then(
            x, convolution(after, 3, f"{name}project_conv", strides=stride), norm(f"{name}project_bn", momentum=0.9),
            swish(f"{name}project_activation"),
        )  # fmt: skip
    return joined(source, x, drop, name) if stride == 1 and before == after else x


def inverted(x: Any, before: int, after: int, expansion: int, stride: int, drop: float, name: str) -> Any:
    """Widened, filtered, weighed by channel, narrowed again."""
    source, filters = x, before * expansion
    x = then(
        x,
        convolution(filters, 1, f"{name}expand_conv"),
        norm(f"{name}expand_bn", momentum=0.9),
        swish(f"{name}expand_activation"),
        layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, depthwise_initializer=CONVOLUTION, name=f"{name}dwconv2"
        ),
        norm(f"{name}bn", momentum=0.9),
        swish(f"{name}activation"),
    )
    x = squeezed(x, filters, max(1, int(before * 0.25)), name)
    x = then(x, convolution(after, 1, f"{name}project_conv"), norm(f"{name}project_bn", momentum=0.9))
    return joined(source, x, drop, name) if stride == 1 and before == after else x


def scaling(order: Order, x: Any, scale: str) -> Any:
    """Pixels from 0 to 255 as the networks were trained on them."""
    if channels(x) == 3 and scale.startswith("b"):
        usual = layers.Normalization(mean=list(MEAN), variance=[d**2 for d in DEVIATION], axis=axis())
        return then(x, layers.Rescaling(1.0 / 255), usual)
    return layers.Rescaling(1.0 / 128.0, offset=-1)(x)


def build(order: Order, scale: str, include_preprocessing: bool) -> Any:
    """The network of a scale."""
    width, depth, size = SCALES[scale]
    stages = STAGES.get(scale, SMALL)
    source = x = entrance(order, size)
    x = scaling(order, x, scale) if include_preprocessing else x
    x = then(
        x, convolution(near(stages[0][2] * width), 3, "stem_conv", strides=2), norm("stem_bn", momentum=0.9),
        swish("stem_activation"),
    )  # fmt: skip
    done, total = 0, float(sum(stage[1] for stage in stages))
    for i, (is_fused, repeats, before, after, expansion, stride) in enumerate(stages, 1):
        block = fused if is_fused else inverted
        before, after = near(before * width), near(after * width)
        for j in range(math.ceil(depth * repeats)):
            name = f"block{i}{chr(j + 97)}_"
            x = block(x, after if j else before, after, expansion, 1 if j else stride, DROP * done / total, name)
            done += 1
    x = then(x, convolution(near(1280 * width), 1, "top_conv"), norm("top_bn", momentum=0.9), swish("top_activation"))
    x = topped(x, order, drop=DROP, kernel_initializer=CLASSIFIER)
    address, (top, rest) = f"{ADDRESS}efficientnet_v2/", HASHES[scale]
    return finished(source, x, order, Published(address, (f"{order.name}.h5", top), (f"{order.name}_notop.h5", rest)))


def scaled(scale: str) -> Any:
    """The function that builds the network of a scale."""

    def make(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = f"efficientnetv2-{scale}",
    ) -> Any:
        order = Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return build(order, scale, include_preprocessing)

    return described(make, f"EfficientNetV2{scale.upper()}", "smaller and faster to train (arXiv:2104.00298)")


EfficientNetV2B0, EfficientNetV2B1, EfficientNetV2B2, EfficientNetV2B3 = map(scaled, ("b0", "b1", "b2", "b3"))
EfficientNetV2S, EfficientNetV2M, EfficientNetV2L = map(scaled, ("s", "m", "l"))

__all__ = [
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2L",
    "EfficientNetV2M", "EfficientNetV2S", "decode_predictions", "preprocess_input",
]  # fmt: skip
