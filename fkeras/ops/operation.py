"""`Operation`: a function of arrays as a layer without weights; a call on symbols records one.

What Keras writes of such a call is divided in two: settings, which stand in the config of
the operation, and the arguments of the call, which stand in its node. `operation` declares
the settings of a function; the rest of its parameters are arguments of the call.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from .. import graph, recording, registry
from ..layer import Layer
from ..masking import values_of

F = TypeVar("F", bound=Callable[..., Any])


class Operation(Layer, kind=graph.OPERATIONS, module="keras.src.ops"):
    """A layer without weights that computes a function of its inputs.

    A subclass writes `call`. Every function of `fkeras.ops` has such a class, named as in Keras.

    >>> class Double(Operation):
    ...     def call(self, x):
    ...         return 2 * x
    >>> Double()(np.ones(2)).tolist()
    [2.0, 2.0]
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name, autocast=False)


class Function(Operation):
    """A function of arrays at a place in a graph; masks that travel with its inputs are dropped."""

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> Any:
        """No params, no state."""
        return {}, {}

    def apply(
        self, params: Any, state: Any, *inputs: Any, rng: Any = None, training: bool = False, mask: Any = None,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        """The function of the inputs."""
        given = values_of({**kwargs, **({} if mask is None else {"mask": mask})})
        return self.call(*values_of(inputs), **given), state

    def extra_config(self) -> dict[str, Any]:
        """Keras registers its operations under their class names."""
        return {"registered_name": type(self).__name__}


class Call(Function, module="fkeras.ops"):
    """A function that Keras has no operation for, a loss for example."""

    def __init__(self, function: Callable[..., Any], name: str | None = None):
        super().__init__(name=name or function.__name__)
        self.function = registry.deserialize(function)

    def call(self, *inputs: Any, **kwargs: Any) -> Any:
        """The function, as it stands."""
        return self.function(*inputs, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The name, and the function by its name."""
        return {"name": self.name, "function": registry.serialize_function(self.function)}


class MaskOf(Function, module="fkeras.ops"):
    """The mask that travels with a value."""

    def apply(self, params: Any, state: Any, *inputs: Any, **kwargs: Any) -> Any:
        """The mask alone."""
        return inputs[0].mask, state


class Recorded(Function):
    """A function of `fkeras.ops`, with its settings.

    settings: what Keras holds in the config of the operation; the node holds the other arguments.
    """

    function: ClassVar[Callable[..., Any]]
    parameters: ClassVar[tuple[inspect.Parameter, ...]]
    settled: ClassVar[tuple[str, ...]]  # the parameters that are settings
    named: ClassVar[tuple[str, ...]]  # the arguments of the call that Keras passes by name
    resolve: ClassVar[dict[str, Callable[[Any], Any]]]  # what a setting given as None, say, stands for

    def __init__(self, name: str | None = None, **settings: Any):
        super().__init__(name=name)
        self.settings = {k: _tuples(v) for k, v in settings.items()}

    def call(self, *inputs: Any, **kwargs: Any) -> Any:
        """The function, with the settings put back among its arguments."""
        queue, named, positional = iter(inputs), {**self.settings, **kwargs}, []
        varied = any(p.kind is p.VAR_POSITIONAL for p in self.parameters)
        for p in self.parameters:
            if p.kind is p.VAR_POSITIONAL:
                positional.extend(queue)
            elif p.name in named or p.kind is not p.POSITIONAL_OR_KEYWORD:
                if varied and p.kind is p.POSITIONAL_OR_KEYWORD:  # it stands before *operands
                    positional.append(named.pop(p.name))
            else:
                for value in queue:
                    positional.append(value) if varied else named.update({p.name: value})
                    break
        return type(self).function(*positional, **named)

    @classmethod
    def record(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Records a call of the function on symbols; returns the symbols of its results.

        A setting that is itself a symbol becomes an argument of the call.
        """
        bound = inspect.Signature(list(cls.parameters)).bind(*args, **kwargs)
        bound.apply_defaults()
        settings: dict[str, Any] = {}
        inputs: list[Any] = []
        others: dict[str, Any] = {}
        for p in cls.parameters:
            value = bound.arguments[p.name]
            if p.kind is p.VAR_POSITIONAL:
                inputs.extend(value)
            elif p.kind is p.VAR_KEYWORD:
                others.update(value)
            elif p.name in cls.settled and recording.symbol_in((value,)) is None:
                settings[p.name] = _plain(p.name, cls.resolve[p.name](value) if p.name in cls.resolve else value)
            elif p.name in cls.settled or p.name in cls.named:
                others[p.name] = value
            else:
                inputs.append(value)
        return cls(**settings)(*inputs, **others)

    def get_config(self) -> dict[str, Any]:
        """The name and the settings, as Keras writes them."""
        return {"name": self.name, **{k: registry.serialize_setting("", v) for k, v in self.settings.items()}}

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={registry.short(v)}" for k, v in self.settings.items())
        return f"{type(self).__name__}({shown})"


def operation(
    *settings: str, name: str | None = None, module: str | None = None, named: tuple[str, ...] = (),
    key: str | None = None, resolve: dict[str, Callable[[Any], Any]] | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """Decorator: makes of a function of arrays one that symbols record.

    settings: the parameters that Keras holds in the config of the operation.
    name: the name of its class in Keras, if it is not that of the function.
    module: the module of Keras that defines the class, if it is not where the function stands.
    named: the arguments of the call that Keras passes by name.
    key: its name in the table of operations, if it is not that of the function.
    resolve: what to write for a setting: `{"data_format": standardize_data_format}`.
    """

    def decorate(f: F) -> F:
        plain = inspect.unwrap(f)
        call = f if hasattr(f, "operation") else recording.recordable(f)
        home = module or f"keras.src.ops.{f.__module__.split('.')[2]}"
        title = name or "".join(part.capitalize() for part in f.__name__.split("_"))
        graph.OPERATIONS.table[key or f.__name__] = call
        call.operation = graph.OPERATIONS.table.get(title) or _class(title, home, plain, settings, named, resolve or {})  # type: ignore
        return call

    return decorate


def _class(title: str, home: str, f: Any, settings: tuple[str, ...], named: tuple[str, ...], resolve: Any) -> type:
    """The class of an operation, under its name in Keras."""
    body = {
        "__module__": __name__, "__doc__": f.__doc__, "function": staticmethod(f), "settled": settings,
        "parameters": tuple(inspect.signature(f).parameters.values()), "named": named, "resolve": resolve,
    }  # fmt: skip
    return types.new_class(title, (Recorded,), {"module": home}, lambda namespace: namespace.update(body))


def _plain(name: str, value: Any) -> Any:
    """A setting in the form in which a config can hold it."""
    if name == "dtype" and value is not None and not isinstance(value, str):
        return np.dtype(value).name
    return value.item() if isinstance(value, np.generic) else value


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, as tuples, which axes and shapes have to be."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def __getattr__(name: str) -> Any:
    """The class of an operation, by its name: so that a model that holds one can be pickled."""
    found = graph.OPERATIONS.table.get(name)
    if not inspect.isclass(found):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
