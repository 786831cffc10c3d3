"""Where symbols come from."""

from __future__ import annotations

from typing import Any

from ..graph import Symbol, toposort


def get_source_inputs(tensor: Any) -> list[Symbol]:
    """The inputs that a symbol is computed from, in the order in which they are met.

    >>> from fkeras.layers import Input, add
    >>> a, b = Input((2,)), Input((2,))
    >>> get_source_inputs(add([a, b])) == [a, b]
    True
    """
    if not isinstance(tensor, Symbol):
        return [tensor]
    return [node.outputs for node in toposort([tensor], []) if not node.parents]
