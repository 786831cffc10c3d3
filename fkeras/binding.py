"""Keras-style layers (`build`, `add_weight`, sublayers as attributes) as pure pairs.

The layer is shallow-copied; its weights become attributes of the copy that hold the
given values, its sublayers become copies that apply themselves to their own part of the
params; `call` runs on the copy, the state is read back, and the copy is dropped. So
nothing outlives the call and nothing leaks.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from . import initializers, input_spec, lending, random, sharing, spec, storey
from .variable import Variable


@dataclasses.dataclass(eq=False)
class Plan:
    """What a first abstract run finds out: own weights, and what each sublayer is called with."""

    own: dict[str, storey.Declared] = dataclasses.field(default_factory=dict)
    shaped: tuple[str, ...] = ()  # those of a built-in layer that the user's class extends
    children: dict[str, Any] = dataclasses.field(default_factory=dict)  # name -> (layer, args, kwargs) or (layer, Plan)
    losses: bool = False


@dataclasses.dataclass(eq=False)
class Scope:
    """What the throw-away copy of one layer knows during one call."""

    original: Any
    params: dict[str, Any]
    state: dict[str, Any]
    rng: Any = None
    training: bool = False
    mask: Any = None
    plan: Plan | None = None  # set during the abstract run of init
    parent: Scope | None = None
    name: str = ""
    own: dict[str, Variable] = dataclasses.field(default_factory=dict)
    given: dict[str, Any] = dataclasses.field(default_factory=dict)  # the values of `own` when the call began
    losses: list[Any] = dataclasses.field(default_factory=list)
    calls: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    children: dict[str, Any] = dataclasses.field(default_factory=dict)  # the copies of the sublayers
    whole: bool = False  # whether the copy may itself be called

    def offer(self, name: str) -> Any:
        """One of the five things that a `call` may ask for."""
        return getattr(self, name)


# --- init and apply --------------------------------------------------------------------------


def init(layer: Any, rng: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> storey.Values:
    """(params, state) of a Keras-style layer for inputs of these shapes."""
    return realize(layer, plan(layer, inputs, kwargs), rng)


def plan(layer: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan:
    """Runs `call` abstractly once and notes what it uses."""
    found: list[Plan] = []

    def run(rng: Any, inputs: Any, kwargs: Any) -> Any:
        scope = Scope(layer, {}, {}, rng=rng, training=True, plan=Plan())
        y = layer._first(scope, inputs, kwargs)
        found.append(scope.plan)  # type: ignore[arg-type]
        return y

    spec.infer(run, spec.key_spec(), inputs, kwargs)
    return found[-1]


def realize(layer: Any, plan: Plan, rng: Any) -> storey.Values:
    """Fills what a plan found, each weight with the key of its path."""
    face = layer._face
    early = [k for k in (face.declared if face.early is None else face.early) if k not in plan.shaped]
    order = dict.fromkeys([*early, *plan.shaped, *face.declared, *plan.own])
    face.declared = {k: plan.own.get(k, face.declared.get(k)) for k in order}
    params, state = draw(layer, plan.own, rng)
    for name, (child, *how) in plan.children.items():
        key = random.fold(rng, name)
        p, s = realize(child, how[0], key) if isinstance(how[0], Plan) else child.init(key, *how[0], **how[1])
        if p:
            params[name] = p
        if s:
            state[name] = s
    if plan.losses:
        state["aux_loss"] = jnp.zeros((), jnp.float32)
    return params, state


def draw(layer: Any, declared: dict[str, storey.Declared], rng: Any) -> storey.Values:
    """First values of a layer's own weights."""
    params: dict[str, Any] = {}
    state: dict[str, Any] = {}
    for key, d in declared.items():
        value = initializers.fill(d.initializer, random.fold(rng, key), d.shape, d.dtype)
        (params if d.trainable else state)[key] = value
    return params, state


