"""Several optimizers at once, each for the parameters whose paths are its."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import jax.numpy as jnp

from .. import registry
from ..variable import Variable
from .leaves import Row, row
from .loss_scale import LossScaleOptimizer
from .optimizer import OPTIMIZER, Optimizer
from .places import Place


class OptimizerMap(registry.Configurable, MutableMapping, kind=OPTIMIZER):
    """Paths of parameters, or regular expressions for whole paths -> optimizers.

    A path that stands in the map itself comes first; the default optimizer takes what nothing matches.
    Raises ValueError for a path that several expressions match, for a key that is taken, and
    TypeError for what is no optimizer.

    >>> optimizers = OptimizerMap(Optimizer(0.1, name="rest"), {"encoder/.*": Optimizer(0.2, name="slow")})
    >>> optimizers["encoder/dense/kernel"].name, optimizers["decoder/kernel"].name
    ('slow', 'rest')
    """

    default_optimizer: Any
    optimizer_map: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.default_optimizer, (str, dict)):
            self.default_optimizer = OPTIMIZER.get(self.default_optimizer)
        if not isinstance(self.default_optimizer, Optimizer):
            raise TypeError(
                f"OptimizerMap: default_optimizer must be an optimizer; received {self.default_optimizer!r}."
            )
        if self.optimizer_map is not None and not isinstance(self.optimizer_map, dict):
            raise TypeError(f"OptimizerMap: optimizer_map must be a dictionary; received {self.optimizer_map!r}.")
        given, self.optimizer_map = self.optimizer_map or {}, {}
        for key, optimizer in given.items():
            self[key] = optimizer

    @property
    def table(self) -> dict[str, Any]:
        assert self.optimizer_map is not None
        return self.optimizer_map

    def __getitem__(self, key: str) -> Any:
        if key in self.table:
            return self.table[key]
        matching = [pattern for pattern in self.table if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}: those of {matching}.")
        return self.table[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Any) -> None:
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: a key must be a string; received {key!r}.")
        if key in self.table:
            raise ValueError(f"OptimizerMap: {key!r} already exists, with {self.table[key]!r}.")
        self.table[key] = simple(OPTIMIZER.get(optimizer), f"OptimizerMap, for {key!r}")

    def __delitem__(self, key: str) -> None:
        del self.table[key]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __call__(self, variable: Any) -> Any:
        return self[variable.path]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def get_config(self) -> dict[str, Any]:
        return {
            "default_optimizer": registry.serialize(self.default_optimizer),
            "optimizer_map": registry.serialize(self.table),
        }


class MultiOptimizer(Optimizer, arguments=("optimizer_map", "loss_scale_factor", "name")):
    """Leaves each parameter to one of several optimizers.

    Shapes: any tree of params and one of gradients like it.
    optimizer_map: an `OptimizerMap`, or a function from a parameter (with `path`, `name`, `shape`,
        `dtype`) to its optimizer; called once for each path.
    loss_scale_factor: replaces that of every optimizer, as in Keras.
    `optimizers` lists them; learning rates are set on them.
    Raises ValueError for a LossScaleOptimizer or a MultiOptimizer inside.

    >>> from fkeras.optimizers import SGD
    >>> opt = MultiOptimizer(OptimizerMap(SGD(0.5), {"b": SGD(0.25)}))
    >>> p = {"a": jnp.ones(()), "b": jnp.ones(())}
    >>> {name: float(u) for name, u in opt.update(p, opt.init(p), p)[0].items()}
    {'a': -0.5, 'b': -0.25}
    """

    optimizer_map: Any = None
    loss_scale_factor: float | None = None
    _rate = 0.0

    def __post_init__(self) -> None:
        self.optimizer_map = (
            registry.deserialize(self.optimizer_map) if isinstance(self.optimizer_map, dict) else self.optimizer_map
        )
        if not callable(self.optimizer_map):
            raise TypeError(
                f"MultiOptimizer: optimizer_map must be an OptimizerMap or a function; received {self.optimizer_map!r}."
            )
        self._chosen: dict[tuple[int, str], int] = {}
        self.optimizers: list[Any] = []
        super().__post_init__()
        if isinstance(self.optimizer_map, OptimizerMap):
            for optimizer in (*self.optimizer_map.table.values(), self.optimizer_map.default_optimizer):
                self.number_of(optimizer)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "loss_scale_factor":
            for optimizer in vars(self).get("optimizers", ()):
                optimizer.loss_scale_factor = value

    def number_of(self, optimizer: Any) -> int:
        """The place of an optimizer in the list; a new one is added."""
        known = [i for i, o in enumerate(self.optimizers) if o is optimizer]
        if not known:
            optimizer = simple(optimizer, repr(self))
            optimizer.loss_scale_factor = self.loss_scale_factor
            self.optimizers.append(optimizer)
        return known[0] if known else len(self.optimizers) - 1

    def choose(self, leaves: list[Any]) -> list[int]:
        """The numbers of the optimizers that have these parameters."""
        for key in ((i, leaf.path) for i, leaf in enumerate(leaves)):
            if key not in self._chosen:
                self._chosen[key] = self.number_of(self.optimizer_map(leaves[key[0]]))
        return [self._chosen[i, leaf.path] for i, leaf in enumerate(leaves)]

    def parts(self, params: Row, values: list[Any]) -> list[Any]:
        """For each optimizer the tree with its leaves alone, and what is known of them."""
        chosen = self.choose(params.leaves)
        trees = []
        for n in range(len(self.optimizers)):
            tree = params.tree([v if n == c else None for v, c in zip(values, chosen, strict=True)])
            trees.append((tree, [leaf for leaf, c in zip(params.leaves, chosen, strict=True) if n == c]))
        return trees

    # --- the pair ----------------------------------------------------------------------------------

    def init(self, params: Any, leaves: list[Any] | None = None) -> dict[str, Any]:
        whole = row(params, leaves)
        trees = self.parts(whole, whole.values)
        return {**self.begin(whole), "inner": [o.init(*tree) for o, tree in zip(self.optimizers, trees, strict=True)]}

    def update(
        self, grads: Any, opt_state: Any, params: Any = None, leaves: list[Any] | None = None
    ) -> tuple[Any, Any]:
        if params is None:
            raise ValueError(f"{self!r}: update needs the parameters: update(grads, opt_state, params).")
        whole = row(params, leaves)
        gs = self.parts(whole, self.check(whole.pick(grads), whole))
        ps = self.parts(whole, whole.values)
        updates: list[Any] = [jnp.zeros_like(p) for p in whole.values]
        inner = []
        for optimizer, (g, _), (p, known), state in zip(self.optimizers, gs, ps, opt_state["inner"], strict=True):
            moves, state = optimizer.update(g, state, p, known)
            inner.append(state)
            updates = [u if m is None else m for u, m in zip(updates, whole.pick(moves), strict=True)]
        return whole.tree(updates), {**opt_state, "iterations": opt_state["iterations"] + 1, "inner": inner}

    def finalize(self, params: Any, opt_state: Any, leaves: list[Any] | None = None) -> Any:
        whole = row(params, leaves)
        values = whole.values
        trees = self.parts(whole, values)
        for optimizer, (p, known), state in zip(self.optimizers, trees, opt_state["inner"], strict=True):
            final = whole.pick(optimizer.finalize(p, state, known))
            values = [v if f is None else f for v, f in zip(values, final, strict=True)]
        return whole.tree(values)

    def replace(self, **changes: Any) -> Any:
        twin = super().replace(**changes)
        if "optimizer_map" not in changes:
            twin._chosen, twin.optimizers = dict(self._chosen), list(self.optimizers)
        return twin

    def skeleton(self) -> Any:
        twin = super().skeleton()
        vars(twin)["optimizers"] = [o.skeleton() for o in self.optimizers] if self._chosen else list(self.optimizers)
        twin._chosen = dict(self._chosen)
        return twin

    # --- the face ----------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        raise AttributeError(
            "A MultiOptimizer has no learning_rate of its own: read and set those of its `optimizers`."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            "A MultiOptimizer has no learning_rate of its own: read and set those of its `optimizers`."
        )

    def _inner(self) -> list[Any]:
        return self.optimizers

    @property
    def state(self) -> Any:
        return {**self._box, "inner": [o.state for o in self.optimizers]} if self.built else None

    @state.setter
    def state(self, state: Any) -> None:
        inner = [None] * len(self.optimizers) if state is None else state["inner"]
        for optimizer, part in zip(self.optimizers, inner, strict=True):
            optimizer.state = part
        self._box = {k: v for k, v in (state or {}).items() if k != "inner"}
        self.built = state is not None

    def build(self, variables: Any) -> None:
        if not self.built and any(isinstance(v, Variable) for v in variables):
            given = [v for v in variables if v is not None]
            chosen = {id(v): n for v, n in zip(given, self.choose(given), strict=True)}
            for n, optimizer in enumerate(self.optimizers):
                optimizer.build([v if v is not None and chosen[id(v)] == n else None for v in variables])
        super().build(variables)

    def prepare(self, params: Any) -> None:
        whole = row(params)
        for optimizer, (tree, _) in zip(self.optimizers, self.parts(whole, whole.values), strict=True):
            optimizer.prepare(tree)
        super().prepare(params)

    def places(self) -> Iterator[Place]:
        yield from (p for p in super().places() if p.keys != ("inner",))
        for i, optimizer in enumerate(self.optimizers):
            yield from (Place(("inner", i, *p.keys), p.index, p.path) for p in optimizer.places())


def simple(optimizer: Any, where: str) -> Any:
    """The optimizer, if it is one that may stand beside others."""
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(f"{where}: {type(optimizer).__name__} cannot be used inside a MultiOptimizer.")
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"{where}: {optimizer!r} is not an Optimizer instance.")
    return optimizer
