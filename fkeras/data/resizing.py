"""Images of any size made one size, on the host: no program is compiled for each size that comes along."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np


def triangle(x: np.ndarray) -> np.ndarray:
    """max(0, 1 - x)."""
    return np.maximum(0, 1 - x)


def cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """The cubic kernels of Mitchell and Netravali (1988); b=0, c=1/2 is that of Keys."""

    def kernel(x: np.ndarray) -> np.ndarray:
        near = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + (6 - 2 * b)
        far = (((-b - 6 * c) * x + (6 * b + 30 * c)) * x - (12 * b + 48 * c)) * x + (8 * b + 24 * c)
        return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6

    return kernel


def lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    """sinc(x) sinc(x / radius)."""
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


def gaussian(x: np.ndarray) -> np.ndarray:
    """exp(-2 x^2) up to 1.5."""
    return np.where(x < 1.5, np.exp(-2 * x * x), 0)


KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": triangle, "bicubic": cubic(0, 0.5), "lanczos3": lanczos(3), "lanczos5": lanczos(5),
    "gaussian": gaussian, "mitchellcubic": cubic(1 / 3, 1 / 3),
}  # fmt: skip
BLURRING = ("gaussian", "mitchellcubic")  # kernels that change an axis whose size stays
FEW = 8  # pixels, up to which adding them one by one is faster than a product of matrices
INTERPOLATIONS = ("nearest", "area", *KERNELS)


@functools.lru_cache(64)
def weights(old: int, new: int, interpolation: str) -> np.ndarray:
    """(new, old): what each old pixel gives to each new one. Pixels have their centres at halves."""
    if interpolation == "area":
        edges = np.arange(new + 1) * (old / new)
        cover = np.minimum(edges[1:, None], np.arange(1, old + 1)) - np.maximum(edges[:-1, None], np.arange(old))
        return (np.maximum(cover, 0) * (new / old)).astype("float32")
    places = (np.arange(new) + 0.5) * (old / new) - 0.5
    w = KERNELS[interpolation](np.abs(places[:, None] - np.arange(old)))
    total = w.sum(1, keepdims=True)
    return (w / np.where(np.abs(total) > 1e-4, total, np.inf)).astype("float32")


@functools.lru_cache(64)
def taps(old: int, new: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """`weights` without their zeros: (which old pixels give to each new one, what each gives), both (new, taps)."""
    w = weights(old, new, interpolation)
    which = np.argsort(w == 0, axis=1, kind="stable")[:, : max(int((w != 0).sum(1).max()), 1)]
    return which, np.take_along_axis(w, which, 1)


def stretch(image: np.ndarray, axis: int, size: int, interpolation: str) -> np.ndarray:
    """An image in another size along its axis 0 or 1."""
    if image.shape[axis] == size and interpolation not in BLURRING:
        return image
    which, shares = taps(image.shape[axis], size, interpolation)
    if which.shape[1] > FEW:
        matrix = weights(image.shape[axis], size, interpolation)
        return np.moveaxis(np.tensordot(matrix, image, (1, axis)), 0, axis)
    shares = shares.reshape((size, -1, 1, 1) if axis == 0 else (1, size, -1, 1))
    made = image.take(which[:, 0], axis)
    made *= shares.take(0, axis + 1)
    for t in range(1, which.shape[1]):
        part = image.take(which[:, t], axis)
        part *= shares.take(t, axis + 1)
        made += part
    return made


def resize(
    image: Any, size: tuple[int, int], interpolation: str = "bilinear", crop: bool = False, pad: bool = False
) -> np.ndarray:
    """An image (height, width, channels) in another size, in float32, as `keras.ops.image.resize` makes it.

    crop: cuts its sides off first, so that it keeps its proportions. pad: adds black ones instead.

    >>> resize(np.arange(4.0).reshape(2, 2, 1), (1, 2))[..., 0]
    array([[1., 2.]], dtype=float32)
    """
    image = np.asarray(image, "float32")
    (height, width), (rows, columns) = image.shape[:2], size
    if crop:
        h = max(min(height, int(width * rows / columns)), 1)
        w = max(min(width, int(height * columns / rows)), 1)
        top, left = (height - h) // 2, (width - w) // 2
        image = image[top : top + h, left : left + w]
    elif pad:
        h, w = max(height, int(width * rows / columns)), max(width, int(height * columns / rows))
        top, left = (h - height) // 2, (w - width) // 2
        image = np.pad(image, ((top, top), (0 if top else left, 0 if top else left), (0, 0)))
    height, width = image.shape[:2]
    if (height, width) == size:
        return image
    if interpolation == "nearest":
        picked = [np.floor((np.arange(n) + 0.5) * (o / n)).astype(int) for n, o in ((rows, height), (columns, width))]
        return image[picked[0]][:, picked[1]]
    return stretch(stretch(image, 0, rows, interpolation), 1, columns, interpolation)


def check_size(size: Any) -> tuple[int, int]:
    """(height, width) from one number or two."""
    pair = (
        (size, size) if isinstance(size, (int, np.integer)) else tuple(size) if isinstance(size, (list, tuple)) else ()
    )
    if len(pair) != 2 or any(isinstance(n, bool) or not math.isfinite(n) or n != int(n) or n < 1 for n in pair):
        raise ValueError(f"image_size is (height, width), two whole numbers above 0; got {size!r}.")
    return int(pair[0]), int(pair[1])
