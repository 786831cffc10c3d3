"""`model.summary()`: the layers, what comes out of them, and how many parameters they have."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import graph, storey


def show(
    model: Any, line_length: int | None = None, positions: Any = None, print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False, show_trainable: bool = False, layer_range: Any = None,
) -> None:  # fmt: skip
    """Prints the summary of a model; see `render`."""
    text = render(model, line_length, positions, expand_nested, show_trainable, layer_range)
    (print_fn or print)(text)


def render(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> str:
    """The summary as text.

    line_length: width of the table. positions: relative ends of its columns, e.g. (0.4, 0.8, 1.0).
    expand_nested: the layers of nested models, too. layer_range: names (patterns) of the first and last layer to show.
    """
    from rich.console import Console
    from rich.table import Table

    if model._known_specs() is not None:
        model.weights  # noqa: B018  reading them fills the boxes
    connected = model._network is not None
    rows = list(rows_of(model, expand_nested, connected))
    rows = rows if layer_range is None else within(rows, layer_range)
    heads = [
        "Layer (type)",
        "Output Shape",
        "Param #",
        *(["Connected to"] if connected else []),
        *(["Trainable"] if show_trainable else []),
    ]
    width = line_length or (100 if connected else 80)
    table = Table(title=f'Model: "{model.name}"', title_justify="left", title_style="", width=width, expand=True)
    ends = positions or ((0.3, 0.55, 0.7, 1.0, 1.0) if connected else (0.5, 0.8, 1.0, 1.0))
    starts = (0.0, *ends)
    for i, head in enumerate(heads):
        share = (
            max(1, round((ends[min(i, len(ends) - 1)] - starts[min(i, len(ends) - 1)]) * 100)) if i < len(ends) else 10
        )
        table.add_column(
            head, justify="right" if head == "Param #" else "left", ratio=share, overflow="fold", header_style=""
        )
    for name, shape, count, parents, trainable in rows:
        table.add_row(
            *[
                name,
                shape,
                count,
                *([parents] if connected else []),
                *(["Y" if trainable else "N"] if show_trainable else []),
            ]
        )
    console = Console(width=width, no_color=True, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get() + totals(model)


def rows_of(model: Any, nested: bool, connected: bool, depth: int = 0) -> Any:
    """(name and type, output shape, parameters, connected to, trainable) of each layer."""
    names = {id(layer): name for name, layer in model.children.items()}
    for layer in getattr(model, "operations", model.layers):
        name = "  " * depth + f"{names.get(id(layer), layer.name)} ({type(layer).__name__})"
        yield (
            name,
            shape_of(model, layer),
            counted(layer),
            parents_of(model, layer) if connected else "",
            layer.trainable,
        )
        if nested and hasattr(layer, "layers"):
            yield from rows_of(layer, nested, connected, depth + 1)


def shape_of(model: Any, layer: Any) -> str:
    """The shape of a layer's outputs in this model, `?` where it is not known."""
    network = model._network
    if network is not None:
        node = next((n for n in network.nodes if n.layer is layer), None)
        found = layer.output if node is None else node.outputs
    else:
        pairs = getattr(model, "_symbols", None) or []
        found = next((s for part, s in pairs if part is layer), None)
        found = layer._face.nodes[0].outputs if found is None and layer._face.nodes else found
    if found is None:
        return "?"
    shapes = [str(s.shape) for s in graph.symbols(found)]
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def parents_of(model: Any, layer: Any) -> str:
    """Where the inputs of a layer come from."""
    network = model._network
    if network is None:
        return ""
    place = {s: network.name_of.get(id(s.node.layer), s.node.layer.name) for s in graph.symbols(network.inputs)}
    found = [
        f"{place.get(s) or network.name_of.get(id(s.node.layer), s.node.layer.name)}[{s.history[1]}]"
        for node in network.nodes if node.layer is layer for s in graph.symbols((node.args, node.kwargs))
    ]  # fmt: skip
    return ", ".join(found) or "-"


def sizes(layer: Any) -> tuple[int, int]:
    """(numbers that are trained, numbers that are not) of a layer and everything in it."""
    handles = storey.handles(layer)
    trained = sum(math.prod(w.shape) for w in handles if storey.is_trained(w) and layer.trainable)
    return trained, sum(math.prod(w.shape) for w in handles) - trained


def counted(layer: Any) -> str:
    """How many parameters a layer has."""
    if not layer._face.filled and not storey.handles(layer) and layer._known_specs() is None and not layer.children:
        return "0 (unbuilt)" if not layer.built else "0"
    return f"{sum(sizes(layer)):,}"


def totals(model: Any) -> str:
    """The lines below the table."""
    trained, rest = sizes(model)
    size = sum(np.dtype(w.value.dtype).itemsize * math.prod(w.shape) for w in storey.handles(model))
    lines = [
        f" Total params: {trained + rest:,} ({human(size)})",
        f" Trainable params: {trained:,}",
        f" Non-trainable params: {rest:,}",
    ]
    kept = sum(
        np.asarray(x).size for x in jax.tree.leaves(getattr(getattr(model, "optimizer", None), "state", None) or {})
    )
    return "\n".join([*lines, *([f" Optimizer params: {kept:,}"] if kept else [])])


def human(size: float) -> str:
    """A number of bytes, short.

    >>> human(2048)
    '2.00 KB'
    """
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024
    return ""


def within(rows: list[Any], ends: Any) -> list[Any]:
    """The rows from the first name that matches to the last one."""
    names = [row[0].split(" (")[0].strip() for row in rows]
    first = next((i for i, n in enumerate(names) if re.match(ends[0], n)), None)
    last = next((i for i in reversed(range(len(names))) if re.match(ends[1], names[i])), None)
    if first is None or last is None:
        raise ValueError(f"layer_range={list(ends)} matches no layer; there are {', '.join(names)}.")
    return rows[min(first, last) : max(first, last) + 1]
