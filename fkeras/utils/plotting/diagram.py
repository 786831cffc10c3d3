"""A model as boxes and arrows between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ... import graph
from ...layers.input import InputLayer


@dataclasses.dataclass
class Box:
    """A layer: its title, what is said below, and the nested models that it stands in."""

    title: str
    rows: list[str]
    inside: tuple[str, ...] = ()


@dataclasses.dataclass
class Labels:
    """What is said of a layer."""

    shapes: bool = False
    dtype: bool = False
    names: bool = True
    activations: bool = False
    trainable: bool = False

    def box(self, layer: Any, name: str, taken: Any, made: Any, inside: tuple[str, ...]) -> Box:
        """The box of a layer that takes some symbols and makes others."""
        kind = type(layer).__name__
        rows = []
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            rows.append(f"Activation: {getattr(activation, '__name__', type(activation).__name__)}")
        if self.shapes:
            rows += [] if isinstance(layer, InputLayer) else [f"Input shape: {shown(taken)}"]
            rows.append(f"Output shape: {shown(made)}")
        if self.dtype:
            rows.append(f"Dtype: {getattr(layer, 'compute_dtype', '?')}")
        if self.trainable:
            rows.append(f"Trainable: {bool(layer.trainable)}")
        return Box(f"{name} ({kind})" if self.names else kind, rows, inside)


def shown(tree: Any) -> str:
    """The shapes of some symbols."""
    shapes = [str(tuple(s.shape)) for s in graph.symbols(tree)]
    return "?" if not shapes else shapes[0] if len(shapes) == 1 else ", ".join(shapes)


class Diagram:
    """Boxes by number, and arrows between numbers.

    nested: whether the layers of nested models have boxes of their own.
    """

    def __init__(self, model: Any, labels: Labels, nested: bool = False):
        self.labels, self.nested = labels, nested
        self.boxes: list[Box] = []
        self.edges: list[tuple[int, int]] = []
        self.add(model, ())

    def put(self, layer: Any, name: str, taken: Any, made: Any, inside: tuple[str, ...]) -> int:
        """A new box; its number."""
        self.boxes.append(self.labels.box(layer, name, taken, made, inside))
        return len(self.boxes) - 1

    def join(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Arrows from boxes to boxes: one by one if there are as many, else from all to all."""
        pairs = zip(sources, targets, strict=True) if len(sources) == len(targets) else (
            (a, b) for a in sources for b in targets
        )  # fmt: skip
        for pair in pairs:
            if pair not in self.edges:
                self.edges.append(pair)

    def part(
        self, layer: Any, name: str, taken: Any, made: Any, inside: tuple[str, ...]
    ) -> tuple[list[int], list[int]]:
        """(boxes that the inputs go to, boxes that the outputs come from) of a layer."""
        if self.nested and is_open(layer):
            return self.add(layer, (*inside, name))
        box = [self.put(layer, name, taken, made, inside)]
        return box, box

    def add(self, model: Any, inside: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """The boxes of a model: (those of its inputs, those of its outputs)."""
        if getattr(model, "_network", None) is not None:
            return self.add_graph(model, inside)
        if getattr(model, "_layers", None):
            return self.add_chain(model, inside)
        box = [self.put(model, model.name, None, None, inside)]
        return box, box

    def add_graph(self, model: Any, inside: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """The boxes of a graph of layers."""
        network = model._network
        where: dict[Any, int] = {}
        entries = []
        for symbol in graph.symbols(network.inputs):
            layer = symbol.node.layer
            entries.append(self.put(layer, network.name_of.get(id(layer), layer.name), None, symbol, inside))
            where[symbol] = entries[-1]
        for node in network.nodes:
            taken = graph.symbols((node.args, node.kwargs))
            name = network.name_of[id(node.layer)]
            ins, outs = self.part(node.layer, name, taken, node.outputs, inside)
            self.join([where[s] for s in taken], ins)
            made = graph.symbols(node.outputs)
            where.update(zip(made, outs if len(outs) == len(made) else [outs[-1]] * len(made), strict=True))
        return entries, [where[s] for s in graph.symbols(network.outputs)]

    def add_chain(self, model: Any, inside: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """The boxes of a Sequential."""
        names = {id(layer): name for name, layer in model.children.items()}
        symbols = model._symbols or [(None, None)] * (len(model._layers) + 1)
        before, entry = None, None
        for layer, (_, taken), (_, made) in zip(model._layers, symbols, symbols[1:], strict=False):
            ins, outs = self.part(layer, names[id(layer)], taken, made, inside)
            if before is not None:
                self.join(before, ins)
            entry, before = entry or ins, outs
        return entry or [], before or []


def is_open(layer: Any) -> bool:
    """Whether a layer is a model whose layers can be shown."""
    return getattr(layer, "_network", None) is not None or bool(getattr(layer, "_layers", None))
