"""`Iterator`: batches of images by number, or one after the other without end."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from ...data import PyDataset
from ...utils.images import array_to_img
from .transforms import drawing, draws

LOCK = threading.RLock()


class Iterator(PyDataset):
    """Base of what `ImageDataGenerator` flows: a PyDataset, and an iterator that never ends.

    A subclass writes `_get_batches_of_transformed_samples(index_array)`, which makes the batch of the examples of
    these numbers; `transforms.draws()` gives it random numbers that follow from the seed.

    n: the number of examples. shuffle: whether their order is a new one in each pass.
    seed: makes the batches of every run the same: those of pass p and number i follow from seed, p and i alone.
    kwargs: workers, use_multiprocessing, max_queue_size of PyDataset.

    >>> class Numbers(Iterator):
    ...     def _get_batches_of_transformed_samples(self, index_array):
    ...         return index_array
    >>> numbers = Numbers(3, 2, shuffle=False, seed=None)
    >>> [next(numbers).tolist() for _ in range(3)], len(numbers)
    ([[0, 1], [2], [0, 1]], 2)
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(
                f"{type(self).__name__}: batch_size must be a whole number above 0; received {batch_size!r}."
            )
        self.n, self.batch_size, self.shuffle, self.seed = n, int(batch_size), shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.index_array: np.ndarray | None = None
        self._visits: dict[int, int] = {}
        self._furthest: tuple[int, np.random.RandomState] | None = None  # of this pass
        self._ordered = False  # whether the order was set apart from the first batch

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """The batch of this number; raises ValueError where there is none."""
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise ValueError(f"{type(self).__name__} has {len(self)} batches; asked for number {index}.")
        with LOCK:
            first = index == 0 and not self._ordered and not self._visits.get(0)
            rs = self._numbers(index)
            if first:
                self._set_index_array(rs)
            elif self.index_array is None:
                self._set_index_array(draws(self.seed))
            chosen = self._chosen(index)
        return self._made(chosen, rs)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if not self.n:
            raise ValueError(f"{type(self).__name__} found no images.")
        with LOCK:
            index = self.batch_index
            rs = self._numbers(index)
            if index == 0 or self.index_array is None:
                self._set_index_array(rs)
            self.batch_index = (index + 1) % len(self)
            chosen = self._chosen(index)
        return self._made(chosen, rs)

    next = __next__

    def on_epoch_end(self) -> None:
        """Sets the order of the next pass."""
        with LOCK:
            self._set_index_array(draws(self.seed) if self._furthest is None else self._furthest[1])
            self._furthest, self._ordered = None, True

    def reset(self) -> None:
        """Begins a new pass with the next batch."""
        self.batch_index = 0

    def _set_index_array(self, rs: np.random.RandomState | None = None) -> None:
        self.index_array = (rs or draws(self.seed)).permutation(self.n) if self.shuffle else np.arange(self.n)

    def _chosen(self, index: int) -> np.ndarray:
        assert self.index_array is not None
        return self.index_array[self.batch_size * index : self.batch_size * (index + 1)]

    def _numbers(self, index: int) -> np.random.RandomState:
        """The random numbers of this batch, in the pass that it is in."""
        visit = self._visits.get(index, 0)
        self._visits[index] = visit + 1
        self.total_batches_seen += 1
        rs = draws(None if self.seed is None else (self.seed + visit * len(self) + index) % 2**32)
        if self._furthest is None or index >= self._furthest[0]:
            self._furthest = (index, rs)
        return rs

    def _made(self, chosen: np.ndarray, rs: np.random.RandomState) -> Any:
        with drawing(rs):
            return self._get_batches_of_transformed_samples(chosen)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} needs _get_batches_of_transformed_samples(self, index_array)."
        )


OVERRIDES = ("get_random_transform", "apply_transform", "random_transform", "standardize")


def transformed(generator: Any, x: np.ndarray, dtype: Any) -> np.ndarray:
    """A batch as the generator changes and standardizes it; image by image where a subclass has its own way."""
    if generator is None:
        return x.astype(dtype)
    known = [c for c in type(generator).__mro__ if "transformed" in vars(c)]
    if known and all(getattr(type(generator), n) is vars(known[-1]).get(n) for n in OVERRIDES):
        return generator.transformed(x).astype(dtype, copy=False)
    made = np.zeros(x.shape, dtype)
    for i, image in enumerate(x):
        changed = generator.apply_transform(image, generator.get_random_transform(image.shape))
        made[i] = generator.standardize(changed)
    return made


def save_batch(flow: Any, x: np.ndarray, index_array: np.ndarray, most: int) -> None:
    """Writes the images of a batch to the directory of the flow, if it has one."""
    if flow.save_to_dir:
        for image, number in zip(x, index_array, strict=True):
            name = f"{flow.save_prefix}_{number}_{draws().randint(most)}.{flow.save_format}"
            array_to_img(image, flow.data_format).save(os.path.join(flow.save_to_dir, name))


def check_subset(subset: Any) -> None:
    """Refuses an unknown subset."""
    if subset not in (None, "training", "validation"):
        raise ValueError(f"subset must be 'training', 'validation' or None; received {subset!r}.")
