"""Contestants in turns: what every benchmark here does. Times are medians; shares are of fkeras' own."""

from __future__ import annotations

import contextlib
import os
import platform
import pty
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import Any

PACKAGES = ("jax", "jaxlib", "numpy", "optax", "keras", "torch")
US, MS, S = 1e6, 1e3, 1.0


def compete(contestants: dict[str, Callable[[], Any]], rounds: int, per: float = 1, unit: float = US) -> dict[str, Any]:
    """name -> (least, median, most) time of a call, over `per`; after one call each that is not counted."""
    times: dict[str, list[float]] = {who: [] for who in contestants}
    for turn in range(rounds + 1):
        for who, call in contestants.items():
            began = time.perf_counter()
            call()
            if turn:
                times[who].append((time.perf_counter() - began) / per * unit)
    return {who: (min(ts), statistics.median(ts), max(ts)) for who, ts in times.items()}


def begin_table(unit: str, names: Sequence[str]) -> None:
    """The head of a table in Markdown."""
    print(f"\n| {unit} | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|", flush=True)


def row(what: str, found: dict[str, Any], names: Sequence[str], digits: int = 0) -> None:
    """A row: median (least to most), and how many times as long as fkeras."""

    def cell(who: str) -> str:
        if who not in found:
            return "–"
        least, middle, most = found[who]
        share = "" if who == names[0] else f", x{middle / found[names[0]][1]:.2f}"
        return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f}){share}"

    print(f"| {what} | " + " | ".join(map(cell, names)) + " |", flush=True)


def describe() -> str:
    """The machine and the versions."""
    found = [f"{name} {metadata.version(name)}" for name in PACKAGES if is_there(name)]
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), cpu)
    return f"{cpu}, {os.cpu_count()} cores; Python {platform.python_version()}, {', '.join(found)}."


def is_there(package: str) -> bool:
    """Whether a package is installed."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


@contextlib.contextmanager
def on_a_terminal() -> Iterator[None]:
    """Within it, what is printed goes to a terminal that nobody sees: progress bars are drawn as for a person."""
    ours, theirs = pty.openpty()
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(ours)
    before = sys.stdout
    sys.stdout = os.fdopen(theirs, "w", buffering=1)
    try:
        yield
    finally:
        sys.stdout.close()
        sys.stdout = before
        reader.wait()
