"""What a program lends to functions that it traces: the values it computes with, under the names of a model's layers.

A loss, a metric or a `Lambda` may read a weight of a layer (`layer.kernel`) although it is not handed any. While it
is traced it reads the value that the program has, not the one in the box, which would stand in the program for good.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple


class Lent(NamedTuple):
    """Values of a model, and what it is applied to.

    places: layer -> where its values are in params and state.
    """

    places: Mapping[Any, tuple[str, ...]]
    params: Any
    state: Any
    inputs: Any
    rng: Any
    training: bool

    def of(self, layer: Any) -> tuple[Any, Any] | None:
        """(params, state) of a layer, or None if it is none of the model's."""
        path = self.places.get(layer)
        return None if path is None else (at(self.params, path), at(self.state, path))


_training: contextvars.ContextVar[bool] = contextvars.ContextVar("training", default=False)


def is_training() -> bool:
    """Whether the user code that runs now is a part of a call that trains."""
    return _training.get()


@contextlib.contextmanager
def in_phase(training: bool) -> Iterator[None]:
    """Within it user code is a part of a call that trains, or does not."""
    token = _training.set(bool(training))
    try:
        yield
    finally:
        _training.reset(token)


Lender = Callable[[Any, Any, Any, bool], contextlib.AbstractContextManager[None]]
_lent: contextvars.ContextVar[Lent | None] = contextvars.ContextVar("lent", default=None)


def at(tree: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path of nested dicts; {} if nothing does."""
    for name in path:
        tree = tree.get(name, {})
    return tree


def lent() -> Lent | None:
    """What is lent now."""
    return _lent.get()


@contextlib.contextmanager
def lending(values: Lent | None) -> Iterator[None]:
    """Within it these values are lent; None for none."""
    token = _lent.set(values)
    try:
        yield
    finally:
        _lent.reset(token)


def nothing(values: Any, inputs: Any, rng: Any, training: bool) -> contextlib.AbstractContextManager[None]:
    """A lender that lends nothing."""
    return contextlib.nullcontext()
