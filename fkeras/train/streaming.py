"""`Stream`: the batches of a source, checked, read ahead on a thread and stacked for the device."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from ..data import Reader, Source
from ..data.foreign import as_host
from ..reading import is_text
from .arrays import Rows, put_with_room
from .feeding import Window, chance, check_same

PACK_BYTES = 1 << 23  # of the batches that go to the device together
PACK_BATCHES = 256  # the most of them
MANY_SHAPES = 16  # different shapes of batches from which on a word is said about it


class Batch(NamedTuple):
    """(x, y, sample_weight) as they came, of this number in their pass; batches with one key may be stacked."""

    number: int
    parts: tuple[Any, Any, Any]
    key: Any


class Pack(NamedTuple):
    """Some batches of one shape, on the device; then, maybe, what is wrong with the next one."""

    data: Any
    count: int
    size: int
    alone: bool
    error: Exception | None = None


class Stream:
    """A feed of the batches of a source. Close it: a thread reads ahead.

    Batches with the shapes of the first one run many at a time, in one program that serves any
    number of them; each other shape (the smaller last batch, most of all) gets a program of its own.

    read: (x, y, sample_weight) -> Rows, which checks rows against the model; it is given many batches at once.
    seed: of the order of the batches, for sources that have one to choose; None leaves them in order.
    step: how many steps the model has taken.
    budget: how many batches of a pass are wanted at most, so that none is taken from a generator in vain.
    """

    def __init__(
        self, source: Source, read: Callable[..., Rows], seed: Any = None, step: int = 0, budget: int | None = None
    ):
        self.source, self.read, self.seed, self.budget, self.once = source, read, seed, budget, source.once
        self.check: Callable[[Rows], None] = lambda rows: None  # of the labels, once the losses are known
        self.batches: Any = None  # the iterator of this pass
        self.reader: Reader | None = None
        self.pack: Pack | None = None
        self.place = self.number = self.used = 0  # batches used of the pack; read, used of the pass
        self.begun = step  # with which step this pass began
        self.taken = 0  # batches read of what is budgeted: a pass, or all there is of a generator
        self.shapes: set[Any] = set()
        self.peeked: Batch | None = None  # the first batch, until it is used
        self.source.begin_epoch()
        try:
            self._open(step)
            self.peeked = batch = next(self._items(), None)
            if batch is None:
                raise ValueError(f"There is no batch in {source.what}: it is empty, or was read to its end before.")
            self.first: Rows = self._named(batch, lambda: read(*batch.parts))
        except BaseException:
            self.close()
            raise
        self.key, self.capacity = batch.key, capacity_of(batch)

    @property
    def total(self) -> int | None:
        """How many batches a pass has, if that is known and finite."""
        steps = self.source.steps
        return None if steps is None or steps == math.inf else int(steps)

    # --- reading -----------------------------------------------------------------------------------

    def _open(self, step: int) -> None:
        """Begins a pass; nothing is read yet."""
        self.batches = self.source.open(None if self.seed is None else chance(self.seed, step))
        self.number, self.used, self.begun, self.pack = 0, 0, step, None
        self.taken = self.taken if self.once else 0

    def _items(self) -> Iterator[Batch]:
        """The batches of this pass from here on, on the host, where nobody else writes into them."""
        while self.budget is None or self.taken < self.budget:
            try:
                batch = next(self.batches)
            except StopIteration:
                return
            kept = self._keep(batch)
            self.number += 1
            self.taken += 1
            yield kept

    def _keep(self, batch: Any) -> Batch:
        """A batch as arrays of its own, whatever its maker does with its arrays next."""
        parts = self._named(None, lambda: parts_of(as_host(batch)))
        leaves, form = jax.tree.flatten(parts)
        if not all(isinstance(a, (np.ndarray, jax.Array)) and a.ndim and not is_text(a) for a in leaves):
            parts = self._named(None, lambda: self.read(*parts)).parts()
            leaves, form = jax.tree.flatten(parts)
        if not self.source.fresh:
            parts = form.unflatten([np.array(a) if on_host(a) else a for a in leaves])
        key = (form, *((a.shape, a.dtype) for a in leaves))
        if key not in self.shapes:
            self._meet_shape(key)
        return Batch(self.number, parts, key)

    def _meet_shape(self, key: Any) -> None:
        self.shapes.add(key)
        if len(self.shapes) == MANY_SHAPES:
            warnings.warn(
                f"{self.source.what} has yielded batches of {MANY_SHAPES} different shapes; each is compiled for anew. "
                "Pad them to a few lengths.",
                stacklevel=2,
            )

    def _named(self, batch: Batch | None, read: Callable[[], Any]) -> Any:
        """What `read` gives; what it says is wrong is said with the number of the batch."""
        try:
            return read()
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            number = self.number if batch is None else batch.number
            raise kind(f"Batch {number} of {self.source.what}: {error}") from error

    def _checked(self, parts: tuple[Any, Any, Any]) -> Rows:
        """Rows that fit the model, the losses, and the rows before them."""
        rows = self.read(*parts)
        compare(rows, self.first)
        self.check(rows)
        return rows

    def _stack(self, batches: list[Batch]) -> Pack:
        """Batches of one shape as one nest of arrays on the device, with room for as many as it ever holds."""
        alone, error = batches[0].key != self.key, None
        try:
            rows = self._checked(joined(batches))
        except (ValueError, TypeError):
            batches, error = self._good(batches)
            if not batches:
                raise error from error.__cause__
            rows = self._checked(joined(batches))
        size = rows.count // len(batches)
        room = size if alone else size * self.capacity
        return Pack(jax.tree.map(lambda a: put_with_room(a, room), rows.parts()), len(batches), size, alone, error)

    def _good(self, batches: list[Batch]) -> tuple[list[Batch], Exception]:
        """The batches before the first bad one, and what is wrong with that."""
        for i, batch in enumerate(batches):
            try:
                self._named(batch, lambda batch=batch: self._checked(batch.parts))
            except (ValueError, TypeError) as error:
                return batches[:i], error
        raise AssertionError("Batches that are wrong together are right one by one.")

    def _next_pack(self) -> Pack | None:
        if self.pack is not None and self.pack.error is not None:
            raise self.pack.error
        if self.reader is None:
            seen, self.peeked = [] if self.peeked is None else [self.peeked], None
            items = itertools.chain(seen, self._items())
            most = {True: self.capacity, False: 1}
            self.reader = Reader(items, self._stack, lambda b: b.key, lambda b: most[b.key == self.key])
        return self.reader.get()

    # --- windows ---------------------------------------------------------------------------------

    def begin(self, step: int, afresh: bool = False) -> bool:
        """An epoch begins; False if there is nothing more to read, which only happens where there is one pass."""
        if self.peeked is None:  # else its begin was told before the first batch was read
            self.source.begin_epoch()
        else:
            return True
        if afresh and not self.once and self.reader is not None:
            self._shut()
        if self.batches is not None and self._look():
            return True
        if self.once:
            return False
        self._shut()
        self._open(step)
        return True

    def _look(self) -> bool:
        """Whether there is a next batch in this pass, for which it waits."""
        if self.pack is None or self.place == self.pack.count:
            self.pack, self.place = self._next_pack(), 0
        return self.pack is not None

    def more(self) -> bool:
        """Whether the pass goes on; waits for the next batch."""
        if self.batches is not None and self._look():
            return True
        self._shut()
        return False

    def window(self, most: int) -> Window:
        """The next batches, `most` at most."""
        pack: Any = self.pack
        start, many = self.place, min(most, pack.count - self.place)
        self.place += many
        self.used += many
        return Window(pack.data, None, start, many, pack.size, start * pack.size, pack.alone)

    def end(self) -> None:
        """The epoch has ended."""
        self.source.end_epoch()

    def where(self) -> dict[str, Any]:
        place = 0 if self.batches is None else self.used
        return {"batches": self.total, "shuffle": self.seed is not None, "begun": self.begun, "place": place}

    def go_to(self, where: dict[str, Any], seed: Any, taken: int) -> None:
        skipped = taken if self.once else where["place"]
        if not skipped and self.once:
            return
        if skipped:
            check_same(where, self.where())
        self.seed = None if self.seed is None else seed
        if self.once:
            skipped -= self.peeked is not None
        else:
            self._shut()
            if skipped:
                self._open(where["begun"])
        self.peeked = None
        for _ in range(skipped):
            if next(self.batches, self) is self:
                raise ValueError(f"{self.source.what} has fewer batches than were read of it before the interruption.")
        self.number = self.used = where["place"]
        self.taken = taken if self.once else where["place"]

    # --- the end ---------------------------------------------------------------------------------

    def _shut(self) -> None:
        """Ends the pass: the thread first, then the iterator, unless that is the user's own."""
        idle = self.reader is None or self.reader.close()
        batches, self.batches, self.reader, self.pack = self.batches, None, None, None
        if idle and not self.once and hasattr(batches, "close"):
            batches.close()

    def close(self) -> None:
        """Nothing more is wanted."""
        self._shut()


