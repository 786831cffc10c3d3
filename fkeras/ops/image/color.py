"""Colors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..families import floats
from ..operation import operation
from .checks import as_images, channel_axis

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

LUMA = (0.2989, 0.5870, 0.1140)


@operation("data_format", name="RGBToGrayscale")
def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """`0.2989 red + 0.587 green + 0.114 blue`, in the dtype of the images; gray ones as they are.

    Shapes: (..., h, w, 3) -> (..., h, w, 1). Raises ValueError for another number of channels.

    >>> rgb_to_grayscale(jnp.ones((1, 1, 3))).round(2).tolist()
    [[[1.0]]]
    """
    x, axis = as_images("rgb_to_grayscale", images), channel_axis(data_format)
    if x.shape[axis] == 1:
        return x
    if x.shape[axis] != 3:
        raise ValueError(f"rgb_to_grayscale takes 3 channels, or 1; received {x.shape[axis]} in shape {x.shape}.")
    colors = floats(x)
    gray = jnp.tensordot(colors, jnp.asarray(LUMA, colors.dtype), axes=(axis, 0))
    return jnp.expand_dims(gray, axis).astype(x.dtype)


def _planes(name: str, images: ArrayLike, axis: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    x = as_images(name, images)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"{name} takes images of floats, in [0, 1]; received dtype {x.dtype}.")
    if x.shape[axis] != 3:
        raise ValueError(f"{name} takes 3 channels; received {x.shape[axis]} in shape {x.shape}.")
    one, two, three = jnp.moveaxis(x, axis, 0)
    return one, two, three


@operation("data_format", name="RGBToHSV")
def rgb_to_hsv(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Red, green, blue as hue, saturation, value, all in [0, 1].

    Shapes: (..., h, w, 3) -> same. Raises ValueError for images that are not of floats.

    >>> rgb_to_hsv(jnp.array([[[1.0, 0.0, 0.0]]])).tolist()
    [[[0.0, 1.0, 1.0]]]
    """
    axis = channel_axis(data_format)
    r, g, b = (jnp.where(jnp.abs(c) < jnp.finfo(c.dtype).eps, 0.0, c) for c in _planes("rgb_to_hsv", images, axis))
    value = jnp.maximum(jnp.maximum(r, g), b)
    spread = value - jnp.minimum(jnp.minimum(r, g), b)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1.0), 0.0)
    sixth = 1.0 / (6.0 * jnp.where(spread > 0, spread, 1.0))
    hue = jnp.where(value == g, sixth * (b - r) + 2.0 / 6.0, sixth * (r - g) + 4.0 / 6.0)
    hue = jnp.where(value == r, sixth * (g - b), hue)
    hue = jnp.where(spread > 0, hue, 0.0) + (hue < 0.0).astype(hue.dtype)
    return jnp.stack((hue, saturation, value), axis)


@operation("data_format", name="HSVToRGB")
def hsv_to_rgb(images: ArrayLike, data_format: str | None = None) -> jax.Array:
    """Hue, saturation, value as red, green, blue.

    Shapes: (..., h, w, 3) -> same. Raises ValueError for images that are not of floats.

    >>> hsv_to_rgb(jnp.array([[[0.0, 1.0, 1.0]]])).tolist()
    [[[1.0, 0.0, 0.0]]]
    """
    axis = channel_axis(data_format)
    hue, saturation, value = _planes("hsv_to_rgb", images, axis)
    turn = jnp.mod(hue, 1.0) * 6.0
    red = jnp.clip(jnp.abs(turn - 3.0) - 1.0, 0.0, 1.0)
    green, blue = (jnp.clip(2.0 - jnp.abs(turn - at), 0.0, 1.0) for at in (2.0, 4.0))
    return jnp.stack([value * (1.0 - saturation + saturation * c) for c in (red, green, blue)], axis)
