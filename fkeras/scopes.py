"""Scopes of Keras 3: where arrays are put, how operations are named, what is computed twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from . import graph
from .models import Model


def device(device_name: str) -> Any:
    """A context in which new arrays are put on a device: "cpu:0", "gpu:1", ...

    Raises ValueError for a device that is not there.

    >>> with device("cpu:0"):
    ...     jax.numpy.zeros(2).device.platform
    'cpu'
    """
    name = str(device_name).lower().lstrip("/").removeprefix("device:")
    kind, _, number = name.partition(":")
    kind = "gpu" if kind == "cuda" else kind
    try:
        found = jax.devices(kind)
    except RuntimeError:
        found = []
    if (not number.isdecimal() and number) or int(number or 0) >= len(found):
        known = ", ".join(f"{d.platform}:{d.id}" for d in jax.devices())
        raise ValueError(f"There is no device {device_name!r}; known: {known}.")
    return jax.default_device(found[int(number or 0)])


def name_scope(name: str, **kwargs: Any) -> Any:
    """A context that names the operations in it, as profilers show them.

    >>> with name_scope("block"):
    ...     y = jax.numpy.ones(1) + 1
    """
    return jax.named_scope(name)


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose inner values are computed anew for the derivative, which takes less memory.

    >>> float(remat(lambda x: x * 2)(3.0))
    6.0
    """
    return jax.checkpoint(f)


class Function:
    """The function from some symbols to others, of arrays.

    inputs, outputs: a symbol, or a list or dict of symbols.

    >>> from fkeras.layers import Input
    >>> x = Input((2,))
    >>> Function(x, x * 2.0)(jax.numpy.ones((1, 2))).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None):
        self._model = Model(inputs, outputs, name=name)
        self.name = self._model.name

    @property
    def inputs(self) -> list[graph.Symbol]:
        """The input symbols, flat."""
        return self._model.inputs

    @property
    def outputs(self) -> list[graph.Symbol]:
        """The output symbols, flat."""
        return self._model.outputs

    @property
    def operations(self) -> list[Any]:
        """The layers and operations between them, in order."""
        return self._model.operations

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for inputs of some shape."""
        return self._model.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Any) -> Any:
        """The specs of the outputs for symbols or specs."""
        return self._model.compute_output_spec(inputs)

    def __call__(self, inputs: Any) -> Any:
        """The outputs for arrays, or the symbols for symbols."""
        return self._model(inputs)


class _Absent:
    """A scope that has no place where functions are pure."""

    said = ""

    def __init__(self, *args: Any, **kwargs: Any):
        raise NotImplementedError(f"{type(self).__name__} has no place here: {self.said}")


class StatelessScope(_Absent):
    """Refused: `init` and `apply` are stateless as they are."""

    said = "params, state = layer.values; y, state = layer.apply(params, state, x) changes nothing."


class SymbolicScope(_Absent):
    """Refused: shapes are found by `layer.output_spec`."""

    said = "layer.output_spec(spec) finds shapes without values."


class RematScope(_Absent):
    """Refused: wrap the function instead."""

    said = "remat(function), or jax.checkpoint of layer.apply, computes inner values anew."
