"""What a person sees of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

REFRESH = 0.1  # seconds between two drawings of the bar


def number(value: Any) -> str:
    """A measured value, short."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 < abs(value) < 1e5 else f"{value:.4e}"


def line(logs: dict[str, Any]) -> str:
    """The logs in one line, as Keras prints them."""
    return " - ".join(f"{name}: {number(value)}" for name, value in logs.items())


def duration(seconds: float) -> str:
    """A time span, short.

    >>> duration(0.0021), duration(65.0)
    ('2ms', '1m05s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 60 else f"{int(seconds // 60)}m{int(seconds % 60):02d}s"


class Progress:
    """Tells about the epochs of a run.

    verbose: 0 silent, 1 a bar (one line per epoch where no terminal is), 2 one line per epoch,
        "auto" is 1.
    """

    def __init__(self, verbose: Any, epochs: int, steps: int | None, title: str = "Epoch"):
        if verbose not in (0, 1, 2, "auto", True, False):
            raise ValueError(f"verbose must be 0, 1, 2 or 'auto'; got {verbose!r}.")
        self.level = 1 if verbose == "auto" else int(verbose)
        self.epochs, self.steps, self.title = epochs, steps, title
        self.bar: Any = None
        self.task: Any = None
        self.began = self.drawn = 0.0

    @property
    def live(self) -> bool:
        """Whether a bar is drawn."""
        return self.level == 1 and sys.stdout.isatty()

    def begin_epoch(self, epoch: int) -> None:
        """An epoch begins."""
        self.began = time.perf_counter()
        self.epoch = epoch

    def due(self) -> bool:
        """Whether it is time to draw the bar again."""
        return self.live and time.perf_counter() - self.drawn > REFRESH

    def draw(self, done: int, logs: dict[str, Any]) -> None:
        """Draws the bar: so many steps are done."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self.bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[logs]}"),
            )
            self.bar = Progress(*columns, transient=True, auto_refresh=False)
            self.bar.start()
            self.task = self.bar.add_task("", total=self.steps, logs="")
        self.drawn = time.perf_counter()
        self.bar.update(
            self.task, description=self.head(), completed=done, total=self.steps, logs=line(logs), refresh=True
        )

    def head(self) -> str:
        """What stands in front of a line."""
        return (
            f"{self.title} {self.epoch + 1}/{self.epochs}" if self.epochs > 1 or self.title == "Epoch" else self.title
        )

    def end_epoch(self, done: int, logs: dict[str, Any]) -> None:
        """An epoch has ended: one line for it."""
        if not self.level:
            return
        seconds = time.perf_counter() - self.began
        text = f"{self.head()} - {duration(seconds)} - {duration(seconds / max(done, 1))}/step - {line(logs)}"
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
