"""Sums, means, extremes and their kin over axes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ..families import Axes, axes_of, floats, reduction, widened
from ..operation import operation

__all__ = [
    "sum", "all", "any", "amax", "amin", "std", "median", "ptp", "argmax", "argmin", "nanargmax", "nanargmin",
    "nanmax", "nanmin", "nanmean", "nanmedian", "nanprod", "nanstd", "nansum", "nanvar", "mean", "var", "max",
    "min", "prod", "average", "count_nonzero", "quantile", "percentile", "nanquantile", "nanpercentile",
    "cumsum", "cumprod", "nancumsum", "nancumprod", "diff", "trapezoid",
]  # fmt: skip

sum = reduction("sum", jnp.sum, "The sum; of booleans, how many are true.")
all = reduction("all", jnp.all, "Whether all are true.")
any = reduction("any", jnp.any, "Whether one is true.")
amax = reduction("amax", jnp.amax, "The greatest number.")
amin = reduction("amin", jnp.amin, "The least number.")
std = reduction("std", jnp.std, "The standard deviation.")
median = reduction("median", jnp.median, "The middle of the sorted numbers.")
ptp = reduction("ptp", jnp.ptp, "The greatest minus the least number.")
argmax = reduction("argmax", jnp.argmax, "The index of the greatest number; the first of several.")
argmin = reduction("argmin", jnp.argmin, "The index of the least number; the first of several.")

nanargmax = reduction("nanargmax", jnp.nanargmax, "`argmax` without NaNs; -1 where there is nothing else.")
nanargmin = reduction("nanargmin", jnp.nanargmin, "`argmin` without NaNs; -1 where there is nothing else.")
nanmax = reduction("nanmax", jnp.nanmax, "`max` without NaNs.")
nanmin = reduction("nanmin", jnp.nanmin, "`min` without NaNs.")
nanmean = reduction("nanmean", jnp.nanmean, "`mean` without NaNs.")
nanmedian = reduction("nanmedian", jnp.nanmedian, "`median` without NaNs.")
nanprod = reduction("nanprod", jnp.nanprod, "`prod` without NaNs.")
nanstd = reduction("nanstd", jnp.nanstd, "`std` without NaNs.")
nansum = reduction("nansum", jnp.nansum, "`sum` without NaNs.")
nanvar = reduction("nanvar", jnp.nanvar, "`var` without NaNs.")


@operation("axis", "keepdims")
def mean(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> jax.Array:
    """The mean, summed in float32 at least; a float for whole numbers.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> mean([1, 2]).item()
    1.5
    """
    x = jnp.asarray(x)
    y = jnp.mean(x, axis=axes_of(axis), keepdims=keepdims, dtype=widened(x))
    return y.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else y


@operation("axis", "keepdims")
def var(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> jax.Array:
    """`mean((x - mean(x))²)`, summed in float32 at least.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> var([1.0, 3.0]).item()
    1.0
    """
    x = jnp.asarray(x)
    return jnp.var(x, axis=axes_of(axis), keepdims=keepdims, dtype=widened(x)).astype(floats(x).dtype)


@operation("axis", "keepdims", "initial")
def max(x: ArrayLike, axis: Axes = None, keepdims: bool = False, initial: Any = None) -> jax.Array:
    """The greatest number, `initial` among them.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> max([1.0, 3.0], initial=5.0).item()
    5.0
    """
    return jnp.max(jnp.asarray(x), axis=axes_of(axis), keepdims=keepdims, initial=initial)


@operation("axis", "keepdims", "initial")
def min(x: ArrayLike, axis: Axes = None, keepdims: bool = False, initial: Any = None) -> jax.Array:
    """The least number, `initial` among them.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> min([1.0, 3.0]).item()
    1.0
    """
    return jnp.min(jnp.asarray(x), axis=axes_of(axis), keepdims=keepdims, initial=initial)


@operation("axis", "keepdims", "dtype")
def prod(x: ArrayLike, axis: Axes = None, keepdims: bool = False, dtype: Any = None) -> jax.Array:
    """The product.

    Shapes: any -> without `axis`, or with size 1 there if `keepdims`.

    >>> prod([2, 3]).item()
    6
    """
    return jnp.prod(jnp.asarray(x), axis=axes_of(axis), keepdims=keepdims, dtype=dtype)


@operation("axis", named=("weights",))
def average(x: ArrayLike, axis: Axes = None, weights: ArrayLike | None = None) -> jax.Array:
    """The mean, weighted by `weights`.

    Shapes: any -> without `axis`. weights: like `x`, or one for each place along `axis`.

    >>> average([1.0, 3.0], weights=[3.0, 1.0]).item()
    1.5
    """
    x = floats(x)
    if weights is not None:
        weights = floats(weights)
        x = x.astype(jnp.promote_types(x.dtype, weights.dtype))
        weights = weights.astype(x.dtype)
    return jnp.average(x, weights=weights, axis=axes_of(axis))


@operation("axis")
def count_nonzero(x: ArrayLike, axis: Axes = None) -> jax.Array:
    """How many are not 0.

    Shapes: any -> without `axis`.

    >>> count_nonzero([0, 1, 2]).item()
    2
    """
    return jnp.count_nonzero(jnp.asarray(x), axis=axes_of(axis)).astype("int32")


# --- quantiles --------------------------------------------------------------------------------


@operation("axis", "method", "keepdims")
def quantile(
    x: ArrayLike, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> jax.Array:  # fmt: skip
    """The numbers below which lie the fractions `q` of all.

    Shapes: any, (q...) -> (q..., without `axis`).
    method: between two numbers: linear, lower, higher, midpoint or nearest.

    >>> quantile([1.0, 2.0, 3.0], 0.5).item()
    2.0
    """
    return jnp.quantile(jnp.asarray(x), jnp.asarray(q), axis=axes_of(axis), method=method, keepdims=keepdims)


@operation("axis", "method", "keepdims")
def percentile(
    x: ArrayLike, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> jax.Array:  # fmt: skip
    """The numbers below which lie `q` percent of all.

    Shapes: any, (q...) -> (q..., without `axis`).

    >>> percentile([1.0, 2.0, 3.0], 50).item()
    2.0
    """
    return jnp.percentile(jnp.asarray(x), jnp.asarray(q), axis=axes_of(axis), method=method, keepdims=keepdims)


@operation("axis", "method", "keepdims")
def nanquantile(
    x: ArrayLike, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> jax.Array:  # fmt: skip
    """`quantile` without NaNs.

    Shapes: any, (q...) -> (q..., without `axis`).

    >>> nanquantile([1.0, 3.0, jnp.nan], 0.5).item()
    2.0
    """
    return jnp.nanquantile(jnp.asarray(x), jnp.asarray(q), axis=axes_of(axis), method=method, keepdims=keepdims)


@operation("axis", "method", "keepdims")
def nanpercentile(
    x: ArrayLike, q: ArrayLike, axis: Axes = None, method: str = "linear", keepdims: bool = False
) -> jax.Array:  # fmt: skip
    """`percentile` without NaNs.

    Shapes: any, (q...) -> (q..., without `axis`).

    >>> nanpercentile([1.0, 3.0, jnp.nan], 50).item()
    2.0
    """
    return jnp.nanpercentile(jnp.asarray(x), jnp.asarray(q), axis=axes_of(axis), method=method, keepdims=keepdims)


# --- running ----------------------------------------------------------------------------------


@operation("axis", "dtype")
def cumsum(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> jax.Array:
    """The running sum along `axis`; of the flattened array for None.

    Shapes: any -> same, or (n,) for None.

    >>> cumsum([1, 2, 3]).tolist()
    [1, 3, 6]
    """
    return jnp.cumsum(jnp.asarray(x), axis=axis, dtype=dtype)


@operation("axis", "dtype")
def cumprod(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> jax.Array:
    """The running product along `axis`; of the flattened array for None.

    Shapes: any -> same, or (n,) for None.

    >>> cumprod([1, 2, 3]).tolist()
    [1, 2, 6]
    """
    return jnp.cumprod(jnp.asarray(x), axis=axis, dtype=dtype)


@operation("axis", "dtype")
def nancumsum(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> jax.Array:
    """`cumsum` with 0 for NaN.

    Shapes: any -> same, or (n,) for None.

    >>> nancumsum([1.0, jnp.nan, 3.0]).tolist()
    [1.0, 1.0, 4.0]
    """
    return jnp.nancumsum(jnp.asarray(x), axis=axis, dtype=dtype)


@operation("axis", "dtype")
def nancumprod(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> jax.Array:
    """`cumprod` with 1 for NaN.

    Shapes: any -> same, or (n,) for None.

    >>> nancumprod([2.0, jnp.nan, 3.0]).tolist()
    [2.0, 2.0, 6.0]
    """
    return jnp.nancumprod(jnp.asarray(x), axis=axis, dtype=dtype)


@operation("n", "axis")
def diff(a: ArrayLike, n: int = 1, axis: int = -1) -> jax.Array:
    """Each number minus the one before it along `axis`, `n` times.

    Shapes: (..., s, ...) -> (..., s - n, ...).

    >>> diff([1, 4, 9]).tolist()
    [3, 5]
    """
    return jnp.diff(jnp.asarray(a), n=n, axis=axis)


@operation("x", "dx", "axis")
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> jax.Array:
    """The integral of `y` along `axis`, by the trapezoidal rule.

    Shapes: (..., s, ...) -> without `axis`. x: where the values stand; else they are `dx` apart.

    >>> trapezoid([1.0, 2.0, 3.0]).item()
    4.0
    """
    return jnp.trapezoid(jnp.asarray(y), None if x is None else jnp.asarray(x), dx=jnp.asarray(dx), axis=axis)
