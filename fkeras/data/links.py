"""The rarer links of a chain of data: windows, shards, data sets of data sets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..reading import is_text
from ..spec import TEXT, Spec
from .chain import spread, stack, whole

Dataset = Any  # the class that `Links` is a part of, which imports this file


class Links:
    """What a `Dataset` has beside the links that every training needs."""

    if TYPE_CHECKING:
        count: float | None
        batched: bool
        number: int
        passes: Callable[[int], Iterable[Any]]
        _then: Callable[..., Dataset]
        batch: Callable[..., Dataset]
        unbatch: Callable[[], Dataset]

    @property
    def element_spec(self) -> Any:
        """The shapes and dtypes of an element, which is read to find them; None for the size of a batch.

        Raises ValueError if there is none.
        """
        for element in self.passes(self.number):
            return jax.tree.map(self._spec, element)
        raise ValueError("This Dataset is empty, so nobody knows the shapes of its elements.")

    def _spec(self, x: Any) -> Spec:
        x = np.asarray(x) if not hasattr(x, "dtype") else x
        shape = (None, *x.shape[1:]) if self.batched and x.shape else x.shape
        return Spec(shape, TEXT if is_text(x) else x.dtype)

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """`transformation_func(dataset)`, as a link of a chain."""
        return transformation_func(self)

    def with_options(self, options: Any) -> Any:
        """The same: there are no options to set."""
        return self

    def take_while(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements before the first of which the predicate is false."""
        call = spread(predicate)
        return self._then(lambda n: itertools.takewhile(call, self.passes(n)), None)

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Every element whose number leaves the remainder `index`: the part of one of several machines."""
        step, first = whole("num_shards", num_shards, 1), whole("index", index, 0)
        if first >= step:
            raise ValueError(f"index must be below num_shards={step}; got {first}.")
        known = self.count if self.count in (None, math.inf) else max(math.ceil((self.count - first) / step), 0)  # type: ignore[operator]
        return self._then(lambda n: itertools.islice(self.passes(n), first, None, step), known)

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any]) -> Any:
        """`state = reduce_func(state, element)` over all elements."""
        if self.count == math.inf:
            raise ValueError("This Dataset has no end: take(n) of it first.")
        for element in self.passes(self.number):
            initial_state = reduce_func(initial_state, element)
        return initial_state

    def rebatch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """The rows of the batches in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    # --- data sets of data sets ----------------------------------------------------------------------

    def window(self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False) -> Dataset:
        """Datasets of `size` elements each; of tuples and dicts of elements, tuples and dicts of Datasets.

        shift: how far apart windows begin; None for `size`. stride: how far apart the elements in one are.
        drop_remainder: leaves out the last windows, where there are too few elements for them.

        >>> from fkeras.data import Dataset
        >>> windows = Dataset.range(5).window(3, shift=1, drop_remainder=True)
        >>> [w.tolist() for w in windows.flat_map(lambda window: window.batch(3))]
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        size, stride = whole("size", size, 1), whole("stride", stride, 1)
        shift = size if shift is None else whole("shift", shift, 1)

        def passes(n: int) -> Iterator[Any]:
            elements, held, gone = iter(self.passes(n)), [], 0
            while True:
                held.extend(itertools.islice(elements, gone, gone + (size - 1) * stride + 1 - len(held)))
                some = held[::stride]
                if not some or (drop_remainder and len(some) < size):
                    return
                yield self._window(some)
                gone = max(shift - len(held), 0)  # not read yet, and not wanted
                held = held[shift:]

        reach = (size - 1) * stride + 1 if drop_remainder else 1
        unknown = self.count in (None, math.inf)
        known = self.count if unknown else max((self.count - reach) // shift + 1, 0)  # type: ignore[operator]
        return self._then(passes, known, False)

    def _window(self, elements: list[Any]) -> Any:
        columns = zip(*map(jax.tree.leaves, elements), strict=True)
        datasets = [type(self)._of(list(column)) for column in columns]  # type: ignore[attr-defined]
        return jax.tree.unflatten(jax.tree.structure(elements[0]), datasets)

    def flat_map(self, map_func: Callable[..., Dataset]) -> Dataset:
        """The elements of the Datasets that `map_func` makes of each element, one Dataset after the other."""
        return self.interleave(map_func, cycle_length=1)

    def interleave(
        self, map_func: Callable[..., Dataset], cycle_length: int | None = None, block_length: int = 1,
        num_parallel_calls: int | None = None, deterministic: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """The elements of the Datasets that `map_func` makes of each element, `block_length` of each in turn.

        cycle_length: how many Datasets take turns; None for four.
        """
        call, block = spread(map_func), whole("block_length", block_length, 1)
        width = 4 if cycle_length in (None, -1) else whole("cycle_length", cycle_length, 1)

        def passes(n: int) -> Iterator[Any]:
            sources = (iter(call(element).passes(n)) for element in self.passes(n))
            turns, at = list(itertools.islice(sources, width)), 0
            while turns:
                at %= len(turns)
                some = list(itertools.islice(turns[at], block))
                yield from some
                if len(some) == block:
                    at += 1
                elif (following := next(sources, None)) is not None:
                    turns[at] = following
                    at += 1
                else:
                    turns.pop(at)

        return self._then(passes, None, None if self.batched else False)

    def padded_batch(
        self, batch_size: int, padded_shapes: Any = None, padding_values: Any = None, drop_remainder: bool = False
    ) -> Dataset:
        """`batch` of arrays that differ in their sizes: each is filled up to the largest of its batch.

        padded_shapes: the sizes to fill up to, in the form of an element; None for the largest.
        padding_values: what to fill with, one for all or in the form of an element; None for 0 or "".

        >>> from fkeras.data import Dataset
        >>> data = Dataset.from_generator(lambda: ([1] * n for n in (1, 3)))
        >>> [batch.tolist() for batch in data.map(np.array).padded_batch(2)]
        [[[1, 0, 0], [1, 1, 1]]]
        """
        size = whole("batch_size", batch_size, 1)

        def filled(elements: list[Any]) -> Any:
            form = jax.tree.structure(elements[0])
            columns = list(zip(*map(jax.tree.leaves, elements), strict=True))
            shapes = _per_leaf(padded_shapes, form, _is_shape)
            values = _per_leaf(padding_values, form, lambda v: not isinstance(v, (tuple, list, dict)))
            return jax.tree.unflatten(form, [_padded(*c) for c in zip(columns, shapes, values, strict=True)])

        def passes(n: int) -> Iterator[Any]:
            elements = iter(self.passes(n))
            while some := list(itertools.islice(elements, size)):
                if len(some) == size or not drop_remainder:
                    yield filled(some)

        round_, unknown = math.floor if drop_remainder else math.ceil, self.count in (None, math.inf)
        return self._then(passes, self.count if unknown else round_(self.count / size), True)  # type: ignore[operator]


def _is_shape(value: Any) -> bool:
    """Whether it is one shape, of sizes or None, or a single size."""
    sizes = value if isinstance(value, (tuple, list)) else (0 if value is None else value,)
    return all(v is None or isinstance(v, (int, np.integer)) for v in sizes)


def _per_leaf(given: Any, form: Any, is_leaf: Callable[[Any], bool]) -> list[Any]:
    """A setting for each leaf of an element: one for all of them, or in the form of an element."""
    if given is None or is_leaf(given):
        return [given] * form.num_leaves
    found = jax.tree.leaves(given, is_leaf=is_leaf)
    if len(found) != form.num_leaves:
        raise ValueError(f"padded_batch: {given!r} has not the form of the elements, {form}.")
    return found


def _padded(arrays: tuple[Any, ...], shape: Any, value: Any) -> np.ndarray:
    """Arrays of one rank, filled up and stacked."""
    arrays = tuple(map(np.asarray, arrays))
    if len({a.ndim for a in arrays}) > 1:
        raise ValueError(f"padded_batch: arrays of one rank are filled up; got shapes {[a.shape for a in arrays]}.")
    largest = [max(sizes) for sizes in zip(*(a.shape for a in arrays), strict=True)]
    given = largest if shape is None else shape if isinstance(shape, (tuple, list)) else (shape,)
    wanted = [m if w in (None, -1) else w for w, m in zip(given, largest, strict=True)]
    if any(w < m for w, m in zip(wanted, largest, strict=True)):
        raise ValueError(f"padded_batch: an array of shape {tuple(largest)} does not fit into {tuple(wanted)}.")
    fill = value if value is not None else "" if is_text(arrays[0]) else 0
    widths = [[(0, w - s) for w, s in zip(wanted, a.shape, strict=True)] for a in arrays]
    return stack([np.pad(a, w, constant_values=fill) for a, w in zip(arrays, widths, strict=True)])
