"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array, padded and cut to one length.

    Shapes: n sequences of (length, ...) -> (n, maxlen, ...).

    maxlen: the longest length if None. padding, truncating: "pre" or "post".

    Raises ValueError for what is no list of sequences, and for unknown settings.

    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
    [[0, 1], [3, 4]]
    """
    for name, setting in (("padding", padding), ("truncating", truncating)):
        if setting not in ("pre", "post"):
            raise ValueError(f"{name} must be 'pre' or 'post'; got {setting!r}.")
    if not hasattr(sequences, "__len__") or not all(hasattr(s, "__len__") for s in sequences):
        raise ValueError(f"pad_sequences takes a list of sequences; got {sequences!r:.100}.")
    lengths = [len(s) for s in sequences]
    width = max(lengths, default=0) if maxlen is None else maxlen
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "USO":
        raise ValueError(f"The filling value {value!r} is text, but dtype is {dtype}; pass dtype=object.")
    padded = np.full((len(lengths), width, *inner), value, dtype=dtype)
    kind, first, in_front = np.dtype(dtype), truncating == "post", padding == "pre"
    for row, (s, n) in enumerate(zip(sequences, lengths, strict=True)):
        if n > width:
            s, n = s[:width] if first else s[n - width :], width
        if not n:
            continue
        kept = np.asarray(s, kind)
        if kept.shape[1:] != inner:
            raise ValueError(f"Sequence {row} has entries of shape {kept.shape[1:]}, others of {inner}.")
        padded[row, width - n if in_front else 0 : width if in_front else n] = kept
    return padded
