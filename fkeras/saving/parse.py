"""JSON of a file -> plain values, within limits."""

from __future__ import annotations

import json
import math
from typing import Any

from .errors import DamagedFileError, UnsafeModelError

MOST_BYTES, DEEPEST, MOST_DIGITS = 1 << 28, 200, 20


def parse(text: str | bytes, place: str) -> Any:
    """The value that a JSON text describes.

    place: what to call it in messages.
    Raises DamagedFileError for what is no JSON, UnsafeModelError for what is too large or too deep, for numbers that
    are not finite, and for keys that stand twice in one object.

    >>> parse('{"units": 3}', "config.json")
    {'units': 3}
    """
    if len(text) > MOST_BYTES:
        raise UnsafeModelError(f"a JSON text of {len(text)} bytes", place)

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise UnsafeModelError(f"the number {text}, which is not finite", place)
        return value

    def whole(text: str) -> int:
        if len(text) > MOST_DIGITS:
            raise UnsafeModelError(f"a number of {len(text)} digits", place)
        return int(text)

    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(given)
        if len(made) != len(given):
            twice = next(k for i, (k, _) in enumerate(given) if k in [n for n, _ in given[:i]])
            raise UnsafeModelError(f"the key {twice!r} twice in one object", place)
        return made

    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(text, parse_float=number, parse_int=whole, parse_constant=number, object_pairs_hook=pairs)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"this is no JSON ({error})", place) from None
    except RecursionError:
        raise UnsafeModelError("values nested without end", place) from None
    if depth(value) > DEEPEST:
        raise UnsafeModelError(f"values nested more than {DEEPEST} deep", place)
    return value


def depth(value: Any) -> int:
    """How deep lists and dicts are nested, found without recursion."""
    deepest, pending = 0, [(value, 0)]
    while pending:
        here, level = pending.pop()
        deepest = max(deepest, level)
        if isinstance(here, dict):
            pending.extend((v, level + 1) for v in here.values())
        elif isinstance(here, list):
            pending.extend((v, level + 1) for v in here)
    return deepest
