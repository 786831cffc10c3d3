"""Values by path and name, as they lie in a file: written to HDF5, and read one object at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from .hdf5 import Dataset, File, Group

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@dataclasses.dataclass
class Entry:
    """What one object puts into a file: its name, and arrays by key."""

    name: str | None
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


def write(target: Any, entries: Mapping[str, Entry]) -> None:
    """Writes entries to an HDF5 file as Keras lays them out: `path/vars/key`.

    target: a path, or a file object.
    """
    import h5py

    with h5py.File(target, "w") as file:
        for path, entry in entries.items():
            if entry.name is None and not entry.arrays:
                continue
            group = file.require_group(f"{path}/vars" if path else "vars")
            if entry.name is not None:
                group.attrs["name"] = entry.name
            for key, array in entry.arrays.items():
                put(group, key, np.asarray(array))


def put(group: Any, key: str, array: np.ndarray) -> None:
    """Writes one array."""
    dataset = group.create_dataset(key, data=array)
    if array.dtype == BFLOAT16:
        dataset.attrs["dtype"] = "bfloat16"


class Store(Mapping[str, np.ndarray]):
    """The arrays of one object in a file: a mapping that reads an array when it is asked for it."""

    def __init__(self, datasets: Mapping[str, Dataset]):
        self.datasets = datasets

    def __getitem__(self, key: str) -> np.ndarray:
        dataset = self.datasets[key]
        value = dataset.read()
        return value.view(BFLOAT16) if dataset.attrs.get("dtype") == "bfloat16" and value.itemsize == 2 else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.datasets)

    def __len__(self) -> int:
        return len(self.datasets)

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return self.datasets[key].shape


class Ready(dict[str, np.ndarray]):
    """The arrays of one object that were read already."""

    def __init__(self, arrays: list[np.ndarray]):
        super().__init__({str(i): array for i, array in enumerate(arrays)})

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array."""
        return self[key].shape


class Source:
    """A file of weights, or several that belong together.

    files: HDF5 files, taken apart and checked. place: what to call them in messages.
    """

    def __init__(self, files: list[File], place: str):
        self.files, self.place = files, place
        self.size = sum(f.size for f in files)

    def store(self, path: str) -> Store:
        """The arrays of the object at a path; empty if there is none."""
        found = self.datasets(path)
        if not found and any("_layer_checkpoint_dependencies" in f.root.items for f in self.files):  # Keras 2.13
            found = self.datasets(path.replace("layers", "_layer_checkpoint_dependencies"))
        if not found and "/" in path:  # Keras 2 kept the layers of attention in private attributes
            parent, _, name = path.rpartition("/")
            found = self.datasets(f"{parent}/_{name}")
        return Store(found)

    def datasets(self, path: str) -> dict[str, Dataset]:
        """The datasets of the object at a path."""
        found: dict[str, Dataset] = {}
        for file in self.files:
            group = file.root.find(f"{path}/vars")
            if isinstance(group, Group):
                found.update({k: d for k, d in group.items.items() if isinstance(d, Dataset)})
        return found

    def paths(self) -> list[str]:
        """The paths of all objects that have arrays."""
        found = {p.rpartition("/vars/")[0] if "/vars/" in p else "" for f in self.files for p, _ in f.root.walk()}
        return sorted(found)
