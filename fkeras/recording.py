"""What a function does when it is called on values that do not exist yet: it records the call.

The floors below the graph know only this of a symbol: its type has a method
`__record__(function, args, kwargs)`, which notes the call and returns further symbols.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def symbol_in(values: Iterable[Any]) -> Any:
    """The first symbol in a nest of lists, tuples and dicts, or None.

    >>> symbol_in(([1.0], {"axis": -1})) is None
    True
    """
    for x in values:
        if hasattr(type(x), "__record__"):
            return x
        if isinstance(x, dict):
            x = x.values()
        elif not isinstance(x, (list, tuple)):
            continue
        if (found := symbol_in(x)) is not None:
            return found
    return None


def recordable(f: F) -> F:
    """`f` for arrays; on symbols, a call that is recorded in their graph.

    >>> class Note:
    ...     def __record__(self, f, args, kwargs):
    ...         return f"{f.__name__} of a note"
    >>> @recordable
    ... def double(x):
    ...     return 2 * x
    >>> double(3), double(Note())
    (6, 'double of a note')
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        symbol = symbol_in(args) if not kwargs else symbol_in((*args, *kwargs.values()))
        return f(*args, **kwargs) if symbol is None else symbol.__record__(call, args, kwargs)

    call.operation = None  # type: ignore[attr-defined]  what a graph knows of the function: see fkeras.ops
    return call  # type: ignore[return-value]
