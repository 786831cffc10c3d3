"""The datatypes that HDF5 files of models hold: numbers of a fixed size, and texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

FLOATS = {  # (size, bits of the exponent, bits of the mantissa) -> dtype
    (2, 5, 10): np.dtype("float16"),
    (4, 8, 23): np.dtype("float32"),
    (8, 11, 52): np.dtype("float64"),
    (2, 8, 7): np.dtype(ml_dtypes.bfloat16),
    (1, 4, 3): np.dtype(ml_dtypes.float8_e4m3fn),
    (1, 5, 2): np.dtype(ml_dtypes.float8_e5m2),
}


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of `size` bytes, or one that lies elsewhere and whose reference has that size."""

    size: int
    fixed: bool


def read(raw: bytes, refuse: Callable[[str], Exception]) -> np.dtype | Text:
    """The datatype that a message describes.

    refuse: makes the error for what is none of them.
    """
    if len(raw) < 8:
        raise refuse("a datatype of a few bytes")
    kind, bits, size = raw[0] & 15, raw[1], int.from_bytes(raw[4:8], "little")
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        return np.dtype(f"{'i' if bits & 8 else 'u'}{size}").newbyteorder(order)
    if kind == 1 and len(raw) >= 20 and (size, raw[13], raw[15]) in FLOATS:
        found = FLOATS[size, raw[13], raw[15]]
        if found.isbuiltin == 1:
            return found.newbyteorder(order)
        if order == "<":
            return found
    if kind == 3 and 0 < size < 1 << 26:
        return Text(size, True)
    if kind == 5 and size == 2:  # bytes of no meaning: how HDF5 keeps bfloat16; an attribute tells so
        return np.dtype("V2")
    if kind == 8 and size == 1 and boolean(raw):
        return np.dtype(bool)
    if kind == 9 and size == 16 and bits & 15 == 1:
        return Text(16, False)
    names: dict[int, Any] = {6: "records", 7: "references", 8: "an enumeration", 9: "lists of any length", 10: "arrays"}
    raise refuse(f"{names.get(kind, 'a datatype')} that no model needs")


def boolean(raw: bytes) -> bool:
    """Whether an enumeration is that of FALSE and TRUE."""
    return int.from_bytes(raw[1:3], "little") == 2 and b"FALSE\0" in raw and b"TRUE\0" in raw
