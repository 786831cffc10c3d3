"""Which source data is read through."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from .foreign import foreign
from .py_dataset import Numbered, is_py_dataset
from .rows import are_large, has_columns, rows_of_arrays, rows_of_columns
from .source import Calls, Once, Source


def source_for(
    x: Any, y: Any = None, weight: Any = None, batch_size: int | None = None, steps: int | None = None
) -> Source | None:
    """The source that reads x; None for arrays that fit into the memory of the device.

    y: for a table of columns, the name of the one with the labels. Other sources bring labels and weights in
    their batches, (x, y, sample_weight), and have their own batch size.
    steps: how many batches make a pass over arrays, if no batch_size is given.
    """
    if are_large((x, y, weight)):
        return rows_of_arrays((x, y, weight), batch_size, steps)
    if isinstance(x, np.ndarray):
        return None
    size = 32 if batch_size is None else batch_size
    if isinstance(x, Source):
        return x
    if has_columns(x):
        refuse(f"a {type(x).__name__}", sample_weight=weight)
        return rows_of_columns(x, y, size)
    found: Source | None
    if inspect.isgeneratorfunction(x):
        found = Calls(x)
    elif is_py_dataset(x):  # before iterators: one may be an iterator without end as well
        found = Numbered(x)
    else:
        found = Once(x) if hasattr(x, "__next__") else foreign(x)
    if found is not None:
        refuse(found.what, y=y, sample_weight=weight)
        if batch_size is not None:
            warnings.warn(
                f"x is {found.what}, which makes its own batches: batch_size={batch_size} has no effect.", stacklevel=2
            )
    return found


def refuse(what: str, **given: Any) -> None:
    """Refuses what batches bring themselves."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"x is {what}, whose batches come as x, (x, y) or (x, y, sample_weight), of its own "
                f"size: {name} cannot be given beside it."
            )
