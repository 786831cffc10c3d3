"""`KerasFileEditor`: looks into a file of weights, and changes what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import atomic
from . import native, public, values
from .archive import CONFIG, METADATA
from .hdf5 import Group
from .parse import parse
from .store import Entry, Store, write


class KerasFileEditor:
    """The weights in a `.keras` or `.weights.h5` file, to be shown, changed and written anew.

    An object in the file is told by its path (`layers/dense_1`), or by its last name where only one has it.
    `weights_dict` holds the arrays, in nested dicts.

    Raises ValueError for other files, and what `load_model` raises for damaged ones.

    >>> import os, tempfile
    >>> from fkeras import Sequential, layers
    >>> path = os.path.join(tempfile.mkdtemp(), "m.weights.h5")
    >>> Sequential([layers.Input((2,)), layers.Dense(1)]).save_weights(path)
    >>> editor = KerasFileEditor(path)
    >>> editor.rename_object("dense", "head")
    >>> editor.summary()
    layers/head/0: (2, 1) float32
    layers/head/1: (1,) float32
    """

    def __init__(self, filepath: Any):
        self.filepath = os.fspath(filepath)
        if not self.filepath.endswith((".keras", ".weights.h5")):
            raise ValueError(f"The file must end in .keras or .weights.h5; got {self.filepath!r}.")
        self.metadata = self.config = None
        if self.filepath.endswith(".keras"):
            archive = native.opened(self.filepath)
            try:
                self.metadata, self.config = (
                    parse(archive.read(n), f"{self.filepath}, {n}") if n in archive else None
                    for n in (METADATA, CONFIG)
                )
            finally:
                archive.close()
        (file,) = public.source_of(self.filepath).files
        self.object_metadata: dict[str, dict[str, Any]] = {}
        self.weights_dict = self._read(file.root, "")

    def _read(self, group: Group, path: str) -> dict[str, Any]:
        """The arrays in a group, its `vars` taken in."""
        found: dict[str, Any] = {}
        for name, item in group.items.items():
            if name == "vars" and isinstance(item, Group):
                self.object_metadata[path] = dict(item.attrs)
                found.update(Store({k: d for k, d in item.items.items() if not isinstance(d, Group)}))
            elif isinstance(item, Group):
                found[name] = self._read(item, f"{path}/{name}" if path else name)
        return found

    # --- looking ---------------------------------------------------------------------------------

    def summary(self, print_fn: Callable[[str], None] = print) -> None:
        """Prints the arrays, their shapes and dtypes."""
        for path, value in arrays(self.weights_dict):
            print_fn(f"{path}: {tuple(value.shape)} {value.dtype}")

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """How the file and a model differ: `{"status", "error_count", "match_count"}`; prints what does not fit."""
        wanted = values.collect(reference_model)
        errors = matches = 0
        for path, entry in wanted.items():
            for key, value in entry.arrays.items():
                where = f"{path}/{key}" if path else key
                found: Any = self.weights_dict
                for name in where.split("/"):
                    found = found.get(name) if isinstance(found, dict) else None
                shape = getattr(found, "shape", None)
                if shape == value.shape:
                    matches += 1
                    continue
                errors += 1
                got = "nothing" if shape is None else f"shape {shape}"
                print(f"{where}: the model has shape {value.shape}, the file {got}")
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    # --- changing --------------------------------------------------------------------------------

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Gives an object another name in its place."""
        parent, name, path = self._find(object_name)
        new_name = new_name.rpartition("/")[2]
        if new_name in parent:
            raise ValueError(f"There is already an object {new_name!r} beside {object_name!r}.")
        parent[new_name] = parent.pop(name)
        start = f"{path.rpartition('/')[0]}/{new_name}".lstrip("/")
        moved = {start + p.removeprefix(path): m for p, m in self.object_metadata.items() if inside(p, path)}
        kept = {p: m for p, m in self.object_metadata.items() if not inside(p, path)}
        self.object_metadata = {**kept, **moved}

    def delete_object(self, object_name: str) -> None:
        """Takes an object, and all in it, out."""
        parent, name, _ = self._find(object_name)
        del parent[name]

    def add_object(self, object_path: str, weights: dict[str, Any]) -> None:
        """Puts an object in, with arrays by key."""
        *parents, name = object_path.split("/")
        here = self.weights_dict
        for part in parents:
            if not isinstance(here.get(part), dict):
                raise ValueError(f"There is no {'/'.join(parents)!r} in the file, where {name!r} could stand.")
            here = here[part]
        here[name] = as_arrays(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Takes one array of an object out."""
        parent, name, _ = self._find(object_name)
        if weight_name not in parent[name]:
            raise ValueError(f"{object_name!r} has no weight {weight_name!r}; it has {list(parent[name])}.")
        del parent[name][weight_name]

    def add_weights(self, object_name: str, weights: dict[str, Any]) -> None:
        """Puts arrays into an object."""
        parent, name, _ = self._find(object_name)
        parent[name].update(as_arrays(weights))

    def _find(self, name: str) -> tuple[dict[str, Any], str, str]:
        """(what holds it, its last name, its path) of an object."""
        paths = [
            p for p in objects(self.weights_dict) if p == name or ("/" not in name and p.rpartition("/")[2] == name)
        ]
        paths = [name] if name in paths else paths
        if len(paths) != 1:
            said = f"several objects are called {name!r}: {', '.join(paths)}. Give the path" if paths else (
                f"there is no object {name!r}. There are: {', '.join(objects(self.weights_dict))}"
            )  # fmt: skip
            raise ValueError(f"{self.filepath}: {said}.")
        *parents, last = paths[0].split("/")
        here = self.weights_dict
        for part in parents:
            here = here[part]
        return here, last, paths[0]

    # --- writing ---------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Writes the weights, as they are now, to a `.weights.h5` file."""
        path = os.fspath(filepath)
        if not path.endswith(".weights.h5"):
            raise ValueError(f"The file must end in .weights.h5; got {path!r}.")
        entries: dict[str, Entry] = {"": Entry(self.object_metadata.get("", {}).get("name"))}
        for where in objects(self.weights_dict):
            entries[where] = Entry(self.object_metadata.get(where, {}).get("name"))
        for where, value in arrays(self.weights_dict):
            owner, _, key = where.rpartition("/")
            entries[owner].arrays[key] = np.asarray(value)
        with atomic.writing(path) as temporary:
            write(temporary, entries)

    resave_weights = save


def inside(path: str, parent: str) -> bool:
    """Whether a path is that of an object, or of one in it."""
    return path == parent or path.startswith(f"{parent}/")


def arrays(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, array) of all arrays in nested dicts."""
    for name, value in tree.items():
        where = f"{path}/{name}" if path else name
        yield from arrays(value, where) if isinstance(value, dict) else [(where, value)]


def objects(tree: dict[str, Any], path: str = "") -> list[str]:
    """The paths of all dicts in nested dicts."""
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            where = f"{path}/{name}" if path else name
            found += [where, *objects(value, where)]
    return found


def as_arrays(weights: Any) -> dict[str, np.ndarray]:
    """A dict of arrays; refused if it is none."""
    if not isinstance(weights, dict):
        raise ValueError(f"weights must be a dict of arrays, as in {{'0': kernel}}; got {type(weights).__name__}.")
    return {str(k): np.asarray(v) for k, v in weights.items()}
