"""Weights of layers written for Keras 1 and 2: `add_weight` in each old order, `self.trainable_weights = [...]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from .. import facade, regularizers, storey
from ..facade import Facade
from ..layer import shared_names
from ..variable import Variable
from .telling import tell

# what follows add_weight(name, shape) of Keras 2, and add_weight(shape, initializer) of Keras 1
AFTER_NAME = ("dtype", "initializer", "regularizer", "trainable", "constraint")
AFTER_SHAPE = ("name", "trainable", "regularizer", "constraint")


def in_order(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """`add_weight("kernel", (3, 2), ...)` of Keras 2, and `add_weight((3, 2), "uniform", "kernel")` of Keras 1."""

    def add(self: Any, *given: Any, **kwargs: Any) -> Any:
        args: Any = given
        if args and isinstance(args[0], str) and (len(args) > 1 or "shape" in kwargs) and "name" not in kwargs:
            tell("add_weight(name, shape)", "the shape stands first today: add_weight(shape=..., name=...).")
            args, kwargs = args[1:], {**kwargs, "name": args[0]}
            kwargs.update(zip(AFTER_NAME, args[1:], strict=False))
            args = args[:1]
        elif len(args) > 2 and (args[2] is None or is_name(args[2])):
            tell("add_weight(shape, initializer, name)", "write add_weight(shape=..., initializer=..., name=...).")
            kwargs = {**kwargs, **dict(zip(AFTER_SHAPE, args[2:], strict=False))}
            args = args[:2]
        args, kwargs = [initializer_of(v) for v in args], {k: initializer_of(v) for k, v in kwargs.items()}
        return add_weight(self, *args, **kwargs)

    add.__doc__, add.__name__, add.__wrapped__ = add_weight.__doc__, "add_weight", add_weight  # type: ignore
    return add


def is_name(x: Any) -> bool:
    """Whether a third argument is a name and no dtype, which stands there today."""
    try:
        return isinstance(x, str) and jnp.dtype(x) is None
    except TypeError:
        return True


def taking(weights: property, trainable: bool) -> property:
    """`self.trainable_weights = [self.W]` in `build`: the variables in the list become weights of the layer."""

    def take(self: Any, given: Any) -> None:
        tell("self.trainable_weights = [...]", "write self.W = self.add_weight(shape=..., initializer=..., name=...).")
        for value in given:
            if isinstance(value, Variable) and is_own(self, value):
                continue
            if not hasattr(value, "shape"):
                raise TypeError(f"{self!r}: weights are variables and arrays; got {type(value).__name__}.")
            take_in(self, value, trainable)

    return weights.setter(take)


def is_own(layer: Any, variable: Variable) -> bool:
    """Whether a layer, or one in it, has the variable among its weights already."""
    scope = layer._face.scope
    if scope is not None and any(v is variable for v in scope.own.values()):
        return True
    return isinstance(variable, storey.Weight)


def take_in(layer: Any, value: Any, trainable: bool) -> None:
    """Makes a variable, or an array, a weight of a layer; the attribute that held it holds the weight."""
    holders = [name for name, v in vars(layer).items() if v is value]
    name = holders[0] if holders else getattr(value, "name", None) or "weight"
    lazy = getattr(value, "initializer", None)
    if lazy is None:
        array = getattr(value, "value", value)
        if isinstance(array, Tracer):
            raise ValueError(
                f"{layer!r}: the first value of {name!r} is computed inside a program. Write "
                f"self.{name} = self.add_weight(shape=..., initializer=..., name={name!r})."
            )
        lazy = lambda shape, dtype=None: array  # noqa: E731
    declared = storey.Declared(
        trainable, regularizers.get(getattr(value, "regularizer", None)), getattr(value, "constraint", None),
        tuple(value.shape), jnp.dtype(value.dtype), lazy,
    )  # fmt: skip
    weight = facade.new_weight(layer, declared, name)
    for holder in holders:
        object.__setattr__(layer, holder, weight)


class Init:
    """What `self.init = initializers.get("glorot_uniform")` sets, a habit of Keras 1: `init` is a method today.

    Called on a shape it is the initializer, called on a key the method.
    """

    def __init__(self, layer: Any, initializer: Any):
        self.layer, self.initializer = layer, initializer

    def __call__(self, first: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(first, (tuple, list)):
            return self.initializer(first, *args, **kwargs)
        return type(self.layer).init(self.layer, first, *args, **kwargs)

    def get_config(self) -> Any:
        """That of the initializer."""
        return self.initializer.get_config()


def initializer_of(setting: Any) -> Any:
    """The initializer, where a layer passes its `self.init` on."""
    return setting.initializer if isinstance(setting, Init) else setting


def open_doors() -> None:
    """Lets layers understand both."""
    shared_names["init"] = lambda layer, value: value if isinstance(value, Init) else Init(layer, value)
    Facade.add_weight = in_order(Facade.add_weight)  # type: ignore[method-assign]
    Facade.trainable_weights = taking(Facade.trainable_weights, True)  # type: ignore
    Facade.non_trainable_weights = taking(Facade.non_trainable_weights, False)  # type: ignore