def apply(layer: Any, params: Any, state: Any, inputs: Any, kwargs: Any, rng: Any, training: bool, mask: Any) -> Any:
    """(outputs, state) of a Keras-style layer."""
    scope = Scope(layer, params, dict(state), rng=rng, training=training, mask=mask)
    y = run(bind(layer, scope, inputs), scope, inputs, kwargs)
    return y, read_back(scope, state)


def within(layer: Any, params: Any, state: Any, run: Any, rng: Any = None, training: bool = False) -> Any:
    """(what `run(net)` returns, state): `net` is the layer holding these values, to be called, in whole or in parts."""
    params, before = sharing.with_copies(layer, params), sharing.with_copies(layer, state)
    scope = Scope(layer, params, dict(before), rng=rng, training=training, whole=True)
    result = run(bind(layer, scope, ()))
    return result, sharing.gathered(layer, before, read_back(scope, before))


def read_back(scope: Scope, state: Any) -> dict[str, Any]:
    """The state that a run has left on the copy of a layer."""
    layer, new = scope.original, dict(scope.state)
    for key, variable in scope.own.items():
        if key in state:
            new[key] = jnp.asarray(variable.value, state[key].dtype)
        elif variable.value is not scope.given[key]:
            raise ValueError(
                f"{layer!r} assigned to its trainable weight {key!r} inside `call`; only trainable=False weights may "
                "change there."
            )
    if scope.losses:
        if "aux_loss" not in state:
            raise ValueError(
                f"{layer!r} called add_loss in a call but not in the first one; its state has no place for the loss."
            )
        new["aux_loss"] = new["aux_loss"] + sum(jnp.sum(jnp.asarray(v, jnp.float32)) for v in scope.losses)
    return new


# --- the throw-away copy -----------------------------------------------------------------------


def run(bound: Any, scope: Scope, inputs: Any, kwargs: Any) -> Any:
    """Runs the copy's `call`, offering what it names."""
    if (expected := vars(bound).get("input_spec")) is not None and inputs:
        input_spec.check(scope.original, expected, inputs[0])
    offered = {k: scope.offer(k) for k in bound._wants if k not in kwargs}
    with random.lent(scope.rng), lending.in_phase(root_of(scope).training):
        return bound.call(*inputs, **offered, **kwargs)


def run_first(scope: Scope, inputs: Any, kwargs: Any) -> Any:
    """The first run of a layer, inside an abstract trace: its weights are declared, its sublayers initialised."""
    layer = scope.original
    y = run(bind(layer, scope, inputs), scope, inputs, kwargs)
    if scope.losses:
        scope.state["aux_loss"] = jnp.zeros((), jnp.float32)
    for key, variable in scope.own.items():
        (scope.params if variable.trainable else scope.state)[key] = variable.value
    return y


def bind(layer: Any, scope: Scope, inputs: Any) -> Any:
    """The copy of `layer` whose weights and sublayers are those of `scope`."""
    bound = copy.copy(layer)
    object.__setattr__(bound, "_face", storey.Face(scope=scope, declared=layer._face.declared))
    replaced: dict[int, Any] = {}
    for name, child in layer.children.items():
        replaced[id(child)] = scope.children[name] = bind_child(child, scope, name)
    for key, declared in layer._face.declared.items():
        if (handle := layer._face.handles.get(key)) is not None:
            replaced[id(handle)] = declare(bound, key, declared)
    for name, value in list(vars(layer).items()):
        if isinstance(value, random.SeedGenerator) and scope.rng is not None:
            replaced[id(value)] = value.bound(scope.rng)
        if name != "_face":
            object.__setattr__(bound, name, swap(value, replaced))
    if scope.plan is not None:
        declare_shapes(layer, scope, inputs)
    if not layer.built and layer.builds:
        layer._face.build_shape = build_arguments(layer, inputs)
        bound.build(*layer._face.build_shape)
        grow(bound, layer, scope)
    return bound


def grow(bound: Any, layer: Any, scope: Scope) -> None:
    """Binds the sublayers that `build` has just made on the copy; the original remembers them."""
    made = {name: child for name, child in bound.children.items() if child._face.scope is None}
    replaced = {id(child): bind_child(child, scope, name) for name, child in made.items()}
    for attribute, value in list(vars(bound).items()) if made else ():
        if attribute != "_face":
            object.__setattr__(bound, attribute, swap(value, replaced))
    if scope.plan is not None:
        layer._face.grown = made


