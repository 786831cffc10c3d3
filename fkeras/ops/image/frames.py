"""Images cropped, padded and cut into patches."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import convolve
from ..operation import operation
from .checks import LAYOUT, as_images, channel_axis, spatial_axes

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "pad_images"]

Size = int | None


def _check(function: str, sizes: dict[str, Any]) -> None:
    """Two of the three sizes along an axis are given, and none is negative."""
    if list(sizes.values()).count(None) != 1:
        raise ValueError(f"{function} takes exactly two of {', '.join(sizes)}; received {sizes}.")
    for name, value in sizes.items():
        if isinstance(value, int) and value < 0:
            raise ValueError(f"{function}: {name} must not be negative; received {value}.")


@operation(
    "top_padding", "left_padding", "bottom_padding", "right_padding", "target_height", "target_width", "data_format"
)
def pad_images(
    images: ArrayLike, top_padding: Size = None, left_padding: Size = None, bottom_padding: Size = None,
    right_padding: Size = None, target_height: Size = None, target_width: Size = None, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """Zeros around images. Along each axis two of (before, after, size of the result) are given.

    Shapes: (..., h, w, c) -> (..., top + h + bottom, left + w + right, c).
    Raises ValueError for other than two of the three, and for an image that is greater than its target.

    >>> pad_images(jnp.ones((2, 2, 1)), top_padding=1, left_padding=0, target_height=4, target_width=3).shape
    (4, 3, 1)
    """
    x, axes = as_images("pad_images", images), spatial_axes(data_format)
    widths: list[Any] = [(0, 0)] * x.ndim
    names = (("top_padding", "bottom_padding", "target_height"), ("left_padding", "right_padding", "target_width"))
    given = ((top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width))
    for axis, keys, values in zip(axes, names, given, strict=True):
        _check("pad_images", dict(zip(keys, values, strict=True)))
        before, after, target = list[Any](values)
        before = target - after - x.shape[axis] if before is None else before
        after = target - before - x.shape[axis] if after is None else after
        for name, width in zip(keys, (before, after), strict=False):
            if isinstance(width, int) and width < 0:
                raise ValueError(f"pad_images: {name} would be {width} for images of shape {x.shape}.")
        widths[axis] = (before, after)
    return jnp.pad(x, widths)


@operation(
    "top_cropping", "left_cropping", "bottom_cropping", "right_cropping", "target_height", "target_width", "data_format"
)
def crop_images(
    images: ArrayLike, top_cropping: Size = None, left_cropping: Size = None, bottom_cropping: Size = None,
    right_cropping: Size = None, target_height: Size = None, target_width: Size = None, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """Images without their borders. Along each axis two of (before, after, size of the result) are given.

    Shapes: (..., h, w, c) -> (..., h - top - bottom, w - left - right, c).
    Raises ValueError for other than two of the three, and for more than there is.

    >>> crop_images(jnp.ones((4, 4, 1)), top_cropping=1, left_cropping=0, target_height=2, target_width=3).shape
    (2, 3, 1)
    """
    x = as_images("crop_images", images)
    names = (("top_cropping", "bottom_cropping", "target_height"), ("left_cropping", "right_cropping", "target_width"))
    given = ((top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width))
    for axis, keys, values in zip(spatial_axes(data_format), names, given, strict=True):
        _check("crop_images", dict(zip(keys, values, strict=True)))
        before, after, target = list[Any](values)
        size = x.shape[axis]
        before = size - target - after if before is None else before
        target = size - before - after if target is None else target
        if isinstance(size, int) and (before < 0 or target < 0 or before + target > size):
            raise ValueError(f"crop_images: {size} pixels do not hold {target} behind {before}; shape {x.shape}.")
        x = jax.lax.dynamic_slice_in_dim(x, before, target, axis=axis % x.ndim)
    return x


# --- patches ----------------------------------------------------------------------------------


def extract_patches(
    images: ArrayLike, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """The patches of images, the pixels of each in its channels; of volumes, if `size` has three parts.

    Shapes: (..., h, w, c) -> (..., patches down, patches across, patch height * patch width * c).
    strides: the size of the patches for None, so that they do not overlap.
    Raises TypeError or ValueError for a size that is no integer and has not two or three parts.

    >>> extract_patches(jnp.ones((4, 4, 3)), 2).shape
    (2, 2, 12)
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(f"extract_patches: size must be an int or a tuple; received {size!r}.")
    window = (size, size) if isinstance(size, int) else tuple(size)
    if len(window) not in (2, 3):
        raise ValueError(f"extract_patches: size must have two parts, or three for volumes; received {size!r}.")
    return _patches(images, window, size if strides is None else strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: ArrayLike, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """The patches of volumes, the pixels of each in its channels.

    Shapes: (..., d, h, w, c) -> (..., patches, patches, patches, patch volume * c).

    >>> extract_patches_3d(jnp.ones((4, 4, 4, 1)), 2).shape
    (2, 2, 2, 8)
    """
    size = (size, size, size) if isinstance(size, int) else size
    if not isinstance(size, (tuple, list)) or len(size) != 3:
        raise TypeError(f"extract_patches_3d: size must be an int or have three parts; received {size!r}.")
    return extract_patches(volumes, size, strides, dilation_rate, padding, data_format)


@operation(
    "size", "strides", "dilation_rate", "padding", "data_format", name="ExtractPatches", key="extract_patches",
    resolve=LAYOUT,
)  # fmt: skip
def _patches(
    images: ArrayLike, size: tuple[int, ...], strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    x, rank = jnp.asarray(images), len(size) + 2
    if x.ndim not in (rank, rank - 1):
        raise ValueError(f"extract_patches with size {size} takes {rank - 1} or {rank} axes; received shape {x.shape}.")
    channels = x.shape[-1 if channel_axis(data_format) == -1 else 1 - rank]
    count = math.prod((*size, channels))
    kernel = jnp.eye(count, dtype=x.dtype).reshape(*size, channels, count)
    y = convolve.conv(x if x.ndim == rank else x[None], kernel, strides, padding, data_format, dilation_rate)
    return y if x.ndim == rank else y[0]
