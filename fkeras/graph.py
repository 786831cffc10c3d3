"""The Functional API: calling a layer on a Symbol records a Node."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax

from . import registry, spec

FIXED = "training_is_fixed"  # in the config of a call: that it was written with training=
OPERATIONS = registry.Kind("operation", "keras.ops", "keras.activations")  # filled by fkeras.ops


def _operator(name: str, reverse: bool = False) -> Callable[..., Any]:
    """The method of a Symbol that records the operation `name`."""

    def method(self: Symbol, *others: Any) -> Any:
        operands = (*others, self) if reverse else (self, *others)
        return OPERATIONS.table[name](*operands)

    return method


@dataclasses.dataclass(eq=False, repr=False)
class Symbol:
    """A value that does not exist yet: its spec, and the node that will make it.

    Arithmetic, comparisons and indexing record operations, as on a Keras tensor.
    mask: the spec of the mask that will travel with the value, or None.
    """

    spec: spec.Spec
    node: Node
    mask: spec.Spec | None = None
    name: str | None = None

    @property
    def shape(self) -> spec.Shape:
        return self.spec.shape

    @property
    def dtype(self) -> str:
        return str(self.spec.dtype)

    @property
    def ndim(self) -> int:
        return self.spec.ndim

    def __record__(self, f: Any, args: Any, kwargs: Any) -> Any:
        """Records a call of a function of arrays."""
        return OPERATIONS.table["Call"](f)(*args, **kwargs) if f.operation is None else f.operation.record(args, kwargs)

    @property
    def _keras_mask(self) -> Any:  # where code written for Keras looks for it
        return None if self.mask is None else OPERATIONS.table["MaskOf"]()(self)

    @property
    def history(self) -> tuple[Any, int]:
        """The layer that makes this value, and which of its outputs it is."""
        return self.node.layer, next(i for i, s in enumerate(symbols(self.node.outputs)) if s is self)

    def reshape(self, newshape: Any) -> Any:
        """Records a reshape."""
        return OPERATIONS.table["reshape"](self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Records a squeeze."""
        return OPERATIONS.table["squeeze"](self, axis)

    def __repr__(self) -> str:
        return f"<Symbol {self.spec!r} from {getattr(self.node.layer, 'name', '?')}>"

    def __iter__(self) -> Any:
        if not self.shape or self.shape[0] is None:
            raise TypeError(
                f"{self!r} stands for a value that does not exist yet; its first dimension is unknown, so it cannot "
                "be iterated."
            )
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        raise TypeError(f"{self!r} stands for a value that does not exist yet and has no length.")

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} stands for a value that does not exist yet, so `if` and `while` cannot ask for it. "
            "Use fkeras.ops.where or fkeras.ops.cond, or put the code into a layer's `call`."
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Refuses to become an array. As a pytree it does so, too: that is where `jax.numpy` meets it."""
        raise TypeError(
            f"{self!r} stands for a value that does not exist yet and cannot become an array: use fkeras.ops "
            "instead of numpy or jax.numpy, or put the code into a layer's `call` or a Lambda layer."
        )

    __array_priority__ = 1000  # NumPy leaves `array * symbol` to the symbol

    __add__, __radd__ = _operator("add"), _operator("add", True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", True)
    __truediv__, __rtruediv__ = _operator("true_divide"), _operator("true_divide", True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", True)
    __mod__, __rmod__ = _operator("mod"), _operator("mod", True)
    __pow__, __rpow__ = _operator("power"), _operator("power", True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", True)
    __and__, __rand__ = _operator("logical_and"), _operator("logical_and", True)
    __or__, __ror__ = _operator("logical_or"), _operator("logical_or", True)
    __xor__, __rxor__ = _operator("logical_xor"), _operator("logical_xor", True)
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__, __ne__ = _operator("equal"), _operator("not_equal")  # type: ignore[assignment]
    __neg__, __abs__, __invert__ = _operator("negative"), _operator("absolute"), _operator("logical_not")
    __getitem__ = _operator("get_item")
    __hash__ = object.__hash__


jax.tree_util.register_pytree_node(Symbol, Symbol.__array__, lambda _, __: None)  # type: ignore[arg-type]


@dataclasses.dataclass(eq=False)
class Node:
    """One call of one layer. `args` and `kwargs` are pytrees with Symbol leaves."""

    layer: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    outputs: Any = None

    @property
    def parents(self) -> list[Node]:
        return [s.node for s in symbols((self.args, self.kwargs))]


def is_symbol(x: Any) -> bool:
    """Whether `x` is a value that does not exist yet."""
    return isinstance(x, Symbol)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nest of lists, tuples and dicts."""
    return jax.tree.leaves(tree, is_leaf=is_symbol)


