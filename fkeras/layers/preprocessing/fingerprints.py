"""Hashes of 64 bits that TensorFlow's tables use: FarmHash64, SipHash64 and the concatenation of fingerprints.

Each is written once, over a `Word(i, n)` that reads `n` bytes at offset `i` of many strings of one length at a time:
as `uint64` of NumPy on the host, as `Wide` pairs inside a compiled program.

Sources: https://github.com/google/farmhash (farmhashna), Aumasson & Bernstein 2012, https://www.aumasson.jp/siphash/siphash.pdf
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Word = Callable[[int, int], Any]
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
ALL = (1 << 64) - 1
CROSS = 0xDECAFCAFFE  # the key that TensorFlow begins a cross with


def rotate(x: Any, n: int) -> Any:
    """The bits of x, moved n places to the right in a circle."""
    return (x >> n) | (x << (64 - n))


def fold(x: Any) -> Any:
    """The upper bits of x, mixed into the lower ones."""
    return x ^ (x >> 47)


def mix(u: Any, v: Any, factor: int) -> Any:
    """Two words as one."""
    a = fold((u ^ v) * factor)
    return fold((v ^ a) * factor) * factor


# --- FarmHash64 -----------------------------------------------------------------------------------


def farmhash(word: Word, length: int) -> Any:
    """FarmHash64 of strings of one length."""
    if length <= 16:
        return _up_to_16(word, length)
    if length <= 32:
        return mix(*_up_to_32(word, length)[:2], K2 + length * 2)
    return _up_to_64(word, length) if length <= 64 else _longer(word, length)


def _up_to_16(word: Word, n: int) -> Any:
    factor = K2 + n * 2 & ALL
    if n >= 8:
        a, b = word(0, 8) + K2, word(n - 8, 8)
        return mix(rotate(b, 37) * factor + a, (rotate(a, 25) + b) * factor, factor)
    if n >= 4:
        return mix((word(0, 4) << 3) + n, word(n - 4, 4), factor)
    if n > 0:
        y = word(0, 1) + (word(n >> 1, 1) << 8)
        z = (word(n - 1, 1) << 2) + n
        return fold((y * K2) ^ (z * K0)) * K2
    return (word(0, 0) * 0) + K2


def _up_to_32(word: Word, n: int, first: int = K1) -> tuple[Any, Any, Any]:
    """(u, v, a): what the strings of 17 to 32 and of 33 to 64 bytes begin with."""
    factor = K2 + n * 2 & ALL
    a, b = word(0, 8) * first, word(8, 8)
    c, d = word(n - 8, 8) * factor, word(n - 16, 8) * K2
    return rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + K2, 18) + c, a


def _up_to_64(word: Word, n: int) -> Any:
    factor = K2 + n * 2 & ALL
    y, v, a = _up_to_32(word, n, K2)
    z = mix(y, v, factor)
    e, f = word(16, 8) * factor, word(24, 8)
    g, h = (y + word(n - 32, 8)) * factor, (z + word(n - 24, 8)) * factor
    return mix(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, factor)


def _weak(word: Word, at: int, a: Any, b: Any) -> tuple[Any, Any]:
    """32 bytes from an offset, taken into a pair of words."""
    w, x, y, z = (word(at + 8 * i, 8) for i in range(4))
    a = a + w
    b = rotate(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + rotate(a, 44) + c


def _round(word: Word, s: int, x: Any, y: Any, z: Any, v: Any, w: Any, factor: Any, more: int) -> Any:
    """64 bytes from an offset, taken into the state of seven words; `more` is 1, or 9 for the last."""
    x = rotate(x + y + v[0] + word(s + 8, 8), 37) * factor
    y = rotate(y + v[1] + word(s + 48, 8), 42) * factor
    x = x ^ (w[1] * more)
    y = y + v[0] * more + word(s + 40, 8)
    z = rotate(z + w[0], 33) * factor
    v = _weak(word, s, v[1] * factor, x + w[0])
    w = _weak(word, s + 32, z + w[1], y + word(s + 16, 8))
    return z, y, x, v, w


def _longer(word: Word, n: int) -> Any:
    zero = word(0, 8) * 0
    x, y = zero + 81 * K2 % (ALL + 1) + word(0, 8), zero + (81 * K1 + 113 & ALL)
    z = fold(y * K2 + 113) * K2
    v, w = (zero, zero), (zero, zero)
    for s in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = _round(word, s, x, y, z, v, w, K1, 1)
    factor, rest = ((z & 0xFF) << 1) + K1, (n - 1) & 63
    first = w[0] + rest
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _round(word, n - 64, x, y, z, v, w, factor, 9)
    return mix(mix(v[0], w[0], factor) + fold(y) * K0 + z, mix(v[1], w[1], factor) + x, factor)


# --- SipHash64 ------------------------------------------------------------------------------------


def siphash(word: Word, length: int, key: Sequence[int]) -> Any:
    """SipHash-2-4 of strings of one length, under a key of two words."""
    zero = word(0, 0) * 0
    k0, k1 = (k & ALL for k in key)
    text = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [zero + (k ^ c) for k, c in zip((k0, k1, k0, k1), text, strict=True)]
    blocks = [word(i, 8) for i in range(0, length - 7, 8)]
    last = zero + ((length & 255) << 56)
    if length % 8:
        last = last | word(length - length % 8, length % 8)
    for block in (*blocks, last):
        v[3] = v[3] ^ block
        v = _sip(_sip(v))
        v[0] = v[0] ^ block
    v[2] = v[2] ^ 0xFF
    v = _sip(_sip(_sip(_sip(v))))
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip(v: list[Any]) -> list[Any]:
    a, b, c, d = v
    a, c = a + b, c + d
    b, d = rotate(b, 51) ^ a, rotate(d, 48) ^ c
    a = rotate(a, 32) + d
    c = c + b
    d, b = rotate(d, 43) ^ a, rotate(b, 47) ^ c
    return [a, b, rotate(c, 32), d]


# --- on the host ------------------------------------------------------------------------------------


def hash_strings(texts: Sequence[bytes], key: Sequence[int] | None = None) -> np.ndarray:
    """The FarmHash64 of each string, or its SipHash64 under a key of two words.

    >>> hash_strings([b"A", b"omar"]).tolist()
    [16915294056622060564, 3378277989609990986]
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    out = np.zeros(len(texts), np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        n = int(length)
        flat = np.frombuffer(b"".join([texts[int(i)] for i in rows]), np.uint8).reshape(len(rows), n)

        def word(at: int, size: int, flat: np.ndarray = flat) -> np.ndarray:
            padded = np.zeros((len(flat), 8), np.uint8)
            padded[:, :size] = flat[:, at : at + size]
            return padded.view("<u8")[:, 0].astype(np.uint64)

        out[rows] = farmhash(word, n) if key is None else siphash(word, n, key)
    return out


def concatenate(first: Any, second: Any) -> Any:
    """The fingerprint of two fingerprints, in this order."""
    factor = 0xC6A4A7935BD1E995
    x = (first ^ factor) ^ (fold(second * factor) * factor)
    return fold(fold(x * factor) * factor)
