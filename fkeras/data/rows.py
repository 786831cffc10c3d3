"""Examples by number: large arrays, in files most of all, and tables of columns. A batch is read when it is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from .source import Source

LARGE = 1 << 28  # bytes of arrays in files from which on they are not read as a whole


class Indexed(Source):
    """Batches of `size` examples, each got by `fetch(indices)`.

    fetch: gets a slice where examples stay in order, an array of their numbers otherwise.
    """

    fresh = True

    def __init__(self, fetch: Callable[[Any], Any], count: int, size: int, what: str):
        self.fetch, self.count, self.size, self.what = fetch, count, min(size, count), what

    @property
    def steps(self) -> float | None:
        return math.ceil(self.count / self.size)

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        order = None if rng is None else rng.permutation(self.count).astype(np.int32)
        for start in range(0, self.count, self.size):
            part = slice(start, min(start + self.size, self.count))
            yield self.fetch(part if order is None else order[part])


def leaves(tree: Any) -> Iterator[Any]:
    """What is not a dict, nor a list of arrays, in a nest of them."""
    if isinstance(tree, Mapping):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, (list, tuple)) and all(v is None or getattr(v, "ndim", 0) for v in tree):
        yield from (v for v in tree if v is not None)
    else:
        yield tree


def are_large(parts: Any) -> bool:
    """Whether (x, y, sample_weight) are too large to be put on the device as a whole, or to be read from files so."""
    arrays = [a for part in parts for a in leaves(part) if isinstance(a, np.ndarray) or is_filed(a)]
    filed = sum(map(bytes_of, filter(is_filed, arrays)))
    return filed > LARGE or sum(map(bytes_of, arrays)) > room_on_device()


def is_filed(a: Any) -> bool:
    """Whether an array lies in a file until its rows are asked for: memmap, a Dataset of h5py, an Array of zarr, ..."""
    if isinstance(a, (np.ndarray, jax.Array)):
        return isinstance(a, np.memmap)
    if isinstance(a, Part):
        return True
    known = all(hasattr(type(a), name) for name in ("__getitem__", "__len__"))
    return known and hasattr(a, "shape") and hasattr(a, "dtype") and type(a).__module__.split(".")[0] not in IN_MEMORY


IN_MEMORY = ("fkeras", "torch", "tensorflow", "pandas", "polars")  # whose arrays look like those in files


def bytes_of(a: Any) -> int:
    """The size of an array."""
    return math.prod(a.shape) * np.dtype(a.dtype).itemsize


def rows_at(a: Any, which: Any) -> np.ndarray:
    """Some rows of an array, as an array of its own; files are read from front to back, as some must be."""
    if isinstance(which, slice) or not is_filed(a):
        return np.array(a[which])
    order = np.argsort(which)
    found = np.asarray(a[which[order]])
    rows = np.empty_like(found)
    rows[order] = found
    return rows


def room_on_device() -> float:
    """How many bytes of data the device may hold: half of its memory, if it has one of its own."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit", math.inf) / 2


def as_arrays(tree: Any) -> Any:
    """A nest whose leaves are arrays; those in files stay there."""
    if isinstance(tree, Mapping):
        return {k: as_arrays(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)) and len(tree) and all(v is None or getattr(v, "ndim", 0) for v in tree):
        return list(tree)
    return tree if tree is None or hasattr(tree, "shape") else np.asarray(tree)


def count_rows(parts: Any) -> int:
    """How many examples there are in (x, y, sample_weight)."""
    lengths = [len(a) for a in jax.tree.leaves(parts)]
    if len(set(lengths)) > 1:
        raise ValueError(f"All arrays need one row per example, but their lengths differ: {lengths}.")
    return lengths[0]


def rows_of_arrays(parts: tuple[Any, Any, Any], size: int | None = None, steps: int | None = None) -> Indexed:
    """The examples of x, y and sample_weight, arrays of one length; in `steps` batches or of 32 if no size is said."""
    arrays = tuple(map(as_arrays, parts))
    count = count_rows(arrays)

    def fetch(which: Any) -> Any:
        return jax.tree.map(lambda a: rows_at(a, which), arrays)

    return Indexed(fetch, count, size or (math.ceil(count / steps) if steps else 32), "the arrays")


def split_rows(parts: tuple[Any, Any, Any], fraction: float) -> tuple[Any, Any]:
    """(the first rows, the last `fraction` of them); nothing is read."""
    arrays = tuple(map(as_arrays, parts))
    cut = int(np.floor(count_rows(arrays) * (1 - fraction)))
    return jax.tree.map(lambda a: part(a, 0, cut), arrays), jax.tree.map(lambda a: part(a, cut, len(a)), arrays)


def part(a: Any, start: int, stop: int) -> Any:
    """Some rows of an array; they stay in their file."""
    return Part(a, start, stop) if is_filed(a) and not isinstance(a, np.memmap) else a[start:stop]


class Part:
    """The rows `start` to `stop` of an array in a file, which are read when they are asked for.

    >>> Part(np.arange(10), 2, 5)[1:]
    array([3, 4])
    """

    def __init__(self, array: Any, start: int, stop: int):
        self.array, self.start, self.stop = array, start, stop
        self.shape, self.dtype, self.ndim = (stop - start, *array.shape[1:]), array.dtype, array.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            start, stop, step = which.indices(len(self))
            return self.array[self.start + start : self.start + stop : step]
        which = np.asarray(which)
        return self.array[self.start + np.where(which < 0, which + len(self), which)]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


def has_columns(x: Any) -> bool:
    """Whether something is a table as Hugging Face's `datasets` has them: columns by name, `ds[indices]` a dict."""
    return hasattr(x, "column_names") and (hasattr(x, "iter") or hasattr(x, "__getitem__"))


def rows_of_columns(table: Any, labels: Any, size: int) -> Source:
    """The examples of a table of columns. labels: the name of the column of labels, a list of them, or None."""
    names = list(table.column_names or [])
    wanted = [] if labels is None else [labels] if isinstance(labels, str) else list(labels)
    if unknown := [n for n in wanted if n not in names]:
        raise ValueError(f"y names the column {unknown[0]!r}; the columns are {', '.join(names)}.")
    if hasattr(table, "with_format"):
        table = table.with_format("numpy")

    def parts(batch: Any) -> Any:
        x = {n: np.asarray(batch[n]) for n in names or batch if n not in wanted}
        x = next(iter(x.values())) if len(x) == 1 else x
        y = {n: np.asarray(batch[n]) for n in wanted}
        return x if not y else (x, y[labels] if isinstance(labels, str) else y)

    if hasattr(table, "__getitem__") and hasattr(table, "__len__"):
        return Indexed(lambda which: parts(table[which]), len(table), size, f"the {type(table).__name__}")
    return Streamed(table, size, parts)


class Streamed(Source):
    """A table that can only be read from its begin, by `table.iter(batch_size)`."""

    def __init__(self, table: Any, size: int, parts: Callable[[Any], Any]):
        self.table, self.size, self.parts, self.what = table, size, parts, f"the {type(table).__name__}"

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return map(self.parts, self.table.iter(self.size))
