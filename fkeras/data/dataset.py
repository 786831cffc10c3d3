"""`Dataset`: examples or batches that are made when they are asked for, chained as in tf.data; no TensorFlow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from .chain import Yielded, spread, stack, swap_out, whole, words_of
from .links import Links
from .py_dataset import made_ahead
from .reader import Reader

INFINITE, UNKNOWN = -1, -2  # what `cardinality` says of them, as in tf.data
AUTOTUNE = -1


class Dataset(Links):
    """A lazy chain over elements: nests (tuples, dicts) of arrays and numbers.

    passes: gives the elements of pass number n; passes differ in their order only, and only after `shuffle`.
    count: how many elements a pass has; None if unknown, `math.inf` if endless.

    `fit`, `evaluate`, `predict` and `adapt` take a Dataset of batches. What iterating gives are arrays of NumPy,
    which also answer to `numpy()`, as tensors do.

    >>> data = Dataset.from_tensor_slices(({"a": np.arange(5)}, np.arange(5) ** 2))
    >>> for x, y in data.map(lambda x, y: (x["a"] + 1, y)).batch(2):
    ...     print(x, y)
    [1 2] [0 1]
    [3 4] [4 9]
    [5] [16]
    >>> len(data.repeat(2).batch(4)), [int(i) for i in Dataset.range(9).skip(2).take(3)]
    (3, [2, 3, 4])
    """

    def __init__(self, passes: Callable[[int], Iterable[Any]], count: float | None = None, batched: bool = False):
        self.passes, self.count, self.batched = passes, count, batched
        self.number = 0  # of the next pass
        self.class_names: list[str] | None = None
        self.file_paths: list[str] | None = None

    # --- where elements come from ------------------------------------------------------------------

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> Dataset:
        """The rows of a nest of arrays of one length."""
        arrays = jax.tree.map(np.asarray, tensors, is_leaf=lambda v: isinstance(v, list))
        lengths = {len(a) for a in jax.tree.leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"Slices come from arrays of one length; theirs are {sorted(lengths)}.")
        return Examples(lambda which: jax.tree.map(lambda a: a[which], arrays), lambda n: np.arange(*lengths))

    @classmethod
    def from_tensors(cls, tensors: Any) -> Dataset:
        """A nest of arrays as the only element."""
        return cls._of([jax.tree.map(np.asarray, tensors, is_leaf=lambda v: isinstance(v, list))])

    @classmethod
    def _of(cls, elements: list[Any]) -> Dataset:
        return Dataset(lambda n: elements, len(elements))

    @classmethod
    def from_generator(
        cls, generator: Callable[..., Iterable[Any]], output_types: Any = None, output_shapes: Any = None,
        args: Any = None, output_signature: Any = None,
    ) -> Dataset:  # fmt: skip
        """What a function yields; it is called for every pass, with `args` if there are any.

        output_types, output_shapes, output_signature: what TensorFlow has to be told; elements stay as they are.
        """
        if not callable(generator):
            raise TypeError(f"from_generator takes a function that makes a generator; got {generator!r}.")
        return cls(lambda n: generator(*(args or ())))

    @classmethod
    def range(cls, *args: int) -> Dataset:
        """The numbers of `range(*args)`."""
        return cls.from_tensor_slices(np.arange(*args))

    @classmethod
    def zip(cls, *datasets: Any) -> Dataset:
        """Tuples of an element of each, as long as the shortest; of a nest of Datasets, nests of their elements."""
        nest = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, dict)) else datasets
        parts, form = jax.tree.flatten(nest)
        if strangers := [p for p in parts if not isinstance(p, Dataset)]:
            raise TypeError(f"zip takes Datasets; got {strangers[0]!r}.")
        counts = [d.count for d in parts]
        count = None if None in counts else min(counts)

        def passes(n: int) -> Iterator[Any]:
            return (form.unflatten(e) for e in zip(*(d.passes(n) for d in parts), strict=False))

        return cls(passes, count, any(d.batched for d in parts))

    # --- what they are used for ----------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return (jax.tree.map(Yielded.of, element) for element in self.as_numpy_iterator())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements of the next pass."""
        number, self.number = self.number, self.number + 1
        return iter(self.passes(number))

    def __len__(self) -> int:
        if self.count is None or self.count == math.inf:
            raise TypeError(f"The length of this Dataset is {'unknown' if self.count is None else 'infinite'}.")
        return int(self.count)

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> int:
        """How many elements there are; -1 if they have no end, -2 if nobody knows."""
        return UNKNOWN if self.count is None else INFINITE if self.count == math.inf else int(self.count)

    def to_numpy(self) -> Any:
        """All of it as one nest of arrays: batches behind each other, or elements stacked."""
        if self.count == math.inf:
            raise ValueError("This Dataset has no end: take(n) of it first.")
        elements = list(self.as_numpy_iterator())
        if not elements:
            raise ValueError("This Dataset is empty.")
        return jax.tree.map(lambda *v: np.concatenate(v), *elements) if self.batched else stack(elements)

    def __repr__(self) -> str:
        count = {INFINITE: "endless", UNKNOWN: "of unknown length"}.get(self.cardinality(), self.cardinality())
        return f"<{type(self).__name__} of {'batches' if self.batched else 'elements'}: {count}>"

    # --- chains --------------------------------------------------------------------------------------

    def _then(
        self, passes: Callable[[int], Iterable[Any]], count: float | None, batched: bool | None = None
    ) -> Dataset:
        """The next link of the chain."""
        return self._with_names(Dataset(passes, count, self.batched if batched is None else batched))

    def _with_names(self, other: Dataset) -> Dataset:
        other.class_names, other.file_paths = self.class_names, self.file_paths
        return other

    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """So many elements stacked at a time; the last batch may be smaller, unless it is dropped."""
        size = whole("batch_size", batch_size, 1)

        def passes(n: int) -> Iterator[Any]:
            elements = iter(self.passes(n))
            while some := list(itertools.islice(elements, size)):
                if len(some) == size or not drop_remainder:
                    yield stack(some)

        round_ = math.floor if drop_remainder else math.ceil
        known = self.count is not None and self.count != math.inf
        return self._then(passes, round_(self.count / size) if known else self.count, True)  # type: ignore[operator]

    def unbatch(self) -> Dataset:
        """The rows of the batches."""

        def passes(n: int) -> Iterator[Any]:
            for batch in self.passes(n):
                for i in range(len(jax.tree.leaves(batch)[0])):
                    yield jax.tree.map(lambda a, i=i: a[i], batch)

        return self._then(passes, math.inf if self.count == math.inf else None, False)

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: int | None = None, deterministic: bool | None = None
    ) -> Dataset:
        """`map_func(element)` of each, `map_func(*element)` of tuples, in their order. num_parallel_calls: threads
        (-1: four). deterministic: of TensorFlow; the order is kept in any case."""
        call = spread(map_func)
        workers = 4 if num_parallel_calls == AUTOTUNE else num_parallel_calls or 1

        def passes(n: int) -> Iterator[Any]:
            if workers == 1:
                return map(call, self.passes(n))
            return made_ahead(ThreadPoolExecutor(workers, "fkeras-map"), call, self.passes(n), 2 * workers)

        return self._then(passes, self.count)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements of which the predicate is true."""
        call = spread(predicate)
        return self._then(lambda n: filter(call, self.passes(n)), math.inf if self.count == math.inf else None)

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """In an order of chance: each element is drawn from a buffer of so many that come next (all if None).

        seed: gives the same orders each time; None takes one from `fkeras.random`.
        """
        size = None if buffer_size in (None, AUTOTUNE) else whole("buffer_size", buffer_size, 1)
        words = words_of(seed)

        def passes(n: int) -> Iterator[Any]:
            rng = np.random.default_rng([*words, n if reshuffle_each_iteration else 0])
            elements, held = iter(self.passes(n)), []
            for element in elements:
                held.append(element)
                if size is not None and len(held) > size:
                    yield swap_out(held, int(rng.integers(size + 1)))
            while held:
                yield swap_out(held, int(rng.integers(len(held))))

        return self._then(passes, self.count)

    def repeat(self, count: int | None = None) -> Dataset:
        """So many passes as one, without end if None or -1; each is shuffled for itself."""
        times = None if count in (None, -1) else whole("count", count, 0)

        def passes(n: int) -> Iterator[Any]:
            span = itertools.count(n << 32) if times is None else range(n * times, (n + 1) * times)
            for i in span:
                empty = True
                for element in self.passes(i):
                    empty = False
                    yield element
                if empty:
                    return

        total = math.inf if times is None else None if self.count is None else self.count * times if times else 0
        return self._then(passes, total)

    def take(self, count: int) -> Dataset:
        """The first elements; all for -1."""
        most = math.inf if count == -1 else whole("count", count, 0)
        limit = None if most == math.inf else int(most)
        known = most if self.count == math.inf else None if self.count is None else min(self.count, most)
        return self._then(lambda n: itertools.islice(self.passes(n), limit), known)

    def skip(self, count: int) -> Dataset:
        """All but the first elements."""
        most = whole("count", count, 0)
        known = None if self.count is None else max(self.count - most, 0)
        return self._then(lambda n: itertools.islice(self.passes(n), most, None), known)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """These elements, then those of the other one."""
        known = None if self.count is None or dataset.count is None else self.count + dataset.count
        return self._then(lambda n: itertools.chain(self.passes(n), dataset.passes(n)), known)

    def enumerate(self, start: int = 0) -> Dataset:
        """(number, element) for each."""
        return self._then(lambda n: enumerate(self.passes(n), start), self.count)

    def cache(self, filename: str = "") -> Dataset:
        """Keeps the elements of the first whole pass in memory, for all later ones; there are no caches in files."""
        if filename:
            raise ValueError(f"cache keeps elements in memory; got filename={filename!r}. Leave it out.")
        kept: list[Any] = []

        def passes(n: int) -> Iterator[Any]:
            if kept:
                yield from kept[0]
                return
            elements = []
            for element in self.passes(n):
                elements.append(element)
                yield element
            kept[:] = [elements]

        return self._then(passes, self.count)

    def prefetch(self, buffer_size: int | None = None) -> Dataset:
        """Reads a few elements ahead, on a thread; `fit` does so by itself."""
        size = 2 if buffer_size in (None, AUTOTUNE) else whole("buffer_size", buffer_size, 1)

        def passes(n: int) -> Iterator[Any]:
            reader = Reader(iter(self.passes(n)), lambda some: some, lambda _: 0, lambda _: 1, ahead=size)
            try:
                while (some := reader.get()) is not None:
                    yield from some
            finally:
                reader.close()

        return self._then(passes, self.count)


class Examples(Dataset):
    """A Dataset of examples that can be got by number: it is shuffled, cut and batched before anything is read.

    fetch: an array of numbers -> the batch of these examples.
    order: gives the numbers of pass n.
    """

    def __init__(self, fetch: Callable[[Any], Any], order: Callable[[int], np.ndarray]):
        self.fetch, self.order = fetch, order
        super().__init__(self._one_by_one, len(order(0)))

    def _one_by_one(self, n: int) -> Iterator[Any]:
        for i in self.order(n):
            yield jax.tree.map(lambda a: a[0], self.fetch(np.asarray([i])))

    def _ordered(self, order: Callable[[int], np.ndarray]) -> Dataset:
        return self._with_names(Examples(self.fetch, order))

    def batch(
        self, batch_size: int, drop_remainder: bool = False, num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:  # fmt: skip
        size = whole("batch_size", batch_size, 1)
        end = len(self) - len(self) % size if drop_remainder else len(self)

        def passes(n: int) -> Iterator[Any]:
            order = self.order(n)
            return (self.fetch(order[i : min(i + size, end)]) for i in range(0, end, size))

        return self._then(passes, math.ceil(end / size), True)

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        if buffer_size not in (None, AUTOTUNE) and whole("buffer_size", buffer_size, 1) < len(self):
            return super().shuffle(buffer_size, seed, reshuffle_each_iteration)
        words = words_of(seed)

        def order(n: int) -> np.ndarray:
            return np.random.default_rng([*words, n if reshuffle_each_iteration else 0]).permutation(self.order(n))

        return self._ordered(order)

    def take(self, count: int) -> Dataset:
        most = None if count == -1 else whole("count", count, 0)
        return self._ordered(lambda n: self.order(n)[:most])

    def skip(self, count: int) -> Dataset:
        most = whole("count", count, 0)
        return self._ordered(lambda n: self.order(n)[most:])
