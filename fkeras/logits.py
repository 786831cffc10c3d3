"""Which logits a softmax was made from, so that a crossentropy need not take the logarithm of it.

While a step of training is traced, `softmax` notes what it was given. A loss that is handed that very
softmax works from there: fewer passes, and no logarithm of a rounded number. Anything in between, a
cast, a mixture of two outputs, hands on another array, of which nothing is known.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

_noted: contextvars.ContextVar[dict[int, tuple[Any, Any, Any]] | None] = contextvars.ContextVar("noted", default=None)


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """Inside, each softmax is noted with its logits; forgotten at the end."""
    token = _noted.set({})
    try:
        yield
    finally:
        _noted.reset(token)


def note(probabilities: Any, logits: Any, axis: Any) -> Any:
    """The probabilities, from now on known to be the softmax of logits along an axis."""
    if (noted := _noted.get()) is not None and isinstance(axis, int):
        noted[id(probabilities)] = probabilities, logits, axis % logits.ndim  # kept alive: an id is used once
    return probabilities


def of(probabilities: Any, axis: int) -> Any:
    """The logits of which these are the softmax along the axis, or None.

    >>> import jax.numpy as jnp
    >>> with remembered():
    ...     p = note(jnp.array([0.5, 0.5]), jnp.array([1.0, 1.0]), -1)
    ...     print(of(p, 0), of(p + 0, 0))
    [1. 1.] None
    """
    _, logits, along = (_noted.get() or {}).get(id(probabilities), (None, None, None))
    return logits if logits is not None and along == axis % logits.ndim else None
