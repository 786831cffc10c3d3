"""Convolution, pooling, padding and resizing under their names of Keras 2."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...config import set_image_data_format, standardize_data_format
from ..telling import tell

__all__ = [
    "batch_normalization", "conv1d", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose", "depthwise_conv2d",
    "image_dim_ordering", "normalize_batch_in_training", "pool2d", "pool3d", "resize_images", "resize_volumes",
    "separable_conv2d", "set_image_dim_ordering", "spatial_2d_padding", "spatial_3d_padding", "temporal_padding",
]  # fmt: skip


def conv1d(
    x: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """x convolved with a kernel; padding may be "causal"."""
    if padding == "causal":
        left = dilation_rate * (kernel.shape[0] - 1)
        axes = ((0, 0), (0, 0), (left, 0)) if data_format == "channels_first" else ((0, 0), (left, 0), (0, 0))
        x, padding = ops.pad(x, axes), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """x convolved with a kernel (height, width, channels, filters)."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(
    x: Any, kernel: Any, strides: Any = (1, 1, 1), padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:  # fmt: skip
    """x convolved with a kernel of three sides."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any = (1, 1), padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The transposed convolution. Raises ValueError if the settings lead to another shape than `output_shape`."""
    y = ops.conv_transpose(x, kernel, strides, padding, None, data_format, dilation_rate)
    wrong = any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(output_shape, y.shape, strict=True)
    )
    if wrong:
        raise ValueError(f"conv2d_transpose makes shape {tuple(y.shape)}; output_shape says {tuple(output_shape)}.")
    return y


conv3d_transpose = conv2d_transpose


def depthwise_conv2d(
    x: Any, depthwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """Every channel convolved by itself."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(
    x: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: Any = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """Every channel convolved by itself, then mixed."""
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(
    x: Any, pool_size: Any, strides: Any = (1, 1), padding: str = "valid", data_format: Any = None,
    pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The largest number ("max") or the mean ("avg") of each window."""
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"pool_mode is 'max' or 'avg'; got {pool_mode!r}.")
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


def pool3d(
    x: Any, pool_size: Any, strides: Any = (1, 1, 1), padding: str = "valid", data_format: Any = None,
    pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The same with three axes."""
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def _padded(x: Any, padding: Any, data_format: Any) -> Any:
    inner = tuple(map(tuple, padding))
    last = standardize_data_format(data_format) == "channels_last"
    return ops.pad(x, ((0, 0), *inner, (0, 0)) if last else ((0, 0), (0, 0), *inner))


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros before and after the steps."""
    return _padded(x, (padding,), "channels_last")


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Zeros around an image."""
    return _padded(x, padding, data_format)


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Zeros around a volume."""
    return _padded(x, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Any:
    """Images, some times as high and wide.

    >>> resize_images(ops.ones((1, 2, 2, 1)), 2, 3, "channels_last").shape
    (1, 4, 6, 1)
    """
    first = standardize_data_format(data_format) == "channels_first"
    if interpolation == "nearest":
        axis = 2 if first else 1
        return ops.repeat(ops.repeat(x, height_factor, axis=axis), width_factor, axis=axis + 1)
    height, width = x.shape[2:4] if first else x.shape[1:3]
    size = (height * height_factor, width * width_factor)
    return ops.image.resize(x, size, interpolation=interpolation, data_format=data_format)


def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str) -> Any:
    """Volumes, some times as deep, high and wide."""
    axis = 2 if standardize_data_format(data_format) == "channels_first" else 1
    for i, factor in enumerate((depth_factor, height_factor, width_factor)):
        x = ops.repeat(x, factor, axis=axis + i)
    return x


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(var + epsilon) * gamma + beta."""
    return ops.batch_normalization(x, mean, var, axis, beta, gamma, epsilon)


def normalize_batch_in_training(x: Any, gamma: Any, beta: Any, reduction_axes: Any, epsilon: float = 1e-3) -> Any:
    """(x normalized by its own mean and variance, mean, variance)."""
    mean, var = ops.moments(x, tuple(reduction_axes))
    kept, spread = ops.moments(x, tuple(reduction_axes), keepdims=True)
    y = ops.divide(ops.subtract(x, kept), ops.sqrt(ops.add(spread, epsilon)))
    shape = [1 if i in reduction_axes else n for i, n in enumerate(x.shape)]
    y = y if gamma is None else ops.multiply(y, ops.reshape(gamma, shape))
    return (y if beta is None else ops.add(y, ops.reshape(beta, shape))), mean, var


def image_dim_ordering() -> str:
    """The layout, "th" or "tf": the names that Keras 1 had for the layouts."""
    return "th" if standardize_data_format(None) == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Sets the layout by its name of Keras 1."""
    layouts = {"th": "channels_first", "tf": "channels_last"}
    if dim_ordering not in layouts:
        raise ValueError(f"dim_ordering is 'th' or 'tf'; got {dim_ordering!r}.")
    tell("set_image_dim_ordering", f"write set_image_data_format({layouts[dim_ordering]!r}).")
    set_image_data_format(layouts[dim_ordering])
