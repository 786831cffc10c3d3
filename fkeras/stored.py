"""What a layer puts into a file of weights, and takes from it: `save_own_variables` and `load_own_variables`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from . import storey


class Stored:
    """The hooks of a layer for files; a class may override each of them, as in Keras.

    stored_as: the names of sublayers in files, where they are not those of the attributes.
    stored_name: the name that files give to objects of this class, where it is not that of the class.
    """

    stored_as: ClassVar[dict[str, str]] = {}
    stored_name: ClassVar[str | None] = None

    def save_own_variables(self: Any, store: Any) -> None:
        """Puts the layer's own weights, not those of its sublayers, into a dict-like store: `store["0"]`, ..."""
        for i, key in enumerate(own_keys(self)):
            store[str(i)] = np.asarray(value_of(self, key))

    def load_own_variables(self: Any, store: Any) -> None:
        """Takes the layer's own weights from a store.

        Raises ValueError where their number or shapes differ.
        """
        keys = own_keys(self)
        check_count(self, keys, store)
        for i, key in enumerate(keys):
            put(self, key, store[str(i)])

    def get_build_config(self: Any) -> dict[str, Any] | None:
        """What `build_from_config` needs to know: the shape of the inputs, or None while it is not known."""
        known = self._face.specs or self._known_specs()
        if known is None or not known[0]:
            return None
        return {
            "input_shape": jax.tree.map(lambda s: list(s.shape), known[0][0], is_leaf=lambda x: hasattr(x, "shape"))
        }

    def build_from_config(self: Any, config: dict[str, Any]) -> None:
        """Makes the weights for inputs of the shape that `get_build_config` told."""
        if config.get("input_shape") is not None:
            self.build(config["input_shape"])


def own_keys(layer: Any) -> list[str]:
    """The names of a layer's own weights, in the order of files: trained ones first."""
    children, own = layer.children, storey.own_values(layer)
    for key, declared in layer._face.declared.items():
        if declared.shape is not None and storey.find(own, key) is None:
            own = storey.own_values(layer, key)  # added in `__init__`, not drawn yet
    return [
        key
        for half in own or ()
        for key, value in half.items()
        if key not in children and key not in storey.HIDDEN and not isinstance(value, (list, tuple, dict))
    ]


def value_of(layer: Any, key: str) -> Any:
    """The value, or the spec, of one of a layer's own weights."""
    half = storey.find(storey.own_values(layer), key)
    assert half is not None
    return half[key]


def check_count(layer: Any, keys: list[str], store: Mapping[str, Any]) -> None:
    """Refuses a store with more or fewer weights than the layer has."""
    if len(store.keys()) != len(keys):
        held = len(store.keys())
        raise ValueError(f"it has {len(keys)} weights ({', '.join(keys) or 'none'}), the file holds {held} for it")


def check_shape(layer: Any, key: str, value: Any) -> None:
    """Refuses a value of another shape than a weight has."""
    want = tuple(value_of(layer, key).shape)
    if want != tuple(value.shape):
        raise ValueError(f"its {key} has shape {want}, the file holds one of shape {tuple(value.shape)}")


def put(layer: Any, key: str, value: Any) -> None:
    """Gives one of a layer's own weights a value."""
    check_shape(layer, key, value)
    half = storey.find(storey.own_values(layer), key)
    assert half is not None
    half[key] = jnp.asarray(value, half[key].dtype)
