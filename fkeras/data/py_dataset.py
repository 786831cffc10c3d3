"""`PyDataset`, in Keras 2 `Sequence`: batches by number, made by several workers at once."""

from __future__ import annotations

import collections
import itertools
import math
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

from .source import Source


class PyDataset:
    """Base of data sets in Python: write `__getitem__(index)`, which returns a whole batch, and `__len__()`.

    workers: how many batches are made at once.
    use_multiprocessing: makes them in processes of their own, to which the dataset is sent by pickle; it and
        its class must be importable there.
    max_queue_size: how many batches may wait to be used.

    `num_batches` may return None instead of `__len__`: then there are batches without end.
    `on_epoch_begin` and `on_epoch_end` are called around every epoch. With `fit(shuffle=True)`, the
    default, the batches of a pass come in another order each time.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return np.full((2, 1), index**2)
    >>> [int(batch[0, 0]) for batch in Squares()]
    [0, 1, 4]
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch of this number."""
        raise NotImplementedError(f"{type(self).__name__} needs __getitem__(self, index), which returns a batch.")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None if they have no end."""
        length = getattr(type(self), "__len__", None)
        if length is None:
            raise NotImplementedError(f"{type(self).__name__} needs __len__(self), the number of batches.")
        return length(self)

    def __iter__(self) -> Iterator[Any]:
        count = batches_in(self)
        yield from (self[i] for i in (itertools.count() if count == math.inf else range(int(count))))

    def on_epoch_begin(self) -> None:
        """Before an epoch."""

    def on_epoch_end(self) -> None:
        """After an epoch: shuffle the examples here, for example."""


def batches_in(dataset: Any) -> float:
    """How many batches a data set of this kind has, `math.inf` for None."""
    count = dataset.num_batches if hasattr(type(dataset), "num_batches") else len(dataset)
    return math.inf if count is None else int(count)


def is_py_dataset(x: Any) -> bool:
    """Whether something is a PyDataset, of this package or of Keras, or a `Sequence` that only looks like one."""
    return isinstance(x, PyDataset) or (
        hasattr(x, "__getitem__") and (hasattr(type(x), "num_batches") or hasattr(x, "on_epoch_end"))
    )


class Numbered(Source):
    """The batches of a PyDataset, in the order of an epoch, made ahead by its workers."""

    def __init__(self, dataset: Any):
        self.dataset, self.what = dataset, f"the {type(dataset).__name__}"
        told = [n for n in ("workers", "use_multiprocessing", "max_queue_size") if not hasattr(dataset, n)]
        if told and isinstance(dataset, PyDataset):
            warnings.warn(
                f"{type(dataset).__name__}.__init__ does not call super().__init__(**kwargs), which takes "
                f"{', '.join(told)}: one worker is used.",
                stacklevel=5,
            )
        self.workers = int(getattr(dataset, "workers", 1) or 0)
        self.processes = bool(getattr(dataset, "use_multiprocessing", False))
        self.queue = max(int(getattr(dataset, "max_queue_size", 10)), 1)

    @property
    def steps(self) -> float | None:
        return batches_in(self.dataset)

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        count = batches_in(self.dataset)
        order: Any = itertools.count() if count == math.inf else range(int(count))
        if rng is not None and count != math.inf:
            order = rng.permutation(int(count)).tolist()
        if self.workers > 1 or (self.workers and self.processes):
            return made_ahead(
                self.pool(), batch_of_held if self.processes else self.dataset.__getitem__, order, self.queue
            )
        return (self.dataset[i] for i in order)

    def pool(self) -> Executor:
        """The workers. Processes are new ones, not forks: a fork of a process that runs JAX may hang."""
        if not self.processes:
            return ThreadPoolExecutor(self.workers, "fkeras-worker")
        fresh = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, fresh, initializer=hold, initargs=(self.dataset,))

    def begin_epoch(self) -> None:
        getattr(self.dataset, "on_epoch_begin", bool)()

    def end_epoch(self) -> None:
        getattr(self.dataset, "on_epoch_end", bool)()


held: list[Any] = []  # in a worker process: the dataset that it makes batches of


def hold(dataset: Any) -> None:
    """Keeps the dataset that this worker process makes batches of."""
    held[:] = [dataset]


def batch_of_held(index: int) -> Any:
    """A batch of the dataset that this worker process holds."""
    return held[0][index]


def made_ahead(pool: Executor, make: Callable[[Any], Any], given: Iterable[Any], most: int) -> Iterator[Any]:
    """`map(make, given)`, of which up to `most` are made ahead by a pool, which is shut down in the end."""
    waiting: collections.deque[Future[Any]] = collections.deque()
    rest = iter(given)
    try:
        waiting.extend(pool.submit(make, i) for i in itertools.islice(rest, most))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, i) for i in itertools.islice(rest, 1))
            yield made
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
