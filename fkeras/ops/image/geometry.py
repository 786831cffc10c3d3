"""Images resized, moved, turned and distorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import ndimage
from jax.typing import ArrayLike

from ... import random
from ..core.arrays import saturate_cast
from ..families import floats
from ..operation import operation
from .checks import as_images, channel_axis, one_of, spatial_axes
from .filters import blur_within

__all__ = [
    "affine_transform", "elastic_transform", "map_coordinates", "perspective_transform", "resize",
    "scale_and_translate",
]  # fmt: skip

ORDER = {"nearest": 0, "bilinear": 1}
FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")
RESIZERS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
SCALERS = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


# --- size -------------------------------------------------------------------------------------


@operation(
    "size", "interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value",
    "data_format",
)  # fmt: skip
def resize(
    images: ArrayLike, size: Any, interpolation: str = "bilinear", antialias: bool = False,
    crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False, fill_mode: str = "constant",
    fill_value: float = 0.0, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """Images of another size, in their dtype.

    Shapes: (..., h, w, c) -> (..., *size, c).
    interpolation: bilinear, nearest, bicubic, lanczos3 or lanczos5.
    antialias: whether smaller images are blurred, so that no pixel is lost.
    crop_to_aspect_ratio, pad_to_aspect_ratio: make the ratio fit by cutting borders off, or by
        borders of `fill_value`, instead of distorting.
    Raises ValueError for arguments that are not as described.

    >>> resize(jnp.ones((4, 6, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    one_of("resize", "interpolation", interpolation, RESIZERS)
    one_of("resize", "fill_mode", fill_mode, ("constant",))
    if len(size) != 2 or not all(n > 0 for n in size):
        raise ValueError(f"resize: size must be (height, width), both positive; received {size!r}.")
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("resize: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
    x = as_images("resize", images)
    dtype, axes = x.dtype, tuple(a % x.ndim for a in spatial_axes(data_format))
    if crop_to_aspect_ratio:
        x = _crop_to_ratio(x, axes, size)
    elif pad_to_aspect_ratio:
        x = _pad_to_ratio(floats(x), axes, size, fill_value)
    shape = [size[axes.index(a)] if a in axes else n for a, n in enumerate(x.shape)]
    y = jax.image.resize(x, shape, interpolation, antialias=antialias)
    if y.dtype == dtype:
        return y
    return saturate_cast(jnp.round(y) if jnp.issubdtype(dtype, jnp.integer) else y, dtype)


def _fitting(x: jax.Array, axes: Sequence[int], size: Any) -> tuple[int, int]:
    """The height that fits the width at the ratio of `size`, and the width that fits the height."""
    height, width = (x.shape[a] for a in axes)
    return int(float(width * size[0]) / size[1]), int(float(height * size[1]) / size[0])


def _crop_to_ratio(x: jax.Array, axes: Sequence[int], size: Any) -> jax.Array:
    for axis, wanted in zip(axes, _fitting(x, axes, size), strict=True):
        kept = max(min(x.shape[axis], wanted), 1)
        start = int(float(x.shape[axis] - kept) / 2)
        x = jax.lax.slice_in_dim(x, start, start + kept, axis=axis)
    return x


def _pad_to_ratio(x: jax.Array, axes: Sequence[int], size: Any, fill_value: float) -> jax.Array:
    widths = [(0, 0)] * x.ndim
    for axis, wanted in zip(axes, _fitting(x, axes, size), strict=True):
        border = int(float(max(wanted, x.shape[axis]) - x.shape[axis]) / 2)
        widths[axis] = (border, border)
    return jnp.pad(x, widths, constant_values=fill_value)


@operation("spatial_dims", "method", "antialias")
def scale_and_translate(
    images: ArrayLike, output_shape: Any, scale: ArrayLike, translation: ArrayLike, spatial_dims: Any, method: str,
    antialias: bool = True,
) -> jax.Array:  # fmt: skip
    """Images scaled about the origin, then moved.

    Shapes: any -> output_shape. scale, translation: one number for each of `spatial_dims`.
    method: linear, cubic, lanczos3 or lanczos5. Raises ValueError for another one.

    >>> y = scale_and_translate(jnp.ones((2, 2)), (4, 4), jnp.array([2.0, 2.0]), jnp.zeros(2), (0, 1), "linear")
    >>> y.shape
    (4, 4)
    """
    one_of("scale_and_translate", "method", method, SCALERS)
    x, scale, translation = jnp.asarray(images), jnp.asarray(scale), jnp.asarray(translation)
    return jax.image.scale_and_translate(x, output_shape, spatial_dims, scale, translation, method, antialias)


# --- other places -----------------------------------------------------------------------------


@operation("order", "fill_mode", "fill_value")
def map_coordinates(
    inputs: ArrayLike, coordinates: ArrayLike, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> jax.Array:  # fmt: skip
    """The values at these coordinates.

    Shapes: any of rank n, (n, ...) -> (...). order: 0 for the nearest value, 1 for linear interpolation.
    fill_mode: what lies outside: constant (`fill_value`), nearest, wrap, mirror or reflect.
    Raises ValueError for arguments that are not as described.

    >>> map_coordinates([0.0, 10.0], [[0.5]], order=1).tolist()
    [5.0]
    """
    one_of("map_coordinates", "order", order, (0, 1))
    one_of("map_coordinates", "fill_mode", fill_mode, FILLS)
    x, places = jnp.asarray(inputs), jnp.asarray(coordinates)
    if places.ndim < 2 or places.shape[0] != x.ndim:
        raise ValueError(f"map_coordinates needs coordinates ({x.ndim}, ...) for shape {x.shape}; got {places.shape}.")
    return ndimage.map_coordinates(x, places, order, fill_mode, fill_value)  # type: ignore[arg-type]


def _grid(height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """The coordinates of all pixels: down, and across."""
    down, across = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    return down, across


def _sample(x: jax.Array, down: jax.Array, across: jax.Array, order: int, mode: str, value: float) -> jax.Array:
    """Images (b, h, w, c) at places (b, h, w), as `map_coordinates` of each plane: all channels of a pixel at once."""
    batch, height, width, channels = x.shape
    pixels, first = x.reshape(-1, channels), jnp.arange(batch)[:, None, None] * height

    def at(row: jax.Array, col: jax.Array) -> jax.Array:
        y = pixels.at[(first + _within(row, height, mode)) * width + _within(col, width, mode)]
        y = y.get(mode="promise_in_bounds")
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        return jnp.where(inside[..., None], y, jnp.asarray(value, x.dtype)) if mode == "constant" else y

    if order == 0:
        return at(*(jnp.trunc(p + jnp.copysign(0.5, p)) for p in (down, across)))
    rows, cols = (_beside(p) for p in (down, across))
    y = sum(at(row, col) * (v * h)[..., None] for row, v in rows for col, h in cols)
    if jnp.issubdtype(x.dtype, jnp.integer):
        y = jnp.trunc(y + jnp.copysign(0.5, y))
    return jnp.asarray(y, x.dtype)


def _beside(places: jax.Array) -> tuple[tuple[jax.Array, jax.Array], ...]:
    """The whole numbers below and above places, still as floats, with their weights."""
    low = jnp.floor(places)
    return (low, 1 - (places - low)), (low + 1, places - low)


def _within(i: jax.Array, size: Any, mode: str) -> jax.Array:
    """Numbers of pixels as integers, those outside taken to others as the mode says."""
    turn = {"wrap": size, "mirror": 2 * size - 2, "reflect": 2 * size}.get(mode)
    if turn is not None:
        i = i - turn * jnp.floor(i / (turn + (turn == 0)))
        if mode != "wrap":
            i = jnp.where(i >= size, turn - i - (mode == "reflect"), i)
    return jnp.clip(i.astype("int32"), 0, size - 1)  # in bounds whatever i is


def _moved(images: jax.Array, data_format: str | None, f: Any) -> jax.Array:
    """`f` of images as a batch (b, h, w, c), in their own layout and rank again."""
    axis = channel_axis(data_format)
    x = jnp.moveaxis(images, axis, -1)
    y = f(x if x.ndim == 4 else x[None])
    return jnp.moveaxis(y if x.ndim == 4 else y[0], -1, axis)


@operation("interpolation", "fill_mode", "fill_value", "data_format")
def affine_transform(
    images: ArrayLike, transform: ArrayLike, interpolation: str = "bilinear", fill_mode: str = "constant",
    fill_value: float = 0, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """The pixel at (x, y) from the place `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)`, `k = c0 x + c1 y + 1`.

    Shapes: (..., h, w, c), (8,) or (b, 8): [a0, a1, a2, b0, b1, b2, c0, c1] -> same.
    Raises ValueError for arguments that are not as described.

    >>> affine_transform(jnp.eye(2)[..., None], jnp.array([1.0, 0, 1, 0, 1, 0, 0, 0]))[..., 0].tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    order = ORDER[one_of("affine_transform", "interpolation", interpolation, ORDER)]
    one_of("affine_transform", "fill_mode", fill_mode, FILLS)
    x, t = as_images("affine_transform", images), jnp.asarray(transform)
    if t.ndim not in (1, 2) or t.shape[-1] != 8:
        raise ValueError(f"affine_transform takes 8 numbers, or (batch, 8); received shape {t.shape}.")

    def move(x: jax.Array) -> jax.Array:
        down, across = _places(jnp.broadcast_to(t, (x.shape[0], 8)), *x.shape[1:3])
        return _sample(x, down, across, order, fill_mode, fill_value)

    return _moved(x, data_format, move)


def _places(transform: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Where the pixels come from under projective transforms (b, 8): down and across, (b, h, w)."""
    y, x = _grid(height, width)
    a0, a1, a2, b0, b1, b2, c0, c1 = jnp.moveaxis(transform, -1, 0)[..., None, None]
    k = c0 * x + c1 * y + 1.0
    return (b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k


@operation("interpolation", "fill_value", "data_format")
def perspective_transform(
    images: ArrayLike, start_points: ArrayLike, end_points: ArrayLike, interpolation: str = "bilinear",
    fill_value: float = 0, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """Images seen so that four points (x, y) come to lie at four others.

    Shapes: (..., h, w, c), (4, 2) or (b, 4, 2), the same -> like the images.
    Raises ValueError for arguments that are not as described.

    >>> corners = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> perspective_transform(jnp.ones((3, 3, 1)), corners, corners).shape
    (3, 3, 1)
    """
    order = ORDER[one_of("perspective_transform", "interpolation", interpolation, ORDER)]
    x, start, end = as_images("perspective_transform", images), jnp.asarray(start_points), jnp.asarray(end_points)
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "perspective_transform takes points (4, 2) or (batch, 4, 2), as many at the end as at the start; "
            f"received shapes {start.shape} and {end.shape}."
        )
    t = homography(start.astype("float32"), end.astype("float32"))

    def move(x: jax.Array) -> jax.Array:
        down, across = _places(jnp.broadcast_to(t, (x.shape[0], 8)), *x.shape[1:3])
        return _sample(x, down, across, order, "constant", fill_value)

    return _moved(x, data_format, move)


def homography(start: jax.Array, end: jax.Array) -> jax.Array:
    """The eight numbers of the projective transform that takes the end points back to the start."""
    (sx, sy), (ex, ey) = jnp.moveaxis(start, -1, 0), jnp.moveaxis(end, -1, 0)
    one, zero = jnp.ones_like(ex), jnp.zeros_like(ex)
    rows_x = jnp.stack([ex, ey, one, zero, zero, zero, -sx * ex, -sx * ey], -1)
    rows_y = jnp.stack([zero, zero, zero, ex, ey, one, -sy * ex, -sy * ey], -1)
    target = jnp.concatenate([sx, sy], -1)[..., None]
    return jnp.linalg.solve(jnp.concatenate([rows_x, rows_y], -2), target)[..., 0]


@operation("alpha", "sigma", "interpolation", "fill_mode", "fill_value", "seed", "data_format")
def elastic_transform(
    images: ArrayLike, alpha: float = 20.0, sigma: float = 5.0, interpolation: str = "bilinear",
    fill_mode: str = "reflect", fill_value: float = 0.0, seed: Any = None, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """Images distorted by smooth random shifts, of about `alpha` pixels, that change over about `sigma` pixels.

    Shapes: (..., h, w, c) -> same. seed: an integer, a key or a SeedGenerator.
    Raises ValueError for arguments that are not as described.
    Source: Simard et al., Best practices for convolutional neural networks applied to visual document analysis (2003).

    >>> elastic_transform(jnp.ones((8, 8, 1)), alpha=1.0, sigma=1.0, seed=0).shape
    (8, 8, 1)
    """
    one_of("elastic_transform", "interpolation", interpolation, ORDER)
    one_of("elastic_transform", "fill_mode", fill_mode, FILLS)
    x, widest = as_images("elastic_transform", images), int(6 * sigma) | 1
    return distort(x, random.as_key(seed), alpha, sigma, widest, interpolation, fill_mode, fill_value, data_format)


def distort(
    images: jax.Array, key: jax.Array, alpha: Any, sigma: Any, widest: int, interpolation: str, fill_mode: str,
    fill_value: float, data_format: str | None,
) -> jax.Array:  # fmt: skip
    """`elastic_transform` where `alpha` and `sigma` may be traced; the Gaussian is at most `widest` pixels wide."""

    def move(x: jax.Array) -> jax.Array:
        dtype = x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.dtype("float32")
        noise = jax.random.normal(key, x.shape[:3], dtype) * jnp.asarray(sigma, dtype)
        shift = jnp.asarray(alpha, dtype) * blur_within(noise, widest, jnp.asarray(sigma, dtype))
        down, across = _grid(*x.shape[1:3])
        y = _sample(x, down + shift, across + shift, ORDER[interpolation], fill_mode, fill_value)
        return y.astype(x.dtype)

    return _moved(images, data_format, move)
