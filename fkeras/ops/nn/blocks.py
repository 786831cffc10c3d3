"""Blocks of images: sliding windows as columns, blocks as channels, and back."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import config
from ..operation import operation

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]

LAYOUT = {"data_format": config.standardize_data_format}
Pair = int | tuple[int, int]


def _pair(x: Any) -> tuple[int, int]:
    return (x, x) if isinstance(x, int) else (x[0], x[1])


@operation("kernel_size", "dilation", "padding", "stride")
def unfold(x: ArrayLike, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> jax.Array:
    """The windows of images, one in each column.

    Shapes: (b, c, h, w) -> (b, c * kernel height * kernel width, windows).
    Raises ValueError for another rank.

    >>> unfold(jnp.ones((1, 3, 4, 4)), 2).shape
    (1, 12, 9)
    """
    x = jnp.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"unfold takes images (batch, channels, height, width); received shape {x.shape}.")
    windows = jax.lax.conv_general_dilated_patches(
        x, _pair(kernel_size), _pair(stride), [(p, p) for p in _pair(padding)], rhs_dilation=_pair(dilation),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )  # fmt: skip
    return windows.reshape(*windows.shape[:2], -1)


@operation("output_size", "kernel_size", "dilation", "padding", "stride")
def fold(
    x: ArrayLike, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> jax.Array:  # fmt: skip
    """Images from their windows, which are added where they overlap: the transpose of `unfold`.

    Shapes: (b, c * kernel height * kernel width, windows) -> (b, c, *output_size).
    Raises ValueError for another rank.

    >>> fold(jnp.ones((1, 4, 9)), 4, 2)[0, 0, 0].tolist()
    [1.0, 2.0, 2.0, 1.0]
    """
    x = jnp.asarray(x)
    if x.ndim != 3:
        raise ValueError(f"fold takes columns (batch, channels * kernel, windows); received shape {x.shape}.")
    (height, width), (kh, kw) = _pair(output_size), _pair(kernel_size)
    image = jax.ShapeDtypeStruct((x.shape[0], x.shape[1] // (kh * kw), height, width), x.dtype)
    transpose = jax.linear_transpose(lambda y: unfold(y, (kh, kw), dilation, padding, stride), image)
    return transpose(x)[0]


def _check_block(name: str, block_size: int) -> None:
    if block_size < 2:
        raise ValueError(f"{name}: block_size must be at least 2; received {block_size}.")


@operation("block_size", "data_format", resolve=LAYOUT)
def depth_to_space(x: ArrayLike, block_size: int, data_format: str | None = "channels_last") -> jax.Array:
    """Channels spread out to blocks of pixels.

    Shapes: (b, h, w, s² c) -> (b, s h, s w, c), s being the block size. Source: https://arxiv.org/abs/1609.05158

    >>> depth_to_space(jnp.ones((1, 2, 2, 8)), 2).shape
    (1, 4, 4, 2)
    """
    _check_block("depth_to_space", block_size)
    x, s = jnp.asarray(x), block_size
    if config.standardize_data_format(data_format) == "channels_last":
        b, h, w, c = x.shape
        return x.reshape(b, h, w, s, s, c // s**2).transpose(0, 1, 3, 2, 4, 5).reshape(b, h * s, w * s, c // s**2)
    b, c, h, w = x.shape
    return x.reshape(b, c // s**2, s, s, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(b, c // s**2, h * s, w * s)


@operation("block_size", "data_format", resolve=LAYOUT)
def space_to_depth(x: ArrayLike, block_size: int, data_format: str | None = "channels_last") -> jax.Array:
    """Blocks of pixels gathered into channels.

    Shapes: (b, s h, s w, c) -> (b, h, w, s² c), s being the block size.

    >>> space_to_depth(jnp.ones((1, 4, 4, 2)), 2).shape
    (1, 2, 2, 8)
    """
    _check_block("space_to_depth", block_size)
    x, s = jnp.asarray(x), block_size
    if config.standardize_data_format(data_format) == "channels_last":
        b, h, w, c = x.shape
        return x.reshape(b, h // s, s, w // s, s, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, h // s, w // s, c * s**2)
    b, c, h, w = x.shape
    return x.reshape(b, c, h // s, s, w // s, s).transpose(0, 1, 3, 5, 2, 4).reshape(b, c * s**2, h // s, w // s)
