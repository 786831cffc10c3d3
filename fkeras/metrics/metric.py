"""`Metric`: a pure triple (init, update, compute), and Keras' stateful face on top.

The triple works on an accumulator, a dict of arrays: it may be jitted, vmapped, scanned.
The face keeps one accumulator in the object. A class written in Keras' way (`add_weight`,
`update_state`, `result`) gets its triple from a throw-away copy that holds the values.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.core import Tracer

from .. import registry
from ..losses.loss import compute_dtype, config_of, inherit_settings
from ..masking import Masked, values_of
from ..variable import Variable
from . import exact
from .bind import Frozen, attached, bind, host, trial

KIND = registry.Kind("metric", "keras.metrics")
FACE = ("update_state", "result", "reset_state")


class Metric(registry.Configurable, kind=KIND):
    """What is measured over many batches.

    A pure metric defines `init() -> acc`, `update(acc, y_true, y_pred, sample_weight=None,
    mask=None) -> acc` and `compute(acc) -> value`; a Keras-style one defines
    `update_state` and `result` over variables made by `add_weight`. Either has both faces.

    dtype: what the result is computed in; the default float type if None.

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest"):
    ...         super().__init__(name=name)
    ...         self.most = self.add_weight(name="most", initializer="zeros")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.most.assign(jnp.maximum(self.most, jnp.max(y_pred)))
    ...     def result(self):
    ...         return self.most.value
    >>> largest = Largest()
    >>> largest.compute(largest.update(largest.init(), None, jnp.array([1.0, 3.0])))
    Array(3., dtype=float32)
    """

    supports_masking: ClassVar[bool] = False  # whether Keras lets the mask of the predictions count
    _direction: ClassVar[str | None] = None  # "up" where more is better, "down" where less is

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name: Any = name
        self.dtype: Any = dtype
        Metric.__post_init__(self)

    def __init_subclass__(cls, **kwargs: Any):
        if not registry.is_builtin(cls):
            inherit_settings(cls, ("name", "dtype"))
        super().__init_subclass__(**kwargs)
        if not registry.is_builtin(cls) and "update" not in vars(cls) and any(name in vars(cls) for name in FACE):
            cls.init, cls.update, cls.compute = Metric.init, Metric.update, Metric.compute

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = self.name or registry.snake_case(type(self).__name__)
        self.dtype = compute_dtype(self.dtype)
        self._acc: dict[str, Variable] = {}
        self._added: list[Variable] = []
        self._bound = False  # whether this is a throw-away copy

    # --- the pure triple ------------------------------------------------------------------

    def init(self, y_true: Any = None, y_pred: Any = None) -> Any:
        """The accumulator before any data. A few metrics need the shapes of labels and predictions."""
        if y_true is not None:
            trial(self, y_true, y_pred)
        return tuple(self.stateless_reset_state())

    def update(self, acc: Any, *args: Any, mask: Any = None, **kwargs: Any) -> Any:
        """The accumulator with one more batch in it."""
        new = self.stateless_update_state(acc, *args, **masked_call(self, kwargs, mask))
        return tuple(jnp.asarray(n, o.dtype) for n, o in zip(new, acc, strict=True))

    def compute(self, acc: Any) -> Any:
        """What has been measured."""
        return self.stateless_result(acc)

    @property
    def acc_dtype(self) -> Any:
        """The float type of sums: at least float32."""
        return jnp.promote_types(self.dtype if "float" in self.dtype else "float32", jnp.float32)

    @property
    def needs_shapes(self) -> bool:
        """Whether `init` must be told the shapes of labels and predictions."""
        return False

    # --- Keras' face ------------------------------------------------------------------------

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Takes in one more batch."""
        if pure(type(self), "update") is None:
            raise NotImplementedError(f"{type(self).__name__} needs a method update_state(self, y_true, y_pred, ...).")
        masked = next((x for x in (*args, *kwargs.values()) if isinstance(x, Masked)), None)
        if masked is not None and self.supports_masking:
            kwargs.setdefault("mask", masked.mask)
        args, kwargs = host(values_of(args)), host(values_of(kwargs))
        self._fill(*args[:2], *(kwargs[k] for k in ("y_true", "y_pred") if k in kwargs))
        acc = {k: v.value for k, v in self._acc.items()}
        for name, new in programs()[0](Frozen(self), acc, args, kwargs).items():
            if isinstance(new, Tracer) and not self._bound:
                raise RuntimeError(
                    f"{self!r}.update_state was called inside jit, grad or vmap, where an object cannot remember "
                    "anything. Use the pure acc = metric.update(acc, ...), or stateless_update_state."
                )
            self._acc[name].value = new

    def result(self) -> Any:
        """What has been measured so far."""
        if pure(type(self), "compute") is None:
            raise NotImplementedError(f"{type(self).__name__} needs a method result(self).")
        self._fill()
        if not self._acc:
            raise ValueError(f"{self!r} has seen no data yet.")
        return programs()[1](Frozen(self), {k: v.value for k, v in self._acc.items()})

    def reset_state(self) -> None:
        """Forgets everything."""
        for v in self.variables:
            v.assign(jnp.zeros(v.shape, v.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def _fill(self, *data: Any) -> None:
        """Makes the variables of the accumulator, once it is known what they are."""
        init = pure(type(self), "init")
        if init is None or self._acc or (self.needs_shapes and len(data) < 2):
            return
        with jax.ensure_compile_time_eval():
            acc = init(self, *data) if self.needs_shapes else init(self)
        self._acc = {k: Variable(v, name=k, trainable=False) for k, v in acc.items()}

    def __getattr__(self, name: str) -> Any:
        if name[0] != "_" and "_acc" in vars(self):
            self._fill()
            if name in self._acc:
                return exact.value(self._acc[name].value)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- variables --------------------------------------------------------------------------

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: str = "sum", name: str | None = None
    ) -> Variable:
        """A variable that `update_state` may assign to and `reset_state` sets to 0."""
        if "_added" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() before it adds variables.")
        made = "zeros" if initializer is None else initializer
        variable = Variable(made, shape, dtype, trainable=False, aggregation=aggregation, name=name)
        self._added.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """`add_variable` with Keras' other name and order."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """All variables: of the accumulator, added ones, and those of metrics held as attributes."""
        self._fill()
        return attached(self)

    def stateless_update_state(self, metric_variables: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """The values of the variables after one more batch, given those before it."""
        twin = bind(self, metric_variables)
        twin.update_state(*args, **kwargs)
        return [v.value for v in twin.variables]

    def stateless_result(self, metric_variables: Any) -> Any:
        """What variables of these values measure."""
        return bind(self, metric_variables).result()

    def stateless_reset_state(self) -> list[Any]:
        """The values of the variables before any data."""
        twin = bind(self, [v.value for v in self.variables])
        twin.reset_state()
        return [v.value for v in twin.variables]

    # --- config -----------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The settings."""
        return config_of(self, {"name": self.name, "dtype": self.dtype}, {})

    def __repr__(self) -> str:
        given = vars(self).get("_init_args")
        shown = "..." if given is None else ", ".join(f"{k}={registry.short(v)}" for k, v in given.items())
        return f"{type(self).__name__}({shown})"


@functools.cache
def pure(cls: type, name: str) -> Any:
    """The method of a pure triple under whatever Keras-style methods override it, or None if there is none."""
    return next((vars(c)[name] for c in cls.__mro__ if vars(c).get(name) not in (None, vars(Metric)[name])), None)


@functools.cache
def programs() -> tuple[Any, Any]:
    """The compiled `update` and `compute` of all metrics; equal settings share one program."""

    def update(frozen: Frozen, acc: Any, args: Any, kwargs: Any) -> Any:
        return pure(type(frozen.metric), "update")(frozen.metric, acc, *args, **kwargs)

    def compute(frozen: Frozen, acc: Any) -> Any:
        return pure(type(frozen.metric), "compute")(frozen.metric, acc)

    return jax.jit(update, static_argnums=0), jax.jit(compute, static_argnums=0)


def masked_call(metric: Metric, kwargs: dict[str, Any], mask: Any) -> dict[str, Any]:
    """The keyword arguments with which `update_state` of a Keras-style metric honours a mask."""
    if mask is None:
        return kwargs
    names = inspect.signature(metric.update_state).parameters
    if "mask" in names:
        return {**kwargs, "mask": mask}
    if "sample_weight" in names:
        weight, mask = kwargs.get("sample_weight"), jnp.asarray(mask, jnp.float32)
        return {**kwargs, "sample_weight": mask if weight is None else mask * jnp.asarray(weight)}
    raise ValueError(f"{metric!r} cannot leave anything out: its update_state takes neither mask nor sample_weight.")
