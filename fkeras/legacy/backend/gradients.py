"""`K.gradients`, and the updates of an optimizer: derivatives of symbols, as symbols."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ... import graph, registry, sharing
from ...graph import Symbol
from ...layer import Layer
from ...layers.input import InputLayer
from ...masking import value_of
from ...models import Model
from ...storey import Weight
from ...variable import Variable

__all__ = ["gradients"]

Path = tuple[str, ...]


class Gradient(Layer):
    """The derivatives of sum(y), for a part of a graph with the output y.

    Shapes: the inputs of the part -> the shapes of what it is derived by.

    part: the model from some symbols to y.
    weights: the places of weights in it; () derives by its first input.
    """

    part: Any
    weights: tuple[tuple[Path, str], ...] = ()

    supports_masking = True

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> Any:
        """Those of the part."""
        params, state = self.part.init(rng, list(inputs))
        return {"part": params}, {"part": state}

    def apply(
        self, params: Any, state: Any, *inputs: Any, rng: Any = None, training: bool = False, mask: Any = None,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        """(the derivatives, state)."""
        first, *others = inputs
        held, before = params.get("part", {}), state.get("part", {})

        def total(tree: Any, x: Any) -> Any:
            y, _ = self.part.apply(tree, before, [x, *others], rng=rng, training=training)
            return sum(jnp.sum(value_of(leaf)) for leaf in jax.tree.leaves(y))

        if not self.weights:
            return jax.grad(total, 1)(held, value_of(first)), state
        found = jax.grad(total)(held, first)
        return [sharing.found_at(found, (*path, key)) for path, key in self.weights], state

    def __repr__(self) -> str:
        return f"K.gradients({self.part.name!r})"


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The derivatives of a symbol by symbols or by weights of a model, as symbols; None where it depends on none.

    loss: summed up if it is more than one number. variables: one, or a list.

    The derivatives are computed wherever the graph is: in `function`, and in a model that has them among its
    outputs. Raises TypeError for arrays: of a function of arrays, take `jax.grad`.

    >>> from fkeras.layers import Input
    >>> from fkeras.legacy.backend import function, square
    >>> x = Input((2,))
    >>> function([x], gradients(square(x), x))(jnp.ones((1, 2)))[0].tolist()
    [[2.0, 2.0]]
    """
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    strangers = [x for x in losses if not isinstance(x, Symbol)]
    strangers += [x for x in wanted if not isinstance(x, (Symbol, Weight))]
    if strangers:
        raise TypeError(
            f"K.gradients: {registry.short(strangers[0])} is neither a symbol (made by Input, or by calling layers on "
            "symbols) nor a weight of a layer. Of a function of arrays, take jax.grad; so it is in a loss, in the "
            "`call` of a layer, or for a K.variable."
        )
    by_weights = iter(of_weights(losses, [w for w in wanted if isinstance(w, Weight)]))
    return [next(by_weights) if isinstance(w, Weight) else of_symbol(losses, w) for w in wanted]


def of_symbol(losses: list[Symbol], x: Symbol) -> Symbol | None:
    """The derivative by one symbol."""
    sources = starts(losses, x)
    if x not in reached(losses):
        return None
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"K.gradients: {x!r} holds whole numbers, by which there is no derivative.")
    return Gradient(Model([x, *sources], losses))(x, *sources)


def of_weights(losses: list[Symbol], weights: list[Weight]) -> list[Symbol | None]:
    """The derivatives by weights of layers."""
    if not weights:
        return []
    sources = starts(losses)
    part = Model(sources, losses)
    places, _ = sharing.places(part)
    known = [w for w in weights if id(w.layer) in places]
    if not known:
        return [None] * len(weights)
    found = Gradient(part, weights=tuple((places[id(w.layer)], w.key) for w in known))(*sources)
    of = dict(zip(map(id, known), found, strict=True))
    return [of.get(id(w)) for w in weights]


def reached(symbols: Iterable[Symbol], stop: Iterable[Symbol] = ()) -> dict[Symbol, None]:
    """All symbols that some symbols are computed from, themselves included; those in `stop` and beyond are not."""
    found: dict[Symbol, None] = {}
    pending, ends = list(symbols), set(stop)
    while pending:
        symbol = pending.pop()
        if symbol in found or symbol in ends:
            continue
        found[symbol] = None
        pending.extend(graph.symbols((symbol.node.args, symbol.node.kwargs)))
    return found


def starts(losses: list[Symbol], x: Symbol | None = None) -> list[Symbol]:
    """The inputs that some symbols are computed from, beside x."""
    return [s for s in reached(losses, () if x is None else (x,)) if isinstance(s.node.layer, InputLayer)]


class Descent(NamedTuple):
    """What a step of an optimizer changes: one weight, by its derivative."""

    weight: Weight
    derivative: Symbol
    optimizer: Any


def get_updates(self: Any, *args: Any, params: Any = None, constraints: Any = None, loss: Any = None) -> list[Descent]:
    """`optimizer.get_updates(loss, params)`, and `(params, constraints, loss)` as in Keras 1: for `K.function`."""
    for given in args:
        if isinstance(given, Symbol):
            loss = given
        elif given and all(isinstance(v, Variable) for v in given):
            params = given
    if loss is None or params is None:
        raise TypeError("get_updates takes a loss, which is a symbol, and params, which are weights of a model.")
    found = gradients(loss, params)
    if lost := [w.path for w, g in zip(params, found, strict=True) if g is None]:
        raise ValueError(f"get_updates: the loss does not depend on {', '.join(lost)}.")
    return [Descent(w, g, self) for w, g in zip(params, found, strict=True)]


def get_gradients(self: Any, loss: Any, params: Any) -> list[Any]:
    """`optimizer.get_gradients(loss, params)`: `K.gradients`."""
    return gradients(loss, params)
