"""A data set in two."""

from __future__ import annotations

import random
from typing import Any

import jax
import numpy as np

from .chain import stack, words_of
from .dataset import Dataset


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """(left, right): the first examples and the last ones of a data set, as two Datasets.

    dataset: a Dataset (of batches: the halves get batches as large), an array, a list or tuple of arrays of one
        length, or anything else that yields examples; it is read into memory.
    left_size, right_size: how many examples, or which share of them (a float); one may be left out.
    shuffle, seed: mixes the examples before.
    preferred_backend: whatever it is, the halves are Datasets of fkeras.

    >>> left, right = split_dataset(np.arange(10), left_size=0.7)
    >>> left.to_numpy().tolist(), right.to_numpy().tolist()
    ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    """
    arrays, size = as_arrays(dataset)
    count = len(jax.tree.leaves(arrays)[0])
    left, right = sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:
        random.Random(words_of(None)[0] if seed is None else seed).shuffle(order)
    halves = (order[:left], order[count - right :])
    made = [Dataset.from_tensor_slices(jax.tree.map(lambda a, h=h: a[np.asarray(h)], arrays)) for h in halves]
    first, second = made if size is None else [half.batch(size) for half in made]
    return first, second


def as_arrays(dataset: Any) -> tuple[Any, int | None]:
    """(all examples as one nest of arrays, the size of the batches they came in)."""
    if isinstance(dataset, np.ndarray) or hasattr(dataset, "__array__"):
        return np.asarray(dataset), None
    if isinstance(dataset, (list, tuple)) and all(hasattr(a, "shape") for a in dataset):
        lengths = {len(a) for a in dataset}
        if len(lengths) != 1:
            raise ValueError(f"split_dataset takes arrays of one length; theirs are {sorted(lengths)}.")
        return tuple(map(np.asarray, dataset)), None
    if isinstance(dataset, Dataset):
        arrays = dataset.to_numpy()
        return arrays, len(jax.tree.leaves(next(iter(dataset)))[0]) if dataset.batched else None
    if isinstance(dataset, (str, bytes, dict)) or not (hasattr(dataset, "__iter__") or hasattr(dataset, "__getitem__")):
        raise TypeError(
            f"split_dataset takes a Dataset, arrays, or what yields examples; got {type(dataset).__name__}."
        )
    examples = list(dataset) if hasattr(dataset, "__iter__") else [dataset[i] for i in range(len(dataset))]
    if not examples:
        raise ValueError("split_dataset got a data set without examples.")
    return stack([tuple(e) if isinstance(e, list) else e for e in examples]), None


def sizes(left: Any, right: Any, count: int) -> tuple[int, int]:
    """The sizes of two parts of so many examples."""
    if left is None and right is None:
        raise ValueError("split_dataset needs left_size or right_size.")
    found = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            found.append(None)
        elif isinstance(size, bool) or not isinstance(size, (int, float, np.number)):
            raise TypeError(f"{name} is a number of examples or a share of them; got {size!r}.")
        elif not 0 < size < (1 if isinstance(size, (float, np.floating)) else count):
            raise ValueError(f"{name} is between 1 and {count - 1} examples, or a share between 0 and 1; got {size}.")
        else:
            found.append(round(size * count) if isinstance(size, (float, np.floating)) else int(size))
    first, second = found
    first = count - second if first is None else first
    second = count - first if second is None else second
    if first + second > count or not first or not second:
        raise ValueError(f"{count} examples cannot be split into {first} and {second}.")
    return first, second
