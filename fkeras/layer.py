"""The protocol: a layer is its settings plus a pair of pure functions.

params, state = layer.init(rng, *specs)
y, state      = layer.apply(params, state, *inputs, rng=None, training=False)
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from . import (
    arguments,
    auxiliary,
    binding,
    compiled,
    facade,
    initializers,
    policies,
    random,
    registry,
    sharing,
    spec,
    storey,
)
from .arguments import OFFERED
from .masking import attach, is_masked, masks_of, value_of, values_of
from .variable import Variable

LAYERS = registry.Kind("layer", "keras.layers")
Shapes = dict[str, Any]


class LayerType(registry.ConfigurableType):
    """Makes layers: understands the arguments that every Keras layer takes beside its own."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = registry.today(cls, args, kwargs)
        own = registry.arguments_of(cls).parameters
        legacy = {
            k: kwargs.pop(k)
            for k in ("input_shape", "batch_input_shape", "input_dim", "input_dtype", "weights")
            if k in kwargs and k not in own
        }
        batch = kwargs.pop("batch_size") if "batch_size" in kwargs and "batch_size" not in own and legacy else None
        layer = super().__call__(*args, **kwargs)
        if legacy:
            layer._face.input_spec = _legacy_spec(legacy, batch, layer)
            layer._face.given = legacy.get("weights")
        return layer


def _legacy_spec(legacy: dict[str, Any], batch: int | None, layer: Any) -> spec.Spec | None:
    """The input spec that `input_shape=`, `input_dim=` and their kin describe."""
    shape = legacy.get("batch_input_shape")
    if shape is None:
        shape = legacy.get("input_shape", (legacy["input_dim"],) if "input_dim" in legacy else None)
        shape = None if shape is None else (batch, *((shape,) if isinstance(shape, int) else shape))
    return None if shape is None else spec.Spec(shape, legacy.get("input_dtype") or layer.input_dtype)


