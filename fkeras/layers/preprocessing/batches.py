"""Data to adapt to: arrays, or anything that yields batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...reading import as_data


def batches(layer: Any, data: Any, steps: int | None = None, lists: bool = False) -> Iterator[Any]:
    """The batches of some data, at most `steps` of them: an array is one, of a pair (x, y) the x counts.

    lists: whether a list is an array rather than a list of batches.
    Raises TypeError for what yields no batches, ValueError if there is none.
    """
    data = as_data(data) if lists or not isinstance(data, (list, tuple)) else data
    if hasattr(data, "shape"):
        yield data
        return
    if not hasattr(data, "__iter__"):
        raise TypeError(
            f"{layer!r}: adapt takes an array, or something that yields batches; got {type(data).__name__}."
        )
    count = 0
    for batch in data:
        if steps is not None and count >= steps:
            return
        count += 1
        batch = batch[0] if isinstance(batch, tuple) and len(batch) in (1, 2, 3) else batch
        yield as_data(batch) if lists or isinstance(batch, (list, tuple)) else batch
    if not count:
        raise ValueError(f"{layer!r}: adapt got no batches; give it at least one.")


def as_numbers(layer: Any, batch: Any) -> np.ndarray:
    """One batch as numbers on the host; refuses everything else."""
    array = np.asarray(batch)
    if array.dtype.kind not in "biuf" and str(array.dtype) != "bfloat16":
        raise TypeError(f"{layer!r}: adapt takes numbers; got an array of {array.dtype}.")
    return array
