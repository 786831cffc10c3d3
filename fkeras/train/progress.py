"""What a person sees of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from .. import config

REFRESH = 0.1  # seconds between two drawings of the bar


def number(value: Any) -> str:
    """A measured value, short."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 < abs(value) < 1e5 else f"{value:.4e}"


def line(logs: dict[str, Any]) -> str:
    """The logs in one line, as Keras prints them."""
    return " - ".join(f"{name}: {number(value)}" for name, value in logs.items())


def spent(seconds: float) -> str:
    """A time span in whole seconds.

    >>> spent(0.2), spent(65.0), spent(3723.0)
    ('0s', '1:05', '1:02:03')
    """
    if seconds <= 60:
        return f"{seconds:.0f}s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def pace(seconds: float, unit: str = "step") -> str:
    """How long one step takes.

    >>> pace(0.0021), pace(2e-5)
    ('2ms/step', '20us/step')
    """
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    return f"{seconds * 1e3:.0f}ms/{unit}" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/{unit}"


def told(done: int, target: int | None, seconds: float, logs: str, verbose: int, unit: str = "step", width: int = 20,
         left: float | None = None) -> str:  # fmt: skip
    """How far a loop is, as Keras writes it: 1 with a bar, 2 in plain words.

    left: the seconds that are still to go, told in the place of those spent.

    >>> told(2, 4, 0.1, "loss: 0.5000", 1), told(4, 4, 0.2, "loss: 0.5000", 2)
    ('2/4 ━━━━━━━━━━────────── 0s 50ms/step - loss: 0.5000', '4/4 - 0s - 50ms/step - loss: 0.5000')
    """
    head = f"{done}/Unknown" if target is None else f"{done:>{len(str(target))}d}/{target}"
    if target is not None and verbose == 1:
        filled = min(int(width * done / max(target, 1)), width)
        head += f" {'━' * filled}{'─' * (width - filled)}"
    between = " " if verbose == 1 else " - "
    text = between.join([head, spent(seconds if left is None else left), pace(seconds / max(done, 1), unit)])
    return f"{text} - {logs}" if logs else text


def say(text: str) -> None:
    """Prints a line, or logs it where `fkeras.config.disable_interactive_logging` was called."""
    if config.is_interactive_logging_enabled():
        print(text, flush=True)
    else:
        logging.getLogger("fkeras").info(text)


class Progress:
    """Tells about the epochs of a run.

    verbose: 0 silent, 1 a bar (drawn once, full, where no terminal is), 2 a line without a bar, "auto" is 1.
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
        if self.level and self.epochs > 1:
            self.say(self.head())

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
        return f"{self.title} {self.epoch + 1}/{self.epochs}" if self.epochs > 1 else self.title

    def end_epoch(self, done: int, logs: dict[str, Any]) -> None:
        """An epoch has ended: one line for it."""
        if self.level:
            self.say(told(done, max(done, 1), time.perf_counter() - self.began, line(logs), self.level))

    def say(self, text: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
