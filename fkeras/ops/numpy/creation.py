"""New arrays: of one number, of ranges, on diagonals, windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jax.typing import ArrayLike

from ... import config, policies, recording
from ..operation import operation

__all__ = [
    "zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "array", "arange",
    "linspace", "logspace", "geomspace", "meshgrid", "eye", "identity", "tri", "tril", "triu", "diag",
    "diagflat", "diagonal", "vander", "bartlett", "blackman", "hamming", "hanning", "kaiser",
]  # fmt: skip


def _float(dtype: Any) -> Any:
    return dtype or config.floatx()


# --- of one number ----------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> jax.Array:
    """Zeros; of `floatx` for None.

    >>> zeros(2).tolist()
    [0.0, 0.0]
    """
    return jnp.zeros(shape, _float(dtype))


def ones(shape: Any, dtype: Any = None) -> jax.Array:
    """Ones; of `floatx` for None.

    >>> ones(2).tolist()
    [1.0, 1.0]
    """
    return jnp.ones(shape, _float(dtype))


def empty(shape: Any, dtype: Any = None) -> jax.Array:
    """An array to be filled; it holds zeros.

    >>> empty(2).shape
    (2,)
    """
    return jnp.empty(shape, _float(dtype))


@operation("shape", "dtype")
def full(shape: Any, fill_value: ArrayLike, dtype: Any = None) -> jax.Array:
    """The same number everywhere; of `floatx` for None.

    >>> full(2, 7).tolist()
    [7.0, 7.0]
    """
    return jnp.full(shape, fill_value, _float(dtype))


@operation("dtype")
def zeros_like(x: ArrayLike, dtype: Any = None) -> jax.Array:
    """Zeros in the shape of `x`. Shapes: any -> same.

    >>> zeros_like([1, 2]).tolist()
    [0, 0]
    """
    return jnp.zeros_like(jnp.asarray(x), dtype=dtype)


@operation("dtype")
def ones_like(x: ArrayLike, dtype: Any = None) -> jax.Array:
    """Ones in the shape of `x`. Shapes: any -> same.

    >>> ones_like([1, 2]).tolist()
    [1, 1]
    """
    return jnp.ones_like(jnp.asarray(x), dtype=dtype)


@operation("dtype")
def empty_like(x: ArrayLike, dtype: Any = None) -> jax.Array:
    """An array in the shape of `x`, to be filled. Shapes: any -> same.

    >>> empty_like([1, 2]).shape
    (2,)
    """
    return jnp.empty_like(jnp.asarray(x), dtype=dtype)


@operation("dtype")
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: Any = None) -> jax.Array:
    """The same number everywhere, in the shape of `x`. Shapes: any -> same.

    >>> full_like([1, 2], 7).tolist()
    [7, 7]
    """
    return jnp.full_like(jnp.asarray(x), fill_value, dtype=dtype)


@operation("dtype")
def array(x: ArrayLike, dtype: Any = None) -> jax.Array:
    """`x` as an array of its own. Shapes: any -> same.

    >>> array([1, 2], "float32").tolist()
    [1.0, 2.0]
    """
    return jnp.array(x, dtype=dtype)


# --- ranges -----------------------------------------------------------------------------------


@operation("dtype", named=("step",))
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> jax.Array:
    """`start, start + step, ...` below `stop`; from 0 to `start` if that is all there is.

    >>> arange(3).tolist(), arange(1.0, 2.0, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    if dtype is None:
        dtype = jnp.result_type(*(_kind(x) for x in (start, stop, step) if x is not None))
    return jnp.arange(start, stop, step, dtype=policies.standardize_dtype(dtype))


def _kind(x: Any) -> Any:
    """The dtype that a bound of a range asks for."""
    if export.is_symbolic_dim(x):
        return jnp.int32
    return x.dtype if hasattr(x, "dtype") else policies.standardize_dtype(type(x))


@operation("num", "endpoint", "retstep", "dtype", "axis")
def linspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    """`num` numbers at equal distances.

    Shapes: (...), (...) -> (num, ...). endpoint: whether `stop` is the last.
    retstep: returns the distance as well.

    >>> linspace(0.0, 1.0, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.linspace(start, stop, num=num, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)


@operation("num", "endpoint", "base", "dtype", "axis")
def logspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None,
    axis: int = 0,
) -> jax.Array:  # fmt: skip
    """`base` to the power of `num` numbers at equal distances.

    Shapes: (...), (...) -> (num, ...).

    >>> logspace(0.0, 2.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.logspace(start, stop, num=num, endpoint=endpoint, base=base, dtype=dtype, axis=axis)


@operation("num", "endpoint", "dtype", "axis")
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> jax.Array:  # fmt: skip
    """`num` numbers, each the same multiple of the one before.

    Shapes: (...), (...) -> (num, ...).

    >>> geomspace(1.0, 4.0, 3).round(3).tolist()
    [1.0, 2.0, 4.0]
    """
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.geomspace(start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)


@operation("indexing")
def meshgrid(*x: ArrayLike, indexing: str = "xy") -> list[jax.Array]:
    """The coordinates of the points of a grid, from those along each axis.

    Shapes: (a,), (b,) -> 2 * [(b, a)]. indexing: "ij" gives (a, b).

    >>> meshgrid([1, 2], [3, 4])[0].tolist()
    [[1, 2], [1, 2]]
    """
    return jnp.meshgrid(*[jnp.asarray(v) for v in x], indexing=indexing)


# --- matrices ---------------------------------------------------------------------------------


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> jax.Array:
    """An (N, M) matrix with ones on the diagonal, `k` to the right. Raises TypeError for sizes that are no integers.

    >>> eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    for name, value in (("N", N), ("M", M)):
        if isinstance(value, float) or jnp.issubdtype(getattr(value, "dtype", jnp.int32), jnp.floating):
            raise TypeError(f"eye: {name} must be an integer; received {value!r}.")
    return jnp.eye(N, M=M, k=k, dtype=_float(dtype))


def identity(n: int, dtype: Any = None) -> jax.Array:
    """The (n, n) matrix with ones on the diagonal.

    >>> identity(1).tolist()
    [[1.0]]
    """
    return jnp.identity(n, dtype=_float(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> jax.Array:
    """An (N, M) matrix with ones on the diagonal and below.

    >>> tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return jnp.tri(N, M=M, k=k, dtype=_float(dtype))


@operation("k")
def tril(x: ArrayLike, k: int = 0) -> jax.Array:
    """The part on the diagonal and below; 0 elsewhere. Shapes: (..., a, b) -> same.

    >>> tril([[1, 2], [3, 4]]).tolist()
    [[1, 0], [3, 4]]
    """
    return jnp.tril(jnp.asarray(x), k=k)


@operation("k")
def triu(x: ArrayLike, k: int = 0) -> jax.Array:
    """The part on the diagonal and above; 0 elsewhere. Shapes: (..., a, b) -> same.

    >>> triu([[1, 2], [3, 4]]).tolist()
    [[1, 2], [0, 4]]
    """
    return jnp.triu(jnp.asarray(x), k=k)


@operation("k")
def diag(x: ArrayLike, k: int = 0) -> jax.Array:
    """The diagonal of a matrix, or the matrix with this diagonal. Shapes: (n, n) -> (n,), (n,) -> (n, n).

    >>> diag([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diag(jnp.asarray(x), k=k)


@operation("k")
def diagflat(x: ArrayLike, k: int = 0) -> jax.Array:
    """The matrix with the flattened `x` on its diagonal. Shapes: any -> (n, n).

    >>> diagflat([[1, 2]]).tolist()
    [[1, 0], [0, 2]]
    """
    return jnp.diagflat(jnp.asarray(x), k=k)


@operation("offset", "axis1", "axis2")
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    """The diagonals of the matrices on two axes.

    Shapes: (n, n, ...) -> (..., n). Raises ValueError if the axes are one.

    >>> diagonal([[1, 2], [3, 4]]).tolist()
    [1, 4]
    """
    x = jnp.asarray(x)
    if axis1 % x.ndim == axis2 % x.ndim:
        raise ValueError(f"diagonal needs two different axes; received axis1={axis1} and axis2={axis2}.")
    return jnp.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)


@operation("N", "increasing")
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> jax.Array:
    """The powers of each number, the highest first unless `increasing`.

    Shapes: (n,) -> (n, N). Raises ValueError for another rank or a negative N.

    >>> vander([2, 3], 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    x = jnp.asarray(x)
    if x.ndim != 1:
        raise ValueError(f"vander takes an array of one axis; received shape {x.shape}.")
    if N is not None and not isinstance(N, int):
        raise TypeError(f"vander: N must be an integer; received {N!r}.")
    if N is not None and N < 0:
        raise ValueError(f"vander: N must not be negative; received {N}.")
    if not isinstance(increasing, bool):
        raise TypeError(f"vander: increasing must be True or False; received {increasing!r}.")
    return jnp.vander(x, N=N, increasing=increasing)


# --- windows ----------------------------------------------------------------------------------


def _window(f: Callable[..., Any], x: Any, *args: Any) -> jax.Array:
    if recording.symbol_in((x,)) is not None:
        raise TypeError(f"{f.__name__}: the length of a window is a number, not {x!r}.")
    return f(int(x), *args).astype(config.floatx())


def bartlett(x: int) -> jax.Array:
    """The triangular window of `x` points.

    >>> bartlett(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return _window(jnp.bartlett, x)


def blackman(x: int) -> jax.Array:
    """The Blackman window of `x` points.

    >>> blackman(3).round(3).tolist()
    [-0.0, 1.0, -0.0]
    """
    return _window(jnp.blackman, x)


def hamming(x: int) -> jax.Array:
    """The Hamming window of `x` points.

    >>> hamming(3).round(3).tolist()
    [0.08..., 1.0, 0.08...]
    """
    return _window(jnp.hamming, x)


def hanning(x: int) -> jax.Array:
    """The Hann window of `x` points.

    >>> hanning(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return _window(jnp.hanning, x)


def kaiser(x: int, beta: float) -> jax.Array:
    """The Kaiser window of `x` points; `beta` makes it narrower.

    >>> kaiser(3, 0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    return _window(jnp.kaiser, x, beta)
