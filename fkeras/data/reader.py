"""`Reader`: takes items from an iterator ahead of need, on a thread, and hands them over in packs."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterator
from typing import Any

AHEAD = 2  # packs that lie ready
PATIENCE = 5.0  # seconds to wait at the end for an item that is being made


class Reader:
    """Packs of items that follow each other, read ahead.

    A pack holds items with one `key`, at most `most` of them. Packs are full where the items
    come faster than they are used; otherwise what there is is handed over at once, so nobody
    waits for a pack to fill up. How items fall into packs depends on the clock, their order never.

    An exception of the iterator comes out of `get` as it is, after the items before it.

    >>> reader = Reader(iter([1, 1, 1, 2]), pack=list, key=lambda x: x, most=lambda x: 8)
    >>> [x for pack in iter(reader.get, None) for x in pack]
    [1, 1, 1, 2]
    """

    def __init__(
        self,
        items: Iterator[Any],
        pack: Callable[[list[Any]], Any],
        key: Callable[[Any], Any],
        most: Callable[[Any], int],
        ahead: int = AHEAD,
    ):
        self.items, self.pack, self.key, self.most, self.ahead = items, pack, key, most, ahead
        self.loose: list[Any] = []  # items of one key that are in no pack yet
        self.packs: collections.deque[Any] = collections.deque()
        self.changed = threading.Condition()
        self.packing = self.ended = self.stopped = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="fkeras-reader", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for item in self.items:
                if not self._add(item):
                    break
        except BaseException as error:  # whatever it is, it belongs to whoever asks for the next pack
            self.error = error
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _add(self, item: Any) -> bool:
        """Takes one item in; waits while enough lies ready. False: no more are wanted."""
        with self.changed:
            other = bool(self.loose) and self.key(item) != self.key(self.loose[0])
        if other:
            self._pack()
        with self.changed:
            self.loose.append(item)
            full = len(self.loose) >= self.most(item)
            self.changed.notify_all()
        if full:
            self._pack()
        with self.changed:
            while len(self.packs) >= self.ahead and not self.stopped:
                self.changed.wait()
            return not self.stopped

    def _pack(self) -> None:
        """Makes a pack of the loose items, unless they have been taken meanwhile."""
        with self.changed:
            items, self.loose = self.loose, []
            self.packing = bool(items)
        if not items:
            return
        try:
            made = self.pack(items)
            with self.changed:
                self.packs.append(made)
        finally:
            with self.changed:
                self.packing = False
                self.changed.notify_all()

    def get(self) -> Any:
        """The next pack; None after the last one."""
        with self.changed:
            while not self.packs and (self.packing or not self.loose):
                if self.ended:
                    return self._end()
                self.changed.wait()
            if self.packs:
                pack = self.packs.popleft()
                self.changed.notify_all()
                return pack
            items, self.loose = self.loose, []
        return self.pack(items)

    def _end(self) -> None:
        """Nothing is left: raises what ended the iterator, once."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    def close(self) -> bool:
        """Ends the thread; False if it is still busy making an item."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()
