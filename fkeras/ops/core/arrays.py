"""Arrays made, asked, cast, cut and written into."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ... import policies
from ...masking import Masked, value_of
from ...variable import Variable
from ..operation import operation

__all__ = [
    "cast", "convert_to_numpy", "convert_to_tensor", "dtype", "is_tensor", "saturate_cast", "scatter", "scatter_update",
    "shape", "slice", "slice_update", "stop_gradient", "unstack",
]  # fmt: skip


@operation("dtype", "sparse", "ragged")
def convert_to_tensor(
    x: ArrayLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> jax.Array:  # fmt: skip
    """`x` as an array.

    Shapes: any -> same. sparse, ragged: arrays here are dense; raises ValueError for True.

    >>> convert_to_tensor([1, 2]).tolist()
    [1, 2]
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: arrays here are dense; leave sparse and ragged out.")
    return _cast(x, None if dtype is None else policies.standardize_dtype(dtype))


def _cast(x: Any, dtype: str | None) -> jax.Array:
    x = jnp.asarray(x)
    return x if dtype is None or (x.dtype == dtype and not x.weak_type) else x.astype(dtype)


def convert_to_numpy(x: ArrayLike) -> np.ndarray:
    """`x` as a NumPy array of its own. Shapes: any -> same.

    >>> convert_to_numpy(jnp.arange(2))
    array([0, 1], dtype=int32)
    """
    return np.array(value_of(x))


def is_tensor(x: Any) -> bool:
    """Whether `x` is an array of JAX.

    >>> is_tensor(jnp.ones(2)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(value_of(x), jax.Array)


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes of the axes; None for those that a symbol does not know.

    >>> shape(jnp.ones((2, 3)))
    (2, 3)
    """
    return tuple(x.shape if hasattr(x, "shape") else jnp.asarray(x).shape)


def dtype(x: Any) -> str:
    """The name of the dtype.

    >>> dtype(jnp.ones(2))
    'float32'
    """
    return policies.standardize_dtype(x.dtype if hasattr(x, "dtype") else jnp.asarray(x).dtype)


@operation("dtype")
def cast(x: ArrayLike, dtype: Any) -> jax.Array:
    """`x` in another dtype. Shapes: any -> same.

    >>> cast([1.7], "int32").tolist()
    [1]
    """
    return _cast(x, policies.standardize_dtype(dtype))


@operation("dtype")
def saturate_cast(x: ArrayLike, dtype: Any) -> jax.Array:
    """`x` in another dtype; numbers beyond its range become its least or its greatest. Shapes: any -> same.

    >>> saturate_cast([-1.0, 300.0], "uint8").tolist()
    [0, 255]
    """
    x, dtype = jnp.asarray(x), policies.standardize_dtype(dtype)
    low, high = (_within(bound, x.dtype) for bound in _range(jnp.dtype(dtype)))
    return jnp.clip(x.astype("int32") if x.dtype == jnp.bool_ else x, low, high).astype(dtype)


def _within(bound: Any, dtype: Any) -> Any:
    """The number of `dtype` nearest to the bound that does not lie beyond it."""
    if dtype == jnp.bool_:
        return int(np.clip(bound, 0, 1))
    least, most = _range(dtype)
    near = np.asarray(min(max(bound, least), most)).astype(dtype)
    return np.nextafter(near, np.zeros((), dtype)) if abs(float(near)) > abs(float(bound)) else near


def _range(dtype: Any) -> tuple[Any, Any]:
    if dtype == jnp.bool_:
        return 0, 1
    info = jnp.iinfo(dtype) if jnp.issubdtype(dtype, jnp.integer) else jnp.finfo(dtype)
    exact = int if jnp.issubdtype(dtype, jnp.integer) else float
    return exact(info.min), exact(info.max)


@operation()
def stop_gradient(variable: Any) -> Any:
    """The value, or the values of a nest, as constants to every gradient. Shapes: any -> same.

    >>> jax.grad(lambda x: x * stop_gradient(x))(3.0).item()
    3.0
    """
    return jax.tree.map(lambda x: jax.lax.stop_gradient(jnp.asarray(x)), variable, is_leaf=_holds_array)


def _holds_array(x: Any) -> bool:
    return isinstance(x, (Variable, Masked))


# --- cutting and writing ------------------------------------------------------------------------


@operation("shape")
def slice(inputs: ArrayLike, start_indices: Any, shape: Any) -> jax.Array:
    """The part of this shape that begins at these indices, which may be computed.

    Shapes: any -> shape. shape: -1 for the rest of an axis, if its start is a number.
    A part that would reach over the end is moved back.

    >>> slice(jnp.arange(5), [1], [3]).tolist()
    [1, 2, 3]
    """
    x = jnp.asarray(inputs)
    sizes = [x.shape[i] - int(start_indices[i]) if s == -1 else s for i, s in enumerate(shape)]
    return jax.lax.dynamic_slice(x, [jnp.asarray(i) for i in start_indices], sizes)


@operation()
def slice_update(inputs: ArrayLike, start_indices: Any, updates: ArrayLike) -> jax.Array:
    """`inputs` with `updates` written over the part that begins at these indices.

    Shapes: (a...), (n,), (b...) -> (a...). A part that would reach over the end is moved back.

    >>> slice_update(jnp.zeros(4), [1], jnp.ones(2)).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    x = jnp.asarray(inputs)
    return jax.lax.dynamic_update_slice(x, jnp.asarray(updates), [jnp.asarray(i) for i in start_indices])


@operation("shape")
def scatter(indices: ArrayLike, values: ArrayLike, shape: Any) -> jax.Array:
    """Zeros with values added at these indices.

    Shapes: (i..., n), (i..., v...) -> shape, of which the indices name the first n axes.

    >>> scatter([[1], [3], [1]], jnp.ones(3), (4,)).tolist()
    [0.0, 2.0, 0.0, 1.0]
    """
    values = jnp.asarray(values)
    return jnp.zeros(shape, values.dtype).at[tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))].add(values)


@operation("reduction")
def scatter_update(
    inputs: ArrayLike, indices: ArrayLike, updates: ArrayLike, reduction: str | None = None
) -> jax.Array:
    """`inputs` with updates written at these indices, or combined with what is there.

    Shapes: (a...), (i, n), (i, v...) -> (a...), of which the indices name the first n axes.
    reduction: add, max, min or mul. Raises ValueError for another one.

    >>> scatter_update(jnp.zeros(3), [[0], [2]], jnp.array([1.0, 2.0])).tolist()
    [1.0, 0.0, 2.0]
    """
    how = None if reduction is None else reduction.lower()
    method = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}.get(how)
    if method is None:
        raise ValueError(f"scatter_update: reduction must be None, add, max, min or mul; received {reduction!r}.")
    place = jnp.asarray(inputs).at[tuple(jnp.transpose(jnp.asarray(indices)))]
    return getattr(place, method)(jnp.asarray(updates))


@operation("num", "axis")
def unstack(x: ArrayLike, num: int | None = None, axis: int = 0) -> list[jax.Array]:
    """The parts along `axis`, without it.

    Shapes: (n, a, b) -> n * [(a, b)]. Raises ValueError if there are not `num` of them.

    >>> [part.tolist() for part in unstack(jnp.eye(2))]
    [[1.0, 0.0], [0.0, 1.0]]
    """
    x = jnp.asarray(x)
    count = x.shape[axis]
    if num is not None and num != count:
        raise ValueError(f"unstack: axis {axis} of shape {x.shape} has {count} parts; received num={num}.")
    return [jax.lax.index_in_dim(x, i, axis, keepdims=False) for i in range(count)]
