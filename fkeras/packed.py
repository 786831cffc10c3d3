"""A pytree of arrays as one file: a checked header that says everything, then the raw bytes of the leaves.

    magic, version, length of the header, SHA-256 of the header, header (JSON), leaves

The header holds for each leaf its path, kind, dtype, shape and CRC, and whatever else the
writer wants to say. Reading runs nothing that the file says, and the sizes in the header
must add up to the size of the file before a byte of a leaf is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from . import atomic

MAGIC = b"\x89fkeras\n"
VERSION = 1
PREFIX = struct.Struct("<8sIQ32s")
MOST = 1 << 25  # bytes of the largest header
_PLAIN = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
_SHORT = "bfloat16 int4 uint4 float8_e4m3fn float8_e5m2 float8_e4m3b11fnuz float8_e4m3fnuz float8_e5m2fnuz"
DTYPES = {n: np.dtype(n) for n in _PLAIN.split()} | {n: np.dtype(getattr(jnp, n)) for n in _SHORT.split()}
NUMBERS = {"bool": bool, "int": int, "float": float, "complex": complex}  # Python's own, by kind
KEYS = ("threefry2x32", "rbg", "unsafe_rbg")
STEPS = {  # a step of a path, by what it goes into
    jax.tree_util.DictKey: ("key", "key"),
    jax.tree_util.SequenceKey: ("index", "idx"),
    jax.tree_util.GetAttrKey: ("field", "name"),
    jax.tree_util.FlattenedIndexKey: ("part", "key"),
}


class DamagedFileError(ValueError):
    """A file is not what it was when it was written, or never was what its name says."""


# --- writing ----------------------------------------------------------------------------------


def write(path: Any, tree: Any, note: Any = None) -> None:
    """Writes a pytree, and a note of plain JSON values, to a file that is whole or not there.

    tree: leaves are arrays of JAX or NumPy, random keys, Python numbers.

    Raises TypeError for other leaves, ValueError for arrays that are spread over several hosts.

    >>> import tempfile; file = tempfile.mkdtemp() + "/tree"
    >>> write(file, {"a": np.arange(3), "b": [1.5]}, note={"epoch": 2})
    >>> read(file)
    ({'a': array([0, 1, 2]), 'b': [1.5]}, {'epoch': 2})
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    rows, buffers = [], []
    for path_, leaf in leaves:
        kind, array = as_buffer(jax.tree_util.keystr(path_), leaf)
        raw: Any = array.reshape(-1).view(np.uint8)
        buffer = memoryview(raw)
        rows.append([steps_of(path_), kind, array.dtype.name, list(array.shape), zlib.crc32(buffer)])
        buffers.append(buffer)
    header = json.dumps({"leaves": rows, "note": note}, allow_nan=False, separators=(",", ":")).encode()
    if len(header) > MOST:
        raise ValueError(f"The header of {os.fspath(path)!r} would have {len(header)} bytes; at most {MOST} are read.")
    prefix = PREFIX.pack(MAGIC, VERSION, len(header), hashlib.sha256(header).digest())
    atomic.write_bytes(path, prefix, header, *buffers)


def as_buffer(name: str, leaf: Any) -> tuple[str, np.ndarray]:
    """(kind, array in the byte order of the file) of a leaf."""
    if isinstance(leaf, jax.Array):
        if not leaf.is_fully_addressable:
            raise ValueError(f"{name} is spread over several hosts; only this one's part is here. Use OrbaxCheckpoint.")
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return f"key {jax.random.key_impl(leaf)}", np.asarray(jax.random.key_data(leaf), order="C")
        return "array", little(name, np.asarray(leaf))
    if isinstance(leaf, (np.ndarray, np.generic)):
        return "array", little(name, np.asarray(leaf))
    kind = type(leaf).__name__
    if NUMBERS.get(kind) is type(leaf):
        if kind == "int" and not -(2**63) <= leaf < 2**63:
            raise TypeError(f"{name} is the whole number {leaf}, which needs more than 64 bits.")
        return kind, np.asarray(leaf, np.int64 if kind == "int" else None)
    raise TypeError(f"{name} is a {kind}; only arrays, random keys and numbers can be written.")


