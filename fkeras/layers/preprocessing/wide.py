"""Whole numbers of 64 bits as pairs of 32, for hashes inside compiled programs, where JAX has 32 by default."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LOW = 0xFFFFFFFF


class Wide(NamedTuple):
    """hi * 2**32 + lo, without a sign, modulo 2**64: arrays of uint32 with the operators that hashes need.

    >>> Wide.of(3) * (1 << 40) >> 41
    Wide(hi=Array(0, dtype=uint32), lo=Array(1, dtype=uint32))
    """

    hi: Any
    lo: Any

    @staticmethod
    def of(value: Any) -> Wide:
        """A number of Python, or an array of uint32, as a pair."""
        if isinstance(value, Wide):
            return value
        if isinstance(value, int):
            return Wide(jnp.uint32(value >> 32 & LOW), jnp.uint32(value & LOW))
        return Wide(jnp.zeros_like(value), value)

    @staticmethod
    def signed(x: Any) -> Wide:
        """Whole numbers as pairs, negative ones by their complement."""
        if jnp.iinfo(x.dtype).bits == 64:
            return Wide((x >> 32).astype(jnp.uint32), x.astype(jnp.uint32))
        lo = x.astype(jnp.uint32)
        return Wide(jnp.where(x < 0, jnp.uint32(LOW), jnp.uint32(0)), lo)

    def __add__(self, other: Any) -> Wide:  # type: ignore[override]
        other = Wide.of(other)
        lo = self.lo + other.lo
        return Wide(self.hi + other.hi + (lo < other.lo).astype(jnp.uint32), lo)

    def __mul__(self, other: Any) -> Wide:  # type: ignore[override]
        other = Wide.of(other)
        return Wide(
            high_product(self.lo, other.lo) + self.lo * other.hi + self.hi * other.lo,
            self.lo * other.lo,
        )

    def __xor__(self, other: Any) -> Wide:
        other = Wide.of(other)
        return Wide(self.hi ^ other.hi, self.lo ^ other.lo)

    def __or__(self, other: Any) -> Wide:
        other = Wide.of(other)
        return Wide(self.hi | other.hi, self.lo | other.lo)

    def __rshift__(self, n: int) -> Wide:
        if n >= 32:
            return Wide(jnp.zeros_like(self.hi), self.hi >> (n - 32))
        return Wide(self.hi >> n, self.lo >> n | self.hi << (32 - n)) if n else self

    def __lshift__(self, n: int) -> Wide:
        if n >= 32:
            return Wide(self.lo << (n - 32), jnp.zeros_like(self.lo))
        return Wide(self.hi << n | self.lo >> (32 - n), self.lo << n) if n else self

    def __and__(self, other: Any) -> Wide:
        other = Wide.of(other)
        return Wide(self.hi & other.hi, self.lo & other.lo)

    def __mod__(self, n: int) -> Any:  # an array of uint32; n is at most 2**31
        def bit(i: Any, rest: Any) -> Any:
            return (rest << 1 | self.lo >> (31 - i).astype(jnp.uint32) & 1) % n

        return jax.lax.fori_loop(0, 32, bit, self.hi % n)

    __radd__, __rmul__, __rxor__, __ror__ = __add__, __mul__, __xor__, __or__  # type: ignore[assignment]


def high_product(a: Any, b: Any) -> Any:
    """The upper 32 of the 64 bits of a product of arrays of uint32."""
    a0, a1, b0, b1 = a & 0xFFFF, a >> 16, b & 0xFFFF, b >> 16
    cross, other = a0 * b1, a1 * b0
    middle = (a0 * b0 >> 16) + (cross & 0xFFFF) + (other & 0xFFFF)
    return a1 * b1 + (cross >> 16) + (other >> 16) + (middle >> 16)


def where(condition: Any, x: Wide, y: Wide) -> Wide:
    """`x` where the condition holds, else `y`."""
    return Wide(jnp.where(condition, x.hi, y.hi), jnp.where(condition, x.lo, y.lo))
