"""Single images changed, by given amounts or at random. The random ones draw from the process-wide source."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import random
from .affine import matrices, warp

__all__ = [
    "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift", "random_brightness",
    "random_channel_shift", "random_rotation", "random_shear", "random_shift", "random_zoom",
]  # fmt: skip


CURRENT: contextvars.ContextVar[np.random.RandomState | None] = contextvars.ContextVar("draws", default=None)


def draws(seed: int | None = None) -> np.random.RandomState:
    """Numbers of a seed, those that `np.random.seed` gives; for None those of the batch that is being made, or of
    the process-wide source."""
    if seed is None and (current := CURRENT.get()) is not None:
        return current
    return np.random.RandomState(random.next_words() if seed is None else seed)


@contextlib.contextmanager
def drawing(numbers: np.random.RandomState) -> Iterator[None]:
    """Within it, `draws()` gives these numbers."""
    token = CURRENT.set(numbers)
    try:
        yield
    finally:
        CURRENT.reset(token)


def apply_affine_transform(
    x: Any, theta: float = 0, tx: float = 0, ty: float = 0, shear: float = 0, zx: float = 1, zy: float = 1,
    row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image turned by `theta` degrees, moved by (tx, ty) pixels, sheared by `shear` degrees, zoomed by (zx, zy).

    Shapes: three axes -> same. fill_mode: what comes in at the borders: nearest, constant (`cval`), reflect, wrap.
    Raises ValueError for other axes, and for an unknown `fill_mode`.

    >>> x = np.arange(3.0).reshape(1, 3, 1)
    >>> apply_affine_transform(x, tx=1, row_axis=0, col_axis=1, channel_axis=2).ravel().tolist()
    [1.0, 2.0, 2.0]
    """
    x, axes = np.asarray(x), (row_axis, col_axis, channel_axis)
    if x.ndim != 3 or set(axes) != {0, 1, 2} or channel_axis == 1:
        raise ValueError(
            "apply_affine_transform takes an image of three axes, the channels first or last; received shape "
            f"{x.shape} with row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}."
        )
    given = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    y = np.moveaxis(x, channel_axis, -1)
    size = (x.shape[row_axis], x.shape[col_axis])
    m = matrices({k: np.array([float(v)]) for k, v in given.items()}, *size)
    if col_axis < row_axis:
        m = m[:, [1, 0]][:, :, [1, 0, 2]]
    return np.moveaxis(warp(y[None], m, fill_mode, cval, order)[0], -1, channel_axis)


def _axes(row_axis: int, col_axis: int, channel_axis: int, fill_mode: str, cval: float, order: int) -> dict[str, Any]:
    return {
        "row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis, "fill_mode": fill_mode, "cval": cval,
        "order": order,
    }  # fmt: skip


def random_rotation(
    x: Any, rg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image turned by up to `rg` degrees, either way. Shapes: three axes -> same.

    >>> random_rotation(np.ones((3, 8, 8)), 20).shape
    (3, 8, 8)
    """
    theta = draws().uniform(-rg, rg)
    where = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, theta=theta, **where)


def random_shift(
    x: Any, wrg: float, hrg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image moved by up to the parts `wrg` of its width and `hrg` of its height. Shapes: three axes -> same.

    >>> random_shift(np.ones((3, 8, 8)), 0.2, 0.2).shape
    (3, 8, 8)
    """
    rs, x = draws(), np.asarray(x)
    tx, ty = rs.uniform(-hrg, hrg) * x.shape[row_axis], rs.uniform(-wrg, wrg) * x.shape[col_axis]
    where = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, tx=tx, ty=ty, **where)


def random_shear(
    x: Any, intensity: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image sheared by up to `intensity` degrees, either way. Shapes: three axes -> same.

    >>> random_shear(np.ones((3, 8, 8)), 20).shape
    (3, 8, 8)
    """
    shear = draws().uniform(-intensity, intensity)
    where = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, shear=shear, **where)


def random_zoom(
    x: Any, zoom_range: Any, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image that shows parts of its height and of its width, drawn from `zoom_range`. Shapes: three axes -> same.

    Raises ValueError unless `zoom_range` is two numbers.

    >>> random_zoom(np.ones((3, 8, 8)), (0.8, 1.2)).shape
    (3, 8, 8)
    """
    low, high = two(zoom_range, "zoom_range")
    zx, zy = (1, 1) if low == high == 1 else draws().uniform(low, high, 2)
    where = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, zx=zx, zy=zy, **where)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """An image with a number added, cut off at its own least and greatest value. Shapes: any -> same.

    >>> apply_channel_shift(np.array([[[0.0, 2.0]]]), 1.0).tolist()
    [[[1.0, 2.0]]]
    """
    x = np.asarray(x)
    return np.clip(x + intensity, x.min(), x.max())


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """`apply_channel_shift` by up to `intensity_range`, up or down. Shapes: any -> same.

    >>> random_channel_shift(np.ones((3, 8, 8)), 0.2).shape
    (3, 8, 8)
    """
    return apply_channel_shift(x, draws().uniform(-intensity_range, intensity_range), channel_axis)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """An image whose pixels, whole numbers from 0 to 255, are multiplied by `brightness`; a fourth channel stays.

    Shapes: (height, width, channels) -> same.
    scale: whether the least value is made 0 and the greatest 255 first. If not, only values that lie outside of
        that are, and put back in their range afterwards.

    >>> apply_brightness_shift(np.array([[[100.0], [200.0]]]), 2.0, scale=False).tolist()
    [[[200.0], [255.0]]]
    """
    return brightened(np.asarray(x)[None], np.array([brightness]), scale)[0]


def brightened(x: np.ndarray, brightness: np.ndarray, scale: bool) -> np.ndarray:
    """`apply_brightness_shift` of a batch, each image by its own number."""
    x = np.asarray(x, "float32")
    low, high = x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)
    outside = (low < 0) | (high > 255)
    spread = np.where(high > low, high - low, np.float32(1))
    pixels = np.where(outside | scale, (x - low) / spread * np.float32(255), x).astype("uint8")
    times = brightness.astype("float32").reshape(-1, 1, 1, 1)
    y = np.clip(np.trunc(pixels * times), 0, 255)
    if x.shape[-1] == 4:
        y[..., 3] = pixels[..., 3]
    return y if scale else np.where(outside, y / np.float32(255) * (high - low) + low, y)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """`apply_brightness_shift` by a number drawn from `brightness_range`. Shapes: (height, width, channels) -> same.

    Raises ValueError unless `brightness_range` is two numbers.

    >>> random_brightness(np.ones((8, 8, 3)), (0.5, 1.5)).shape
    (8, 8, 3)
    """
    return apply_brightness_shift(x, draws().uniform(*two(brightness_range, "brightness_range")), scale)


def two(value: Any, name: str) -> tuple[float, float]:
    """A setting that is two numbers; raises ValueError for another one."""
    numbers = isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2
    if not numbers or not all(isinstance(v, (int, float, np.number)) for v in value):
        raise ValueError(f"{name} must be two numbers; received {value!r}.")
    return value[0], value[1]
