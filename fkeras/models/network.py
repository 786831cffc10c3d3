"""`Network`: the graph of layers between some symbols, which a model walks."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import graph, registry, spec
from ..layer import shown
from ..layers.add_loss import AddLoss
from ..layers.input import InputLayer
from ..masking import Masked, is_masked, value_of
from ..reading import Read, is_read, is_text
from .container import Container, Visit, name_children
from .hosting import fit_rank, on_host
from .order import by_depth


class Network:
    """The layers between some symbols, in the order in which they run.

    inputs, outputs: a symbol, or a list or dict of symbols.

    Raises ValueError if the outputs cannot be computed from the inputs.
    """

    def __init__(self, inputs: Any, outputs: Any, owner: str):
        self.owner = owner
        for what, tree in (("inputs", inputs), ("outputs", outputs)):
            strangers = [x for x in graph.leaves(tree) if not isinstance(x, graph.Symbol)]
            if strangers or not graph.leaves(tree):
                raise ValueError(
                    f"{what} of a model are symbols, made by fkeras.Input and by calling layers on them; got "
                    f"{', '.join(map(registry.short, strangers)) or repr(tree)}."
                )
        self.inputs, self.outputs = inputs, outputs
        ins, outs = graph.symbols(inputs), graph.symbols(outputs)
        if len(set(ins)) != len(ins):
            raise ValueError(f"Each input of a model must be a different symbol; got {ins}.")
        self.nodes = graph.toposort(outs, ins)
        known = {s.node for s in ins}
        loose = [n for n in self.nodes if isinstance(n.layer, InputLayer) and n not in known]
        if loose:
            needed = ", ".join(f"{n.layer.name!r} ({n.outputs!r})" for n in loose)
            raise ValueError(
                f"The graph is disconnected: the outputs need the input {needed}, which is none of the inputs "
                f"{', '.join(map(repr, ins))}. Add it to inputs=."
            )
        self.nodes = [n for n in self.nodes if not isinstance(n.layer, InputLayer)]
        self.children = name_children(by_depth(ins, outs), owner)
        self.name_of = {id(child): name for name, child in self.children.items()}

    # --- the pair ----------------------------------------------------------------------------

    def walk(self, visit: Visit, inputs: Any) -> Any:
        """Calls `visit` for each node, in topological order."""
        values: dict[Any, Any] = dict(zip(graph.symbols(self.inputs), inputs, strict=True))
        read = {k: v for x in inputs if is_read(x) for k, v in x.made.items()}
        for i, node in enumerate(self.nodes):
            if str(i) in read and not isinstance(node.layer, Container):
                out = read[str(i)]
            else:
                args, kwargs = graph.substitute((node.args, node.kwargs), values)
                out = visit(self.name_of[id(node.layer)], node.layer, read.get(str(i), args), kwargs)
            made = jax.tree.leaves(out, is_leaf=lambda x: is_masked(x) or isinstance(x, spec.Spec))
            values.update(zip(graph.symbols(node.outputs), made, strict=True))
        made = graph.substitute(self.outputs, values)
        return made[0] if is_singleton(made) else made

    def read_text(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The given inputs, with what the layers on the host make of text in the place of the first that is text.

        Raises ValueError where such a layer needs what only the compiled program will know.
        """
        symbols = graph.symbols(self.inputs)
        text = [i for i, s in enumerate(symbols) if is_text(s)]
        flat = self._flat(inputs) if text else []
        if not text or any(map(is_read, flat)):
            return inputs
        values = {
            s: None if x is None else fit_rank(x, s.spec, self.owner, n)
            for s, x, n in zip(symbols, flat, self.input_names, strict=True)
        }
        made = {}
        for i, node in enumerate(self.nodes):
            if any(is_text(s) for s in graph.symbols((node.args, node.kwargs))):
                if missing := [s for s in graph.symbols((node.args, node.kwargs)) if s not in values]:
                    raise ValueError(
                        f"{node.layer!r} reads text on the host, before the compiled program runs, but it also takes "
                        f"{missing[0]!r}, which only that program computes. Let it read inputs of the model alone."
                    )
                out = on_host(node.layer, *graph.substitute((node.args, node.kwargs), values))
                made[str(i)] = out
                if not isinstance(node.layer, Container):
                    values.update(zip(graph.symbols(node.outputs), spec.leaves(out), strict=True))
        read = [Read(made if i == text[0] else {}) if i in text else x for i, x in enumerate(flat)]
        if isinstance(inputs[0], dict):
            return ({**inputs[0], **dict(zip(self._keys(), read, strict=True))}, *inputs[1:])
        return (read[0] if len(read) == 1 else read,)

    def enter(self, inputs: tuple[Any, ...], any_rows: bool = False) -> list[Any]:
        """The given inputs, one for each symbol: matched by position or name, text read, checked, cast."""
        symbols, names = graph.symbols(self.inputs), self.input_names
        return [
            x
            if is_read(x) or (x is None and getattr(s.node.layer, "optional", False))
            else fit_input(x, s.spec, self.owner, n, any_rows)
            for x, s, n in zip(self._flat(self.read_text(inputs)), symbols, names, strict=True)
        ]

    def _flat(self, inputs: tuple[Any, ...]) -> list[Any]:
        """The given inputs, one for each symbol, matched by position or name."""
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        symbols = graph.symbols(self.inputs)
        names = self.input_names
        if isinstance(given, dict):
            keys = self._keys()
            if missing := [k for k in keys if k not in given]:
                raise ValueError(f"{self.owner} needs inputs named {keys}; {missing} are missing from {sorted(given)}.")
            flat = [given[k] for k in keys]
        elif isinstance(given, (list, tuple)) and not hasattr(given, "shape"):
            single = is_text(given) and len(symbols) == 1 and not any(map(spec.is_abstractable, given))
            flat = [given] if single else jax.tree.leaves(given, is_leaf=lambda x: is_leaf(x) or is_text(x))
        else:
            flat = [given]
        if len(flat) != len(symbols):
            raise ValueError(f"{self.owner} has {len(symbols)} inputs ({', '.join(names)}); got {len(flat)}.")
        return flat

    def _keys(self) -> list[str]:
        """The keys that inputs in a dict need, in the order of the symbols."""
        return sorted(self.inputs) if isinstance(self.inputs, dict) else self.input_names

    # --- structure ---------------------------------------------------------------------------

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, in order."""
        return [s.name or str(s.node.layer.name) for s in graph.symbols(self.inputs)]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, numbered where one makes several."""
        symbols = [made_by(s) for s in graph.symbols(self.outputs)]
        names = [self.name_of.get(id(s.node.layer), str(s.node.layer.name)) for s in symbols]
        return [f"{n}_{names[:i].count(n)}" if names[:i].count(n) else n for i, n in enumerate(names)]

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses values that a layer right behind an input cannot take."""
        values = dict(zip(graph.symbols(self.inputs), self.enter(inputs, any_rows=True), strict=True))
        if isinstance(inputs[0], dict) and (extra := set(inputs[0]) - {*self.input_names, *self._keys()}):
            warnings.warn(f"{self.owner} has no inputs named {sorted(extra)}; they are not used.", stacklevel=6)
        for node in self.nodes:
            direct = [values.get(a) if isinstance(a, graph.Symbol) else None for a in node.args]
            if direct and direct[0] is not None:
                node.layer.check_inputs(*[value_of(v) for v in direct])

    # --- copies ------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "children": self.children,
            "flat": graph.flatten(self.inputs, self.outputs, self.nodes),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.owner, self.children = state["owner"], state["children"]
        self.inputs, self.outputs, self.nodes = graph.unflatten(state["flat"])
        self.name_of = {id(child): name for name, child in self.children.items()}
        for node in (*dict.fromkeys(s.node for s in graph.symbols(self.inputs)), *self.nodes):
            node.layer._face.nodes.append(node)

    def fingerprint_parts(self) -> Any:
        """What tells this graph from others: its layers and how they are wired."""
        inputs, outputs, table = graph.flatten(self.inputs, self.outputs, self.nodes)
        wiring = [(self.name_of.get(id(layer), ""), args, kwargs, specs) for layer, args, kwargs, specs in table]
        return self.children, inputs, outputs, wiring


def made_by(symbol: Any) -> Any:
    """The symbol that an output is named for: a loss that was added to it does not count."""
    while isinstance(symbol.node.layer, AddLoss):
        symbol = symbol.node.args[0]
    return symbol


def is_singleton(x: Any) -> bool:
    """Whether `x` is a list of one, which Keras hands out without the list."""
    return isinstance(x, (list, tuple)) and not hasattr(x, "_fields") and len(x) == 1


def is_leaf(x: Any) -> bool:
    """Whether `x` stands for one input, although it may be a nest itself."""
    return x is None or is_masked(x) or is_read(x) or isinstance(x, spec.Spec)


def fit_input(x: Any, want: spec.Spec, owner: str, name: str, any_rows: bool = False) -> Any:
    """One input with the rank and dtype of its spec; refused if its shape is another.

    As in Keras, an axis of size 1 at the end may be missing or be too many.
    """
    if any_rows and want.ndim:
        want = spec.Spec((None, *want.shape[1:]), want.dtype)
    if is_masked(x):
        return Masked(fit_input(x.value, want, owner, name), x.mask)
    if not hasattr(x, "shape"):
        x = jnp.asarray(x)
    abstract = not hasattr(x, "astype")
    if not abstract and len(x.shape) == want.ndim + 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    elif not abstract and len(x.shape) == want.ndim - 1 and want.shape[-1] == 1:
        x = x.reshape((*x.shape, 1))
    fits = len(x.shape) == want.ndim and all(
        w is None or not isinstance(d, int) or d == w for d, w in zip(x.shape, want.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{owner}: {name!r} expects shape {shown(want.shape)}; got {shown(x.shape)}.")
    dtype = jax.dtypes.canonicalize_dtype(want.dtype)
    if abstract or x.dtype in (want.dtype, dtype):
        return x
    check_cast(x, want, owner, name)
    return x.astype(dtype)


def check_cast(x: Any, want: spec.Spec, owner: str, name: str) -> None:
    """Refuses a cast that would lose what the input says."""
    said = f"{owner}: {name!r} expects {want.dtype}"
    if jnp.issubdtype(x.dtype, jnp.complexfloating) and not jnp.issubdtype(want.dtype, jnp.complexfloating):
        raise ValueError(f"{said}; got {x.dtype}. Pass the real and the imaginary parts as two features.")
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and want.dtype.kind in "iu" and (x != np.rint(x)).any():
        raise ValueError(f"{said}; some values are no whole numbers. Round them first.")
