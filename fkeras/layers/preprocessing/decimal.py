"""Hashes of whole numbers as they are written in decimals, inside compiled programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from .fingerprints import farmhash, siphash
from .wide import Wide, where


def digits_of(x: Any) -> tuple[Any, Any, Any]:
    """(characters of the digits, the last first, on a new first axis; how many there are; whether it is negative)."""
    most = len(str(jnp.iinfo(x.dtype).max)) if jnp.issubdtype(x.dtype, jnp.integer) else 1
    signed = jnp.issubdtype(x.dtype, jnp.signedinteger)
    wide = x.astype(f"uint{jnp.iinfo(x.dtype).bits}")
    negative = x < 0 if signed else jnp.zeros(x.shape, bool)
    rest = jnp.where(negative, 0 - wide, wide)
    chars = []
    for _ in range(most):
        chars.append((rest % 10 + 48).astype(jnp.uint32))
        rest = rest // 10
    chars = jnp.stack(chars)
    place = jnp.arange(1, most + 1).reshape(-1, *(1,) * x.ndim)
    count = jnp.maximum(jnp.max(jnp.where(chars != 48, place, 0), axis=0), 1)
    return chars, count, negative


def hash_decimals(x: Any, key: Sequence[int] | None) -> Wide:
    """FarmHash64 of each whole number as text, or SipHash64 under a key: `hash_strings([b"%d" % n])`, compiled."""
    if x.dtype == bool:
        raise TypeError("Hashes are of whole numbers and of text; got booleans. Cast them to int32 first.")
    chars, count, negative = digits_of(x)
    total = Wide(jnp.zeros(x.shape, jnp.uint32), jnp.zeros(x.shape, jnp.uint32))
    for sign in (0, 1) if jnp.issubdtype(x.dtype, jnp.signedinteger) else (0,):
        for n in range(1, len(chars) + 1):  # a formula for each length
            text = [jnp.full(x.shape, ord("-"), jnp.uint32)] * sign + [chars[i] for i in reversed(range(n))]

            def word(at: int, size: int, text: list[Any] = text) -> Wide:
                halves = [
                    sum(
                        (c << 8 * i for i, c in enumerate(text[at + 4 * h : at + min(size, 4 * h + 4)])),
                        jnp.zeros_like(text[0]),
                    )
                    for h in (0, 1)
                ]
                return Wide(halves[1], halves[0])

            length = n + sign
            made = farmhash(word, length) if key is None else siphash(word, length, key)
            total = where((count == n) & (negative == bool(sign)), made, total)
    return total
