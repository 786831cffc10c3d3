"""Weights as safetensors, which other libraries read: named arrays, and nothing else in the file.

Source: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import ml_dtypes
import numpy as np

from .. import atomic, facade, storey
from . import values
from .errors import DamagedFileError
from .parse import parse
from .store import Source

DTYPES = {
    "BOOL": np.dtype(bool), "U8": np.dtype("u1"), "I8": np.dtype("i1"), "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn), "I16": np.dtype("<i2"), "U16": np.dtype("<u2"),
    "F16": np.dtype("<f2"), "BF16": np.dtype(ml_dtypes.bfloat16), "I32": np.dtype("<i4"), "U32": np.dtype("<u4"),
    "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8"), "U64": np.dtype("<u8"),
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LONGEST = 100_000_000  # bytes of a header


def write(path: Any, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Writes arrays under their names.

    Raises ValueError for a dtype that the format does not know.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
    >>> write(path, {"w": np.arange(3, dtype="float32")})
    >>> read(path)["w"].tolist()
    [0.0, 1.0, 2.0]
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, at = [], 0
    arrays = {n: np.ascontiguousarray(t).reshape(np.shape(t)) for n, t in tensors.items()}
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        if array.dtype.newbyteorder("=") not in NAMES:
            raise ValueError(
                f"safetensors knows no arrays of {array.dtype}, as {name!r} is. Known: {', '.join(DTYPES)}."
            )
        raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        dtype = NAMES[array.dtype.newbyteorder("=")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    atomic.write_bytes(path, len(text).to_bytes(8, "little"), text, *parts)


def read(path: Any) -> dict[str, np.ndarray]:
    """The arrays in a file, by name.

    Raises DamagedFileError, UnsafeModelError.
    """
    place, size = os.fspath(path), os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, LONGEST):
            raise DamagedFileError(f"a header of {length} bytes in a file of {size}", place)
        header = parse(file.read(length), f"{place}, header")
        entries = checked(header, size - 8 - length, place)
        found = {}
        for name, (dtype, shape, start, nbytes) in entries.items():
            file.seek(8 + length + start)
            found[name] = np.frombuffer(file.read(nbytes), dtype).reshape(shape)
    return found


def checked(header: Any, size: int, place: str) -> dict[str, tuple[np.dtype, tuple[int, ...], int, int]]:
    """{name: (dtype, shape, start, size)}; the arrays fill the file without gaps, one after another."""
    if not isinstance(header, dict):
        raise DamagedFileError("its header is no object", place)
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        told: dict[str, Any] = entry if isinstance(entry, dict) else {}
        shape, ends, dtype = told.get("shape"), told.get("data_offsets"), DTYPES.get(str(told.get("dtype")))
        if dtype is None or not whole(shape) or not whole(ends) or len(ends) != 2:
            raise DamagedFileError(f"it does not tell what {name!r} is", place)
        nbytes = math.prod(shape) * dtype.itemsize
        if ends[1] - ends[0] != nbytes:
            raise DamagedFileError(f"{name!r} of shape {tuple(shape)} does not fit in {ends[1] - ends[0]} bytes", place)
        found[name] = dtype, tuple(shape), ends[0], nbytes
    at = 0
    for start, nbytes in sorted(e[2:] for e in found.values()):
        if start != at:
            raise DamagedFileError("its arrays overlap, or leave gaps", place)
        at += nbytes
    if at != size:
        raise DamagedFileError(f"its arrays have {at} bytes, and {size} are there", place)
    return found


def whole(value: Any) -> TypeGuard[list[int]]:
    """Whether a value is a list of sizes."""
    return isinstance(value, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in value)


# --- models --------------------------------------------------------------------------------------


def export_weights(model: Any, path: Any) -> None:
    """Writes the weights of a model as safetensors, under names like `dense.kernel`.

    >>> import os, tempfile
    >>> from fkeras import Sequential, layers
    >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
    >>> export_weights(Sequential([layers.Input((2,)), layers.Dense(1)]), path)
    >>> {name: w.shape for name, w in sorted(read(path).items())}
    {'dense.bias': (1,), 'dense.kernel': (2, 1)}
    """
    facade.ensure(model)
    with storey.holding(storey.runs(model)):
        write(path, {n: np.asarray(w.value) for n, w in named(model).items()}, {"format": "fkeras"})


def import_weights(
    model: Any, path: Any, names: Mapping[str, str] | Callable[[str], str] | None = None, skip_mismatch: bool = False
) -> None:
    """Gives a model the weights in a safetensors file: all of them, or none and an error.

    names: for each name of the model the one in the file, as a dict or a function, where they differ.
    skip_mismatch: leave weights that the file does not hold in their shape, with a warning.

    Raises ValueError, DamagedFileError, UnsafeModelError.
    """
    found = read(path)
    table: Mapping[str, str] = {} if names is None or callable(names) else names
    rename: Callable[[str], str] = names if callable(names) else lambda name: table.get(name, name)
    with storey.holding(storey.runs(model)), values.unchanged_on_error(model):
        facade.ensure(model) if skip_mismatch else values.fill_abstractly(model)
        wrong = []
        for name, weight in named(model).items():
            value = found.get(rename(name))
            if value is not None and tuple(value.shape) == tuple(weight.shape):
                weight.value = value
            else:
                got = "none" if value is None else f"one of shape {value.shape}"
                wrong.append(f"{name} of shape {tuple(weight.shape)} (the file holds {got} as {rename(name)!r})")
        if wrong:
            said = f"{os.fspath(path)}: {len(wrong)} weights do not fit: {', '.join(wrong[:4])}."
            if not skip_mismatch:
                raise ValueError(f"{said} Nothing was loaded. It holds: {', '.join(sorted(found)[:20])}.")
            warnings.warn(f"{said} They keep the values they had.", stacklevel=2)
        values.complete(model, Source([], os.fspath(path)))


def named(model: Any) -> dict[str, storey.Weight]:
    """The weights of a model by the paths of their first places."""
    found: dict[str, storey.Weight] = {}
    seen: set[tuple[int, str]] = set()
    for part, key, path in storey.entries(model):
        if key not in storey.HIDDEN and (id(part), key) not in seen:
            seen.add((id(part), key))
            found[".".join(path)] = storey.handle(part, key)
    return found
