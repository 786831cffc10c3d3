"""Graphs of layers as JSON-able values, in the form of Keras 3; reads that of Keras 2 as well."""

from __future__ import annotations

from typing import Any

import jax

from .. import graph, registry
from ..layers.input import InputLayer
from .network import Network

TENSOR = "__keras_tensor__"


def is_graph(config: Any) -> bool:
    """Whether a config describes a graph of layers."""
    return isinstance(config, dict) and {"layers", "input_layers", "output_layers"} <= config.keys()


# --- writing -----------------------------------------------------------------------------------


def write(model: Any) -> dict[str, Any]:
    """The config of a model that is a graph."""
    network: Network = model._network
    place = places(network)
    calls: dict[str, list[Any]] = {name: [] for name in network.children}
    for node in network.nodes:
        calls[network.name_of[id(node.layer)]].append(write_node(node, place))
    layers = [
        *(stand_in(s, place[s][0]) for s in graph.symbols(network.inputs) if not isinstance(s.node.layer, InputLayer)),
        *(write_layer(layer, name, calls[name]) for name, layer in network.children.items()),
    ]
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": ends(network.inputs, place),
        "output_layers": ends(network.outputs, place),
    }


def places(network: Network) -> dict[graph.Symbol, tuple[str, int, int]]:
    """Where each symbol comes from: (name of the layer, number of the call, number of the output)."""
    place: dict[graph.Symbol, tuple[str, int, int]] = {}
    counts: dict[str, int] = {}
    for s in graph.symbols(network.inputs):
        own = isinstance(s.node.layer, InputLayer)
        place[s] = (network.name_of[id(s.node.layer)] if own else f"{s.node.layer.name}_output", 0, 0)
    for node in network.nodes:
        name = network.name_of[id(node.layer)]
        for k, s in enumerate(graph.symbols(node.outputs)):
            place[s] = (name, counts.get(name, 0), k)
        counts[name] = counts.get(name, 0) + 1
    return place


def write_layer(layer: Any, name: str, calls: list[Any]) -> dict[str, Any]:
    """The config of one layer of a graph."""
    config = registry.serialize(layer)
    if "name" in config["config"]:
        config["config"]["name"] = name
    config.update(name=name, inbound_nodes=calls)  # in place: a shared layer gets its number later
    return config


def stand_in(symbol: graph.Symbol, name: str) -> dict[str, Any]:
    """The config of an input for a graph that begins in the middle of another one."""
    return write_layer(InputLayer(batch_shape=symbol.shape, dtype=symbol.dtype, name=name), name, [])


def write_node(node: graph.Node, place: dict[graph.Symbol, Any]) -> dict[str, Any]:
    """The config of one call."""

    def tensor(x: Any) -> Any:
        if isinstance(x, graph.Symbol):
            return {"class_name": TENSOR, "config": {"shape": x.shape, "dtype": x.dtype, "keras_history": place[x]}}
        return registry.serialize(x)

    def nest(tree: Any) -> Any:
        if isinstance(tree, (list, tuple)):
            return type(tree)(nest(v) for v in tree)
        if isinstance(tree, dict):
            return {k: nest(v) for k, v in tree.items()}
        return tensor(tree)

    fixed = {graph.FIXED: True} if node.kwargs.get("training") is not None else {}
    return {"args": [nest(a) for a in node.args], "kwargs": nest(node.kwargs), **fixed}


def ends(tree: Any, place: dict[graph.Symbol, Any]) -> Any:
    """The inputs or outputs of a graph as references."""
    return jax.tree.map(lambda s: list(place[s]), tree, is_leaf=graph.is_symbol)


# --- reading -----------------------------------------------------------------------------------


def read(cls: type, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that the config of a graph describes."""
    with registry.custom_object_scope(custom_objects or {}):
        layers = {c["name"] if "name" in c else c["config"]["name"]: read_layer(c) for c in config["layers"]}
    made: dict[str, list[list[graph.Symbol]]] = {
        n: [[x.symbol()]] if isinstance(x, InputLayer) else [] for n, x in layers.items()
    }
    waiting = [(layer_name(c), node) for c in config["layers"] for node in c.get("inbound_nodes", ())]
    while waiting:
        later = []
        for name, node in waiting:
            earlier_calls_wait = any(n == name for n, _ in later)
            call = None if earlier_calls_wait else read_node(node, made)
            if call is None:
                later.append((name, node))
                continue
            made[name].append(graph.symbols(layers[name](*call[0], **call[1])))
        if len(later) == len(waiting):
            raise ValueError(
                f"The config of {config.get('name')!r} describes a circle, or refers to layers that are not there: "
                f"{sorted({n for n, _ in later})}."
            )
        waiting = later
    model = cls(
        inputs=begin(config["input_layers"], made),
        outputs=begin(config["output_layers"], made),
        name=config.get("name"),
    )
    if config.get("trainable") is False:
        model.trainable = False
    return model


def layer_name(config: dict[str, Any]) -> str:
    """The name of a layer in a graph."""
    return config["name"] if "name" in config else config["config"]["name"]


def read_layer(config: dict[str, Any]) -> Any:
    """One layer of a graph, under the name it has there."""
    layer = registry.deserialize({k: v for k, v in config.items() if k not in ("name", "inbound_nodes")})
    if layer.name != layer_name(config):
        object.__setattr__(layer, "name", layer_name(config))
    layer._face.auto_named = False
    return layer


def read_node(node: Any, made: dict[str, list[list[graph.Symbol]]]) -> Any:
    """(args, kwargs) of one call, or None while what it needs is not made yet."""
    missing: list[Any] = []

    def find(name: str, call: int, output: int) -> Any:
        if name not in made:
            raise ValueError(f"The config refers to a layer {name!r} that is not in it.")
        if call >= len(made[name]):
            missing.append(name)
            return None
        return made[name][call][output]

    def nest(tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("class_name") == TENSOR:
            return find(*tree["config"]["keras_history"])
        if registry.is_config(tree):
            return registry.deserialize(tree)
        if isinstance(tree, dict):
            return {k: nest(v) for k, v in tree.items()}
        return type(tree)(nest(v) for v in tree) if isinstance(tree, (list, tuple)) else tree

    if isinstance(node, dict):
        kwargs = nest(node["kwargs"])
        if not node.get(graph.FIXED):
            kwargs.pop("training", None)  # Keras 3 writes it of every call, and lets fit and predict decide
        call = tuple(nest(a) for a in node["args"]), kwargs
    else:  # Keras 2: a list of [name, call, output, kwargs]
        ends = [node] if node and isinstance(node[0], str) else node
        inputs = [find(*end[:3]) for end in ends]
        kwargs = nest(ends[0][3]) if len(ends[0]) > 3 else {}
        call = (inputs[0] if len(inputs) == 1 else inputs,), kwargs
    return None if missing else call


def begin(refs: Any, made: dict[str, list[list[graph.Symbol]]]) -> Any:
    """The symbols that references stand for, in their structure."""
    if isinstance(refs, dict):
        return {k: begin(v, made) for k, v in refs.items()}
    if isinstance(refs, (list, tuple)) and len(refs) == 3 and isinstance(refs[0], str):
        return made[refs[0]][refs[1]][refs[2]]
    return [begin(r, made) for r in refs]
