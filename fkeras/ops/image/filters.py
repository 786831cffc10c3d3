"""Images blurred, their edges, and how alike two are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ..families import floats
from ..operation import operation
from .checks import as_images, channel_axis

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


def _filter(x: jax.Array, kernel: jax.Array, padding: str) -> jax.Array:
    """Each plane (..., h, w) under the same kernel (kh, kw)."""
    planes = x.reshape(-1, 1, *x.shape[-2:])
    y = jax.lax.conv_general_dilated(planes, kernel[None, None], (1, 1), padding)
    return y.reshape(*x.shape[:-2], *y.shape[-2:])


def _bell(size: int, sigma: Any, dtype: Any) -> jax.Array:
    """The Gaussian of this width at `size` places around 0, with sum 1."""
    y = jnp.exp(-0.5 * jnp.square((jnp.arange(size, dtype=dtype) - (size - 1) / 2) / sigma))
    return y / jnp.sum(y)


def blur(x: jax.Array, kernel_size: Any, sigma: Any) -> jax.Array:
    """Planes (..., h, w) under a Gaussian; zeros around them."""
    width, height = (_bell(n, s, x.dtype) for n, s in zip(kernel_size, sigma, strict=True))
    return _filter(x, jnp.outer(height, width), "SAME")


def blur_within(x: jax.Array, widest: int, sigma: Any) -> jax.Array:
    """Planes (..., h, w) under a Gaussian `int(6 sigma) | 1` pixels wide, where `sigma` may be traced."""
    reach = (jnp.asarray(6 * sigma, "int32") | 1) // 2
    near = jnp.abs(jnp.arange(widest) - widest // 2) <= reach
    bell = jnp.where(near, _bell(widest, sigma, x.dtype), 0)
    bell = bell / jnp.sum(bell)
    return _filter(x, jnp.outer(bell, bell), "SAME")


@operation("kernel_size", "sigma", "data_format")
def gaussian_blur(
    images: ArrayLike, kernel_size: tuple[int, int] = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> jax.Array:  # fmt: skip
    """Each pixel as the mean of those around it, weighted by a Gaussian; zeros around the image.

    Shapes: (..., h, w, c) -> same. kernel_size, sigma: first across, then down.

    >>> gaussian_blur(jnp.ones((3, 3, 1)))[1, 1].round(3).tolist()
    [1.0]
    """
    axis = channel_axis(data_format)
    x = jnp.moveaxis(as_images("gaussian_blur", images), axis, -3)
    return jnp.moveaxis(blur(x, kernel_size, jnp.asarray(sigma, x.dtype)), -3, axis)


@operation("data_format")
def sobel_edges(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """How much images change downwards and across, by Sobel's filters; zeros around them.

    Shapes: (b, h, w, c) -> (b, h, w, c, 2). Raises ValueError for another rank.

    >>> sobel_edges(jnp.ones((1, 3, 3, 1)))[0, 1, 1, 0].tolist()
    [0.0, 0.0]
    """
    x, axis = jnp.asarray(images), channel_axis(data_format)
    if x.ndim != 4:
        raise ValueError(f"sobel_edges takes a batch of images (4 axes); received shape {x.shape}.")
    x = jnp.moveaxis(x, axis, -3)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    edges = [_filter(x, jnp.asarray(kernel, x.dtype), "SAME") for kernel in (across.T, across)]
    return jnp.stack([jnp.moveaxis(edge, -3, axis) for edge in edges], -1)


@operation("max_val", "filter_size", "filter_sigma", "k1", "k2", "data_format", name="SSIM")
def ssim(
    image1: ArrayLike, image2: ArrayLike, max_val: float = 1.0, filter_size: int = 11, filter_sigma: float = 1.5,
    k1: float = 0.01, k2: float = 0.03, data_format: str | None = None,
) -> jax.Array:  # fmt: skip
    """The structural similarity of images: 1 for equal ones.

    Shapes: (..., h, w, c), (..., h, w, c) -> (...). max_val: the greatest a pixel can be.
    Source: Wang et al., Image quality assessment: from error visibility to structural similarity (2004).

    >>> ssim(jnp.ones((16, 16, 1)), jnp.ones((16, 16, 1))).round(3).item()
    1.0
    """
    axis, dtype = channel_axis(data_format), jnp.asarray(image1).dtype
    x, y = (jnp.moveaxis(floats(as_images("ssim", image)), axis, -3) for image in (image1, image2))
    bell = _bell(filter_size, filter_sigma, x.dtype)

    def mean(z: jax.Array) -> jax.Array:
        return _filter(z, jnp.outer(bell, bell), "VALID")

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    alike = (2.0 * mx * my + c1) * (2.0 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return jnp.mean(jnp.mean(alike, (-2, -1)), -1).astype(dtype)
