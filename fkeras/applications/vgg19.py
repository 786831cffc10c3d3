"""VGG19."""

from __future__ import annotations

from . import vgg
from .imagenet_utils import decode_predictions, preprocessing
from .network import architecture, usual

PUBLISHED = usual("vgg19", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")
VGG19 = architecture(
    "VGG19",
    "19 layers of weights (arXiv:1409.1556)",
    lambda order: vgg.build(order, (2, 2, 4, 4, 4), PUBLISHED),
    "vgg19",
)
preprocess_input = preprocessing("caffe")

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