def parts_of(batch: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a source yields: x, (x,), (x, y) or (x, y, sample_weight)."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(f"a batch is x, (x, y) or (x, y, sample_weight), no {type(batch).__name__} of {len(batch)}.")
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


def on_host(a: Any) -> bool:
    """Whether an array lies in the memory that NumPy reads."""
    return not isinstance(a, jax.Array) or next(iter(a.devices())).platform == "cpu"


def capacity_of(batch: Batch) -> int:
    """How many batches like this one go to the device together: a power of two."""
    leaves = jax.tree.leaves(batch.parts)
    if not all(map(on_host, leaves)):
        return 1  # they are there
    most = PACK_BYTES // max(sum(a.nbytes for a in leaves), 1)
    return 1 << (min(max(most, 1), PACK_BATCHES).bit_length() - 1)


def joined(batches: list[Batch]) -> Any:
    """The parts of batches of one shape, one behind the other."""
    if len(batches) == 1:
        return batches[0].parts
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *(b.parts for b in batches))


def compare(rows: Rows, first: Rows) -> None:
    """Refuses a batch that is not made like the first one."""
    mine, theirs = rows.parts(), first.parts()
    if jax.tree.structure(mine) != jax.tree.structure(theirs):
        raise ValueError(f"its form is {form(mine)}, that of the first batch {form(theirs)}.")
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        if a.ndim != b.ndim:
            raise ValueError(f"an array of shape {a.shape} stands where the first batch has one of shape {b.shape}.")


def form(parts: Any) -> str:
    """The nest of a batch, without its numbers."""
    names = [n for n, part in zip(("x", "y", "sample_weight"), parts, strict=True) if part is not None]
    x = parts[0]
    inner = f"{{{', '.join(map(repr, x))}}}" if isinstance(x, dict) else f"{len(jax.tree.leaves(x))} arrays"
    return f"({', '.join(names)}) with x of {inner}"
