"""Layers as configs, and back."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..layer import LAYERS


def serialize(layer: Any) -> dict[str, Any]:
    """The config of a layer; `deserialize` inverts it."""
    return registry.serialize(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer that a config describes; raises ValueError for names that are not known.

    >>> deserialize({"class_name": "Dense", "config": {"units": 3}})
    Dense(units=3)
    """
    found = registry.deserialize(config, custom_objects)
    if not hasattr(found, "_face"):
        raise registry.unknown("layer", config.get("class_name"), LAYERS.table)
    return found
