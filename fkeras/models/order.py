"""The order of the layers of a graph: by depth, as Keras lists and stores them."""

from __future__ import annotations

from typing import Any

from .. import graph
from ..layers.input import InputLayer


def by_depth(inputs: list[graph.Symbol], outputs: list[graph.Symbol]) -> list[Any]:
    """The layers between some symbols: the furthest from the outputs first, then as a walk from there meets them.

    >>> from fkeras.layers import Add, Dense, Input
    >>> a, b = Input((2,), name="a"), Input((2,), name="b")
    >>> [layer.name for layer in by_depth([a, b], [Add()([a, Dense(2)(b)])])]
    ['b', 'a', 'dense', 'add']
    """
    inner = {s: None for s in inputs if not isinstance(s.node.layer, InputLayer)}  # `in` a list would compare symbols
    nodes = graph.toposort(outputs, list(inner))
    known, met = set(nodes), first_met(outputs, set(inner))
    of_node: dict[graph.Node, int] = {}
    of_layer: dict[int, int] = {}
    for node in reversed(nodes):
        depth = max(of_node.get(node, 0), of_layer.get(id(node.layer), 0))
        of_layer[id(node.layer)] = of_node[node] = depth
        for parent in node.parents:
            if parent in known:
                of_node[parent] = max(depth + 1, of_node.get(parent, 0))
    layers = {id(n.layer): n.layer for n in nodes}
    for s in inputs:
        if s not in inner and id(s.node.layer) not in layers:  # an input that no output needs
            layers[id(s.node.layer)], of_layer[id(s.node.layer)], met[id(s.node.layer)] = s.node.layer, 0, -1
    return sorted(layers.values(), key=lambda layer: (-of_layer[id(layer)], met[id(layer)]))


def first_met(outputs: list[graph.Symbol], stop: set[graph.Symbol]) -> dict[int, int]:
    """When a walk from the outputs to the inputs first meets each layer."""
    seen: set[graph.Node] = set()
    met: dict[int, int] = {}
    pending = list(reversed(outputs))
    while pending:
        symbol = pending.pop()
        if symbol in stop or symbol.node in seen:
            continue
        seen.add(symbol.node)
        met.setdefault(id(symbol.node.layer), len(met))
        pending.extend(reversed(graph.symbols((symbol.node.args, symbol.node.kwargs))))
    return met
