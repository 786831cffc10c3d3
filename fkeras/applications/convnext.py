"""ConvNeXt: a convolutional network with the proportions of a transformer (Liu et al., 2022, arXiv:2201.03545)."""

from __future__ import annotations

from typing import Any

from .. import config, layers
from ..initializers import Constant
from ..layer import Layer
from ..models import Sequential
from .imagenet_utils import DEVIATION, MEAN, decode_predictions
from .imagenet_utils import untouched as preprocess_input
from .network import ADDRESS, Order, Published, act, channels, described, entrance, finished, pooled, then

SIZES = {  # blocks in each of four stages, and their filters
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
HASHES = {
    "convnext_tiny": (
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": (
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": (
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": (
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": (
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}


class LayerScale(Layer, module="keras.src.applications.convnext"):
    """`x * gamma`, one learned factor per channel, near zero at first.

    Shapes: (..., channels) -> (..., channels).
    """

    init_values: float
    projection_dim: int

    @property
    def gamma_initializer(self) -> Any:
        """What fills the factors at first."""
        return Constant(self.init_values)

    def param_shapes(self, x: Any) -> dict[str, Any]:
        return {"gamma": (self.projection_dim,)}

    def call(self, x: Any, *, params: Any) -> Any:
        return x * params["gamma"]


def normal(name: str | None = None) -> Any:
    """Normalization of each pixel over its channels."""
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def block(x: Any, filters: int, name: str) -> Any:
    """A wide depthwise convolution and two dense layers, beside the input."""
    inner = then(
        x,
        layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv"),
        normal(f"{name}_layernorm"),
        layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1"),
        act(f"{name}_gelu", "gelu"),
        layers.Dense(filters, name=f"{name}_pointwise_conv_2"),
        LayerScale(1e-6, filters, name=f"{name}_layer_scale"),
        act(f"{name}_identity", "linear"),
    )
    return x + inner


def build(order: Order, size: str, include_preprocessing: bool) -> Any:
    """Four stages, the first after a convolution of 4x4 patches, the others after one of 2x2."""
    if config.image_data_format() == "channels_first":
        raise ValueError("ConvNeXt is for images whose channels come last: config.set_image_data_format.")
    depths, widths = SIZES[size]
    source = x = entrance(order, 224)
    name = order.name
    if include_preprocessing and channels(x) == 3:
        mean, variance = [255 * m for m in MEAN], [(255 * d) ** 2 for d in DEVIATION]
        x = layers.Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
    for i, (depth, filters) in enumerate(zip(depths, widths, strict=True)):
        if i == 0:
            patches = layers.Conv2D(filters, 4, strides=4, name=f"{name}_stem_conv")
            x = Sequential([patches, normal(f"{name}_stem_layernorm")], name=f"{name}_stem")(x)
        else:
            halved = layers.Conv2D(filters, 2, strides=2, name=f"{name}_downsampling_conv_{i - 1}")
            before = normal(f"{name}_downsampling_layernorm_{i - 1}")
            x = Sequential([before, halved], name=f"{name}_downsampling_block_{i - 1}")(x)
        for j in range(depth):
            x = block(x, filters, f"{name}_stage_{i}_block_{j}")
    if order.include_top:
        x = then(
            x,
            layers.GlobalAveragePooling2D(name=f"{name}_head_gap"),
            normal(f"{name}_head_layernorm"),
            layers.Dense(order.classes, order.classifier_activation, name=f"{name}_head_dense"),
        )
    else:
        x = normal()(pooled(x, order))
    top, rest = HASHES[f"convnext_{size}"]
    files = Published(f"{ADDRESS}convnext/", (f"{name}.h5", top), (f"{name}_notop.h5", rest))
    return finished(source, x, order, files)


def sized(size: str) -> Any:
    """The function that builds the network of a size."""

    def make(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = f"convnext_{size}",
    ) -> Any:
        order = Order(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return build(order, size, include_preprocessing)

    title = f"ConvNeXt{'XLarge' if size == 'xlarge' else size.title()}"
    return described(make, title, "convolutions in the proportions of a transformer (arXiv:2201.03545)")


ConvNeXtTiny, ConvNeXtSmall, ConvNeXtBase = sized("tiny"), sized("small"), sized("base")
ConvNeXtLarge, ConvNeXtXLarge = sized("large"), sized("xlarge")

__all__ = [
    "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge", "decode_predictions",
    "preprocess_input",
]  # fmt: skip