def symbols(tree: Any) -> list[Symbol]:
    """The symbols in a nest of lists, tuples and dicts."""
    return [x for x in leaves(tree) if isinstance(x, Symbol)]


def substitute(tree: Any, values: dict[Symbol, Any]) -> Any:
    """The same nest with every symbol replaced by its value."""
    return jax.tree.map(lambda x: values[x] if isinstance(x, Symbol) else x, tree, is_leaf=is_symbol)


def toposort(outputs: Iterable[Symbol], inputs: Iterable[Symbol]) -> list[Node]:
    """The nodes that `outputs` need, each after its parents; the walk stops at `inputs`."""
    stop = set(inputs)
    order: dict[Node, None] = {}
    pending = [(s, False) for s in reversed(list(outputs))]
    while pending:  # a stack of our own: deep graphs would exhaust Python's
        symbol, ready = pending.pop()
        if symbol in stop or symbol.node in order:
            continue
        if ready:
            order[symbol.node] = None
            continue
        pending.append((symbol, True))
        pending.extend((s, False) for s in reversed(symbols((symbol.node.args, symbol.node.kwargs))))
    return list(order)


@dataclasses.dataclass(frozen=True)
class Ref:
    """A symbol in a flat table: output `index` of node `node`."""

    node: int
    index: int

    def fingerprint_parts(self) -> Any:
        """What tells this reference from others."""
        return self.node, self.index


Flat = tuple[Any, Any, list[tuple[Any, Any, Any, Any]]]


def flatten(inputs: Any, outputs: Any, nodes: list[Node]) -> Flat:
    """A graph as a table, with no object in it that refers to another: (inputs, outputs, rows).

    A row is (layer, args, kwargs, outputs); symbols are written as references to rows.
    """
    entries = list(dict.fromkeys(s.node for s in symbols(inputs)))
    numbered = [*entries, *(n for n in nodes if n not in set(entries))]
    place = {s: Ref(i, k) for i, node in enumerate(numbered) for k, s in enumerate(symbols(node.outputs))}

    def refer(tree: Any) -> Any:
        return jax.tree.map(lambda x: place[x] if isinstance(x, Symbol) else x, tree, is_leaf=is_symbol)

    def row(i: int, node: Node) -> tuple[Any, Any, Any, Any]:
        made = jax.tree.map(lambda s: (s.spec, s.mask, s.name), node.outputs, is_leaf=is_symbol)
        return (
            (node.layer, (), {}, made) if i < len(entries) else (node.layer, refer(node.args), refer(node.kwargs), made)
        )

    return refer(inputs), refer(outputs), [row(i, n) for i, n in enumerate(numbered)]


def unflatten(flat: Flat) -> tuple[Any, Any, list[Node]]:
    """(inputs, outputs, nodes) of a graph from its table; inverts `flatten`."""
    inputs, outputs, rows = flat
    made: list[list[Symbol]] = []
    nodes: list[Node] = []

    def resolve(tree: Any) -> Any:
        return jax.tree.map(
            lambda x: made[x.node][x.index] if isinstance(x, Ref) else x, tree, is_leaf=lambda x: isinstance(x, Ref)
        )

    def is_output(x: Any) -> bool:
        return isinstance(x, tuple) and len(x) == 3 and isinstance(x[0], spec.Spec)

    for layer, args, kwargs, outs in rows:
        node = Node(layer, resolve(args), resolve(kwargs))
        node.outputs = jax.tree.map(lambda s, node=node: Symbol(s[0], node, s[1], s[2]), outs, is_leaf=is_output)
        nodes.append(node)
        made.append(symbols(node.outputs))
    entries = {r.node for r in jax.tree.leaves(inputs, is_leaf=lambda x: isinstance(x, Ref)) if isinstance(r, Ref)}
    return resolve(inputs), resolve(outputs), [n for i, n in enumerate(nodes) if i not in entries]
