"""Functions that differ in one line only: of one array, of two, and over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .. import config
from .operation import operation

Axes = int | tuple[int, ...] | list[int] | None


class Unary(Protocol):
    """A function of one array."""

    def __call__(self, x: ArrayLike) -> jax.Array: ...


class Binary(Protocol):
    """A function of two arrays."""

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> jax.Array: ...


class Reduction(Protocol):
    """A function over axes of an array."""

    def __call__(self, x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> jax.Array: ...


def as_array(x: ArrayLike) -> jax.Array:
    """`x` as an array; an array as it is, in no time."""
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def floats(x: ArrayLike) -> jax.Array:
    """The array; integers and booleans as numbers of `floatx`.

    >>> floats([1, 2]).dtype.name, floats(jnp.ones(2, "bfloat16")).dtype.name
    ('float32', 'bfloat16')
    """
    x = as_array(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(config.floatx())


def widened(x: jax.Array) -> Any:
    """The dtype in which sums of 16-bit numbers do not overflow."""
    return jnp.promote_types(x.dtype, jnp.float32)


def axes_of(axis: Any) -> Any:
    """Axes as `jax.numpy` takes them: a list as a tuple."""
    return tuple(axis) if isinstance(axis, list) else axis


def _finish(f: Any, like: Any, doc: str, shapes: str, module: str | None, settings: tuple[str, ...] = ()) -> Any:
    name, title = like if isinstance(like, tuple) else (like, None)
    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{doc}\n\n    Shapes: {shapes}.\n    "
    return operation(*settings, name=title, module=f"keras.src.ops.{module}")(f)


def unary(
    name: str | tuple[str, str], f: Callable[..., Any], doc: str, convert: Any = as_array, module: str = "numpy"
) -> Unary:
    """The operation `f(x)`. name: with the name of its class in Keras, if that is another."""
    return _finish(lambda x: f(convert(x)), name, doc, "any -> same", module)


def binary(name: str | tuple[str, str], f: Callable[..., Any], doc: str, convert: Any = as_array) -> Binary:
    """The operation `f(x1, x2)`, with broadcasting."""
    return _finish(lambda x1, x2: f(convert(x1), convert(x2)), name, doc, "(...), (...) -> broadcast", "numpy")


def reduction(
    name: str | tuple[str, str], f: Callable[..., Any], doc: str, convert: Any = as_array, module: str = "numpy"
) -> Reduction:
    """The operation `f(x, axis, keepdims)`: over all axes for None."""

    def reduce(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> jax.Array:
        return f(convert(x), axis=axes_of(axis), keepdims=keepdims)

    shapes = "any -> without `axis`, or with size 1 there if `keepdims`"
    return _finish(reduce, name, doc, shapes, module, ("axis", "keepdims"))
