"""The Keras face of a layer: calls on symbols and arrays, weights, `add_weight`, `add_loss`."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from . import (
    arguments,
    auxiliary,
    binding,
    compiled,
    constraints,
    graph,
    initializers,
    lending,
    random,
    reading,
    registry,
    regularizers,
    sharing,
    spec,
    stored,
    storey,
    stream,
    surface,
)
from .masking import Masked, is_masked, values_of

FILLING = threading.RLock()  # held while boxes get their first values
_filling: set[Any] = set()  # the layers that are about to get theirs


class Facade(surface.Surface, stored.Stored):
    """What Keras users expect of a layer, over the pair and the box."""

    built: bool = False
    input_dtype: Any = property(lambda self: self.compute_dtype)

    # --- calls -----------------------------------------------------------------------------------

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        """On symbols: records a node. On arrays: fills and uses the layer's values."""
        if len(args) == 1 and not kwargs and self._face.scope is None:
            run = compiled.remembered(self, "call", args[0])
            if run is not None:
                return call_again(self, run, args[0])
        if kwargs:
            arguments.check_names(self, kwargs)
        args, kwargs = arguments.put_in_place(self, *arguments.give_names(self, args, kwargs))
        if graph.symbols((args, kwargs)):
            return record(self, args, kwargs)
        if self._face.scope is not None:
            return binding.call(self, args, kwargs)
        return call_on_arrays(self, args, kwargs)

    def stateless_call(
        self: Any,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Keras' pure call: (outputs, non_trainable_variables[, losses]) for given lists of values."""
        ensure(self)
        params, state = storey.from_lists(self, trainable_variables, non_trainable_variables)
        state = auxiliary.clear_aux_loss(storey.merged(storey.gather(self)[1], state))
        if self._face.keys is not None:
            kwargs.setdefault("rng", self._face.keys())
        y, state = self.apply(params, state, *args, **kwargs)
        out = values_of(y), storey.as_lists(self, (params, state))[1]
        return (*out, [self.penalty(params), auxiliary.aux_loss(state)]) if return_losses else out

    # --- structure -------------------------------------------------------------------------------

    @property
    def children(self: Any) -> dict[str, Any]:
        """The sublayers by name, each once, in the order of the attributes that hold them."""
        return sublayers(self) if registry.is_builtin(type(self)) and not self._face.grown else self._find_children()

    def _find_children(self: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        seen: set[int] = set()
        for attribute, value in vars(self).items():
            if type(value) not in storey.SIMPLE and attribute not in ("_face", "_init_args"):
                storey.sublayers(attribute, value, found, seen)
        return {**found, **{n: c for n, c in self._face.grown.items() if n not in found}} if self._face.grown else found

    @property
    def values(self: Any) -> storey.Values:
        """(params, state): the values in the boxes, ready for `apply`; settable."""
        ensure(self)
        return gather(self)

    @values.setter
    def values(self: Any, values: storey.Values) -> None:
        storey.scatter(self, values)

    def _known_specs(self: Any) -> Any:
        """(args, kwargs) that the layer is going to be called with, as far as is known, or None."""
        face = self._face
        if face.nodes:
            node = face.nodes[0]
            return jax.tree.map(
                lambda x: x.spec if isinstance(x, graph.Symbol) else x,
                (node.args, node.kwargs),
                is_leaf=graph.is_symbol,
            )
        return None if face.input_spec is None else ((face.input_spec,), {})

    def _meet(self: Any, inputs: tuple[Any, ...]) -> None:
        """Sees the first inputs, before the layer is initialised for them."""

    def _first_key(self: Any) -> Any:
        """The key of the layer's first values, when it is initialised by itself."""
        return random.next_key()

    def check_inputs(self: Any, *inputs: Any) -> None:
        """Refuses values that the layer cannot take; they are concrete, `apply` has not begun."""

    def _at_edge(self: Any, y: Any) -> Any:
        """Outputs as a call on arrays returns them; a container takes the masks off."""
        return y

    @property
    def input(self: Any) -> Any:
        """The symbols that the layer was first called on."""
        args = first_node(self).args
        return args[0] if len(args) == 1 else list(args)

    @property
    def output(self: Any) -> Any:
        """The symbols that its first call made."""
        return first_node(self).outputs

    # --- weights ---------------------------------------------------------------------------------

    @property
    def weights(self: Any) -> list[storey.Weight]:
        """Handles on all weights, in Keras' order; none before the shapes of the inputs are known."""
        ensure_known(self)
        return storey.handles(self)

    @property
    def trainable_weights(self: Any) -> list[storey.Weight]:
        """Handles on the weights that a gradient is taken of."""
        return [w for w in self.weights if storey.is_trained(w)] if self.trainable else []

    @property
    def non_trainable_weights(self: Any) -> list[storey.Weight]:
        """Handles on all other weights."""
        return [w for w in self.weights if not self.trainable or not storey.is_trained(w)]

    @property
    def variables(self: Any) -> list[storey.Weight]:
        """Handles on everything in the boxes: the weights, and the state of seeds and carries."""
        ensure_known(self)
        return storey.handles(self, hidden=True)

    @property
    def trainable_variables(self: Any) -> list[storey.Weight]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self: Any) -> list[storey.Weight]:
        """Handles on all variables that no gradient is taken of."""
        return [w for w in self.variables if not self.trainable or not storey.is_trained(w)]

    def get_weights(self: Any) -> list[np.ndarray]:
        """The values of all weights as NumPy arrays."""
        while True:
            turn = storey.turns[0]
            with storey.holding(storey.runs(self)), lending.lending(None):
                values = [np.asarray(w.value) for w in self.weights]
            if turn == storey.turns[0]:  # or another thread began to train meanwhile
                return values

    def set_weights(self: Any, weights: Any) -> None:
        """Replaces the values of all weights, in the order of `weights`."""
        ensure(self)
        storey.set_weights(self, weights)

    def count_params(self: Any) -> int:
        """How many numbers the weights hold. Raises ValueError before there are any."""
        ensure(self)
        return sum(int(np.prod(w.shape)) for w in self.weights)

    @property
    def losses(self: Any) -> list[Any]:
        """The auxiliary losses of the last call, one for each layer that has any, and the penalty on each weight."""
        scope = self._face.scope
        if scope is None and not is_known(self):
            return []
        params, state = self.values if scope is None else binding.values_at(scope)
        return [*auxiliary.found_in(state), *auxiliary.penalties(self, params)]

    def add_weight(
        self: Any, shape: Any = (), initializer: Any = None, dtype: Any = None, trainable: bool = True,
        autocast: bool = True, regularizer: Any = None, constraint: Any = None, aggregation: str = "none",
        overwrite_with_gradient: bool = False, name: str | None = None,
    ) -> Any:  # fmt: skip
        """Adds a weight, in `__init__` or in `build`; it is an array wherever it is used.

        Unnamed, it takes the name of the attribute it is assigned to.
        """
        if isinstance(shape, str):
            raise TypeError(f"{self!r}: add_weight takes the shape first; write add_weight(name={shape!r}, shape=...).")
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if not all(isinstance(d, int) for d in shape):
            raise ValueError(
                f"{self!r}: add_weight needs numbers in its shape; got {shape}. That dimension of the input is not "
                "known."
            )
        declared = storey.Declared(
            trainable, regularizers.get(regularizer), constraints.get(constraint), shape,
            jnp.dtype(dtype or self.dtype_policy.variable_dtype), None,
        )  # fmt: skip
        default = "glorot_uniform" if jnp.issubdtype(declared.dtype, jnp.floating) else "zeros"
        declared.initializer = initializers.get(default if initializer is None else initializer)
        return new_weight(self, declared, name)

    add_variable = add_weight

    def add_loss(self: Any, loss: Any) -> None:
        """Adds a scalar to the loss, from inside `call`."""
        if self._face.scope is None:
            raise ValueError(
                f"{self!r}: add_loss is for use inside `call`. To penalise weights give the layer a regularizer."
            )
        self._face.scope.losses.extend(loss if isinstance(loss, (list, tuple)) else [loss])

    def __getstate__(self: Any) -> dict[str, Any]:
        storey.own_values(self)
        return dict(vars(self))

    # --- dtypes, shapes --------------------------------------------------------------------------

    @property
    def compute_dtype(self: Any) -> str:
        """The dtype that the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self: Any) -> str:
        """The dtype that its weights are kept in."""
        return self.dtype_policy.variable_dtype

    def compute_output_shape(self: Any, *input_shapes: Any, **named: Any) -> Any:
        """The shape of the outputs for inputs of these shapes; None for what is not known."""
        given = [s for s in (*input_shapes, *named.values()) if s is not None]
        out = values_of(self.output_spec(*[storey.specs_from_shapes(s, self.compute_dtype) for s in given]))
        return jax.tree.map(lambda s: s.shape, out)

    def compute_output_spec(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Specs of the outputs for symbols or specs."""
        args, kwargs = jax.tree.map(
            lambda x: x.spec if isinstance(x, graph.Symbol) else x, (args, kwargs), is_leaf=graph.is_symbol
        )
        return self.output_spec(*args, **kwargs)

    def __getattr__(self: Any, name: str) -> Any:
        face = vars(self).get("_face")
        if face is not None and not name.startswith("__"):
            if face.scope is not None:
                half = storey.find((face.scope.params, face.scope.state), name)
                if half is not None:
                    return half[name]
                original = face.scope.original
                if face.scope.plan is None and original._face.nodes and name in original._face.declared:
                    return getattr(original, name).value  # of a layer that another one refers to
            elif name in face.declared or storey.find(face.values, name) is not None:
                if face.values is None and face.nodes:
                    ensure_known(self)
                return storey.handle(self, name)
        hint = ""
        if face is not None and face.values is None and name in ("kernel", "bias", "gamma", "beta", "embeddings"):
            hint = " It has no values yet: call it on data, or build it, first."
        elif "dtype_policy" not in vars(self) and not name.startswith("_"):
            hint = f" {type(self).__name__}.__init__ must begin with super().__init__()."
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}")


