"""One warning for each old spelling, which tells today's."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

_told: set[str] = set()


class OldSpelling(UserWarning):
    """What a name or an argument of Keras 1 or 2 is called today. Shown once for each."""


def tell(old: str, sentence: str) -> None:
    """Warns, the first time `old` is met, at the line of the script that used it.

    >>> with warnings.catch_warnings(record=True) as shown:
    ...     warnings.simplefilter("always")
    ...     tell("example", "write sample."), tell("example", "write sample.")
    (None, None)
    >>> [str(w.message) for w in shown]
    ['example: write sample.']
    """
    if old in _told:
        return
    _told.add(old)
    warnings.warn(f"{old}: {sentence}", OldSpelling, stacklevel=_depth())


def _depth() -> int:
    """How many frames are between here and the script."""
    frame, depth = sys._getframe(1), 1
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("fkeras", "contextlib"):
        frame, depth = frame.f_back, depth + 1
    return depth


def gone(name: str, sentence: str) -> Callable[..., Any]:
    """What stands under a name that has no successor: calling it says what to do.

    >>> gone("Graph", "write Model(inputs, outputs).")()
    Traceback (most recent call last):
    NotImplementedError: Graph: write Model(inputs, outputs).
    """

    def absent(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{name}: {sentence}")

    absent.__name__ = absent.__qualname__ = name
    absent.__doc__ = f"No longer there: {sentence}"
    return absent
