"""Parts of Keras that are not here: asking for a name of theirs says what to do."""

from __future__ import annotations

import types
from typing import Any

APPLICATIONS = (
    "There are no pretrained architectures here. Build the network from fkeras.layers, or load weights that Keras has "
    "saved: keras.applications.{name}(...).save('{name}.keras'), then fkeras.models.load_model."
)
QUANTIZERS = (
    "There are no quantized layers here, so quantizers have no use. Layers compute in 16 bits with "
    "dtype='mixed_bfloat16'."
)
DISTILLATION = (
    "There is no Distiller here. Subclass Model and write compute_loss, which compares the student with "
    "stop_gradient(teacher(x))."
)
MODULES = {
    "applications": (
        APPLICATIONS,
        "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201"
        " EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6"
        " EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L"
        " EfficientNetV2M EfficientNetV2S InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large"
        " MobileNetV3Small NASNetLarge NASNetMobile ResNet101 ResNet101V2 ResNet152 ResNet152V2 ResNet50 ResNet50V2"
        " VGG16 VGG19 Xception convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2"
        " inception_v3 mobilenet mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception",
    ),
    "quantizers": (
        QUANTIZERS,
        "AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig"
        " QuantizationConfig Quantizer abs_max_quantize abs_max_quantize_grouped_with_zero_point"
        " compute_float8_amax_history compute_float8_scale deserialize fake_quant_with_min_max_vars get pack_int4"
        " quantize_and_dequantize serialize unpack_int4",
    ),
    "distillation": (DISTILLATION, "DistillationLoss Distiller FeatureDistillation LogitsDistillation"),
}


class Absent(types.ModuleType):
    """A module whose names say that they are not here.

    >>> Absent("quantizers").Quantizer
    Traceback (most recent call last):
    ImportError: quantizers.Quantizer: There are no quantized layers here...
    """

    def __init__(self, path: str):
        said, names = MODULES[path.rpartition(".")[2]]
        super().__init__(path, said.split(". ")[0] + ".")
        self.__dict__.update(_said=said, _names=frozenset(names.split()), __path__=[])

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise ImportError(f"{self.__name__}.{name}: {self._said.format(name=name)}")