# --- calls ------------------------------------------------------------------------------------------


def gather(layer: Any) -> storey.Values:
    """(params, state) from the boxes; those of a shared layer once."""
    params, state = storey.gather(layer)
    return sharing.without_copies(layer, params), sharing.without_copies(layer, state)


def record(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a layer on symbols: notes the node, returns the symbols of its outputs."""

    def known(x: Any) -> Any:
        if not isinstance(x, graph.Symbol):
            return x
        return x.spec if x.mask is None else Masked(x.spec, x.mask)

    specs = jax.tree.map(known, (args, kwargs), is_leaf=graph.is_symbol)
    check_shared(layer, *specs)
    out = layer.output_spec(*specs[0], **specs[1])
    node = graph.Node(layer, args, kwargs)

    def symbol(s: Any) -> graph.Symbol:
        return graph.Symbol(s.value, node, s.mask) if isinstance(s, Masked) else graph.Symbol(s, node)

    node.outputs = jax.tree.map(symbol, out, is_leaf=is_masked)
    layer._face.nodes.append(node)
    return node.outputs


def check_shared(layer: Any, args: Any, kwargs: Any) -> None:
    """Refuses a call on inputs that the values of an earlier call do not fit."""
    before = layer._face.nodes and layer._known_specs()
    args = layer._read_text(args)
    before = before and (layer._read_text(before[0]), before[1])
    if layer.takes_text:
        return
    if (not before and not layer._face.filled) or str(before) == str((args, kwargs)):
        return

    def run(rng: Any, params: Any, args: Any, kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        own, state = layer.init(rng, *args, **kwargs)
        return layer.apply(params if own else own, state, *args, rng=rng, **kwargs)[0]

    if layer._face.filled:
        params = storey.specs_of(gather(layer)[0])
    else:
        params = spec.infer(lambda rng, args, kwargs: layer.init(rng, *args, **kwargs)[0], spec.key_spec(), *before)
    spec.infer(run, spec.key_spec(), params, args, kwargs)


def refuse_text(layer: Any, args: Any) -> None:
    """Refuses text, unless a layer in this one takes it."""
    text = [x for x in jax.tree.leaves(args) if spec.is_text_dtype(getattr(x, "dtype", None))]
    if text and not any(p.takes_text or not registry.is_builtin(type(p)) for p in storey.subtree(layer)):
        raise TypeError(
            f"{layer!r} computes with numbers; got an array of {text[0].dtype}. "
            "Turn strings into numbers first (StringLookup, TextVectorization, ...)."
        )


def call_on_arrays(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a layer on arrays, with the values in its boxes; new state goes back to them."""
    given = args[0] if len(args) == 1 and not kwargs else None
    args, kwargs = jax.tree.map(storey.as_fed, (args, kwargs))
    training = kwargs.pop("training", None)
    training = trains_by_itself(layer) if training is None else bool(training)
    args = reading.gathered(args)
    refuse_text(layer, args)
    ensure(layer, args, kwargs)
    args = layer._read_text(args)
    if not any(isinstance(x, Tracer) for x in jax.tree.leaves(args)):
        layer.check_inputs(*args)
    params, state = gather(layer)
    draws = training or (draws_at_rest(layer) and not stream.tracing())
    rng = random.next_key() if draws else None
    alike = given if rng is None and args and args[0] is given and depends_on_shape_alone(layer, given) else None
    y, new = compiled.apply(layer, params, state, args, kwargs, rng, training, alike)
    if new and not any(isinstance(x, Tracer) for x in jax.tree.leaves(new)):
        put_state(layer, new)
    return layer._at_edge(y)


def call_again(layer: Any, run: Any, x: Any) -> Any:
    """Calls a layer on an array whose like it has met, by the program that served it then."""
    params, state = gather(layer)
    y, new = run(params, state, [x], None)
    if new:
        put_state(layer, new)
    return y if isinstance(y, jax.Array) else layer._at_edge(y)


def depends_on_shape_alone(layer: Any, x: Any) -> bool:
    """Whether what is done with an array, and whether it is refused, follows from its shape and dtype."""
    specs = jax.tree.leaves(layer._known_specs())
    return not looks_at_values(layer) and len(specs) == 1 and specs[0].dtype == x.dtype and jnp.ndim(x) > 0


@compiled.fact
def looks_at_values(layer: Any) -> bool:
    """Whether anything in a layer checks the values of inputs, or is no code of this package."""
    parts = [part for part in storey.subtree(layer) if not getattr(part, "walks", False)]  # those pass it on
    return compiled.runs_user_code(layer) or any(type(p).check_inputs is not Facade.check_inputs for p in parts)


@compiled.fact
def sublayers(layer: Any) -> dict[str, Any]:
    """The children of a layer of this package, in whose lists nobody else puts any."""
    return layer._find_children()


@compiled.fact
def trains_by_itself(layer: Any) -> bool:
    """Whether a call that does not say so trains: that of layers that augment images does, as in Keras."""
    parts = [part for part in storey.subtree(layer) if "training" in part._wants and not part.children]
    return bool(parts) and all(getattr(part, "augments", False) for part in parts)


@compiled.fact
def draws_at_rest(layer: Any) -> bool:
    """Whether a call may need random numbers although it does not train.

    So it is where a graph calls a layer with `training=True` (dropout that stays on), or
    where user code may do so, or draws itself.
    """
    parts = list(storey.subtree(layer))
    if not any(
        part.is_bound or "rng" in kind.__dict__.get("_wants", ()) for part in parts for kind in type(part).__mro__
    ):
        return False
    nodes = [node for part in parts for node in getattr(getattr(part, "_network", None), "nodes", ())]
    return compiled.runs_user_code(layer) or any(node.kwargs.get("training") for node in nodes)


def ensure(layer: Any, args: Any = None, kwargs: Any = None) -> None:
    """Fills the boxes that are empty, if the shapes of the inputs are known; one thread at a time."""
    if not layer._face.filled:
        with FILLING:
            if not layer._face.filled:
                ensure_alone(layer, args, kwargs)


def is_known(layer: Any) -> bool:
    """Whether a layer has its values, or could make them."""
    return layer._face.filled or layer._known_specs() is not None or has_declared_all(layer)


def has_declared_all(layer: Any) -> bool:
    """Whether a layer without sublayers has added all its weights, in `__init__` or in a `build` that was called."""
    return bool(layer._face.declared) and (not layer.builds or (layer.built and not layer.children))


def ensure_known(layer: Any) -> None:
    """Fills the boxes if that can be done; those of a layer that has met no inputs stay as they are.

    A model that was never called may hold others whose inputs are known: a GAN its two halves.
    """
    if is_known(layer):
        ensure(layer)
    else:
        for child in layer.children.values():
            ensure_known(child)


def refuse_constants(layer: Any, args: Any, kwargs: Any) -> None:
    """Raises ValueError if a layer were to get its first values inside a program that JAX traces."""
    if not any(isinstance(x, Tracer) for x in jax.tree.leaves((args, kwargs))):
        return
    args, kwargs = storey.specs_of((tuple(args), kwargs or {}))
    kwargs = {k: v for k, v in kwargs.items() if k != "training"}
    values = spec.infer(lambda rng, args, kwargs: layer.init(rng, *args, **kwargs), spec.key_spec(), args, kwargs)
    if jax.tree.leaves(values):
        raise ValueError(
            f"{layer!r} would get its first values inside a function that JAX traces, as constants of one program. "
            "A sublayer is made in `__init__` or in `build`, not in `call`; elsewhere call it on data first, or use "
            "its pure init and apply."
        )


def note_build(layer: Any) -> None:
    """Remembers which weights there were when a user's `build` called that of the built-in layer."""
    scope = layer._face.scope
    face = layer._face if scope is None else scope.original._face
    if face.early is None:
        face.early = tuple(face.declared if scope is None else scope.own)


def ensure_alone(layer: Any, args: Any, kwargs: Any) -> None:
    """Fills the boxes that are empty; those of layers in other models first, with all of those models' values.

    So it makes no difference which is asked for first: a model, or a layer of it.
    """
    _filling.add(layer)
    try:
        for owner in storey.owners(layer) - _filling:
            if owner._known_specs() is not None:
                ensure(owner)
    finally:
        _filling.discard(layer)
    if layer._face.filled:
        return
    if args is not None:
        if layer._known_specs() is None:
            refuse_constants(layer, args, kwargs)
        layer._meet(tuple(args))
    else:
        known = layer._known_specs()
        if known is None:
            if has_declared_all(layer):
                for key in layer._face.declared if layer.builds else ():
                    storey.own_values(layer, key)
                return  # what was added in `__init__` is drawn when it is read
            raise ValueError(
                f"{layer!r} has no weights yet, since it does not know the shape of its inputs: "
                "call it on data, or build(input_shape), first."
            )
        args, kwargs = known
    fill(layer, *storey.specs_of((tuple(args), kwargs or {})))


def fill(layer: Any, args: Any, kwargs: Any) -> None:
    """Initialises what has no values yet in a layer and everything in it."""
    kwargs = {k: v for k, v in kwargs.items() if k != "training"}
    # within a trace the values must be real ones, or tracers would rest in the boxes
    with jax.ensure_compile_time_eval() if stream.tracing() else contextlib.nullcontext(), random.lent(None):
        build_sublayers(layer, args, kwargs)
        values = layer.init(layer._first_key(), *args, **kwargs)
    storey.scatter(layer, values, replace=False)
    layer._face.specs = (args, kwargs)


def build_sublayers(layer: Any, args: Any, kwargs: Any) -> None:
    """Runs `build` of every Keras-style layer, on the layer itself, so that its attributes exist.

    A `build` may bring sublayers to light that have to be built in turn: hence the loop.
    """
    while any(part.is_bound for part in storey.subtree(layer)):
        binding.plan(layer, args, kwargs) if layer.is_bound else layer.output_spec(*args, **kwargs)
        pending = [
            p
            for p in storey.subtree(layer)
            if p.is_bound and p.builds and not p.built and p._face.build_shape is not None
        ]
        for part in pending:
            part.build(*part._face.build_shape)
            object.__setattr__(part, "built", True)
            part._face.grown = {}
        if not pending:
            break


def put_state(layer: Any, state: Any) -> None:
    """Puts a new state into the boxes; params stay."""
    children = layer.children
    for name, child in children.items():
        if name in state:
            put_state(child, state[name])
    own = {k: v for k, v in state.items() if k not in children}
    if own:
        params, old = layer._face.values or ({}, {})
        layer._face.values = params, {**old, **own}


# --- weights -----------------------------------------------------------------------------------------


def new_weight(layer: Any, declared: storey.Declared, name: str | None) -> Any:
    """The weight that `add_weight` returns: on a bound copy its value, else a handle on the box."""
    face = layer._face
    taken = face.scope.own if face.scope is not None else face.handles
    stem = name or "variable"
    key = next(n for i in range(len(taken) + 2) if (n := f"{stem}_{i}" if i else stem) not in taken)
    if face.scope is not None:
        return binding.declare(layer, key, declared, unnamed=name is None)
    face.declared = {**face.declared, key: declared}
    face.handles[key] = storey.Weight(layer, key, unnamed=name is None)
    return face.handles[key]


def name_weight(layer: Any, weight: Any, attribute: str) -> None:
    """An unnamed weight takes the name of the attribute that it is assigned to."""
    face = layer._face
    if face.scope is not None:
        binding.rename(layer, weight, attribute)
    elif attribute not in face.handles:
        declared = face.declared[weight.key]
        face.declared = {
            **{k: d for k, d in face.declared.items() if k not in (weight.key, attribute)},
            attribute: declared,
        }
        face.handles[attribute] = face.handles.pop(weight.key)
        weight.key, weight.name, weight.unnamed = attribute, attribute, False


def first_node(layer: Any) -> graph.Node:
    """The first symbolic call of a layer."""
    if not layer._face.nodes:
        raise AttributeError(f"{layer!r} has not been called on symbols, so it has no symbolic input or output.")
    return layer._face.nodes[0]