def bind_child(child: Any, parent: Scope, name: str) -> Any:
    """The copy of a sublayer that applies itself to its part of the parent's values."""
    scope = Scope(child, parent.params.get(name, {}), parent.state.get(name, {}), parent=parent, name=name)
    bound = copy.copy(child)
    object.__setattr__(bound, "_face", storey.Face(scope=scope, declared=child._face.declared))
    scope.children = {n: bind_child(c, scope, n) for n, c in child.children.items()}
    replaced = {id(c): scope.children[n] for n, c in child.children.items()}
    for key, handle in child._face.handles.items():
        value = scope.params.get(key, scope.state.get(key))
        replaced[id(handle)] = Variable(value, name=key) if value is not None else handle
    for attribute, value in list(vars(child).items()):
        if attribute != "_face":
            object.__setattr__(bound, attribute, swap(value, replaced))
    return bound


def swap(value: Any, replaced: dict[int, Any]) -> Any:
    """A value with the layers and weights in it replaced; lists and dicts are copied."""
    if id(value) in replaced:
        return replaced[id(value)]
    if type(value) in (list, tuple):
        return type(value)(swap(v, replaced) for v in value)
    if type(value) is dict:
        return {k: swap(v, replaced) for k, v in value.items()}
    return value


def declare(bound: Any, key: str, declared: storey.Declared, unnamed: bool = False) -> Variable:
    """The weight `key` on a bound copy: its given value, or a stand-in during the first run."""
    scope: Scope = bound._face.scope
    half = scope.params if declared.trainable else scope.state
    if scope.plan is not None:
        scope.plan.own[key] = declared
        value = jnp.zeros(declared.shape, declared.dtype)
    elif key not in half and not unnamed:
        raise ValueError(
            f"{scope.original!r}: params and state hold no {key!r}; they have {sorted([*scope.params, *scope.state])}."
        )
    else:
        value = half.get(key)  # an unnamed weight finds its value when it gets its name
    variable = Variable(
        value, name=key, trainable=declared.trainable, regularizer=declared.regularizer, constraint=declared.constraint
    )
    variable.unnamed = unnamed  # type: ignore[attr-defined]
    scope.own[key], scope.given[key] = variable, variable._value
    return variable


def declare_shapes(layer: Any, scope: Scope, inputs: Any) -> None:
    """The weights that a built-in layer declares by shape, for a subclass in the Keras style."""
    assert scope.plan is not None
    for trainable, half, shapes in ((True, scope.params, layer.param_shapes), (False, scope.state, layer.state_shapes)):
        for key, shape in shapes(*inputs).items():
            regularizer, constraint, initializer = (
                layer._setting(key, kind) for kind in ("regularizer", "constraint", "initializer")
            )
            dtype = getattr(shape, "dtype", layer.dtype_policy.variable_dtype)
            declared = storey.Declared(
                trainable, regularizer, constraint, tuple(getattr(shape, "shape", shape)), dtype, initializer or "zeros"
            )
            scope.plan.own[key] = declared
            scope.plan.shaped += (key,)
            half[key] = jnp.zeros(declared.shape, declared.dtype)
    for name, args in layer.child_inputs(*inputs).items():
        child = layer.children[name]
        scope.plan.children[name] = (child, *storey.specs_of((args, {})))
        scope.params[name], scope.state[name] = child.init(scope.rng, *args)


def rename(bound: Any, variable: Any, key: str) -> None:
    """An unnamed weight on a bound copy takes the name of its attribute."""
    scope: Scope = bound._face.scope
    old, variable.unnamed = variable.name, False
    scope.own = {key if k == old else k: v for k, v in scope.own.items()}
    variable.name = variable.path = key
    if scope.plan is not None:
        scope.plan.own = {key if k == old else k: d for k, d in scope.plan.own.items()}
    else:
        half = scope.params if variable.trainable else scope.state
        if key not in half:
            raise ValueError(
                f"{scope.original!r}: params and state hold no {key!r}; they have "
                f"{sorted([*scope.params, *scope.state])}."
            )
        variable.value = scope.given[key] = half[key]