class Layer(facade.Facade, registry.Configurable, kind=LAYERS, metaclass=LayerType):
    """Base of every layer: settings, and the pair `init` and `apply`.

    A subclass declares its settings as fields and writes up to three methods:

        param_shapes(self, *inputs) -> {name: shape}   trainable arrays  (default: none)
        state_shapes(self, *inputs) -> {name: shape}   running arrays    (default: none)
        call(self, *inputs, ...)                       the mathematics

    `call` names, keyword-only, what it needs of `params, state, rng, training, mask`;
    if it names `state` it returns `(y, new_state)`, otherwise `y`. A weight `w` is
    filled by the setting `w_initializer`, penalised by `w_regularizer`, projected by
    `w_constraint`. A class in the Keras style (`__init__`, `build`, `add_weight`,
    `call`) works as well: it is bound to its values for the length of a call.

    name: its name in a container; numbered there (`dense`, `dense_1`) unless given.
    trainable: False keeps its params out of every gradient.
    dtype: a dtype policy, `"float32"` or `"mixed_bfloat16"` for example.
    activity_regularizer: penalty on the outputs, added to the loss through the state.

    >>> class Scale(Layer):
    ...     scale_initializer: Any = "ones"
    ...     def param_shapes(self, x):
    ...         return {"scale": x.shape[-1:]}
    ...     def call(self, x, *, params):
    ...         return x * params["scale"]
    >>> init, apply = Scale()
    >>> params, state = init(jax.random.key(0), spec.Spec((None, 2)))
    >>> apply(params, state, jnp.ones((1, 2)))[0].tolist()
    [[1.0, 1.0]]
    """

    name: str | None = dataclasses.field(default=None, kw_only=True, repr=False)
    trainable: bool = dataclasses.field(default=True, kw_only=True)
    dtype: Any = dataclasses.field(default=None, kw_only=True, repr=False)
    activity_regularizer: Any = dataclasses.field(default=None, kw_only=True)
    autocast: bool = dataclasses.field(default=True, kw_only=True, repr=False, metadata={"config": False})

    supports_masking: ClassVar[bool] = False
    rank: ClassVar[Any] = None  # of the first input: a number, (least, most), or None
    takes_text: ClassVar[bool] = False  # whether it runs on the host, where text lives
    is_bound: ClassVar[bool] = False  # whether `call` runs on a copy bound to its values
    builds: ClassVar[bool] = False  # whether the class overrides `build`
    casts_params: ClassVar[bool] = True  # whether `call` gets the params in the compute dtype
    follows: ClassVar[dict[str, str]] = {}  # arguments that stand, in Keras, behind another one
    behind: ClassVar[tuple[str, ...]] = ("training", "mask")  # arguments of `call` behind the others
    config_always: ClassVar[tuple[str, ...]] = ()  # fields of Layer that the config holds even when None
    config_if_set: ClassVar[tuple[str, ...]] = ()  # own fields that the config holds only when not None
    _wants: ClassVar[frozenset[str]] = frozenset()
    _places: ClassVar[tuple[str, ...]] = ()  # the arguments of `call` that have a place
    _keywords: ClassVar[frozenset[str] | None] = None  # all of its arguments; None if it takes any
    _needed: ClassVar[tuple[str, ...]] = ()  # those at the beginning that every call has
    _face: ClassVar[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = object.__new__(cls)
        object.__setattr__(layer, "_face", storey.Face())
        return layer

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("call")
        if "compute_mask" in vars(cls) and "supports_masking" not in vars(cls) and not registry.is_builtin(cls):
            cls.supports_masking = True
        cls._wants = frozenset(OFFERED) & inspect.signature(cls.call).parameters.keys()
        if own is not None and cls._wants:
            cls.call = _offering(own, cls._wants)  # type: ignore[method-assign]
        cls._places, cls._needed = arguments.places_of(cls.call)
        cls._keywords = arguments.keywords_of(cls.call)
        if cls.follows and "__init__" in vars(cls) and not registry.custom_init(cls):
            type.__setattr__(cls, "__init__", arguments.in_order(cls.__init__, cls.follows))
        cls.builds = cls.build is not Layer.build
        if "is_bound" not in vars(cls) and not registry.is_builtin(cls):
            cls.is_bound = not cls._wants & {"params", "state"} and not vars(cls).get("pair", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        policy = policies.get(self.dtype)
        object.__setattr__(self, "dtype_policy", policy)
        object.__setattr__(self, "dtype", policy.variable_dtype)
        self._face.auto_named = self.name is None
        if self.name is None:
            object.__setattr__(self, "name", registry.snake_case(type(self).__name__))
        elif not isinstance(self.name, str) or "/" in self.name:
            raise ValueError(f"{type(self).__name__}: name must be a string without '/'; got {self.name!r}.")

    # --- the pair ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter((self.init, self.apply))

    def param_shapes(self, *inputs: Any) -> Shapes:
        """{name: shape} of the trainable arrays, in Keras' order, for inputs of these specs."""
        return {}

    def state_shapes(self, *inputs: Any) -> Shapes:
        """{name: shape} of the arrays that change without a gradient."""
        return {}

    def child_inputs(self, *inputs: Any, **kwargs: Any) -> dict[str, tuple[Any, ...]]:
        """{name: specs} that the sublayers are initialised with, for a layer that applies them itself."""
        return {}

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        inputs, kwargs = arguments.put_in_place(self, inputs, kwargs)
        if self.is_bound:
            params, state = binding.init(self, rng, inputs, kwargs)
            return sharing.without_copies(self, params), sharing.without_copies(self, state)
        values = values_of(inputs)
        self.check_rank(*values)
        halves: list[dict[str, Any]] = []
        declared = {}
        for trainable, shapes in ((True, self.param_shapes(*values)), (False, self.state_shapes(*values))):
            halves.append({n: self._fill(rng, n, s) for n, s in shapes.items()})
            declared.update(
                {
                    n: storey.Declared(trainable, self._setting(n, "regularizer"), self._setting(n, "constraint"))
                    for n in shapes
                }
            )
        self._face.declared = declared
        params, state = halves
        params = self._given(params)
        if getattr(self, "seed", None) is not None and ("rng" in self._wants):
            state["seed_generator"] = jnp.asarray(random.seed_state(self.seed))  # type: ignore[attr-defined]
        if self.activity_regularizer is not None:
            state["aux_loss"] = jnp.zeros((), jnp.float32)
        for name, args in self.child_inputs(*values, **values_of(kwargs)).items():
            p, s = self.children[name].init(random.fold(rng, name), *args)
            params, state = {**params, name: p} if p else params, {**state, name: s} if s else state
        return params, state

    def apply(
        self,
        params: Any,
        state: Any,
        *inputs: Any,
        rng: Any = None,
        training: bool = False,
        mask: Any = None,
        **kwargs: Any,
    ) -> Any:
        """(params, state, *inputs) -> (outputs, state). Pure.

        rng: a random key; needed by layers that draw while training.
        mask: replaces the mask that travels with the first input.
        """

        def core(values: Any, kwargs: Any, mask: Any) -> Any:
            if self.is_bound:
                copies = sharing.with_copies(self, state)
                y, new = binding.apply(
                    self, sharing.with_copies(self, params), copies, values, kwargs, rng, bool(training), mask
                )
                return y, sharing.gathered(self, copies, new)
            self.check_rank(*values)
            self.check_params(params, *values)
            key, new = self._key(rng, state, training)
            offered = {
                "params": self._cast_own(params),
                "state": new,
                "rng": key,
                "training": bool(training),
                "mask": mask,
            }
            out = self.call(*values, **{k: offered[k] for k in self._wants}, **kwargs)
            return out if "state" in self._wants else (out, new)

        return self._through(core, *arguments.put_in_place(self, inputs, kwargs), mask)

    def _through(self, core: Callable[..., Any], inputs: Any, kwargs: Any, mask: Any = None) -> Any:
        """What every call passes on its way in and out: masks, casts, the activity penalty."""
        in_band, named = masks_of(inputs), masks_of(kwargs) or {}
        first = None if not inputs or in_band is None else in_band[0]
        named = {**dict(zip(self._places, in_band or (), strict=False)), **named}
        values, kwargs = self._cast_inputs(values_of((inputs, kwargs)))
        kwargs = {**self._named_masks(named), **kwargs} if named else kwargs
        try:
            y, state = core(values, kwargs, first if mask is None else mask)
        except Exception as error:
            _annotate(error, self, values)
            raise
        if self.activity_regularizer is not None:
            penalty = sum(self._activity(value_of(v)) for v in jax.tree.leaves(y, is_leaf=is_masked))
            state = {**state, "aux_loss": state.get("aux_loss", 0.0) + jnp.asarray(penalty, jnp.float32)}
        if any(is_masked(v) for v in jax.tree.leaves(y, is_leaf=is_masked)):
            return y, state
        if self.supports_masking:
            y = attach(y, self.compute_mask(values[0] if values else None, first if mask is None else mask))
        elif any(m is not None for m in jax.tree.leaves(first)):
            warnings.warn(f"{self!r} knows no masks: the one that came with its inputs ends here.", stacklevel=3)
        return y, state

    def _activity(self, y: Any) -> Any:
        """The activity penalty of one output: per example, where it has a batch."""
        total = jnp.sum(self.activity_regularizer(y))
        return total / y.shape[0] if y.ndim and y.shape[0] else total

    def _first(self, scope: Any, inputs: Any, kwargs: Any) -> Any:
        """The first, abstract run of a bound layer: outputs, with what it uses noted in `scope`."""

        def core(values: Any, kwargs: Any, mask: Any) -> Any:
            scope.mask = mask
            y = binding.run_first(scope, values, kwargs)
            return y, scope.state

        y, scope.state = self._through(core, inputs, kwargs)
        scope.plan.losses = "aux_loss" in scope.state
        return y

    def call(self, *inputs: Any) -> Any:
        """The mathematics. Every layer writes its own."""
        raise NotImplementedError(f"{type(self).__name__} must define `call`.")

    def build(self, input_shape: Any) -> None:
        """Makes the values for inputs of this shape. Keras-style layers override it to add their weights."""
        if self._face.scope is None and not self.builds:
            facade.fill(self, (storey.specs_from_shapes(input_shape, self.input_dtype),), {})
        else:
            facade.note_build(self)
            self.built = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs, from that of the first input."""
        return previous_mask

    # --- what falls out of it ------------------------------------------------------------------

    def _read_text(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs as a compiled program can take them: with what layers on the host make of text in its place."""
        return inputs

    def output_spec(self, *inputs: Any, **kwargs: Any) -> Any:
        """Specs of the outputs for inputs of these specs; dimensions may be None."""
        inputs = self._read_text(inputs)
        facade.refuse_text(self, inputs)

        def run(rng: Any, inputs: Any, kwargs: Any) -> Any:
            training = kwargs.pop("training", None) or False
            params, state = self.init(rng, *inputs, **kwargs)
            return self.apply(params, state, *inputs, rng=rng, training=training, **kwargs)[0]

        return spec.infer(run, spec.key_spec(), inputs, kwargs)

    def penalty(self, params: Any) -> Any:
        """Sum of the weight regularizers, a float32 scalar."""
        return sum(auxiliary.penalties(self, params), jnp.zeros((), jnp.float32))

    def project(self, params: Any) -> Any:
        """The params after the weight constraints."""
        children = self.children

        def one(name: str, value: Any) -> Any:
            if name in children:
                return project(children[name], value)
            constraint = self._weight_setting(name, "constraint")
            return value if constraint is None else constraint(value)

        return {n: one(n, v) for n, v in params.items()}

    def trainable_mask(self, params: Any) -> Any:
        """A nest like params: True where a gradient is taken."""
        children = self.children
        return {
            n: jax.tree.map(lambda t: t and self.trainable, children[n].trainable_mask(v))
            if n in children
            else jax.tree.map(lambda _: self.trainable, v)
            for n, v in params.items()
        }

    def _setting(self, weight: str, kind: str) -> Any:
        """`kernel` -> `kernel_initializer`; `recurrent_kernel` -> `recurrent_initializer`."""
        return getattr(self, f"{weight}_{kind}", None) or getattr(
            self, f"{weight.removesuffix('_kernel')}_{kind}", None
        )

    def _weight_setting(self, weight: str, kind: str) -> Any:
        """The regularizer or constraint of an own weight, from the settings or from `add_weight`."""
        declared = self._face.declared.get(weight)
        return (getattr(declared, kind) if declared is not None else None) or (
            None if self.is_bound else self._setting(weight, kind)
        )

    # --- what may go wrong ---------------------------------------------------------------------

    def check_rank(self, *inputs: Any) -> None:
        """Refuses a first input of the wrong rank."""
        if self.rank is None or not inputs or not hasattr(inputs[0], "shape"):
            return
        least, most = (self.rank, self.rank) if isinstance(self.rank, int) else self.rank
        rank = len(inputs[0].shape)
        if rank < least or (most is not None and rank > most):
            wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            raise ValueError(
                f"{self!r} expects inputs of rank {wanted}; got shape {shown(inputs[0].shape)} of rank {rank}."
            )

    def check_params(self, params: Any, *inputs: Any) -> None:
        """Refuses inputs for which these params do not have the right shapes."""
        for name, shape in self.param_shapes(*inputs).items():
            shape = getattr(shape, "shape", shape)
            if name not in params:
                raise ValueError(
                    f"{self!r} has no {name!r} in its params; they hold {sorted(params)}. Make them with "
                    "layer.init(rng, inputs)."
                )
            have = tuple(params[name].shape)
            if have != tuple(shape):
                shapes = ", ".join(shown(x.shape) for x in jax.tree.leaves(inputs) if hasattr(x, "shape"))
                raise ValueError(
                    f"{self!r} has a {name} of shape {have}, but inputs of shape {shapes} need {shown(shape)}. "
                    "A layer's values fit one size of features: use another layer, or initialise this one for these "
                    "inputs."
                )

    def _in_order(self, entries: list[Any]) -> list[Any]:
        """The entries of its weights, as `storey.entries` lists them, in the order that Keras gives them."""
        return entries

    # --- own values ----------------------------------------------------------------------------

    def _fill(self, rng: Any, name: str, shape: Any) -> Any:
        """The first value of one weight, from the key of its name."""
        dtype = self.dtype_policy.variable_dtype
        if isinstance(shape, (jax.ShapeDtypeStruct, spec.Spec)):
            shape, dtype = shape.shape, shape.dtype
        if not all(isinstance(d, int) for d in shape):
            raise ValueError(
                f"{self!r} needs to know the size that makes its {name} of shape {shown(shape)}: give that dimension "
                "of the input a number."
            )
        initializer = self._setting(name, "initializer") or "zeros"
        return initializers.fill(initializer, random.fold(rng, name), tuple(shape), dtype)

    def _given(self, params: dict[str, Any]) -> dict[str, Any]:
        """Params, replaced by those of the old `weights=` argument."""
        if self._face.given is None:
            return params
        given = self._face.given if isinstance(self._face.given, (list, tuple)) else [self._face.given]
        given = [jnp.asarray(w, p.dtype) for w, p in zip(given, params.values(), strict=False)]
        if [w.shape for w in given] != [p.shape for p in params.values()]:
            raise ValueError(
                f"{self!r}: weights= holds shapes {[w.shape for w in given]}; the layer has "
                f"{[p.shape for p in params.values()]}."
            )
        return dict(zip(params, given, strict=True))

    def _draw_declared(self, key: str) -> storey.Values:
        """The value of a weight that a Keras-style `__init__` added."""
        with jax.ensure_compile_time_eval(), random.lent(None):  # a first read inside a trace must not store a tracer
            return binding.draw(self, {key: self._face.declared[key]}, random.next_key())

    def _key(self, rng: Any, state: Any, training: bool) -> Any:
        """(key, state) for one call: drawn from the layer's own seed if it has one."""
        if not training or "rng" not in self._wants or "seed_generator" not in state:
            return rng, state
        return random.seeded(state)

    # --- dtypes ----------------------------------------------------------------------------------

    def _cast_own(self, params: Any) -> Any:
        """Own params in the compute dtype; sublayers cast their own."""
        if not (self.autocast and self.casts_params):
            return params
        to, children = jnp.dtype(self.dtype_policy.compute_dtype), self.children

        def cast(w: Any) -> Any:
            return w.astype(to) if jnp.issubdtype(w.dtype, jnp.floating) and w.dtype != to else w

        return {n: w if n in children else jax.tree.map(cast, w) for n, w in params.items()}

    def _cast_inputs(self, tree: Any) -> Any:
        """Arrays of floats in the compute dtype; everything else as it is."""
        to = jnp.dtype(self.dtype_policy.compute_dtype)

        def cast(x: Any) -> Any:
            x = storey.as_array(x)
            if self.autocast and hasattr(x, "astype") and jnp.issubdtype(x.dtype, jnp.floating) and x.dtype != to:
                return x.astype(to)
            return x

        return jax.tree.map(cast, tree)

    def _named_masks(self, masks: dict[str, Any]) -> dict[str, Any]:
        """In-band masks of arguments, for arguments called `<argument>_mask`."""
        known = inspect.signature(self.call).parameters
        return {f"{n}_mask": m for n, m in masks.items() if m is not None and f"{n}_mask" in known}

    # --- config ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values, in the form of Keras 3."""
        config = super().get_config()
        config["dtype"] = policies.serialize(self.dtype_policy)
        for optional in ("activity_regularizer", *self.config_if_set):
            if config.get(optional) is None and optional not in self.config_always:
                config.pop(optional, None)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with these settings."""
        return super().from_config(config)

    def replace(self, **changes: Any) -> Any:
        """A copy with some settings changed; it shares no values with this one."""
        custom = registry.custom_init(type(self))
        kept = {} if custom else {"dtype": self.dtype_policy, "name": None if self._face.auto_named else self.name}
        return type(self)(**{**{k: _copied(v) for k, v in registry.given(self).items()}, **kept, **changes})

    def __setattr__(self, name: str, value: Any) -> None:
        compiled.changes[0] += 1
        if name in _TAKEN and isinstance(value, (Layer, Variable)):
            raise AttributeError(
                f"{type(self).__name__}: every layer has a method or property {name!r}; give the attribute another "
                "name."
            )
        if name == "trainable":
            for child in self.children.values() if "_face" in vars(self) else ():
                child.trainable = value
        elif getattr(value, "unnamed", False) and isinstance(value, Variable):
            facade.name_weight(self, value, name)
        elif name in _POLICY and "dtype_policy" in vars(self):
            object.__setattr__(self, "dtype_policy", policies.get(value))
            name, value = "dtype", self.dtype_policy.variable_dtype
        object.__setattr__(self, name, shared_names[name](self, value) if name in shared_names else value)


shared_names: dict[str, Callable[[Any, Any], Any]] = {}  # attributes of older layers that are methods today
_POLICY = ("dtype", "dtype_policy")
_TAKEN = frozenset(
    ("init", "apply", "call", "build", "values", "children", "weights", "variables", "losses", "replace")
)


def penalty(layer: Layer, params: Any) -> Any:
    """`layer.penalty(params)`, also for a Keras-style layer with a sublayer of that name."""
    return type(layer).penalty(layer, params)


def project(layer: Layer, params: Any) -> Any:
    """`layer.project(params)`, also for a Keras-style layer with a sublayer of that name."""
    return type(layer).project(layer, params)


def _offering(call: Callable[..., Any], wants: frozenset[str]) -> Callable[..., Any]:
    """`call`, so that `super().call(x)` in a Keras-style subclass finds params and state by itself."""
    keyword_only = {n for n, p in inspect.signature(call).parameters.items() if p.kind is p.KEYWORD_ONLY} & wants

    @functools.wraps(call)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        scope = self._face.scope
        if scope is None or keyword_only <= kwargs.keys():
            return call(self, *args, **kwargs)
        out = call(self, *args, **{n: scope.offer(n) for n in keyword_only if n not in kwargs}, **kwargs)
        if "state" not in keyword_only or "state" in kwargs:
            return out
        y, state = out
        scope.state.update(state)
        return y

    return wrapped


def _copied(value: Any) -> Any:
    """A setting, with a copy in the place of each layer."""
    if isinstance(value, Layer):
        return value.replace()
    return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value


def shown(shape: Any) -> str:
    """A shape for a message: sizes that are not known as `?`."""
    parts = [str(d) if isinstance(d, int) else "?" for d in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _annotate(error: Exception, layer: Layer, values: Any) -> None:
    """Says in which layer, on which shapes, an error arose: once, at the innermost layer."""
    if getattr(error, "_fkeras_layer", None) is None and repr(layer) not in str(error):
        shapes = ", ".join(shown(x.shape) for x in jax.tree.leaves(values) if hasattr(x, "shape"))
        error.add_note(f"in {layer!r} (name {layer.name!r}), called on inputs of shape {shapes or '()'}")
    with_mark: Any = error
    with_mark._fkeras_layer = layer.name
