"""`keras.legacy.saving`: configs as Keras 2 wrote them."""

from __future__ import annotations

from typing import Any

from .. import registry


def serialize_keras_object(instance: Any) -> Any:
    """{"class_name", "config"} of an object, the name of a function; None is None.

    >>> from fkeras.regularizers import L2
    >>> serialize_keras_object(L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": registry.get_registered_name(type(instance)), "config": instance.get_config()}
    return registry.get_registered_name(instance)


def deserialize_keras_object(
    identifier: Any, module_objects: Any = None, custom_objects: Any = None, printable_module_name: str = "object"
) -> Any:
    """The object that a config or a name describes; raises ValueError if it is not known."""
    if identifier is None or not isinstance(identifier, (str, dict)):
        return identifier
    name = identifier if isinstance(identifier, str) else identifier["class_name"]
    found = registry.get_registered_object(name, custom_objects) or (module_objects or {}).get(name)
    if found is None and isinstance(identifier, dict):
        return registry.deserialize(identifier, custom_objects)
    if found is None:
        raise registry.unknown(printable_module_name, name, module_objects or {})
    return found if isinstance(identifier, str) else found.from_config(identifier["config"])
