"""Copies of models with new layers, and models from JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import graph, registry
from ..layers.input import InputLayer
from ..saving import config, upgrade
from ..saving.parse import parse


def copy_layer(layer: Any) -> Any:
    """A new layer of the same settings and name, without values."""
    users = getattr(layer, "holds_user_code", False)  # functions, which are kept
    twin = layer.replace(name=layer.name) if users else type(layer).from_config(layer.get_config())
    twin._face.auto_named = layer._face.auto_named
    return twin


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that `model.to_json()` described; its weights are new. Understands the JSON of Keras 2 as well.

    custom_objects: classes and functions of yours that the text names.

    Raises UnsafeModelError (a ValueError) for names that are not known, ValueError for text that is no model.
    """
    place = "the JSON"
    told = parse(json_string, place)
    old = isinstance(told, dict) and str(told.get("keras_version")).startswith(("1", "2"))
    if old and "hard_sigmoid" not in (custom_objects or {}):
        upgrade.tell_of_changes(told)
    return config.build(upgrade.upgraded(told), place, custom_objects, compile=False)


def clone_model(
    model: Any, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None, recursive: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """A model of new layers, with the same settings and wiring, and new weights.

    clone_function: `layer -> layer`, for layers that should become others.
    input_tensors: symbols to build the copy on.
    """
    if kwargs:
        raise TypeError(f"clone_model knows no argument {', '.join(kwargs)}.")
    make = clone_function or copy_layer
    if recursive and clone_function is not None:
        make = deeply(clone_function)
    if hasattr(model, "_layers") and model.walks:
        entry = model._entry
        layers = [] if entry is None else [entry.symbol() if input_tensors is None else graph.symbols(input_tensors)[0]]
        return type(model)([*layers, *(make(layer) for layer in model.layers)], name=model.name)
    if model._network is None or (registry.custom_init(type(model)) and not registry.is_builtin(type(model))):
        return type(model).from_config(model.get_config())
    return rewire(model, make, input_tensors, call_function)


def deeply(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A clone function that also reaches the layers of nested models."""

    def make(layer: Any) -> Any:
        return (
            clone_model(layer, clone_function=function, recursive=True) if hasattr(layer, "layers") else function(layer)
        )

    return make


def rewire(model: Any, make: Callable[[Any], Any], inputs: Any, call: Callable[..., Any] | None) -> Any:
    """The graph of a model with every layer replaced by `make(layer)`."""
    network = model._network
    old = graph.symbols(network.inputs)
    if inputs is None:
        new = [
            InputLayer(batch_shape=s.shape, dtype=s.dtype, name=n).symbol()
            for s, n in zip(old, network.input_names, strict=True)
        ]
    else:
        new = graph.symbols(inputs)
    values = dict(zip(old, new, strict=True))
    twins: dict[int, Any] = {}
    for node in network.nodes:
        twin = twins.setdefault(id(node.layer), None) or make(node.layer)
        twins[id(node.layer)] = twin
        args, kwargs = graph.substitute((node.args, node.kwargs), values)
        out = twin(*args, **kwargs) if call is None else call(twin, *args, **kwargs)
        values.update(zip(graph.symbols(node.outputs), graph.symbols(out), strict=True))
    return type(model)(
        inputs=graph.substitute(network.inputs, values),
        outputs=graph.substitute(network.outputs, values),
        name=model.name,
    )


def replace(model: Any, changes: dict[str, Any]) -> Any:
    """A clone of a chain or a graph under another name, or frozen."""
    if unknown := changes.keys() - {"name", "trainable"}:
        raise TypeError(
            f"{model!r}: replace changes the name or trainable of a model, not {', '.join(sorted(unknown))}."
        )
    twin = clone_model(model)
    for name, value in changes.items():
        setattr(twin, name, value)
    return twin
