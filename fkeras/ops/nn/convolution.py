"""Convolutions and pooling as operations."""

from __future__ import annotations

from ... import config, convolve, pool
from ..operation import operation

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv", "conv_transpose", "depthwise_conv",
    "max_pool", "separable_conv",
]  # fmt: skip

MODULE = "keras.src.ops.nn"
LAYOUT = {"data_format": config.standardize_data_format}
PADDED = {**LAYOUT, "padding": lambda padding: padding.lower() if isinstance(padding, str) else padding}

_slide = operation("strides", "padding", "data_format", "dilation_rate", module=MODULE, resolve=PADDED)
_pool = operation("pool_size", "strides", "padding", "data_format", module=MODULE, resolve=PADDED)
_adapt = operation("output_size", "data_format", module=MODULE, resolve=LAYOUT)
_spread = operation(
    "strides", "padding", "output_padding", "data_format", "dilation_rate", module=MODULE, resolve=PADDED
)

conv, depthwise_conv = _slide(convolve.conv), _slide(convolve.depthwise_conv)
separable_conv, conv_transpose = _slide(convolve.separable_conv), _spread(convolve.conv_transpose)
max_pool, average_pool = _pool(pool.max_pool), _pool(pool.average_pool)
adaptive_max_pool, adaptive_average_pool = _adapt(pool.adaptive_max_pool), _adapt(pool.adaptive_average_pool)
