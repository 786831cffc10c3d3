"""`Progbar`: a bar for loops of one's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import config
from ..train.progress import number, say, told


class Progbar:
    """A line that tells how far a loop is, and the means of what is measured.

    target: how many steps there will be, or None. width: of the bar, in characters.
    verbose: 0 silent, 1 a bar that is drawn again, 2 one line at the end.
    interval: seconds between two drawings at least.
    stateful_metrics: names of values that are shown as they are; of others the mean over the steps.
    unit_name: what a step is called.

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(1, [("loss", 3.0)]); bar.update(2, [("loss", 1.0)])
    2/2 - ...s - ... - loss: 2.0000
    """

    def __init__(
        self, target: int | None, width: int = 20, verbose: int = 1, interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None, unit_name: str = "step",
    ):  # fmt: skip
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.stateful_metrics, self.unit_name = set(stateful_metrics or ()), unit_name
        self._values: dict[str, tuple[float, float]] = {}  # name -> (sum, weight)
        self._seen_so_far, self._start, self._drawn, self._length = 0, time.perf_counter(), 0.0, 0
        self.finalized = False

    def add(self, n: int, values: Any = None) -> None:
        """So many steps more are done."""
        self.update(self._seen_so_far + n, values)

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """So many steps are done.

        values: pairs (name, value) of these steps. finalize: whether this was the last; by default at the target.
        """
        finalize = (self.target is not None and current >= self.target) if finalize is None else finalize
        new = max(current - self._seen_so_far, 1)
        for name, value in values.items() if isinstance(values, dict) else values or ():
            value = float(np.mean(np.asarray(value)))
            total, weight = (0.0, 0.0) if name in self.stateful_metrics else self._values.get(name, (0.0, 0.0))
            self._values[name] = total + value * new, weight + new
        self._seen_so_far = current
        if self.finalized or not self.verbose:
            return
        now = time.perf_counter()
        if finalize or (self.verbose == 1 and now - self._drawn >= self.interval):
            self._drawn = now
            self._show(self._line(current, now - self._start, finalize), finalize)
        self.finalized = finalize

    def _line(self, current: int, seconds: float, finalize: bool) -> str:
        left = None if self.target is None or finalize else (self.target - current) * seconds / max(current, 1)
        seen = " - ".join(f"{name}: {number(total / weight)}" for name, (total, weight) in self._values.items())
        return told(current, self.target, seconds, seen, self.verbose, self.unit_name, self.width, left)

    def _show(self, text: str, finalize: bool) -> None:
        if self.verbose == 2 or not config.is_interactive_logging_enabled():
            say(text)
        else:
            sys.stdout.write(f"\r{text:<{self._length}}" + ("\n" if finalize else ""))
            sys.stdout.flush()
            self._length = len(text)
