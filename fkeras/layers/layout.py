"""Where channels and sizes are: what layers over one, two or three spatial axes share."""

from __future__ import annotations

import dataclasses
from typing import Any

from .. import config
from ..layer import shown
from .settings import as_tuple


def data_format(kw_only: bool = False) -> Any:
    """The field of that name: "channels_last" or "channels_first"; the default of the process for None."""
    return dataclasses.field(default=None, kw_only=kw_only, metadata={"filled": config.image_data_format})


def check_layout(layer: Any) -> None:
    """Refuses an unknown layout; puts the default in the place of None."""
    layer.data_format = config.standardize_data_format(layer.data_format)


def check_padding(layer: Any, *known: str) -> None:
    """Refuses an unknown padding; "SAME" is "same"."""
    if not isinstance(layer.padding, str) or layer.padding.lower() not in known:
        names = ", ".join(map(repr, known))
        raise ValueError(f"{type(layer).__name__}: padding must be one of {names}; got {layer.padding!r}.")
    layer.padding = layer.padding.lower()


def check_window(layer: Any, window: str) -> None:
    """Checks the settings of a window that slides over `layer.ndim` axes."""
    for name in (window, "strides", "dilation_rate"):
        if hasattr(layer, name):
            as_tuple(layer, name, layer.ndim)
    check_layout(layer)


def channels(layer: Any, x: Any) -> Any:
    """The number of channels."""
    return x.shape[-1 if layer.data_format == "channels_last" else 1]


def space(layer: Any) -> tuple[int, ...]:
    """The spatial axes."""
    first = 1 if layer.data_format == "channels_last" else 2
    return tuple(range(first, first + layer.ndim))


def beside_channels(layer: Any, weight: Any) -> Any:
    """A weight with one value for each channel, in a shape that meets the inputs there."""
    return weight if layer.data_format == "channels_last" else weight.reshape(-1, *(1,) * layer.ndim)


def check_fit(layer: Any, x: Any, extents: tuple[int, ...]) -> None:
    """Refuses inputs that are smaller than a window which is not padded."""
    sizes = [x.shape[i] for i in space(layer)]
    if layer.padding == "valid" and any(isinstance(n, int) and n < k for n, k in zip(sizes, extents, strict=True)):
        other = {"channels_last": "channels_first", "channels_first": "channels_last"}[layer.data_format]
        inner = x.shape[2:] if other == "channels_first" else x.shape[1:-1]
        swapped = all(isinstance(n, int) and n >= k for n, k in zip(inner, extents, strict=True))
        hint = (
            f" If the channels stand elsewhere, write data_format={other!r}, or set it for all layers with "
            f"fkeras.config.set_image_data_format({other!r})."
        ) * swapped
        raise ValueError(
            f"{layer!r} slides a window that covers {shown(extents)} positions; inputs of shape {shown(x.shape)} have "
            f"only {shown(sizes)} ({layer.data_format}). Use larger inputs, a smaller window, or padding='same'.{hint}"
        )
