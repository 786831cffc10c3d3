"""Reads the part of HDF5 that model files consist of, in Python: nothing in a file reaches a C library.

Groups, hard links, attributes, and datasets of numbers or strings, in one piece or in chunks
(`chunks.py`). Whatever else HDF5 can do (links to other files, virtual datasets, references,
filters of other libraries) has no business in a model file and is refused before any of it is read.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t11.html
"""

from __future__ import annotations

import dataclasses
import io
import math
import os
import struct
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import chunks, datatypes
from .errors import DamagedFileError, UnsafeModelError

MAGIC = b"\x89HDF\r\n\x1a\n"
NOWHERE = 0xFFFFFFFFFFFFFFFF
MOST_OBJECTS, MOST_ATTRIBUTES, DEEPEST, LONGEST = 1_000_000, 1 << 28, 64, 1 << 48
MESSAGES = {"space": 1, "type": 3, "layout": 8, "filters": 0x0B, "symbols": 0x11}
REFUSED = {0x07: "data in another file (an external dataset)", 0x0F: "parts that it shares with others"}
CURE = "Save the model anew with Keras or fkeras."


@dataclasses.dataclass
class Dataset:
    """An array that lies in a file: its shape and dtype are known, its bytes are not read yet.

    start, nbytes: where it lies, if it lies in one piece. pieces: its chunks, if not.
    """

    path: str
    shape: tuple[int, ...]
    dtype: Any
    start: int
    nbytes: int
    attrs: dict[str, Any]
    file: File = dataclasses.field(repr=False)
    pieces: chunks.Chunks | None = dataclasses.field(default=None, repr=False)

    def read(self) -> np.ndarray:
        """The array, as a copy.

        Raises DamagedFileError.
        """
        if self.pieces is not None:
            value = chunks.read(self.file, self.pieces, self.shape, self.dtype, self.path)
        else:
            value = self.file.copy(self.start, self.nbytes).view(self.dtype).reshape(self.shape)
        return value.astype(value.dtype.newbyteorder("=")) if not value.dtype.isnative else value


@dataclasses.dataclass
class Group:
    """A folder in a file: groups and datasets by name, and attributes."""

    items: dict[str, Any] = dataclasses.field(default_factory=dict)
    attrs: dict[str, Any] = dataclasses.field(default_factory=dict)

    def find(self, path: str) -> Any:
        """What stands at a path, or None."""
        here: Any = self
        for name in filter(None, path.split("/")):
            here = here.items.get(name) if isinstance(here, Group) else None
        return here

    def walk(self, path: str = "") -> Iterator[tuple[str, Dataset]]:
        """(path, dataset) of everything below."""
        for name, item in self.items.items():
            where = f"{path}/{name}" if path else name
            if isinstance(item, Group):
                yield from item.walk(where)
            else:
                yield where, item


