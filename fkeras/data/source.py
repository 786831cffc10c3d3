"""`Source`: batches in passes, which is all that training asks of data it cannot hold at once."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ENDLESS = 2**48  # batches, a length that stands for no end


class Source:
    """Where batches come from, one pass after the other. Each kind of data has its own.

    what: what a person calls it, for messages.
    once: whether there is one pass and no other, as with a generator.
    fresh: whether nobody else holds the arrays of a batch.

    >>> list(Passes([1, 2]).open())
    [1, 2]
    """

    what = "data"
    once = fresh = False

    @property
    def steps(self) -> float | None:
        """How many batches a pass has: None if nobody can tell before its end, `math.inf` if it has none."""
        return None

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        """A new pass: an iterator over batches. rng: decides the order, where the source lets itself be ordered."""
        raise NotImplementedError

    def begin_epoch(self) -> None:
        """An epoch begins."""

    def end_epoch(self) -> None:
        """An epoch has ended."""


class Passes(Source):
    """Anything that can be iterated over again and again: a loader, a dataset, an object with `__iter__`."""

    def __init__(self, batches: Any, told: Any = None):
        self.batches, self.told = batches, batches if told is None else told  # what tells its name and its length
        self.what = f"the {type(self.told).__name__}"

    @property
    def steps(self) -> float | None:
        return length_of(self.told)

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return iter(self.batches)


class Calls(Source):
    """A function that makes generators: each pass is a call of it, without arguments.

    Raises TypeError if it needs some.
    """

    def __init__(self, make: Callable[[], Iterator[Any]]):
        name = getattr(make, "__name__", type(make).__name__)
        needed = [p.name for p in inspect.signature(make).parameters.values() if is_needed(p)]
        if needed:
            told = ", ".join(f"{n}=..." for n in needed)
            raise TypeError(
                f"x is the function {name}, which makes generators but needs arguments: call it, {name}({told})."
            )
        self.make, self.what = make, f"the function {name}"

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return self.make()


class Once(Source):
    """A generator, or another iterator: what it has yielded does not come again."""

    once = True

    def __init__(self, batches: Iterator[Any]):
        self.batches, self.what = batches, f"the {type(batches).__name__}"

    def open(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return self.batches


def is_needed(parameter: inspect.Parameter) -> bool:
    """Whether a function cannot be called without this argument."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in several


def length_of(batches: Any) -> float | None:
    """How many entries something has, as far as it can tell; what calls itself as long as numbers go is endless.

    >>> length_of([1, 2]), length_of(iter([1, 2]))
    (2, None)
    """
    try:
        count = len(batches)
    except (TypeError, NotImplementedError):
        return None
    except OverflowError:
        return math.inf
    return count if count < ENDLESS else math.inf
