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
    arrays = [a for part in parts for a in leaves(part) if isinstance(a, np.ndarray)]
    filed = sum(a.nbytes for a in arrays if isinstance(a, np.memmap))
    return filed > LARGE or sum(a.nbytes for a in arrays) > room_on_device()


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


def rows_of_arrays(parts: tuple[Any, Any, Any], size: int) -> Indexed:
    """The examples of x, y and sample_weight, arrays of one length."""
    arrays = tuple(map(as_arrays, parts))

    def fetch(which: Any) -> Any:
        return jax.tree.map(lambda a: np.array(a[which]), arrays)

    return Indexed(fetch, count_rows(arrays), size, "the arrays")


def split_rows(parts: tuple[Any, Any, Any], fraction: float) -> tuple[Any, Any]:
    """(the first rows, the last `fraction` of them); nothing is read."""
    arrays = tuple(map(as_arrays, parts))
    cut = int(np.floor(count_rows(arrays) * (1 - fraction)))
    return jax.tree.map(lambda a: a[:cut], arrays), jax.tree.map(lambda a: a[cut:], arrays)


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