def call(bound: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sublayer's copy called inside its parent's `call`: pure, on its part of the values."""
    scope: Scope = bound._face.scope
    parent, layer, name = scope.parent, scope.original, scope.name
    if parent is None:
        return call_whole(scope, args, kwargs)
    count = parent.calls[name]
    parent.calls[name] += 1
    key, training = key_of(scope), kwargs.pop("training", None)
    key = jax.random.fold_in(key, count) if key is not None and count else key
    training = root_of(scope).training if training is None else training
    if parent.plan is not None and name not in parent.plan.children:
        y = first_call(layer, name, parent, parent.plan, key, args, kwargs)
    else:
        params, state = values_at(scope)
        y, state = layer.apply(params, state, *args, rng=key, training=training, **kwargs)
        if state:
            keep_state(parent, name, state)
    scope.params, scope.state = values_at(scope)
    return y


def call_whole(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The copy of a whole model called, in a loss for example."""
    layer = scope.original
    if not scope.whole:
        raise RuntimeError(f"{layer!r} called itself inside its own `call`.")
    count = scope.calls[""]
    scope.calls[""] += 1
    key = jax.random.fold_in(scope.rng, count) if scope.rng is not None and count else scope.rng
    training = kwargs.pop("training", None)
    training = scope.training if training is None else training
    y, new = layer.apply(scope.params, scope.state, *args, rng=key, training=training, **kwargs)
    scope.state = sharing.with_copies(layer, new)
    for name, variable in scope.own.items():
        if name in new:
            variable.value = new[name]
    return y


def root_of(scope: Scope) -> Scope:
    """The scope of the layer whose copy holds all others."""
    return scope if scope.parent is None else root_of(scope.parent)


def key_of(scope: Scope) -> Any:
    """The key of a layer: that of the layer it is in, folded with its name."""
    if scope.parent is None:
        return scope.rng
    above = key_of(scope.parent)
    return None if above is None else random.fold(above, scope.name)


def values_at(scope: Scope) -> storey.Values:
    """(params, state) of a layer as they are now."""
    if scope.parent is None:
        return scope.params, scope.state
    params, state = values_at(scope.parent)
    return params.get(scope.name, {}), state.get(scope.name, {})


def keep_state(scope: Scope, name: str, state: Any) -> None:
    """Notes the new state of a sublayer; nested dicts that others may hold are left as they are."""
    if scope.parent is None:
        scope.state[name] = state
    else:
        keep_state(scope.parent, scope.name, {**values_at(scope)[1], name: state})


def first_call(layer: Any, name: str, parent: Scope, plan: Plan, key: Any, args: Any, kwargs: Any) -> Any:
    """A sublayer's first call during the abstract run: initialise it, and note with what."""
    if layer.is_bound:  # it shares this trace
        scope = Scope(layer, {}, {}, rng=key, training=True, plan=Plan())
        y = layer._first(scope, args, kwargs)
        plan.children[name] = (layer, scope.plan)
        parent.params[name], parent.state[name] = scope.params, scope.state
        return y
    plan.children[name] = (layer, *storey.specs_of((args, kwargs)))
    params, state = layer.init(key, *args, **kwargs)
    y, state = layer.apply(params, state, *args, rng=key, training=True, **kwargs)
    parent.params[name], parent.state[name] = params, state
    return y


def build_arguments(layer: Any, inputs: Any) -> tuple[Any, ...]:
    """The shapes that `build` gets: of the first input, or of each input it names."""
    shapes = [jax.tree.map(lambda x: tuple(spec.of(x).shape), x, is_leaf=lambda x: hasattr(x, "shape")) for x in inputs]
    names = [
        p
        for p in inspect.signature(layer.build).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(layer.build).parameters.values()):
        return tuple(shapes)
    return tuple(shapes[: max(len(names), 1)]) if names else ()
