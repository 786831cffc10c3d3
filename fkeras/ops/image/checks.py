"""What every function of images asks of its arguments."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import config

LAYOUT = {"data_format": config.standardize_data_format}


def as_images(name: str, images: Any) -> jax.Array:
    """One image or a batch of them, as an array; raises ValueError for another rank."""
    x = jnp.asarray(images)
    if x.ndim not in (3, 4):
        raise ValueError(f"{name} takes an image (3 axes) or a batch of images (4 axes); received shape {x.shape}.")
    return x


def spatial_axes(data_format: str | None) -> tuple[int, int]:
    """The axes of height and width, counted from the last."""
    return (-3, -2) if config.standardize_data_format(data_format) == "channels_last" else (-2, -1)


def channel_axis(data_format: str | None) -> int:
    """The axis of the channels, counted from the last."""
    return -1 if config.standardize_data_format(data_format) == "channels_last" else -3


def one_of(function: str, argument: str, value: Any, known: Any) -> Any:
    """The value, if it is known; else a ValueError that says what is."""
    if value not in known:
        raise ValueError(f"{function}: {argument} must be one of {', '.join(map(str, known))}; received {value!r}.")
    return value
