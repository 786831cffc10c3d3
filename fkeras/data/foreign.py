"""Data of other libraries, known by what it can do; none of them is imported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .source import Passes, Source


class Cardinal(Passes):
    """A data set that says its length by `cardinality()` and yields NumPy by `as_numpy_iterator()`: tf.data's way."""

    @property
    def steps(self) -> float | None:
        tell = getattr(self.batches, "cardinality", None)
        count = int(tell()) if callable(tell) else -2  # type: ignore[call-overload]
        return count if count >= 0 else math.inf if count == -1 else None

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return iter(self.batches.as_numpy_iterator())


def of_library(x: Any, library: str, *classes: str) -> bool:
    """Whether a class, or one that it comes from, is of this library and has one of these names."""
    return any(c.__name__ in classes and c.__module__.split(".")[0] == library for c in type(x).__mro__)


def foreign(x: Any) -> Source | None:
    """The source over a data set, a loader, or any object with `__iter__`; None for what is none of these."""
    if hasattr(x, "as_numpy_iterator"):
        return Cardinal(x)
    if of_library(x, "torch", "Dataset") and not of_library(x, "torch", "IterableDataset"):
        raise ValueError(
            f"A {type(x).__name__} yields single examples: pass torch.utils.data.DataLoader(dataset, batch_size=32)."
        )
    if of_library(x, "grain", "MapDataset"):
        return Passes(x.to_iter_dataset(), x) if hasattr(x, "to_iter_dataset") else Passes(x)
    plain = (Sequence, set, frozenset, Mapping)  # numbers one by one
    if isinstance(x, Iterable) and not isinstance(x, plain) and not is_array(x):
        return Passes(x)
    return None


def is_array(x: Any) -> bool:
    """Whether something is an array, or can become one."""
    return hasattr(x, "shape") or hasattr(x, "__array__") or hasattr(x, "to_numpy")


def as_host(batch: Any) -> Any:
    """A batch in which tensors of other libraries are NumPy arrays; JAX's and everything else stays."""
    if isinstance(batch, Mapping):
        return {k: as_host(v) for k, v in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(map(as_host, batch)) if not hasattr(batch, "_fields") else tuple(map(as_host, batch))
    if hasattr(batch, "detach"):  # torch
        tensor = batch.detach().cpu()
        return (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    return batch.numpy() if hasattr(batch, "numpy") and not hasattr(batch, "to_numpy") else batch
