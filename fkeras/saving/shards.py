"""Weights in several files of a bounded size, with a JSON file that tells which holds what."""

from __future__ import annotations

import contextlib
import json
import os
import re
import warnings
from typing import Any

from .. import atomic
from .errors import DamagedFileError, UnsafeModelError
from .hdf5 import open_file
from .parse import parse
from .store import Entry, Source, write

GIGA = 1024**3
NAME = re.compile(r"[^/\\:\0]+\.weights\.h5")


def index_of(path: Any) -> str:
    """The path of the JSON file; Keras lets `.weights.h5` be written for it."""
    path = os.fspath(path)
    if path.endswith(".json"):
        return path
    index = f"{path.removesuffix('.h5')}.json"
    warnings.warn(f"Weights in several files are told by a JSON file: {index!r} instead of {path!r}.", stacklevel=4)
    return index


def save(path: Any, entries: dict[str, Entry], most: float) -> None:
    """Writes the files, the one that tells of the others last.

    most: the size of a file, in GB.
    Raises ValueError for an array that is larger than that.
    """
    index = index_of(path)
    folder, stem = os.path.split(index.removesuffix(".json").removesuffix(".weights"))
    sums: dict[str, str] = {}
    table: dict[str, Any] = {}
    total = 0
    for number, shard in enumerate(split(entries, most * GIGA)):
        name = f"{stem}_{number:05}.weights.h5"
        with atomic.writing(os.path.join(folder, name)) as temporary:
            write(temporary, shard)
            sums[name] = atomic.checksum(temporary)
        for where, entry in shard.items():
            total += sum(a.nbytes for a in entry.arrays.values())
            if entry.arrays:
                key = f"/{where}/vars" if where else "/vars"
                table[key] = name if key not in table else [*as_list(table[key]), name]
    told = {"metadata": {"total_size": total, "sha256": sums}, "weight_map": table}
    atomic.write_bytes(index, json.dumps(told, indent=4).encode())


def split(entries: dict[str, Entry], most: float) -> list[dict[str, Entry]]:
    """The entries in portions of a bounded size; one entry may be divided."""
    shards: list[dict[str, Entry]] = [{}]
    size = 0
    for path, entry in entries.items():
        shards[-1][path] = Entry(entry.name)
        for key, array in entry.arrays.items():
            if array.nbytes > most:
                raise ValueError(
                    f"{path or 'The model'}: the array {key} has {array.nbytes} bytes, which is more than "
                    f"max_shard_size={most / GIGA} GB. Give a larger max_shard_size."
                )
            size += array.nbytes
            if size > most:
                shards.append({path: Entry(entry.name)})
                size = array.nbytes
            shards[-1][path].arrays[key] = array
    return shards


def load(path: Any) -> Source:
    """The files that a JSON file tells of; all in its folder, none of them a link.

    Raises UnsafeModelError, DamagedFileError.
    """
    index = index_of(path)
    with open(index, "rb") as file:
        told = parse(file.read(), index)
    table = told.get("weight_map") if isinstance(told, dict) else None
    if not isinstance(table, dict):
        raise DamagedFileError("it has no weight_map", index)
    names = list(dict.fromkeys(n for value in table.values() for n in as_list(value)))
    sums: Any = {}
    with contextlib.suppress(AttributeError, KeyError):
        sums = told["metadata"].get("sha256", {})
    files = []
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UnsafeModelError(f"the file {name!r}, which does not lie beside it", index)
        whole = os.path.join(os.path.dirname(index), name)
        if os.path.islink(whole):
            raise UnsafeModelError("a link in the place of a file", whole)
        if not os.path.isfile(whole):
            raise DamagedFileError(f"it refers to {name}, which is not there", index)
        if isinstance(sums, dict) and name in sums and atomic.checksum(whole) != sums[name]:
            raise DamagedFileError(f"{name} is not the file that it tells of (another checksum)", index)
        files.append(open_file(whole))
    return Source(files, index)


def as_list(value: Any) -> list[Any]:
    """One or several, as a list."""
    return value if isinstance(value, list) else [value]
