"""Choosing, finding, sorting and counting entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.typing import ArrayLike

from ..operation import operation

__all__ = [
    "where", "select", "get_item", "take", "take_along_axis", "sort", "argsort", "argpartition", "searchsorted",
    "digitize", "nonzero", "unique", "isin", "bincount", "histogram", "unravel_index", "vectorize",
]  # fmt: skip

# --- choosing ---------------------------------------------------------------------------------


@operation()
def where(condition: ArrayLike, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, else `x2`; with the condition alone, the indices where it holds.

    Shapes: (...), (...), (...) -> broadcast. Raises ValueError for one of `x1`, `x2` without the other.

    >>> where([True, False], 1.0, 2.0).tolist()
    [1.0, 2.0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where takes both x1 and x2, or neither; received one of them.")
    condition = jnp.asarray(condition)
    return jnp.where(condition) if x1 is None else jnp.where(condition, jnp.asarray(x1), jnp.asarray(x2))


@operation()
def select(condlist: Any, choicelist: Any, default: Any = 0) -> jax.Array:
    """For each entry the choice that belongs to the first condition that holds, or `default`.

    Shapes: n * [(...)], n * [(...)] -> broadcast. Raises ValueError unless both are lists that hold something.

    >>> x = jnp.array([1, 2, 3])
    >>> select([x < 2, x > 2], [x * 10, x * 100]).tolist()
    [10, 0, 300]
    """
    for name, given in (("condlist", condlist), ("choicelist", choicelist)):
        if not isinstance(given, (list, tuple)) or not given:
            raise ValueError(f"select: {name} must be a list that holds something; received {given!r}.")
    conditions, choices = [jnp.asarray(c) for c in condlist], [jnp.asarray(c) for c in choicelist]
    return jnp.select(conditions, choices, default=default)


@operation()
def get_item(x: ArrayLike, key: Any) -> jax.Array:
    """`x[key]`.

    >>> get_item(jnp.arange(4), slice(1, 3)).tolist()
    [1, 2]
    """
    if isinstance(key, list) and any(k is None or k is ... or isinstance(k, slice) for k in key):
        key = tuple(key)  # as JSON has it
    return (x if hasattr(x, "shape") else jnp.asarray(x))[key]  # type: ignore[index]


@operation("axis")
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> jax.Array:
    """The entries at these indices along `axis`; of the flattened array for None.

    Shapes: (..., s, ...), (i...) -> (..., i..., ...). Indices out of range give NaN, or the least whole number.

    >>> take([10, 20, 30], [2, 0]).tolist()
    [30, 10]
    """
    return jnp.take(jnp.asarray(x), jnp.asarray(indices), axis=axis)


@operation("axis")
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> jax.Array:
    """For each place of `indices` the entry of `x` with that index along `axis`.

    Shapes: (..., s, ...), (..., i, ...) -> (..., i, ...).

    >>> take_along_axis(jnp.array([[1, 2], [3, 4]]), [[1], [0]], 1).tolist()
    [[2], [3]]
    """
    return jnp.take_along_axis(jnp.asarray(x), jnp.asarray(indices), axis=axis)


# --- order ------------------------------------------------------------------------------------


@operation("axis")
def sort(x: ArrayLike, axis: int = -1) -> jax.Array:
    """In rising order along `axis`. Shapes: any -> same.

    >>> sort([3, 1, 2]).tolist()
    [1, 2, 3]
    """
    return jnp.sort(jnp.asarray(x), axis=axis)


@operation("axis")
def argsort(x: ArrayLike, axis: int | None = -1) -> jax.Array:
    """The indices that sort, equal numbers in their order. Shapes: any -> same.

    >>> argsort([3, 1, 2]).tolist()
    [1, 2, 0]
    """
    x = jnp.asarray(x)
    return jnp.argsort(x, axis=axis if x.ndim else None)


@operation("kth", "axis")
def argpartition(x: ArrayLike, kth: int, axis: int | None = -1) -> jax.Array:
    """Indices that put the lesser numbers before place `kth` and the greater ones behind it. Shapes: any -> same.

    >>> argpartition([3, 1, 2], 0)[0].item()
    1
    """
    x = jnp.asarray(x)
    return jnp.argpartition(jnp.ravel(x) if axis is None else x, kth, axis=0 if axis is None else axis)


@operation("side", name="SearchSorted")
def searchsorted(sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left") -> jax.Array:
    """Where each value has to be put in so that the sequence stays sorted.

    Shapes: (n,), (...) -> (...). side: before or behind equal ones: "left" or "right".
    Raises ValueError for a sequence of several axes.

    >>> searchsorted([1, 2, 3], [2.5]).tolist()
    [2]
    """
    sequence = jnp.asarray(sorted_sequence)
    if sequence.ndim != 1:
        raise ValueError(
            f"searchsorted searches a sequence of one axis; received shape {sequence.shape}. "
            "Use ops.vectorized_map for more."
        )
    return jnp.searchsorted(sequence, jnp.asarray(values), side=side)


@operation()
def digitize(x: ArrayLike, bins: ArrayLike) -> jax.Array:
    """The number of the bin that each number lies in; `bins` are the sorted edges. Shapes: any, (n,) -> same.

    >>> digitize([0.5, 1.5], [0.0, 1.0]).tolist()
    [1, 2]
    """
    return jnp.digitize(jnp.asarray(x), jnp.asarray(bins))


# --- finding and counting ---------------------------------------------------------------------


@operation()
def nonzero(x: ArrayLike) -> tuple[jax.Array, ...]:
    """The indices of the entries that are not 0, one array for each axis. Not under jit: their number is not known.

    >>> [i.tolist() for i in nonzero([[0, 1], [2, 0]])]
    [[0, 1], [1, 0]]
    """
    return jnp.nonzero(jnp.asarray(x))


@operation("sorted", "return_index", "return_inverse", "return_counts", "axis", "size", "fill_value")
def unique(
    x: ArrayLike, sorted: bool = True, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: int | None = None, size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """The different entries; under jit only with `size`.

    return_index, return_inverse, return_counts: also where each is first, which one each entry
        of `x` is, how often each occurs.
    size: how many to return, missing ones being `fill_value`.

    >>> unique([2, 1, 2]).tolist()
    [1, 2]
    """
    return jnp.unique(
        jnp.asarray(x), return_index=return_index, return_inverse=return_inverse, return_counts=return_counts,
        axis=axis, equal_nan=False, size=size, sorted=sorted, fill_value=fill_value,
    )  # fmt: skip


@operation("assume_unique", "invert", name="IsIn")
def isin(x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False) -> jax.Array:
    """Whether each entry of `x1` occurs in `x2`; or, inverted, does not. Shapes: (...), any -> (...).

    >>> isin([1, 2], [2, 3]).tolist()
    [False, True]
    """
    return jnp.isin(jnp.asarray(x1), jnp.asarray(x2), assume_unique=assume_unique, invert=invert)


@operation("weights", "minlength", "sparse")
def bincount(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False) -> jax.Array:
    """How often each whole number from 0 on occurs, or the sum of its weights.

    Shapes: (n,) -> (m,); (b, n) -> (b, m). Under jit the length is `minlength`.
    Raises ValueError for `sparse`.

    >>> bincount([0, 2, 2]).tolist()
    [1, 0, 2]
    """
    if sparse:
        raise ValueError("bincount: arrays here are dense; leave sparse=False.")
    x = jnp.asarray(x)
    weights = None if weights is None else jnp.asarray(weights)
    length = minlength if isinstance(x, Tracer) else max(minlength, int(x.max()) + 1 if x.size else 0)
    if not length:
        raise ValueError("bincount under jit needs minlength=, the length of its result.")

    def count(x: jax.Array, weights: jax.Array | None) -> jax.Array:
        return jnp.bincount(x, weights=weights, length=length)

    return jax.vmap(count)(x, weights) if x.ndim == 2 else count(x, weights)


@operation("bins", "range")
def histogram(x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[jax.Array, jax.Array]:
    """How many numbers lie in each of `bins` equal parts of `range`, and the edges of these.

    Shapes: (n,) -> (bins,), (bins + 1,). range: from the least to the greatest number for None.
    Raises TypeError or ValueError for other arguments.

    >>> histogram([0.0, 0.2, 1.0], bins=2)[0].tolist()
    [2.0, 1.0]
    """
    if not isinstance(bins, int):
        raise TypeError(f"histogram: bins must be an int; received {bins!r}.")
    if bins < 0:
        raise ValueError(f"histogram: bins must not be negative; received {bins}.")
    if range and (not isinstance(range, tuple) or len(range) < 2 or range[1] < range[0]):
        raise ValueError(f"histogram: range must be a tuple (least, greatest); received {range!r}.")
    x = jnp.asarray(x)
    if x.ndim > 1:
        raise ValueError(f"histogram takes an array of one axis; received shape {x.shape}.")
    return jnp.histogram(x, bins=bins, range=range)


@operation("shape")
def unravel_index(indices: ArrayLike, shape: Any) -> tuple[jax.Array, ...]:
    """Indices into the flattened array as indices into one of `shape`. Shapes: (...) -> n * [(...)].

    >>> [int(i) for i in unravel_index(5, (2, 3))]
    [1, 2]
    """
    return jnp.unravel_index(jnp.asarray(indices), shape)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function of numbers as one of arrays.

    excluded: the places or names of arguments to leave alone. signature: as `"(n)->()"`.
    Raises ValueError for what cannot be called.

    >>> vectorize(lambda a, b: a + b)(jnp.arange(2), 1).tolist()
    [1, 2]
    """
    if not callable(pyfunc):
        raise ValueError(f"vectorize takes a function; received {pyfunc!r}.")
    return jnp.vectorize(pyfunc, excluded=excluded or set(), signature=signature)
