"""What scripts ask of a backend; here there is little to clear."""

from __future__ import annotations

from typing import Any

from .. import compiled
from ..graph import Symbol


def clear_session(free_memory: bool = True) -> None:
    """Forgets compiled programs. Names and values belong to models, so nothing else is kept."""
    compiled.clear()


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbol, a value that does not exist yet."""
    return isinstance(x, Symbol)
