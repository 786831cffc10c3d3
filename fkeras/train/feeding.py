"""How batches come to the programs: as windows on nests of arrays that lie on the device."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from .arrays import Rows, put_with_room


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

    def where(self) -> dict[str, Any]:
        """How far reading has come, in plain numbers."""
        ...

    def go_to(self, where: dict[str, Any], seed: Any, taken: int) -> None:
        """Goes on from there: `taken` batches were read in all; the order comes from another seed, if it is drawn."""
        ...

    def close(self) -> None:
        """Nothing more is wanted."""


class Resident:
    """Rows that lie on the device as a whole, and are shuffled there."""

    once = False

    def __init__(self, rows: Rows, size: int, seed: np.ndarray | None = None):
        self.first, self.seed, self.size = rows, seed, min(size, rows.count)
        self.data, self.room = rows.on_device(), rows.room()
        self.full, tail = divmod(rows.count, self.size)
        self.tail, self.place, self.order, self.begun = tail, 0, None, 0

    @property
    def total(self) -> int:
        return self.full + bool(self.tail)

    def begin(self, step: int, afresh: bool = False) -> bool:
        if afresh or self.place == self.total:
            self.place = 0
        if not self.place:
            self.begun = step
            self.shuffle()
        return True

    def shuffle(self) -> None:
        """Draws the order of this pass."""
        if self.seed is not None:
            self.order = permutation(self.seed, self.begun, self.first.count, self.room)

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

    def where(self) -> dict[str, Any]:
        data = {"rows": self.first.count, "batch_size": self.size, "shuffle": self.seed is not None}
        return {**data, "begun": self.begun, "place": self.place, "ended": self.place == self.total}

    def go_to(self, where: dict[str, Any], seed: Any, taken: int) -> None:
        self.seed = None if self.seed is None else seed
        if where["ended"]:
            self.place = self.total
        elif where["place"]:
            check_same(where, self.where())
            self.begun, self.place = where["begun"], where["place"]
            self.shuffle()

    def close(self) -> None:
        pass


def check_same(then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuses to go on in the midst of a pass over other data."""
    for name, value in then.items():
        if name not in ("begun", "place", "ended") and now.get(name) != value:
            raise ValueError(
                f"Training was interrupted in the midst of a pass over data with {name} = {value}; now it is "
                f"{now.get(name)}. Fit with what it was, or remove the backup."
            )


def chance(seed: np.ndarray, step: int) -> np.random.Generator:
    """What orders a pass: it depends on the model's seed and the step that the pass begins with, nothing else."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([*map(int, np.ravel(seed)), step])))


def permutation(seed: np.ndarray, step: int, count: int, room: int) -> Any:
    """The order of the rows of an epoch."""
    return put_with_room(chance(seed, step).permutation(count).astype(np.int32), room)
