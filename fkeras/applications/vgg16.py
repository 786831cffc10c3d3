"""VGG16."""

from __future__ import annotations

from . import vgg
from .imagenet_utils import decode_predictions, preprocessing
from .network import architecture, usual

PUBLISHED = usual("vgg16", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")
VGG16 = architecture(
    "VGG16",
    "16 layers of weights (arXiv:1409.1556)",
    lambda order: vgg.build(order, (2, 2, 3, 3, 3), PUBLISHED),
    "vgg16",
)
preprocess_input = preprocessing("caffe")

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