def little(name: str, array: np.ndarray) -> np.ndarray:
    """An array in C order and little-endian, of a dtype that the file knows."""
    if array.dtype.newbyteorder("<").name not in DTYPES:
        raise TypeError(f"{name} has dtype {array.dtype}; only numbers can be written ({', '.join(DTYPES)}).")
    return np.asarray(array, DTYPES[array.dtype.name].newbyteorder("<"), order="C")


def steps_of(path: Any) -> list[list[Any]]:
    """The path of a leaf as JSON: what it goes into, and by which name or number."""
    steps = []
    for step in path:
        what, attribute = STEPS.get(type(step), ("part", "key"))
        name = getattr(step, attribute, str(step))
        steps.append([what, name if isinstance(name, (str, int)) and not isinstance(name, bool) else repr(name)])
    return steps


# --- reading ----------------------------------------------------------------------------------


def read(path: Any, like: Any = None, form: Callable[[Any], Any] | None = None) -> tuple[Any, Any]:
    """(tree, note) of a file.

    like: a pytree of the form that was written, of arrays or `ShapeDtypeStruct`s: the leaves
        come in its containers and on its devices. None: as NumPy arrays in dicts and lists.
    form: what `like` is, from the note in the file.

    Raises DamagedFileError for a file that is damaged, ValueError for one that does not fit `like`.
    """
    path = os.fspath(path)
    with open_file(path) as file:
        try:
            rows, note = read_header(file)
        except DamagedFileError as error:
            raise DamagedFileError(f"{path}: {error}") from None
        like = like if form is None else form_from(path, form, note)
        if like is not None:
            check_form(path, rows, like)
        leaves = [read_leaf(path, file, row) for row in rows]
    if like is None:
        return nest([row[0] for row in rows], leaves), note
    wanted = jax.tree.leaves(like)
    placed = [place(leaf, want) for leaf, want in zip(leaves, wanted, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(like), placed), note


def read_note(path: Any) -> Any:
    """The note of a file, without its leaves."""
    with open_file(os.fspath(path)) as file:
        try:
            return read_header(file)[1]
        except DamagedFileError as error:
            raise DamagedFileError(f"{os.fspath(path)}: {error}") from None


def open_file(path: str) -> BinaryIO:
    """An ordinary file, open for reading; pipes and devices, which could block for ever, are refused."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFileError(f"{path} is not an ordinary file.")
    return os.fdopen(descriptor, "rb")


def read_header(file: BinaryIO) -> tuple[list[Any], Any]:
    """(rows, note) of an open file, which then stands at its first leaf."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(PREFIX.size)
    if len(start) < PREFIX.size or not start.startswith(MAGIC):
        raise DamagedFileError("this is no checkpoint of fkeras, or its beginning is lost.")
    _, version, length, digest = PREFIX.unpack(start)
    if version != VERSION:
        raise DamagedFileError(f"the file is of version {version}; this fkeras reads version {VERSION}.")
    if length > min(MOST, size - PREFIX.size):
        raise DamagedFileError(f"its header should have {length} bytes; the file has {size}.")
    header = file.read(length)
    if hashlib.sha256(header).digest() != digest:
        raise DamagedFileError("the header is damaged (its SHA-256 differs).")
    rows, note = parse(header)
    total = PREFIX.size + length + sum(row[-1] for row in rows)
    if total != size:
        raise DamagedFileError(f"its header describes {total} bytes; the file has {size}.")
    return rows, note


def parse(header: bytes) -> tuple[list[Any], Any]:
    """(rows, note): what a header says, each row checked and with its number of bytes at the end."""
    try:
        told = json.loads(header, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"the header cannot be read ({error}).") from None
    if not isinstance(told, dict) or set(told) != {"leaves", "note"} or not isinstance(told["leaves"], list):
        raise DamagedFileError("the header lacks its table of leaves.")
    rows, seen = [], set()
    for number, row in enumerate(told["leaves"]):
        if not is_row(row) or (key := json.dumps(row[0])) in seen:
            raise DamagedFileError(f"entry {number} of the table of leaves is not valid: {str(row)[:200]}.")
        seen.add(key)
        rows.append([*row, math.prod(row[3]) * DTYPES[row[2]].itemsize])
    return rows, told["note"]


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def refuse(constant: str) -> Any:
    """NaN and infinity are not JSON."""
    raise ValueError(f"{constant} is not JSON")


def is_row(row: Any) -> bool:
    """Whether an entry of the table describes a leaf that there can be."""
    if not isinstance(row, list) or len(row) != 5:
        return False
    path, kind, dtype, shape, crc = row
    if not isinstance(path, list) or len(path) > 200 or not all(map(is_step, path)):
        return False
    if not isinstance(kind, str) or not isinstance(dtype, str) or dtype not in DTYPES or not is_size(crc):
        return False
    if not isinstance(shape, list) or len(shape) > 32 or not all(map(is_size, shape)) or math.prod(shape) > 2**60:
        return False
    if kind in NUMBERS:
        return shape == [] and dtype == {"int": "int64", "float": "float64", "complex": "complex128"}.get(kind, kind)
    if kind.startswith("key "):
        words = 2 if kind == "key threefry2x32" else 4
        return kind[4:] in KEYS and dtype == "uint32" and shape[-1:] == [words]
    return kind == "array"


def is_step(step: Any) -> bool:
    """Whether this is a step of a path."""
    if not isinstance(step, list) or len(step) != 2 or step[0] not in ("key", "index", "field", "part"):
        return False
    return is_size(step[1]) if step[0] == "index" else type(step[1]) in (str, int)


def is_size(value: Any) -> bool:
    """Whether this is a whole number that a size can have."""
    return type(value) is int and 0 <= value < 2**48


def read_leaf(path: str, file: Any, row: Any) -> Any:
    """The next leaf of a file: an array of NumPy, a key, a number."""
    steps, kind, dtype, shape, crc, size = row
    buffer: Any = np.empty(size, np.uint8)
    if file.readinto(memoryview(buffer)) != size or zlib.crc32(buffer) != crc:
        raise DamagedFileError(f"{path}: {told(steps)} is damaged (its CRC differs).")
    try:
        array = buffer.view(DTYPES[dtype].newbyteorder("<")).reshape(shape)
        if kind.startswith("key "):
            return jax.random.wrap_key_data(jnp.asarray(array), impl=kind[4:])
    except (ValueError, TypeError) as error:
        raise DamagedFileError(f"{path}: {told(steps)} cannot be read ({error}).") from None
    return NUMBERS[kind](array[()]) if kind in NUMBERS else array


def told(steps: list[Any]) -> str:
    """A path as Python writes it."""
    return "".join(f".{n}" if what == "field" else f"[{n!r}]" for what, n in steps) or "the tree"


# --- what is read, in the form that is wanted ---------------------------------------------------


def check_form(path: str, rows: list[Any], like: Any) -> None:
    """Refuses a file whose leaves are not those of `like`, before any of them is read."""
    wanted = [(steps_of(p), x) for p, x in jax.tree_util.tree_leaves_with_path(like)]
    here, there = {told(row[0]) for row in rows}, {told(steps) for steps, _ in wanted}
    if here != there or len(rows) != len(wanted):
        parts = [("lacks", sorted(there - here)), ("has besides", sorted(here - there))]
        found = (
            " and ".join(f"{verb} {', '.join(names[:5])}" for verb, names in parts if names) or "is ordered otherwise"
        )
        raise ValueError(f"{path} does not fit: beside what is expected it {found}. It was written by another model.")
    for row, (steps, want) in zip(rows, wanted, strict=True):
        if row[0] != steps:
            raise ValueError(f"{path} does not fit: where {told(steps)} is expected it has {told(row[0])}.")
        expected, received = form_of(want), (row[1], row[2], tuple(row[3]))
        if expected != received:
            raise ValueError(
                f"{path} does not fit: {told(steps)} is expected to be {words(expected)}; the file has "
                f"{words(received)}."
            )


def form_from(path: str, form: Callable[[Any], Any], note: Any) -> Any:
    """The form that a note tells of."""
    try:
        return form(note)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DamagedFileError(f"{path}: its note cannot be read ({error!r}).") from None


def form_of(leaf: Any) -> tuple[str, str, tuple[int, ...]]:
    """(kind, dtype, shape) that a leaf has in a file."""
    dtype = getattr(leaf, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        impl: list[Any] = []
        words = jax.eval_shape(lambda key: (impl.append(jax.random.key_impl(key)), jax.random.key_data(key))[1], leaf)
        return f"key {impl[0]}", "uint32", tuple(words.shape)
    if dtype is not None:
        return "array", np.dtype(dtype).name, tuple(leaf.shape)
    kind = type(leaf).__name__
    return kind, {"int": "int64", "float": "float64", "complex": "complex128"}.get(kind, kind), ()


def words(described: tuple[str, str, tuple[int, ...]]) -> str:
    """The same, in words."""
    kind, dtype, shape = described
    return f"{dtype}{list(shape)}" if kind == "array" else kind if kind in NUMBERS else f"a {kind}{list(shape[:-1])}"


def place(leaf: Any, want: Any) -> Any:
    """A leaf as the one that is wanted: of JAX or of NumPy, on the same devices."""
    if not isinstance(want, (jax.Array, jax.ShapeDtypeStruct)):
        return leaf
    sharding = getattr(want, "sharding", None)
    if isinstance(want, jax.Array) and not getattr(want, "committed", True):
        sharding = None
    if getattr(want, "weak_type", False) and leaf.ndim == 0:
        return jnp.asarray(leaf.item())
    placed = jnp.asarray(leaf) if sharding is None else jax.device_put(leaf, sharding)
    if placed.dtype != leaf.dtype:
        raise ValueError(f"A leaf of {leaf.dtype} cannot be had while JAX computes with 32 bits: set jax_enable_x64.")
    return placed


def nest(paths: list[Any], leaves: list[Any]) -> Any:
    """Dicts and lists from the paths of their leaves."""
    if paths == [[]]:
        return leaves[0]
    root: dict[Any, Any] = {}
    for path, leaf in zip(paths, leaves, strict=True):
        inner = root
        for step in map(tuple, path[:-1]):
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise DamagedFileError(f"{told(path)} lies inside of a leaf.")
        if not path or tuple(path[-1]) in inner:
            raise DamagedFileError(f"{told(path)} is a leaf and holds others.")
        inner[tuple(path[-1])] = leaf
    return unwrapped(root)


def unwrapped(tree: Any) -> Any:
    """The nest with the names of its entries in place of steps; numbered ones make a list."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(what == "index" for what, _ in tree) and sorted(i for _, i in tree) == list(range(len(tree))):
        return [unwrapped(tree["index", i]) for i in range(len(tree))]
    named = {name: unwrapped(inner) for (_, name), inner in tree.items()}
    if len(named) < len(tree):
        raise DamagedFileError(f"two leaves have the same place among {', '.join(map(str, named))}.")
    return named


def entries(folder: Any) -> Iterator[os.DirEntry[str]]:
    """The ordinary files in a folder; links are not followed. Nothing if there is no such folder."""
    if os.path.isdir(folder):
        with os.scandir(folder) as found:
            yield from (entry for entry in found if entry.is_file(follow_symlinks=False))
