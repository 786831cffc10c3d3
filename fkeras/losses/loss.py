"""`Loss`: settings, a function of (labels, predictions), and a reduction."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import masking, policies, registry
from .reduction import Reduction, align, merge_masks, reduce_weighted, standardize_reduction

KIND = registry.Kind("loss", "keras.losses")


def compute_dtype(dtype: Any) -> str:
    """The name of the float (or other) type that a dtype, a policy or None stands for.

    Raises ValueError for what names none, and for 64 bits while JAX has them switched off.

    >>> compute_dtype(None), compute_dtype("mixed_bfloat16"), compute_dtype("int")
    ('float32', 'bfloat16', 'int32')
    """
    if isinstance(dtype, dict) or str(dtype).startswith("mixed_"):
        dtype = policies.get(dtype)
    return policies.available(getattr(dtype, "compute_dtype", dtype))


def arrays(y: Any, dtype: Any = None) -> Any:
    """A nest of arrays of one dtype; nested lists of numbers are one array."""
    if isinstance(y, (list, tuple)) and all(isinstance(x, numbers.Number) for x in jax.tree.leaves(y)):
        return jnp.asarray(y, dtype)
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), y)


class Loss(registry.Configurable, kind=KIND):
    """A loss: `call` gives a value per example, `reduction` makes one number of them.

    Subclass it and write `call(self, y_true, y_pred)`. It is pure: jit, grad and vmap it.

    Shapes: y_true and y_pred `(n, ...)`, or nests of such; values usually `(n,)` or `(n, t)`.

    reduction: see `reduce_weighted`.
    dtype: what labels and predictions are cast to; the default float type if None.

    >>> class Absolute(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return jnp.abs(y_true - y_pred)
    >>> Absolute(reduction="sum")(jnp.zeros(3), jnp.ones(3), sample_weight=jnp.array([1, 1, 0]))
    Array(2., dtype=float32)
    """

    def __init__(self, name: str | None = None, reduction: Reduction = "sum_over_batch_size", dtype: Any = None):
        self.name: Any = name
        self.reduction: Any = reduction
        self.dtype: Any = dtype
        Loss.__post_init__(self)

    def __init_subclass__(cls, **kwargs: Any):
        if not registry.is_builtin(cls):
            inherit_settings(cls, ("name", "reduction", "dtype"))
        super().__init_subclass__(**kwargs)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = self.name or registry.snake_case(type(self).__name__)
        self._given_dtype = self.dtype
        self.reduction, self.dtype = standardize_reduction(self.reduction), compute_dtype(self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values, one per example (or per example and step)."""
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred).")

    def values(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(values before the reduction, mask of those that count or None)."""
        return self.call(arrays(y_true, self.dtype), arrays(y_pred, self.dtype)), None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> jax.Array:
        """The reduced loss. A mask may also travel in band with `y_pred`."""
        if isinstance(y_pred, masking.Masked):
            y_pred, mask = y_pred.value, merge_masks(mask, y_pred.mask)
        values, valid = self.values(masking.values_of(y_true), masking.values_of(y_pred))
        return reduce_weighted(values, sample_weight, merge_masks(mask, valid), self.reduction, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The settings, without those that have the value Keras would give them unasked."""
        return config_of(self, {"name": self.name, "reduction": self.reduction}, {"dtype": self._given_dtype})

    def __repr__(self) -> str:
        given = vars(self).get("_init_args")
        shown = "..." if given is None else ", ".join(f"{k}={registry.short(v)}" for k, v in given.items())
        return f"{type(self).__name__}({shown})"


def inherit_settings(cls: type, names: tuple[str, ...]) -> None:
    """Adds settings of the base to a subclass that is written as a dataclass."""
    own = inspect.get_annotations(cls)
    if "__init__" in vars(cls) or not any("ClassVar" not in str(a) for a in own.values()):
        return
    for name in names:
        if name not in own:
            cls.__annotations__[name] = Any
            setattr(cls, name, "sum_over_batch_size" if name == "reduction" else None)


def config_of(obj: Any, always: dict[str, Any], unless_none: dict[str, Any]) -> dict[str, Any]:
    """A config: what is always in it and the settings, and some only where they are set.

    A setting whose field says `metadata={"config": False}` is one that Keras leaves out;
    it is written only where it is not the default.
    """
    cls = type(obj)
    given = {**always, **{k: v for k, v in unless_none.items() if v is not None}}
    if registry.custom_init(cls):
        taken = inspect.signature(cls).parameters
        free = any(p.kind is p.VAR_KEYWORD for p in taken.values())
        given = {k: v for k, v in given.items() if k in taken or free}
        given |= {k: v for k, v in vars(obj).get("_init_args", {}).items() if k not in (*always, *unless_none)}
    for f in registry.settings(cls):
        value = getattr(obj, f.name)
        if f.name not in (*always, *unless_none) and (f.metadata.get("config", True) or value != f.default):
            given[f.name] = value
    return {k: registry.serialize_setting(k, v) for k, v in given.items()}


class FunctionLoss(Loss):
    """A loss that is a function of its settings: the fields are the function's arguments."""

    fn: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, fn: Callable[..., Any] | None = None, **kwargs: Any):
        if fn is not None:
            cls.fn = staticmethod(fn)  # type: ignore[assignment]
        super().__init_subclass__(**kwargs)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function gets beside labels and predictions."""
        fixed = ("name", "reduction", "dtype")
        return {f.name: getattr(self, f.name) for f in registry.settings(type(self)) if f.name not in fixed}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = align_nest(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.arguments)

    def values(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        y_true, y_pred = arrays(y_true, self.dtype), arrays(y_pred, self.dtype)
        values = self.call(y_true, y_pred)
        return values, valid_values(self.fn, values, y_true, **self.arguments)


def align_nest(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """`align` for every pair of arrays in two nests of one structure."""
    pairs = jax.tree.map(align, y_true, y_pred)
    outer, inner = jax.tree.structure(y_true), jax.tree.structure((0, 0))
    return jax.tree.transpose(outer, inner, pairs)


def valid_values(fn: Any, values: Any, y_true: Any, **arguments: Any) -> Any:
    """The mask of those values of a loss function that count, or None if all do."""
    find = getattr(fn, "valid", None)
    return None if find is None else find(values, y_true, **arguments)


def masked_by(valid: Callable[..., Any]) -> Callable[[Any], Any]:
    """Decorator: a loss function knows which of its values count."""

    def decorate(fn: Any) -> Any:
        fn.valid = valid
        return fn

    return decorate


class LossFunctionWrapper(FunctionLoss):
    """Any function `(y_true, y_pred, **kwargs) -> values` as a loss.

    >>> LossFunctionWrapper(lambda y, p: (y - p) ** 2, name="square")(jnp.zeros(2), jnp.ones(2) * 2)
    Array(4., dtype=float32)
    """

    fn: Any  # type: ignore[misc]

    def __init__(
        self,
        fn: Any,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        self.fn, self.fn_kwargs = fn, kwargs
        self.name, self.reduction, self.dtype = name, reduction, dtype
        self.__post_init__()

    @property
    def arguments(self) -> dict[str, Any]:
        return self.fn_kwargs
