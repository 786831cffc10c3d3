"""The few things that Keras 3 keeps under `keras.backend`: defaults, dtypes, names.

>>> backend(), floatx(), result_type("int8", float)
('jax', 'float32', 'float32')
"""

from __future__ import annotations

import collections
import functools
from typing import Any

import jax.numpy as jnp

from . import config
from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .policies import standardize_dtype
from .utils import session
from .utils.session import is_keras_tensor

__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "get_uid", "image_data_format", "is_float_dtype", "is_int_dtype",
    "is_keras_tensor", "result_type", "set_epsilon", "set_floatx", "set_image_data_format", "standardize_dtype",
]  # fmt: skip

NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
_uids: collections.Counter[str] = collections.Counter()  # for scripts that ask; nothing here reads it


def get_uid(prefix: str = "") -> int:
    """How often this prefix has been asked for, this time included.

    >>> get_uid("example"), get_uid("example")
    (1, 2)
    """
    _uids[prefix] += 1
    return _uids[prefix]


def clear_session(free_memory: bool = True) -> None:
    """Forgets compiled programs, and the numbers of `get_uid`."""
    session.clear_session(free_memory)
    _uids.clear()


def is_float_dtype(dtype: Any) -> bool:
    """Whether numbers of this dtype are floats.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Whether numbers of this dtype are integers; booleans are not.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def result_type(*dtypes: Any) -> str:
    """The dtype of what comes of numbers of these dtypes, of 32 bits at most.

    dtypes: `int` and `float` stand for Python's numbers, which take the width of the others;
        None for `floatx`. Raises ValueError for 8-bit floats beside others.

    >>> result_type("bfloat16", int), result_type("bool", float), result_type()
    ('bfloat16', 'float32', 'float32')
    """
    if not dtypes:
        return config.floatx()
    names = [standardize_dtype(d) for d in dtypes]
    if any(n.startswith("float8") for n in names) and len(set(names)) > 1:
        raise ValueError(f"8-bit floats are not converted by themselves; cast one of {', '.join(names)} first.")
    python = [d in (int, float) if isinstance(d, type) else False for d in dtypes]
    if all(python):
        found = ("float" if float in dtypes else "int") + config.floatx()[-2:]
        return NARROW.get(found, found)
    strong = [n for n, weak in zip(names, python, strict=True) if not weak]
    found = jnp.dtype(functools.reduce(jnp.promote_types, strong)).name
    exact = not any(jnp.issubdtype(n, jnp.inexact) for n in strong)
    if exact and (float in dtypes or jnp.issubdtype(found, jnp.floating)):  # uint64 beside int64 makes floats
        found = config.floatx()
    elif int in dtypes and found == "bool":
        found = f"int{config.floatx()[-2:]}"
    return NARROW.get(found, found)
