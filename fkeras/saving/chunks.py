"""Datasets of HDF5 that lie in chunks, packed by gzip, shuffle or fletcher32: all of them there, none larger than told.

A chunk is unpacked only when its array is read; before that it is certain that every chunk
of the grid is in the file, once, and that unpacking them cannot take more memory than the
file and its kind of compression allow.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t11.html
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

FREE, RATIO = 1 << 26, 100  # what chunks unpack to: 64 MiB in any case, else 100 times the file
DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
FILTERS = {4: "szip", 5: "nbit", 6: "scale-offset", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32015: "zstd"}
NOWHERE, DEEPEST = 0xFFFFFFFFFFFFFFFF, 64
BLOCK = 1 << 20  # numbers of a checksum at a time


@dataclasses.dataclass(frozen=True)
class Chunks:
    """Where the chunks of an array lie, and what packed them.

    shape: of one chunk. filters: numbers, in the order of packing.
    places: (start, size, filters left out) in the file by the first index of each chunk.
    """

    shape: tuple[int, ...]
    filters: tuple[int, ...]
    places: dict[tuple[int, ...], tuple[int, int, int]]


def find(file: Any, layout: int, filters: tuple[int, int] | None, shape: tuple[int, ...], width: int,
         path: str) -> Chunks:  # fmt: skip
    """The chunks of an array, from its layout message.

    file: the HDF5 file. layout: where the message begins. filters: (start, size) of the one of its filters.
    width: bytes of a number of the array.
    Raises DamagedFileError, UnsafeModelError.
    """
    rank = file.number(layout + 2, 1) - 1
    *chunk, last = struct.unpack(f"<{rank + 1}I", file.bytes(layout + 11, 4 * (rank + 1))) if rank > 0 else (0,)
    if rank != len(shape) or rank < 1 or 0 in chunk or last != width:
        raise file.damaged(f"the chunks of {path!r} have shape {chunk}, the array {shape}")
    grid = [-(-n // c) for n, c in zip(shape, chunk, strict=True)]
    count, whole = math.prod(grid), math.prod(chunk) * width
    if count > file.size:
        raise file.unsafe(f"{path!r} says that it has shape {shape}, in {count} chunks; the file has {file.size} bytes")
    most = max(FREE, RATIO * file.size)
    file.unpacked += count * whole
    if file.unpacked > most:
        raise file.unsafe(f"{path!r} of shape {shape} and those before it would be unpacked to {file.unpacked} bytes")
    steps = () if filters is None else pipeline(file, *filters, path)
    places: dict[tuple[int, ...], tuple[int, int, int]] = {}
    tree = file.number(layout + 3, 8)
    for origin, start, size, left_out in leaves(file, tree, rank, path) if count and tree != NOWHERE else ():
        on_grid = all(o % c == 0 and o // c < g for o, c, g in zip(origin, chunk, grid, strict=True))
        if not on_grid or origin in places or not size:
            raise file.damaged(f"{path!r} has a chunk at {origin} that cannot be")
        file.occupy(start, size, f"{path!r} of shape {shape}")
        places[origin] = start, size, left_out
    if len(places) != count:
        raise file.unsafe(f"{path!r} says that it has shape {shape}, and {len(places)} of {count} chunks are stored")
    return Chunks(tuple(chunk), steps, places)


def pipeline(file: Any, start: int, size: int, path: str) -> tuple[int, ...]:
    """The numbers of the filters that a message tells, in the order of packing; unknown ones are refused."""
    version, count = file.bytes(start, 2)
    if version not in (1, 2) or count > 32:
        raise file.damaged(f"the filters of {path!r} make no sense")
    at, found = start + (8 if version == 1 else 2), []
    for _ in range(count):
        number = file.number(at, 2)
        named = version == 1 or number >= 256
        name = file.number(at + 2, 2) if named else 0
        values = file.number(at + (6 if named else 4), 2)
        at += (8 if named else 6) + (name + -name % 8 if version == 1 else name)
        at += 4 * (values + (values % 2 if version == 1 else 0))
        if at > start + size:
            raise file.damaged(f"the filters of {path!r} are longer than their place")
        if number not in (DEFLATE, SHUFFLE, FLETCHER32):
            raise file.unsafe(
                f"the dataset {path!r} is packed by {FILTERS.get(number, f'the filter {number}')}",
                "gzip, shuffle and fletcher32 are read. Save the model anew with Keras or fkeras.",
            )
        found.append(number)
    return tuple(found)


def leaves(file: Any, address: int, rank: int, path: str, depth: int = 0) -> Iterator[tuple[Any, int, int, int]]:
    """(first index, start, size, filters left out) of the chunks below a node of their tree."""
    head = file.bytes(address, 8)
    file.count_object()
    if head[:5] != b"TREE\x01" or depth > DEEPEST:
        raise file.damaged(f"there is no list of the chunks of {path!r} at byte {address}")
    key = 8 + 8 * (rank + 1)
    for i in range(int.from_bytes(head[6:8], "little")):
        at = address + 24 + i * (key + 8)
        size, left_out, *origin = struct.unpack(f"<II{rank}Q", file.bytes(at, 8 + 8 * rank))
        child = file.number(at + key, 8)
        if head[5]:
            yield from leaves(file, child, rank, path, depth + 1)
        else:
            yield tuple(origin), child, size, left_out


# --- reading -----------------------------------------------------------------------------------


def read(file: Any, chunks: Chunks, shape: tuple[int, ...], dtype: np.dtype, path: str) -> np.ndarray:
    """The array that chunks make up.

    Raises DamagedFileError for a chunk that does not unpack to its size.
    """
    array = np.empty(shape, dtype)
    nbytes = math.prod(chunks.shape) * dtype.itemsize
    for origin, (start, size, left_out) in chunks.places.items():
        raw = file.bytes(start, size)
        for i, number in reversed(list(enumerate(chunks.filters))):
            if not left_out >> i & 1:
                raw = undo(file, number, raw, nbytes, dtype.itemsize, path)
        if len(raw) != nbytes:
            raise file.damaged(f"a chunk of {path!r} has {len(raw)} bytes, and should have {nbytes}")
        block = np.frombuffer(raw, dtype).reshape(chunks.shape)
        ends = [min(o + c, n) for o, c, n in zip(origin, chunks.shape, shape, strict=True)]
        array[tuple(itertools.starmap(slice, zip(origin, ends, strict=True)))] = block[
            tuple(slice(e - o) for o, e in zip(origin, ends, strict=True))
        ]
    return array


def undo(file: Any, number: int, raw: bytes, nbytes: int, width: int, path: str) -> bytes:
    """What a filter was given, from what it made of it; at most a few bytes more than a chunk has."""
    if number == SHUFFLE:
        whole = len(raw) // width * width
        return np.frombuffer(raw[:whole], np.uint8).reshape(width, -1).T.tobytes() + raw[whole:]
    if number == FLETCHER32:
        raw, told = raw[:-4], int.from_bytes(raw[-4:], "little")
        if fletcher32(raw) != (told % 65536 % 65535, (told >> 16) % 65535):
            raise file.damaged(f"a chunk of {path!r} is damaged (its checksum differs)")
        return raw
    try:
        unpacker = zlib.decompressobj()
        made = unpacker.decompress(raw, nbytes + 8)  # a checksum may stand behind the numbers
    except zlib.error as error:
        raise file.damaged(f"a chunk of {path!r} cannot be unpacked ({error})") from None
    if not unpacker.eof:
        raise file.damaged(f"a chunk of {path!r} is cut short, or larger than it should be")
    return made


def fletcher32(raw: bytes) -> tuple[int, int]:
    """The two sums of Fletcher's checksum over words of two bytes, modulo 65535.

    >>> fletcher32(bytes([0, 1, 0, 2]))
    (3, 4)
    """
    words = np.frombuffer(raw + b"\0" * (len(raw) % 2), ">u2")
    total = weighted = 0
    for at in range(0, len(words), BLOCK):
        some = words[at : at + BLOCK].astype(np.uint64)
        ranks = np.arange(len(words) - at, len(words) - at - len(some), -1, dtype=np.uint64) % 65535
        total, weighted = total + int(some.sum()), weighted + int((some * ranks).sum())
    return total % 65535, weighted % 65535
