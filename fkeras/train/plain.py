"""Plain values (numbers, text, arrays, nests of them) as JSON and a list of arrays, and back, to the bit."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..packed import DTYPES

DEEPEST = 50


def encode(value: Any, arrays: list[Any], depth: int = 0) -> Any:
    """JSON for a value; its arrays are added to `arrays`.

    Raises TypeError for what is not plain.

    >>> encode({"a": (1, 2.5), "b": np.ones(2)}, found := [])
    {'dict': [['a', {'tuple': [1, 2.5]}], ['b', {'array': 0}]]}
    >>> decode(_, found)
    {'a': (1, 2.5), 'b': array([1., 1.])}
    """
    kind = type(value)
    if value is None or kind in (bool, str) or (kind is int and abs(value) < 10**1000):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if kind in (list, tuple, dict) and depth < DEEPEST:
        if kind is dict:
            return {"dict": [[encode(k, arrays, depth + 1), encode(v, arrays, depth + 1)] for k, v in value.items()]}
        items = [encode(v, arrays, depth + 1) for v in value]
        return items if kind is list else {"tuple": items}
    if isinstance(value, (np.ndarray, np.generic, jax.Array)) and value.dtype in DTYPES.values():
        arrays.append(value)
        what = "scalar" if isinstance(value, np.generic) else "array" if isinstance(value, np.ndarray) else "jax"
        return {what: len(arrays) - 1}
    raise TypeError(f"{value!r} ({kind.__name__}) is not plain.")


def decode(told: Any, arrays: list[Any], depth: int = 0) -> Any:
    """The value that `encode` wrote; raises ValueError for what it never writes."""
    if isinstance(told, list) and depth < DEEPEST:
        return [decode(v, arrays, depth + 1) for v in told]
    if not isinstance(told, (list, dict)):
        return told
    if not isinstance(told, dict) or len(told) != 1 or depth >= DEEPEST:
        raise ValueError(f"{str(told)[:100]} is no plain value.")
    ((kind, inner),) = told.items()
    try:
        if kind == "float":
            return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[inner]
        if kind == "tuple":
            return tuple(decode(v, arrays, depth + 1) for v in inner)
        if kind == "dict":
            return {decode(k, arrays, depth + 1): decode(v, arrays, depth + 1) for k, v in inner}
        found = arrays[inner]
        return {"scalar": lambda a: a[()], "array": np.asarray, "jax": jnp.asarray}[kind](found)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{str(told)[:100]} is no plain value ({error}).") from None


def parts(holder: Any, leave: tuple[str, ...] = ()) -> dict[str, tuple[Any, list[Any]]]:
    """(JSON, arrays) of each attribute of an object that is plain."""
    found = {}
    for name, value in vars(holder).items():
        arrays: list[Any] = []
        if name not in leave:
            try:
                found[name] = encode(value, arrays), arrays
            except TypeError:
                continue
    return found


def same(a: tuple[Any, list[Any]] | None, b: tuple[Any, list[Any]]) -> bool:
    """Whether two encoded values are equal, arrays to the bit."""
    return a is not None and a[0] == b[0] and all(alike(x, y) for x, y in zip(a[1], b[1], strict=True))


def alike(a: Any, b: Any) -> bool:
    """Whether two arrays are equal to the bit."""
    if a is b:
        return True
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
