"""`Sum`, `Mean`, and means of functions of (labels, predictions)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import registry
from ..losses.loss import KIND as LOSSES
from ..losses.loss import Loss, valid_values
from ..losses.reduction import align, divide_no_nan, mask_weights, merge_masks
from . import exact
from .metric import Metric

Acc = dict[str, jax.Array]


def weighted(values: Any, weights: Any, reduce: Any, dtype: Any) -> tuple[jax.Array, Any]:
    """(values times weights, weights or None): one entry per example and weighted place.

    Axes that the weights lack are reduced first; a weight per row holds for the row.
    """
    values = jnp.asarray(values).astype(dtype)
    if weights is None:
        return values, None
    values, weights = align(values, jnp.asarray(weights, dtype))
    if values.ndim > weights.ndim:
        values = reduce(values, axis=tuple(range(weights.ndim, values.ndim)))
    if weights.ndim > values.ndim or any(w not in (1, v) for v, w in zip(values.shape, weights.shape, strict=True)):
        raise ValueError(f"Weights of shape {weights.shape} do not fit values of shape {values.shape}.")
    weights = jnp.broadcast_to(weights, values.shape)
    return values * weights, weights


class Sum(Metric):
    """The weighted sum of all values.

    Shapes: values `(n, ...)`, sample_weight `(n,)` or that of the values.

    >>> total = Sum()
    >>> total([1.0, 2.0]), total([4.0], sample_weight=[0.5])
    (Array(3., dtype=float32), Array(5., dtype=float32))
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(dtype=dtype, name=name)

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        return {"total": exact.zero(dtype=self.acc_dtype)}

    def update(self, acc: Acc, values: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        weights = mask_weights(sample_weight, mask, self.acc_dtype, "sum")
        values, _ = weighted(values, weights, jnp.sum, self.acc_dtype)
        return {"total": exact.add(acc["total"], exact.total(values.ravel(), self.acc_dtype))}

    def compute(self, acc: Acc) -> jax.Array:
        return exact.value(acc["total"]).astype(self.dtype)


class Mean(Metric):
    """The weighted mean of all values: sum and count are exact far beyond 2²⁴.

    Shapes: values `(n, ...)`, sample_weight `(n,)` or that of the values.

    >>> mean = Mean()
    >>> mean([1.0, 3.0]), mean([8.0], sample_weight=[2.0])
    (Array(2., dtype=float32), Array(5., dtype=float32))
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(dtype=dtype, name=name)

    def init(self, y_true: Any = None, y_pred: Any = None) -> Acc:
        return {"total": exact.zero(dtype=self.acc_dtype), "count": exact.zero(dtype=self.acc_dtype)}

    def update(self, acc: Acc, values: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        dtype = self.acc_dtype
        weights = mask_weights(sample_weight, mask, dtype, "sum")
        values, weights = weighted(values, weights, jnp.mean, dtype)
        per_example = math.prod(values.shape[1:])  # a row of values counts once
        total = exact.total(values.ravel(), dtype) / per_example
        if weights is None:
            count = exact.whole(values.shape[0] if values.ndim else 1, dtype)
        else:
            count = exact.total(weights.ravel(), dtype) / per_example
        return {"total": exact.add(acc["total"], total), "count": exact.add(acc["count"], count)}

    def compute(self, acc: Acc) -> jax.Array:
        return divide_no_nan(exact.value(acc["total"]), exact.value(acc["count"])).astype(self.dtype)


def at_least_float32(x: Any) -> Any:
    """Half precision floats as float32; anything else as it is."""
    narrow = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize < 4
    return x.astype(jnp.float32) if narrow else x


class MeanMetricWrapper(Mean):
    """The mean of a function `(y_true, y_pred, **kwargs) -> values`.

    The mask of the predictions counts as weights.

    >>> MeanMetricWrapper(lambda y, p: abs(y - p), name="distance")(jnp.zeros(2), jnp.array([1.0, 3.0]))
    Array(2., dtype=float32)
    """

    fn: ClassVar[Callable[..., Any]]
    supports_masking: ClassVar[bool] = True

    def __init__(self, fn: Any, name: str | None = None, dtype: Any = None, **kwargs: Any):
        Metric.__init__(self, dtype=dtype, name=name)
        self.fn, self.fn_kwargs = fn, kwargs  # type: ignore[misc]
        if fn in LOSSES.functions.values() or isinstance(fn, Loss):
            self._direction = "down"  # type: ignore[misc]

    def __init_subclass__(cls, fn: Callable[..., Any] | None = None, **kwargs: Any):
        if fn is not None:
            cls.fn = staticmethod(fn)  # type: ignore[assignment]
        super().__init_subclass__(**kwargs)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the function gets beside labels and predictions."""
        if "fn" in vars(self):
            return self.fn_kwargs
        return {f.name: getattr(self, f.name) for f in registry.settings(type(self)) if f.name not in ("name", "dtype")}

    def update(self, acc: Acc, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Acc:
        y_pred = jax.tree.map(at_least_float32, y_pred)
        values = self.fn(y_true, y_pred, **self.arguments)
        valid = valid_values(self.fn, values, y_true, **self.arguments)
        if valid is not None and (sample_weight is not None or mask is not None):
            mask = merge_masks(mask, valid)
        return super().update(acc, values, sample_weight, mask)
