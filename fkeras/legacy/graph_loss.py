"""Losses and metrics that read symbols of the graph, as a VAE or a loss "with another input" did in Keras 1 and 2.

    def vae_loss(x, x_decoded):
        return mse(x, x_decoded) - 0.5 * K.mean(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), -1)

`compile` calls such a function once on symbols, so that it becomes a part of the graph. In a
step, that part is computed from the same inputs, values and random keys as the model.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, cast

from .. import lending, registry, storey
from ..graph import Symbol
from ..layers.input import Input, InputLayer
from ..models import Model
from .backend.gradients import reached


class GraphLoss:
    """A function of labels and outputs that also reads symbols of the graph that the outputs are from.

    part: the model from [labels, output, *inputs] to the value; given: which inputs of the model these are.
    names: of all inputs of the model.
    """

    def __init__(self, function: Callable[..., Any], part: Model, given: list[int], names: list[str]):
        self.function, self.part, self.given, self.names = function, part, given, names
        functools.update_wrapper(self, function, updated=())

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        values = lending.lent()
        if values is None:
            raise ValueError(
                f"{self.__name__} reads symbols of the graph of its model, so it can only be called by fit, evaluate "  # type: ignore[attr-defined]
                "and their kin."
            )
        flat = in_order(values.inputs, self.names)
        params, state = held(self.part, values)
        inputs = [y_true, y_pred, *(flat[i] for i in self.given)]
        y, _ = self.part.apply(params, state, inputs, rng=values.rng, training=values.training)
        return y


def in_order(inputs: Any, names: list[str]) -> list[Any]:
    """The inputs of a model, one after the other."""
    if isinstance(inputs, dict):
        return [inputs[k] for k in (names if all(n in inputs for n in names) else sorted(inputs))]
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def held(part: Any, values: lending.Lent) -> tuple[Any, Any]:
    """(params, state) for a model whose layers are some of those that values are lent of."""
    trees: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name, child in part.children.items():
        found = values.of(child)
        if found is None:
            found = held(child, values) if child.children else storey.gather(child)
        for tree, value in zip(trees, found, strict=True):
            if value:
                tree[name] = value
    return trees


def looking_inside(model: Any, function: Any, output: Symbol) -> Any:
    """The function; a GraphLoss in its place if it reads symbols that belong to the graph of the model."""
    if not (inspect.isfunction(function) or inspect.ismethod(function) or isinstance(function, functools.partial)):
        return function
    if registry.is_builtin(cast(Any, function)):
        return function
    labels = Input(batch_shape=output.shape, dtype=output.dtype)
    try:
        value = function(labels, output)
    except Exception:  # it is no function of symbols: it will be called on arrays
        return function
    if not isinstance(value, Symbol):
        return function
    seen = [s for s in reached([value], (labels, output)) if isinstance(s.node.layer, InputLayer)]
    inputs = model.inputs
    given = [i for i, s in enumerate(inputs) if any(s is other for other in seen)]
    if not given or len(given) < len(seen):
        return function
    return GraphLoss(function, Model([labels, output, *(inputs[i] for i in given)], value), given, model.input_names)


def spread(model: Any, functions: Any, outputs: dict[str, Symbol]) -> Any:
    """What `compile` was given as losses or as metrics, with every function looked at."""
    if isinstance(functions, dict):
        return {k: look(model, v, outputs[k]) if k in outputs else v for k, v in functions.items()}
    if isinstance(functions, (list, tuple)) and len(outputs) > 1 and len(functions) == len(outputs):
        return [look(model, f, y) for f, y in zip(functions, outputs.values(), strict=True)]
    if len(outputs) == 1:
        return look(model, functions, next(iter(outputs.values())))
    return functions


def look(model: Any, given: Any, output: Symbol) -> Any:
    """One function, or the functions in a list, looked at."""
    if isinstance(given, (list, tuple)):
        return [look(model, f, output) for f in given]
    return looking_inside(model, given, output)


def looking(compile: Callable[..., None]) -> Callable[..., None]:
    """`compile`, for models that are graphs."""

    @functools.wraps(compile)
    def compile_(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.inputs is not None and self.outputs is not None:
            outputs = dict(zip(self.output_names, self.outputs, strict=False))
            if len(args) > 1:
                args = (args[0], spread(self, args[1], outputs), *args[2:])
            for name in ("loss", "metrics"):
                if kwargs.get(name) is not None:
                    kwargs[name] = spread(self, kwargs[name], outputs)
        compile(self, *args, **kwargs)

    return compile_
