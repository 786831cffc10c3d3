"""The code of a lambda in a file, which runs only where the caller asks for it: `load_model(path, safe_mode=False)`.

Keras keeps such a function as bytecode, which only the version of Python that wrote it understands. Whoever
makes it into a function lets the file do whatever it likes: nothing here is called for a file that is not trusted.
"""

from __future__ import annotations

import binascii
import builtins
import marshal
import types
from typing import Any

import numpy as np

PARTS = ("code", "defaults", "closure")


def is_code(value: Any) -> bool:
    """Whether a config is the code of a function, as Keras 3 or 2 writes it."""
    if isinstance(value, dict):
        return value.get("class_name") == "__lambda__"
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and value[0].endswith("\n")


def function_of(config: Any, known: dict[str, Any]) -> Any:
    """The function that a file describes by its code.

    known: what its names may mean beside Python's own and `np`.
    Raises ValueError for what is no code of this version of Python.
    """
    told = config["config"] if isinstance(config, dict) else dict(zip(PARTS, config, strict=True))
    try:
        code = marshal.loads(binascii.a2b_base64(told["code"].encode("ascii")))
        if not isinstance(code, types.CodeType):
            raise ValueError("it is no code")
        cells = tuple(types.CellType(value) for value in plain(told.get("closure")) or ())
        names = {"__builtins__": builtins, "np": np, **known}
        return types.FunctionType(code, names, "<lambda>", plain(told.get("defaults")), cells or None)
    except (ValueError, TypeError, EOFError, KeyError, AttributeError) as error:
        raise ValueError(f"this version of Python cannot read it ({error})") from None


def plain(values: Any) -> tuple[Any, ...] | None:
    """Defaults or a closure as a tuple, lists in it too; None if there is none."""
    if values is None:
        return None
    return tuple(tuple(v) if isinstance(v, list) else v for v in values)
