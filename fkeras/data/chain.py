"""What the links of a chain of data do to its elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .. import random


class Yielded(np.ndarray):
    """An array of NumPy that answers to `numpy()`, as the tensors do that data sets of TensorFlow yield.

    >>> label = Yielded.of(np.arange(3))[2]
    >>> label.numpy(), "abc"[label]
    (np.int64(2), 'c')
    """

    @staticmethod
    def of(x: Any) -> Any:
        """An array or a number of NumPy as one of these; everything else as it is."""
        return np.asarray(x).view(Yielded) if isinstance(x, (np.ndarray, np.number, np.bool_)) else x

    def numpy(self) -> Any:
        """It as an array of NumPy, or as a number if it is one."""
        return self.view(np.ndarray)[()]

    def __getitem__(self, key: Any) -> Any:
        return Yielded.of(super().__getitem__(key))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.item())


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
