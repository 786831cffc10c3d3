"""Counting and printing, under the names of older scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def count_params(weights: Iterable[Any]) -> int:
    """How many numbers some weights hold."""
    return sum(math.prod(w.shape) for w in weights)


def print_summary(model: Any, **kwargs: Any) -> None:
    """The same as `model.summary()`."""
    model.summary(**kwargs)
