"""`Model`: a layer that can be trained; a graph of layers, or a subclass with a `call`."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import jax

from .. import graph, random, registry, storey
from ..layer import Layer
from ..layers.add_loss import AddLoss
from ..saving.face import Saved
from ..train.trainer import Trainer
from . import cloning, graph_config, summary
from .container import Container, Visit
from .network import Network, is_singleton

MODELS = registry.Kind("model", "keras")


class Model(Saved, Trainer, Container, module="keras"):
    """A layer that can be compiled, fitted, saved.

    `Model(inputs, outputs)` is the graph of layers between some symbols (`Functional`).
    A subclass makes its layers in `__init__` and uses them in `call`; or it hands a graph
    to `super().__init__(inputs=..., outputs=...)`.

    >>> import jax.numpy as jnp
    >>> from fkeras.layers import Dense
    >>> class Twice(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = Dense(3)
    ...     def call(self, x):
    ...         return self.dense(self.dense(x))
    >>> init, apply = Twice()
    >>> params, state = init(jax.random.key(0), jnp.ones((2, 3)))
    >>> jax.tree.map(jnp.shape, params)
    {'dense': {'bias': (3,), 'kernel': (3, 3)}}
    """

    _network: ClassVar[Network | None] = None  # the graph of this model, if it has one

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            cls = Functional
        return Layer.__new__(cls)

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        **kwargs: Any,
    ):
        object.__setattr__(self, "_key", random.next_words())
        Layer.__init__(self, name=name, trainable=trainable, dtype=dtype, **kwargs)
        if registry.is_builtin(type(self)) or type(self).__init__ is Model.__init__:
            vars(self)["_init_args"] = {}  # the graph and the layers are kept elsewhere
        if inputs is not None or outputs is not None:
            self.connect(inputs, outputs)

    def connect(self, inputs: Any, outputs: Any) -> None:
        """Makes this model the graph between these symbols."""
        if inputs is None or outputs is None:
            raise ValueError(
                f"{type(self).__name__} needs both inputs and outputs; got inputs={inputs}, outputs={outputs}."
            )
        vars(self).update(_network=Network(inputs, outputs, type(self).__name__), is_bound=False, built=True)
        storey.adopt(self)
        if not self.trainable:
            self.trainable = False

    def add_loss(self, loss: Any) -> None:
        """Adds to the loss: a scalar from inside `call`, or symbols of this model's graph, as a VAE of Keras 2 does."""
        symbols = [x for x in graph.leaves(loss) if isinstance(x, graph.Symbol)]
        if self._network is None or not symbols:
            return super().add_loss(loss)
        inputs, outputs = self._network.inputs, self._network.outputs
        for symbol in symbols:
            first = graph.symbols(outputs)[0]
            same = {s: s for s in graph.symbols(outputs)}
            outputs = graph.substitute(outputs, {**same, first: AddLoss()(first, symbol)})
        self._face.filled = False
        self.connect(inputs, outputs)
        self.forget_programs()
        return None

    # --- the graph -----------------------------------------------------------------------------

    @property
    def walks(self) -> bool:
        """Whether this model is a graph rather than a `call`."""
        return self._network is not None

    @property
    def children(self) -> dict[str, Layer]:
        """The layers by name, each once."""
        if self._network is None:
            return Layer.children.fget(self)  # type: ignore[attr-defined]
        return self._network.children if self._face.scope is None else self._face.scope.children

    def walk(self, visit: Visit, inputs: Any) -> Any:
        """Calls `visit` for each node of the graph, in topological order."""
        assert self._network is not None
        return self._network.walk(visit, inputs)

    def enter(self, inputs: tuple[Any, ...]) -> Any:
        """Inputs matched to the symbols of the graph."""
        assert self._network is not None
        return self._network.enter(inputs)

    def _read_text(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs as the compiled part of this model takes them: with what is made of text on the host in its place."""
        return inputs if self._network is None else self._network.read_text(inputs)

    def _known_specs(self) -> Any:
        """The specs of the inputs, which a graph always knows."""
        if self._network is None:
            return super()._known_specs()
        return (jax.tree.map(lambda s: s.spec, self._network.inputs, is_leaf=graph.is_symbol),), {}

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses values that a layer right behind an input cannot take."""
        if self._network is not None:
            self._network.check_inputs(*inputs)

    @property
    def input(self) -> Any:
        """The input symbols, in the structure they were given in."""
        return super().input if self._network is None else self._network.inputs

    @property
    def output(self) -> Any:
        """The output symbols, in the structure they were given in."""
        return super().output if self._network is None else self._network.outputs

    @property
    def inputs(self) -> Any:
        """The input symbols as a list; None for a model without a graph."""
        return None if self._network is None else graph.symbols(self._network.inputs)

    @property
    def outputs(self) -> Any:
        """The output symbols as a list; None for a model without a graph."""
        return None if self._network is None else graph.symbols(self._network.outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs of the graph."""
        return [] if self._network is None else self._network.input_names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs of the graph."""
        return [] if self._network is None else self._network.output_names

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs, None where a size is not known."""
        found = self.input[0] if is_singleton(self.input) else self.input
        return jax.tree.map(lambda s: s.shape, found, is_leaf=graph.is_symbol)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs, None where a size is not known."""
        found = self.output[0] if is_singleton(self.output) else self.output
        return jax.tree.map(lambda s: s.shape, found, is_leaf=graph.is_symbol)

    # --- layers --------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers that this model is made of, without the operations between them."""
        return [layer for layer in self.operations if type(layer).kind is not graph.OPERATIONS]

    @property
    def operations(self) -> list[Layer]:
        """The layers that this model is made of, and the operations (`x * 2`, `fkeras.ops`) between them."""
        return list(self.children.values())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with this name, or at this index."""
        if (name is None) == (index is None):
            raise ValueError(f"get_layer takes a name or an index; got name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"{self.name} has {len(self.layers)} layers; there is none at index {index}.")
            return self.layers[index]
        if name in self.children:
            return self.children[name]  # type: ignore[index]
        found = next((layer for layer in self.layers if layer.name == name), None)
        if found is None:
            raise registry.unknown("layer", name, self.children)
        return found

    def _first_key(self) -> Any:
        """The key of the first values, fixed when the model is made."""
        return self.base_key()

    def base_key(self) -> Any:
        """The key that all of this model's randomness comes from."""
        return random.as_key(vars(self)["_key"])

    def reset_states(self) -> None:
        """Sets the carries of stateful recurrent layers back to zero."""
        for part in storey.subtree(self):
            if getattr(part, "stateful", False):
                part.reset_states()

    reset_state = reset_states

    # --- description ---------------------------------------------------------------------------

    def summary(
        self, line_length: int | None = None, positions: Any = None, print_fn: Any = None, expand_nested: bool = False,
        show_trainable: bool = False, layer_range: Any = None,
    ) -> None:  # fmt: skip
        """Prints the layers, their output shapes and how many parameters they have."""
        summary.show(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def __repr__(self) -> str:
        if not registry.is_builtin(type(self)) and vars(self).get("_init_args"):
            return super().__repr__()
        return f"{type(self).__name__}(name={self.name!r}, {len(self.layers)} layers)"

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON; `fkeras.models.model_from_json` inverts it."""
        return json.dumps(registry.serialize(self), **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The architecture as JSON-able values, in the form of Keras 3."""
        own = (
            registry.custom_init(type(self)) and "__init__" in vars(type(self)) and not registry.is_builtin(type(self))
        )
        return graph_config.write(self) if self._network is not None and not own else super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that a config describes."""
        with registry.custom_object_scope(custom_objects or {}):
            if graph_config.is_graph(config):
                return graph_config.read(Functional if cls is Model else cls, config)
            return super().from_config(config)

    def replace(self, **changes: Any) -> Any:
        """A copy with new layers and some settings changed; it shares no values with this one."""
        return cloning.replace(self, changes) if self.walks else super().replace(**changes)


class Functional(Model, module="keras.src.models.functional"):
    """The layers between some symbols, as one layer and one model.

    inputs, outputs: a symbol, or a list or dict of symbols.

    Raises ValueError if the outputs cannot be computed from the inputs.

    >>> from fkeras.layers import Dense, Input
    >>> x = Input((4,))
    >>> model = Functional(x, Dense(2)(Dense(3)(x)))
    >>> [layer.name for layer in model.layers]
    ['input_layer', 'dense_1', 'dense']
    """


for _model in (Model, Functional):
    MODELS.register(_model)
