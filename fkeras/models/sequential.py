"""`Sequential`: a chain of layers as one layer."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from .. import compiled, graph, policies, registry, spec, storey
from ..layer import Layer
from ..layers.input import InputLayer
from ..reading import Read, as_data, is_read, is_text
from .container import Container, Visit, name_children
from .hosting import fit_rank, on_host
from .model import MODELS, Model
from .network import fit_input


class Sequential(Model, module="keras"):
    """Layers one after the other.

    The shape of the input is told by an `Input` in front, by `input_shape=` on the first
    layer, or by the data of the first call.

    >>> from fkeras.layers import Dense
    >>> model = Sequential([Dense(3, input_shape=(4,)), Dense(2)])
    >>> model.output_shape, model.count_params()
    ((None, 2), 23)
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None, dtype: Any = None
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        vars(self).update(_children={}, _entry=None, _symbols=None, is_bound=False)
        self._layers: list[Layer] = []
        if isinstance(layers, Layer) or graph.is_symbol(layers):
            layers = [layers]
        for layer in layers or ():
            self.add(layer)

    # --- the chain -----------------------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer at the end."""
        if graph.is_symbol(layer) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(
                f"Sequential.add takes a layer; got {layer!r}."
                + (" Write Dense(3), not Dense." if isinstance(layer, type) else "")
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._entry is not None:
                raise ValueError(f"{self!r}: an Input can only stand in front of all layers.")
            self._change(entry=layer)
        else:
            if not self._layers and self._entry is None and layer._face.input_spec is not None:
                given = layer._face.input_spec
                self._change(entry=InputLayer(batch_shape=given.shape, dtype=str(given.dtype)))
            self._change([*self._layers, layer])

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off and returns it."""
        if not self._layers:
            raise ValueError(f"{self!r} has no layer to pop.")
        last = self._layers[-1]
        self._change(self._layers[:-1])
        return last

    def _change(self, layers: list[Layer] | None = None, entry: InputLayer | None = None) -> None:
        """Sets the chain; refuses it, and keeps the old one, if the shapes do not fit."""
        before = self._layers, self._entry
        vars(self)["_layers"] = list(self._layers if layers is None else layers)
        vars(self)["_entry"] = self._entry if entry is None else entry
        try:
            vars(self)["_children"] = name_children(self._layers, type(self).__name__)
            self._extend()
        except Exception:
            vars(self)["_layers"], vars(self)["_entry"] = before
            vars(self)["_children"] = name_children(before[0], type(self).__name__)
            raise
        storey.adopt(self)
        self._face.filled = False
        compiled.changes[0] += 1
        self.forget_programs()

    def _extend(self) -> None:
        """Keeps the symbols of the chain: those there were, as far as the layers are the same, and new ones."""
        if self._entry is None:
            vars(self)["_symbols"] = None
            return
        old = self._symbols or [(self._entry, self._entry.symbol())]
        made = old[:1]
        for layer in self._layers:
            same = len(made) < len(old) and old[len(made)][0] is layer and old[: len(made)] == made
            made = [*made, old[len(made)] if same else (layer, layer(made[-1][1]))]
        vars(self).update(_symbols=made, built=bool(self._layers))

    @property
    def walks(self) -> bool:
        """Whether the chain is walked, unless a subclass writes a `call` of its own."""
        return "call" not in _overridden(type(self))

    @property
    def children(self) -> dict[str, Layer]:
        """The layers by name, each once."""
        return vars(self).get("_children", {})

    def walk(self, visit: Visit, inputs: Any) -> Any:
        """Calls `visit` for each layer in turn."""
        names = {id(child): name for name, child in self.children.items()}
        first = 0
        if is_read(inputs[0]):
            ((key, inputs),) = inputs[0].made.items()
            first = int(key)
        for layer in self._layers[first:]:
            inputs = (visit(names[id(layer)], layer, inputs, {}),)
        return inputs[0] if len(inputs) == 1 else inputs

    def _unlisted(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The input itself where it is given as `[x]`, the only one in the list of inputs."""
        x = inputs[0] if len(inputs) == 1 and self.walks else None
        if not isinstance(x, (list, tuple)) or len(x) != 1 or not hasattr(x[0], "shape"):
            return inputs
        rank = len(x[0].shape)
        return tuple(x) if (rank > 1 if self._entry is None else rank == len(self._entry.batch_shape)) else inputs

    def _read_text(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs as the compiled part of the chain takes them: with what its first layers make of text."""
        inputs = self._unlisted(inputs)
        if not (self.walks and self._layers and len(inputs) == 1 and is_text(inputs[0])):
            return inputs
        if not (self._layers[0].takes_text or isinstance(self._layers[0], Container)):
            return inputs  # which says that it takes numbers
        value = as_data(inputs[0])
        self._meet((value,))
        assert self._entry is not None
        value = fit_rank(value, spec.Spec(self._entry.batch_shape, self._entry.dtype), repr(self), "input")
        for i, layer in enumerate(self._layers):
            if not is_text(value):
                return (Read({str(i): (value,)}),)
            if isinstance(layer, Container):
                return (Read({str(i): layer._read_text((value,))}),)
            value = on_host(layer, (value,), {})
        return (Read({str(len(self._layers)): (value,)}),)

    def enter(self, inputs: tuple[Any, ...], any_rows: bool = False) -> Any:
        """The input, checked against the shape that was declared."""
        if not self._layers:
            raise ValueError(f"{self!r} has no layers yet: add some before it is used.")
        inputs = self._read_text(inputs)
        if self._entry is None or len(inputs) != 1 or is_read(inputs[0]):
            return inputs
        want = spec.Spec(self._entry.batch_shape, self._entry.dtype)
        return (fit_input(self._single(inputs[0]), want, repr(self), "input", any_rows),)

    def _single(self, x: Any) -> Any:
        """The one input, which may come in a dict under its name; several of them are refused."""
        if isinstance(x, dict):
            (name,) = self.input_names
            if [*x] != [name]:
                raise ValueError(f"{self!r} takes one input, named {name!r}; got a dict of {', '.join(map(repr, x))}.")
            return x[name]
        if isinstance(x, (list, tuple)) and len(x) > 1 and all(getattr(v, "shape", ()) for v in x):
            raise ValueError(
                f"{self!r} takes one input; got a list of {len(x)} arrays. np.stack(x) makes rows of one array of them."
            )
        return x

    # --- structure -----------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return list(self._layers)

    def _symbol(self, last: bool) -> graph.Symbol:
        if self._symbols is None:
            raise AttributeError(
                f"{self!r} does not know the shape of its input yet: put an Input in front, or call it on data."
            )
        return self._symbols[-1 if last else 0][1]

    @property
    def input(self) -> Any:
        """The symbol that the chain begins with."""
        return self._symbol(last=False)

    @property
    def output(self) -> Any:
        """The symbol, or symbols, that the chain ends with."""
        return self._symbol(last=True)

    @property
    def inputs(self) -> Any:
        """The input symbol in a list, or None while its shape is not known."""
        return None if self._symbols is None else [self.input]

    @property
    def outputs(self) -> Any:
        """The output symbols in a list, or None while their shape is not known."""
        return None if self._symbols is None else graph.symbols(self.output)

    @property
    def input_names(self) -> list[str]:
        """The name of the input."""
        return [] if self._entry is None else [str(self._entry.name)]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: of the last layer."""
        return [list(self.children)[-1]] if self.children else []

    def _known_specs(self) -> Any:
        """The spec of the input, if it is known."""
        return None if self._entry is None else ((spec.Spec(self._entry.batch_shape, self._entry.dtype),), {})

    def _meet(self, inputs: tuple[Any, ...]) -> None:
        """Takes the shape of the first data as the shape of the input."""
        if self._entry is None and self.walks and len(inputs) == 1 and hasattr(inputs[0], "shape"):
            shape, dtype = (None, *inputs[0].shape[1:]), str(spec.of(inputs[0]).dtype)
            self._change(entry=InputLayer(batch_shape=shape, dtype=dtype))

    def build(self, input_shape: Any = None) -> None:
        """Fixes the shape of the input and makes the values."""
        if input_shape is not None and self._entry is None:
            self._change(entry=InputLayer(batch_shape=tuple(input_shape)))
        if self._face.scope is None:
            self.weights  # noqa: B018  reading them fills the boxes

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses values that the first layer cannot take."""
        if self._layers:
            inputs = self.enter(inputs, any_rows=True)
            if not is_read(inputs[0]):
                self._layers[0].check_inputs(*inputs)

    def fingerprint_parts(self) -> Any:
        """What tells this chain from others."""
        entry = None if self._entry is None else (self._entry.batch_shape, str(self._entry.dtype))
        names = {id(child): name for name, child in self.children.items()}
        return self.trainable, entry, dict(self.children), [names[id(layer)] for layer in self._layers]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_symbols": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._extend()
        storey.adopt(self)

    # --- config --------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The chain in the form of Keras 3."""
        names = {id(child): name for name, child in self.children.items()}
        layers = [*([self._entry] if self._entry is not None else []), *self._layers]
        configs = []
        for layer in layers:
            config = registry.serialize(layer)
            config["config"]["name"] = names.get(id(layer), layer.name)
            configs.append(config)
        known = self._known_specs()
        shape = {} if known is None else {"build_input_shape": known[0][0].shape}
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": policies.serialize(self.dtype_policy),
            "layers": configs,
            **shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The chain that a config describes; understands the configs of Keras 2."""
        if isinstance(config, list):
            config = {"layers": config}
        with registry.custom_object_scope(custom_objects or {}):
            layers = [registry.deserialize(c, kind=None) for c in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if "trainable" in config and not config["trainable"]:
            model.trainable = False
        shape = config.get("build_input_shape")
        if model._entry is None and shape is not None and layers:
            model._change(entry=InputLayer(batch_shape=tuple(shape)))
        return model


@functools.cache
def _overridden(cls: type) -> set[str]:
    """The methods that user code below Sequential has written anew."""
    return {n for c in cls.__mro__ if issubclass(c, Sequential) and not registry.is_builtin(c) for n in vars(c)}


MODELS.register(Sequential)
