"""How batches come to the programs: as windows on nests of arrays that lie on the device."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from .arrays import Rows, with_room


class Window(NamedTuple):
    """`many` batches of `size` rows, from batch `start` of `data` on.

    order: a permutation that the rows are read through, or None.
    alone: whether this is one batch unlike the others, for which a program without a loop is made.
    """

    data: Any
    order: Any
    start: int
    many: int
    size: int
    row: int
    alone: bool


class Feed(Protocol):
    """Where windows come from: `begin` an epoch, ask for windows while there are `more`.

    first: rows like all others, to learn shapes from.
    total: how many batches a pass has, if that is known.
    once: whether there is only one pass.
    """

    first: Rows
    once: bool

    @property
    def total(self) -> int | None: ...

    def begin(self, step: int, afresh: bool = False) -> bool:
        """An epoch begins, after so many steps; goes on where the last one ended, unless afresh. False: no more data"""
        ...

    def more(self) -> bool:
        """Whether the pass goes on; waits for the next batch if need be."""
        ...

    def window(self, most: int) -> Window:
        """The next batches, `most` at most, where there are more."""
        ...

    def end(self) -> None:
        """The epoch has ended."""

    def close(self) -> None:
        """Nothing more is wanted."""


class Resident:
    """Rows that lie on the device as a whole, and are shuffled there."""

    once = False

    def __init__(self, rows: Rows, size: int, seed: np.ndarray | None = None):
        self.first, self.seed, self.size = rows, seed, min(size, rows.count)
        self.data, self.room = rows.on_device(), rows.room()
        self.full, tail = divmod(rows.count, self.size)
        self.tail, self.place, self.order = tail, 0, None

    @property
    def total(self) -> int:
        return self.full + bool(self.tail)

    def begin(self, step: int, afresh: bool = False) -> bool:
        if afresh or self.place == self.total:
            self.place = 0
        if not self.place and self.seed is not None:
            self.order = permutation(self.seed, step, self.first.count, self.room)
        return True

    def more(self) -> bool:
        return self.place < self.total

    def window(self, most: int) -> Window:
        start, row = self.place, self.place * self.size
        alone = start == self.full
        many = 1 if alone else min(most, self.full - start)
        self.place += many
        return Window(self.data, self.order, start, many, self.tail if alone else self.size, row, alone)

    def end(self) -> None:
        pass

    def close(self) -> None:
        pass


def chance(seed: np.ndarray, step: int) -> np.random.Generator:
    """What orders a pass: it depends on the model's seed and the step that the pass begins with, nothing else."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([*map(int, np.ravel(seed)), step])))


def permutation(seed: np.ndarray, step: int, count: int, room: int) -> Any:
    """The order of the rows of an epoch."""
    return jax.device_put(with_room(chance(seed, step).permutation(count).astype(np.int32), room))
