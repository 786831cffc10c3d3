"""What the links of a chain of data do to its elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import random


def stack(elements: list[Any]) -> Any:
    """Elements as one batch."""
    return jax.tree.map(lambda *v: np.stack(v), *elements)


def spread(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """The function, which is given the parts of a tuple one by one."""
    return lambda element: function(*element) if isinstance(element, tuple) else function(element)


def swap_out(held: list[Any], i: int) -> Any:
    """Takes one entry out; the last one fills its place."""
    held[i], held[-1] = held[-1], held[i]
    return held.pop()


def words_of(seed: int | None) -> list[int]:
    """What a generator of NumPy starts from."""
    return [int(seed)] if seed is not None else np.asarray(jax.random.key_data(random.next_key())).tolist()


def whole(name: str, value: Any, least: int) -> int:
    """A whole number; refuses everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more; got {value!r}.")
    return int(value)


def random_state(seed: int | None) -> np.random.RandomState:
    """NumPy's old generator, whose shuffles are those that Keras makes with this seed."""
    return np.random.RandomState(words_of(None)[0] if seed is None else seed)