class File:
    """An HDF5 file, taken apart and checked as a whole before a value is read.

    data: its bytes. place: what to call it in messages.
    Raises DamagedFileError, UnsafeModelError.
    """

    def __init__(self, data: Any, place: str):
        self.data, self.size, self.place = data, len(data), place
        self.objects, self.total, self.texts, self.unpacked = 0, 0, 0, 0
        self.inside: set[int] = set()
        self.heaps: dict[int, dict[int, tuple[int, int]]] = {}
        if self.bytes(0, 8) != MAGIC:
            raise self.damaged("it does not begin as an HDF5 file")
        if (version := self.number(8, 1)) > 1 or self.bytes(13, 2) != b"\x08\x08":
            raise self.unsafe(f"version {version} of the HDF5 layout, which Keras does not write", CURE)
        base = 24 + 4 * version
        if self.number(base, 8) != 0:
            raise self.unsafe("an HDF5 file inside another one", CURE)
        if (end := self.number(base + 16, 8)) > self.size:
            raise self.damaged(f"it has {self.size} bytes, and should have {end}: it is cut short")
        self.root: Group = self.object(self.number(base + 40, 8), "", 0)

    def damaged(self, what: str) -> DamagedFileError:
        """The error for bytes that make no sense."""
        return DamagedFileError(what, self.place)

    def unsafe(self, what: str, way_out: str = CURE) -> UnsafeModelError:
        """The error for what a model file must not hold."""
        return UnsafeModelError(what, self.place, way_out)

    # --- bytes -------------------------------------------------------------------------------------

    def bytes(self, start: int, count: int) -> bytes:
        """Some bytes, which must be there."""
        if start < 0 or count < 0 or start + count > self.size:
            raise self.damaged(f"it has {self.size} bytes, and refers to byte {start + count}")
        return self.data[start : start + count]

    def copy(self, start: int, count: int) -> np.ndarray:
        """Some bytes as an array of its own."""
        if isinstance(self.data, bytes):
            return np.frombuffer(self.data, np.uint8, count, start).copy()
        return self.data.copy(start, count)

    def number(self, start: int, count: int) -> int:
        """A whole number."""
        return int.from_bytes(self.bytes(start, count), "little")

    # --- objects -----------------------------------------------------------------------------------

    def object(self, address: int, path: str, depth: int) -> Any:
        """The group or dataset whose header lies at an address."""
        self.count_object()
        if depth > DEEPEST:
            raise self.unsafe("groups in groups without end")
        if address in self.inside:
            raise self.unsafe(f"a group that holds itself ({path!r})")
        self.inside.add(address)
        found: dict[int, list[tuple[int, int]]] = {}
        for kind, start, size in self.messages(address):
            found.setdefault(kind, []).append((start, size))
        for kind in found.keys() & REFUSED.keys():
            raise self.unsafe(f"{path!r} has {REFUSED[kind]}")
        attrs = dict(self.attribute(start, size, path) for start, size in found.get(0x0C, ()))
        if MESSAGES["layout"] in found:
            made = self.dataset(found, path, attrs)
        else:
            made = Group(self.members(found, path, depth), attrs)
        self.inside.discard(address)
        return made

    def count_object(self) -> None:
        """Refuses files of more objects than a model has."""
        self.objects += 1
        if self.objects > MOST_OBJECTS:
            raise self.unsafe("too many objects")

    def messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """(kind, start, size) of the parts of an object's header."""
        if self.number(address, 1) != 1:
            raise self.damaged(f"there is no object at byte {address}, or one of a newer layout")
        left, blocks = self.number(address + 2, 2), [(address + 16, self.number(address + 8, 4))]
        while blocks and left:
            start, size = blocks.pop(0)
            end = start + size
            while start + 8 <= end and left:
                kind, length, flags = struct.unpack("<HHB", self.bytes(start, 5))
                start, left = start + 8, left - 1
                if start + length > end:
                    raise self.damaged(f"a header at byte {address} is longer than its place")
                if flags & 2:
                    raise self.unsafe("a shared header message")
                if kind == 0x10:
                    blocks.append((self.number(start, 8), self.number(start + 8, 8)))
                elif kind == 0x15 and self.bytes(start + length - 16, 8) != b"\xff" * 8:
                    raise self.unsafe("attributes in a layout that Keras does not write")
                yield kind, start, length
                start += length

    def dataset(self, found: dict[int, Any], path: str, attrs: dict[str, Any]) -> Dataset:
        """A dataset, once it is certain that its bytes lie in this file."""
        try:
            start = found[MESSAGES["layout"]][0][0]
            shape = self.shape(*found[MESSAGES["space"]][0])
            dtype = datatypes.read(self.bytes(*found[MESSAGES["type"]][0]), lambda what: self.unsafe(f"{path}: {what}"))
        except KeyError:
            raise self.damaged(f"the dataset {path!r} has no shape or dtype") from None
        if not isinstance(dtype, np.dtype):
            raise self.unsafe(f"{path!r} holds no numbers of a fixed size")
        version, layout = self.bytes(start, 2)
        nbytes = math.prod(shape) * dtype.itemsize
        if (version, layout) == (3, 2):
            filters = found.get(MESSAGES["filters"], [None])[0]
            pieces = chunks.find(self, start, filters, shape, dtype.itemsize, path)
            return Dataset(path, shape, dtype, 0, nbytes, attrs, self, pieces)
        if version not in (3, 4) or layout not in (0, 1):
            said = "is virtual: made of other files" if layout == 3 else "has a layout that Keras does not write"
            raise self.unsafe(f"the dataset {path!r} {said}")
        at, stored = (start + 4, self.number(start + 2, 2)) if layout == 0 else self.extent(start + 2)
        if nbytes and (at == NOWHERE or stored < nbytes):
            raise self.unsafe(f"{path!r} says that it has shape {shape}, and {stored} bytes are stored")
        if nbytes:
            self.occupy(at, nbytes, f"{path!r} of shape {shape}")
        return Dataset(path, shape, dtype, at if nbytes else 0, nbytes, attrs, self)

    def occupy(self, start: int, nbytes: int, what: str) -> None:
        """Counts bytes that an array takes of the file; refuses more than it has."""
        self.total += nbytes
        if self.total > self.size or start + nbytes > self.size:
            raise self.damaged(f"{what} does not fit in the {self.size} bytes of the file")

    def extent(self, start: int) -> tuple[int, int]:
        """(address, size) of bytes elsewhere in the file."""
        return self.number(start, 8), self.number(start + 8, 8)

    def shape(self, start: int, size: int) -> tuple[int, ...]:
        """The shape that a dataspace message tells."""
        version, rank, _ = self.bytes(start, 3)
        if version not in (1, 2) or rank > 32:
            raise self.damaged("a dataspace makes no sense")
        if version == 2 and self.number(start + 3, 1) == 2:
            return (0,)
        first = start + (8 if version == 1 else 4)
        found = tuple(self.number(first + 8 * i, 8) for i in range(rank))
        if max(found, default=0) >= LONGEST:
            raise self.damaged(f"an array of shape {found} cannot be")
        return found

    # --- groups ------------------------------------------------------------------------------------

    def members(self, found: dict[int, Any], path: str, depth: int) -> dict[str, Any]:
        """What a group holds."""
        links: dict[str, int] = {}
        for start, _ in found.get(MESSAGES["symbols"], ()):
            names, entry = self.heap(self.number(start + 8, 8)), self.number(start, 8)
            for name, address in self.tree(entry, names, path, 0):
                self.link(links, name, address, path)
        for start, _ in found.get(0x06, ()):
            self.link(links, *self.compact_link(start, path), path)
        if 0x02 in found and any(self.bytes(s + n - 16, 8) != b"\xff" * 8 for s, n in found[0x02]):
            raise self.unsafe(f"the group {path!r} keeps its links in a way that Keras does not write")
        return {n: self.object(a, f"{path}/{n}" if path else n, depth + 1) for n, a in sorted(links.items())}

    def link(self, links: dict[str, int], name: str, address: int, path: str) -> None:
        """Adds a member; refuses names that no member can have."""
        if not name or "/" in name or name in links or name in (".", ".."):
            raise self.damaged(f"the group {path!r} has a member named {name!r} twice, or a name that is none")
        if len(links) > MOST_OBJECTS:
            raise self.unsafe("too many objects")
        links[name] = address

    def heap(self, address: int) -> tuple[int, int]:
        """(start, size) of the names of a group's members."""
        if self.bytes(address, 4) != b"HEAP":
            raise self.damaged(f"there are no names at byte {address}")
        size, start = self.number(address + 8, 8), self.number(address + 24, 8)
        self.bytes(start, min(size, self.size + 1))
        return start, size

    def tree(self, address: int, names: tuple[int, int], path: str, depth: int) -> Iterator[tuple[str, int]]:
        """(name, address) of the members below a node of a group's tree."""
        head = self.bytes(address, 8)
        self.count_object()
        if depth > DEEPEST:
            raise self.unsafe("a tree of names without end")
        if head[:4] == b"SNOD":
            for i in range(int.from_bytes(head[6:8], "little")):
                at = address + 8 + 40 * i
                if self.number(at + 16, 4) == 2:
                    raise self.unsafe(f"a soft link in the group {path!r}")
                yield self.name(names, self.number(at, 8)), self.number(at + 8, 8)
        elif head[:4] == b"TREE" and head[4] == 0:
            for i in range(int.from_bytes(head[6:8], "little")):
                yield from self.tree(self.number(address + 32 + 16 * i, 8), names, path, depth + 1)
        else:
            raise self.damaged(f"there is no list of members at byte {address}")

    def name(self, names: tuple[int, int], offset: int) -> str:
        """A member's name."""
        start, size = names
        if offset >= size:
            raise self.damaged("a name lies outside its place")
        raw = self.bytes(start + offset, min(size - offset, 4096))
        return self.text(raw.partition(b"\0")[0])

    def text(self, raw: bytes) -> str:
        """Bytes as text."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.damaged("a text is not in UTF-8") from None

    def compact_link(self, start: int, path: str) -> tuple[str, int]:
        """(name, address) of a link in the group's own header."""
        flags = self.number(start + 1, 1)
        at, kind = start + 2, 0
        if flags & 8:
            kind, at = self.number(at, 1), at + 1
        if kind:
            names = {1: "a soft link", 64: "a link to another file (an external link)"}
            raise self.unsafe(f"{names.get(kind, 'a link of an unknown kind')} in the group {path!r}")
        at += 8 * bool(flags & 4) + bool(flags & 16)
        width = 1 << (flags & 3)
        length = self.number(at, width)
        return self.text(self.bytes(at + width, length)), self.number(at + width + length, 8)

    # --- attributes --------------------------------------------------------------------------------

    def attribute(self, start: int, size: int, path: str) -> tuple[str, Any]:
        """(name, value) of an attribute: a number, a text, or a list of them."""
        version, flags, *sizes = struct.unpack("<BBHHH", self.bytes(start, 8))
        if version not in (1, 2, 3) or (version > 1 and flags):
            raise self.unsafe(f"an attribute of {path!r} in a layout that Keras does not write")
        at = start + 8 + (version == 3)
        parts = []
        for length in sizes:
            parts.append((at, length))
            at += length + (-length % 8 if version == 1 else 0)
        name = self.text(self.bytes(*parts[0]).partition(b"\0")[0])
        dtype = datatypes.read(
            self.bytes(*parts[1]), lambda what: self.unsafe(f"attribute {name!r} of {path!r}: {what}")
        )
        shape = self.shape(*parts[2])
        count, width = math.prod(shape), dtype.itemsize if isinstance(dtype, np.dtype) else dtype.size
        if count * width > start + size - at:
            raise self.damaged(f"the attribute {name!r} of {path!r} is longer than its place")
        if isinstance(dtype, np.dtype):
            value = np.frombuffer(self.bytes(at, count * width), dtype).reshape(shape)
            return name, value.item() if not shape else value
        texts = [self.string(dtype, at + i * width) for i in range(count)]
        return name, texts if shape else texts[0]

    def string(self, dtype: datatypes.Text, at: int) -> str:
        """A text of fixed or free length."""
        if dtype.fixed:
            raw = self.bytes(at, dtype.size)
        else:
            length, address, index = struct.unpack("<IQI", self.bytes(at, 16))
            raw = b"" if not length else self.kept(address, index)[:length]
        self.texts += len(raw)
        if self.texts > MOST_ATTRIBUTES:
            raise self.unsafe("more text than a model needs")
        return self.text(raw.partition(b"\0")[0])

    def kept(self, address: int, index: int) -> bytes:
        """An object of a heap that texts of free length lie in."""
        if address not in self.heaps:
            if self.bytes(address, 4) != b"GCOL":
                raise self.damaged(f"there are no texts at byte {address}")
            objects: dict[int, tuple[int, int]] = {}
            at, end = address + 16, address + self.number(address + 8, 8)
            while at + 16 <= min(end, self.size) and (number := self.number(at, 2)):
                length = self.number(at + 8, 8)
                objects[number] = at + 16, length
                at += 16 + length + -length % 8
            self.heaps[address] = objects
        if index not in self.heaps[address]:
            raise self.damaged(f"a text is missing at byte {address}")
        return self.bytes(*self.heaps[address][index])


class OnDisk:
    """The bytes of a file, read as they are needed; if it shrinks meanwhile, that is an error and no signal.

    Raises DamagedFileError.
    """

    def __init__(self, path: Any):
        self.place = os.fspath(path)
        self.file = io.BufferedReader(io.FileIO(self.place), 1 << 16)
        weakref.finalize(self, self.file.close)
        self.size = os.fstat(self.file.fileno()).st_size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        self.file.seek(part.start)
        found = self.file.read(part.stop - part.start)
        if len(found) != part.stop - part.start:
            raise self.shrunk()
        return found

    def copy(self, start: int, count: int) -> np.ndarray:
        """Some bytes as an array."""
        array = np.empty(count, np.uint8)
        self.file.seek(start)
        if self.file.readinto(array.data) != count:
            raise self.shrunk()
        return array

    def shrunk(self) -> DamagedFileError:
        """The error for bytes that were there."""
        return DamagedFileError("it became shorter while it was read", self.place)


def open_file(path: Any) -> File:
    """An HDF5 file on the disk; its bytes are read as they are needed."""
    return File(OnDisk(path), str(path))
