"""`Optimizer`: settings and an optax pair of functions over trees of parameters.

A rule is `slots` (first values kept for one leaf), `shared` (numbers that all leaves of
one step share) and `rule` (the change of one leaf). Everything around it stands here
once, in the order of Keras: unscale, accumulate, clip, decay, rule, moving average.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import registry, stream
from . import binding, norms
from .face import Face, LearningRate
from .leaves import Row, row
from .legacy import OptimizerType
from .step import Step, overwritten, zeros

OPTIMIZER = registry.Kind("optimizer", "keras.optimizers")
COMMON = (
    "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "name",
)  # fmt: skip
Slots = dict[str, Any]


class Optimizer(Face, binding.Subclassing, registry.Configurable, metaclass=OptimizerType, kind=OPTIMIZER):
    """The base of all optimizers; it is an optax transformation: `init, update = optimizer`.

    `init(params) -> opt_state` and `update(grads, opt_state, params) -> (updates, opt_state)`;
    the updates are to be added to the params. `opt_state` is a plain dict of arrays:
    `iterations`, `learning_rate` (a leaf, unless it is a schedule), `slots`, and `average` and
    `gradient_accumulator` where asked for.

    Shapes: any tree of floating arrays, with holes (None); gradients and updates have its form.
        A gradient may be None: its parameter and slots then stay as they are.
    learning_rate: a number, a schedule, or a function of nothing or of the step.
    weight_decay: the part of each weight, times the learning rate, that is taken off before a step.
    clipnorm, global_clipnorm, clipvalue: at most one: bounds the norm of each gradient, of all
        together, or each number.
    use_ema: keeps a moving average of the weights (`ema_momentum`), which replaces them every
        `ema_overwrite_frequency` steps, and after training (`finalize`).
    loss_scale_factor: `scale_loss` multiplies by it, and gradients are divided by it.
    gradient_accumulation_steps: applies the mean gradient of so many calls of `update`, in the last.
    Raises ValueError for settings out of range, when the optimizer is made.

    A subclass defines `rule` (and `slots`, `shared`), or, in the Keras way, `build` and `update_step`.

    >>> class Sign(Optimizer):
    ...     def rule(self, g, p, s, lr):
    ...         return -lr * jnp.sign(g), s
    >>> opt = Sign(0.5)
    >>> updates, state = opt.update({"w": jnp.array([3.0, -2.0])}, opt.init({"w": jnp.zeros(2)}), {"w": jnp.zeros(2)})
    >>> updates["w"].tolist(), int(state["iterations"])
    ([-0.5, 0.5], 1)
    """

    learning_rate: Any = LearningRate()
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    name: str | None = None

    def __init_subclass__(cls, arguments: tuple[str, ...] | None = None, **kwargs: Any):
        super().__init_subclass__(names=(cls.__name__.lower(),), **kwargs)
        if "__dataclass_fields__" in vars(cls) and not registry.custom_init(cls):
            arrange(cls, arguments)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.name, str):
            self.name = registry.snake_case(type(self).__name__)
        clips = {k: v for k in ("clipnorm", "clipvalue", "global_clipnorm") if (v := getattr(self, k)) is not None}
        if len(clips) > 1:
            raise ValueError(
                f"{type(self).__name__}: Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set; "
                f"received {', '.join(f'{k}={v}' for k, v in clips.items())}."
            )
        for field in clips:
            self.require(field, "> 0 or None", lambda v: v > 0)
        self.require("ema_momentum", "in the range [0, 1]", lambda v: 0 <= v <= 1)
        for field, least in (("ema_overwrite_frequency", 1), ("gradient_accumulation_steps", 2)):
            if (value := getattr(self, field)) is not None:
                self.require(field, f"an integer >= {least} or None", lambda v, n=least: whole(v) and v >= n)
                setattr(self, field, int(value))
        if self.loss_scale_factor is not None:
            self.require("loss_scale_factor", "> 0 or None", lambda v: v > 0)

    def require(self, field: str, expected: str, holds: Callable[[Any], bool]) -> None:
        """Refuses a setting; numbers that are only known when a program runs are let through."""
        value = getattr(self, field)
        if isinstance(value, Tracer):
            return
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and holds(value):
            return
        raise ValueError(f"{type(self).__name__}: `{field}` must be {expected}; received {field}={value!r}.")

    # --- the rule: what a subclass defines ---------------------------------------------------------

    def slots(self, p: Any, leaf: Any) -> Slots:
        """First values of what is kept for one parameter."""
        return {}

    def shared(self, lr: Any, t: Any) -> Any:
        """The numbers that the rule needs for every leaf of step `t` = 1, 2, ...; the learning rate alone."""
        return lr

    def rule(self, g: Any, p: Any, s: Slots, k: Any) -> tuple[Any, Slots]:
        """(change of the parameter, new slots) of one leaf.

        g: gradient. p: parameter. s: its slots. k: what `shared` returned.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `rule`, or `update_step` in the Keras way.")

    def extras(self, params: Row) -> dict[str, Any]:
        """First values of what is kept once for all parameters; `shared` gets them by name."""
        return {}

    def advance(self, extras: dict[str, Any], t: Any) -> dict[str, Any]:
        """The extras of step `t`."""
        return extras

    def decay(self, leaf: Any) -> Any:
        """The weight decay of one parameter, or None."""
        return None if self.is_excluded(leaf) else self.weight_decay

    # --- the pair ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter((self.init, self.update))

    def init(self, params: Any, leaves: list[Any] | None = None) -> dict[str, Any]:
        """The first `opt_state` for params; reads their shapes (and values, if the rule keeps a copy).

        leaves: what is known of each parameter (path, shape, dtype), where params has no paths.
        """
        params = row(params, leaves)
        return binding.init(self, params) if self.is_custom else self.begin(params)

    def begin(self, params: Row) -> dict[str, Any]:
        """`init` on a row of leaves.

        Raises TypeError for parameters of integers.
        """
        for leaf in params.leaves:
            if not jnp.issubdtype(jnp.dtype(leaf.dtype), jnp.inexact):
                raise TypeError(f"{self!r}: {leaf.path!r} is of {leaf.dtype}; only floating parameters can be trained.")
        state: dict[str, Any] = {"iterations": stream.put(np.zeros((), np.int32))}
        if not callable(self._rate):
            state["learning_rate"] = stream.put(self._rate, "float32")
        pairs = list(zip(params.values, params.leaves, strict=True))
        kept = [{} if self.is_custom or overwritten(leaf) else self.slots(p, leaf) for p, leaf in pairs]
        state["slots"] = {n: params.tree([s.get(n) for s in kept]) for n in dict.fromkeys(n for s in kept for n in s)}
        if self.use_ema:
            state["average"] = params.tree([None if overwritten(leaf) else zeros(p) for p, leaf in pairs])
        if self.gradient_accumulation_steps:
            state["gradient_accumulator"] = params.tree([zeros(p) for p in params.values])
        return {**state, **self.extras(params)}

    def update(
        self, grads: Any, opt_state: Any, params: Any = None, leaves: list[Any] | None = None
    ) -> tuple[Any, Any]:
        """(updates, opt_state): one step; add the updates to the params."""
        if params is None:
            raise ValueError(f"{self!r}: update needs the parameters: update(grads, opt_state, params).")
        params = row(params, leaves)
        step = Step(self, params, opt_state)
        gs = self.check(params.pick(grads), params)
        aside = [g if overwritten(leaf) else None for g, leaf in zip(gs, params.leaves, strict=True)]
        gs = [None if overwritten(leaf) else g for g, leaf in zip(gs, params.leaves, strict=True)]
        if self.loss_scale_factor is not None:
            gs = [g if g is None else g / self.loss_scale_factor for g in gs]
        step.accumulate(gs) if self.gradient_accumulation_steps else step.take(gs)
        if self.use_ema:
            step.average()
        step.overwrite(aside)
        step.state["iterations"] = opt_state["iterations"] + 1
        return params.tree(step.updates), step.state

    def check(self, grads: list[Any], params: Row) -> list[Any]:
        """The gradients, if each has the shape of its parameter."""
        for g, leaf in zip(grads, params.leaves, strict=True):
            if g is not None and tuple(jnp.shape(g)) != tuple(leaf.shape):
                raise ValueError(
                    f"{self!r}: the gradient of {leaf.path!r} has shape {jnp.shape(g)}, the parameter {leaf.shape}."
                )
        return [g if g is None else jnp.asarray(g) for g in grads]

    def clip(self, grads: list[Any]) -> list[Any]:
        """The gradients, bounded as the settings say."""
        if self.clipnorm is not None:
            return norms.clip_each(grads, self.clipnorm)
        if self.global_clipnorm is not None:
            return norms.clip_together(grads, self.global_clipnorm)
        return grads if self.clipvalue is None else norms.clip_values(grads, self.clipvalue)

    def rate_at(self, opt_state: Any) -> Any:
        """The learning rate of a step that begins with this state."""
        if not callable(self._rate):
            return jnp.asarray(opt_state.get("learning_rate", self._rate), jnp.float32)
        rate = self._rate(opt_state["iterations"]) if takes_step(self._rate) else self._rate()
        return jnp.asarray(getattr(rate, "value", rate), jnp.float32)

    def finalize(self, params: Any, opt_state: Any, leaves: list[Any] | None = None) -> Any:
        """The params to keep after training: their moving average, if there is one."""
        if not self.use_ema:
            return params
        parts = row(params, leaves)
        averages = parts.pick(opt_state["average"])
        return parts.tree([p if a is None else a for p, a in zip(parts.values, averages, strict=True)])

    def scale_loss(self, loss: Any, opt_state: Any = None) -> Any:
        """The loss to take gradients of, times the loss scale."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # --- weight decay ------------------------------------------------------------------------------

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Leaves parameters out of weight decay; to be called before the optimizer is built.

        var_list: the variables themselves; in a tree of params, those at their paths.
        var_names: regular expressions, sought in the names (`bias`), or, where they have a `/`,
            in the paths (`dense_1/kernel`).
        """
        if self.built:
            raise ValueError(f"{self!r}: exclude_from_weight_decay must come before the optimizer is built.")
        self._excluded = (list(var_list or ()), [re.compile(n) for n in var_names or ()])

    def is_excluded(self, leaf: Any) -> bool:
        """Whether a parameter is left out of weight decay."""
        listed, patterns = self._excluded
        same = (lambda v: v is leaf) if hasattr(leaf, "value") else (lambda v: v.path == leaf.path)
        sought = [p.search(leaf.path if "/" in p.pattern else leaf.name) for p in patterns]
        return any(map(same, listed)) or any(sought)

    # --- settings ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values, with the learning rate of now."""
        fields = [f.name for f in registry.settings(type(self))]
        config = {n: registry.serialize_setting(n, getattr(self, n)) for n in fields if n != "learning_rate"}
        if "learning_rate" in fields:
            config["learning_rate"] = self._rate_config()
        if registry.custom_init(type(self)):
            given = {k: v for k, v in vars(self).get("_init_args", {}).items() if k not in config and hasattr(self, k)}
            config.update({k: registry.serialize_setting(k, getattr(self, k)) for k in given})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer with these settings."""
        return cls(**{k: registry.deserialize(v, custom_objects) for k, v in config.items()})

    def replace(self, **changes: Any) -> Any:
        """A copy with some settings changed, without state; what is left out of weight decay stays so."""
        fields = {f.name for f in registry.settings(type(self))}
        if "learning_rate" in fields and not registry.custom_init(type(self)):
            changes = {"learning_rate": self._rate, **changes}
        twin = super().replace(**changes)
        twin._excluded, twin._form = self._excluded, self._form
        return twin

    def skeleton(self) -> Any:
        """A private copy without state, for a program to close over: what is changed later does not reach it."""
        twin = self._without_values()
        vars(twin).update(built=False, _box={}, _rows=(), _live=None, _trainable_variables=(), _built_on=())
        return twin

    def __repr__(self) -> str:
        if registry.custom_init(type(self)):
            return super().__repr__()
        told = []
        for f in registry.settings(type(self)):
            value = self._rate if f.name == "learning_rate" else getattr(self, f.name)
            unnamed = f.name == "name" and value == registry.snake_case(type(self).__name__)
            if not unnamed and not registry.is_default(type(self), f, value):
                told.append(f"{f.name}={registry.short(value)}")
        return f"{type(self).__name__}({', '.join(told)})"


def arrange(cls: type, arguments: tuple[str, ...] | None) -> None:
    """Gives a class the arguments of Keras: the rate, its rule's, the common, the keyword-only ones; or those named."""
    fields = {f.name: f for f in dataclasses.fields(cls)}
    tail = [n for n, f in fields.items() if f.kw_only]
    rule = [n for n in fields if n not in (*COMMON, *tail)]
    order = [n for n in dict.fromkeys(arguments or ("learning_rate", *rule, *COMMON, *tail)) if n in fields]
    shell = dataclasses.make_dataclass(
        cls.__name__, [(n, fields[n].type, copy.copy(fields[n])) for n in order], eq=False, repr=False,
        namespace={"__post_init__": None},
    )  # fmt: skip
    init: Any = shell.__init__
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = init
    cls.__dataclass_fields__ = {n: fields[n] for n in order}


def whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer))


def takes_step(f: Callable[..., Any]) -> bool:
    """Whether a function of the learning rate takes the step (schedules do; in Keras others take nothing)."""
    try:
        needed = [p for p in inspect.signature(f).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        return False
    return any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in needed)
