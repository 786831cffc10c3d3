"""Files in directories, with their classes: what the functions `..._dataset_from_directory` have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from .chain import random_state, stack
from .dataset import Dataset, Examples

READERS = 8  # threads that read the files of a batch


class Files(NamedTuple):
    """Paths, a label for each or None, and the names of the classes or None."""

    paths: list[str]
    labels: Any
    class_names: list[str] | None


class Choice(NamedTuple):
    """Which files of a directory are wanted, and how: the arguments that all kinds of data share."""

    directory: Any
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def check(self) -> Choice:
        """The same; refuses what does not go together. Without labels there is no mode of labels."""
        listed = isinstance(self.labels, (list, tuple, np.ndarray))
        if not listed and self.labels not in ("inferred", None):
            raise ValueError(f'labels must be "inferred", None, or a list with one for each file; got {self.labels!r}.')
        if self.class_names is not None and (listed or self.labels is None):
            raise ValueError('class_names goes with labels="inferred" only.')
        if self.label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(f'label_mode must be "int", "categorical", "binary" or None; got {self.label_mode!r}.')
        split, subset = self.validation_split, self.subset
        if split is not None and split and not 0 < split < 1:
            raise ValueError(f"validation_split must be between 0 and 1; got {split!r}.")
        if bool(split) != bool(subset):
            raise ValueError("validation_split and subset go together: give both or none.")
        if subset not in ("training", "validation", "both", None):
            raise ValueError(f'subset must be "training", "validation" or "both"; got {subset!r}.')
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                "validation_split with shuffle needs a seed=, so that both subsets are cut from one order."
            )
        return self if self.labels is not None and self.label_mode else self._replace(labels=None, label_mode=None)


def find_files(choice: Choice, formats: tuple[str, ...]) -> Files:
    """All files of these formats, in the order of their names, or mixed."""
    root = os.fspath(choice.directory)
    if not os.path.isdir(root):
        raise FileNotFoundError(f"There is no directory {root!r}.")
    folders = [""]
    if isinstance(choice.labels, str):
        folders = sorted(f for f in os.listdir(root) if os.path.isdir(os.path.join(root, f)) and not f.startswith("."))
        if choice.class_names is not None:
            if missing := [c for c in choice.class_names if c not in folders]:
                raise ValueError(f"class_names has {missing[0]!r}; the directories in {root!r} are {folders}.")
            folders = list(choice.class_names)
    found = [walk(os.path.join(root, f) if f else root, formats, choice.follow_links) for f in folders]
    paths = [p for some in found for p in some]
    labels, names = label(choice, paths, folders, [len(some) for some in found])
    if choice.verbose:
        print(f"Found {len(paths)} files" + (f" belonging to {len(names)} classes." if names else "."))
    if choice.shuffle:
        order = np.arange(len(paths))
        random_state(choice.seed).shuffle(order)
        paths, labels = [paths[i] for i in order], None if labels is None else labels[order]
    return Files(paths, labels, names)


def walk(folder: str, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    """The files of a folder and of those below it."""
    return [
        os.path.join(root, name)
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda w: w[0])
        for name in sorted(names)
        if name.lower().endswith(formats)
    ]


def label(choice: Choice, paths: list[str], folders: list[str], counts: list[int]) -> tuple[Any, list[str] | None]:
    """(a class number for each file, the names of the classes), or (None, None)."""
    if choice.labels is None:
        return None, None
    if isinstance(choice.labels, str):
        labels, names = np.repeat(np.arange(len(folders), dtype="int32"), counts), folders
    else:
        if len(choice.labels) != len(paths):
            raise ValueError(
                f"labels has {len(choice.labels)} entries, {choice.directory} has {len(paths)} files: give each one."
            )
        labels, names = np.asarray(choice.labels), [str(c) for c in sorted(set(choice.labels))]
    if choice.label_mode == "binary" and len(names) != 2:
        raise ValueError(f'label_mode="binary" is for two classes; there are {len(names)}: {names}.')
    return labels, names


def encode(labels: Any, mode: str | None, classes: int) -> np.ndarray:
    """Class numbers as `label_mode` wants them."""
    if mode == "binary":
        return np.asarray(labels, "float32")[:, None]
    numbers = np.asarray(labels, "int32")
    return numbers if mode == "int" else (numbers[:, None] == np.arange(classes)).astype("float32")


def subsets(files: Files, choice: Choice, formats: tuple[str, ...]) -> list[Files]:
    """The files, or those for training, for validation, or both, one after the other."""
    if not choice.validation_split:
        cuts = [slice(None)]
    else:
        kept = len(files.paths) - int(choice.validation_split * len(files.paths))
        both = {"training": slice(None, kept), "validation": slice(kept, None)}
        cuts = list(both.values()) if choice.subset == "both" else [both[str(choice.subset)]]
    found = [Files(files.paths[c], None if files.labels is None else files.labels[c], files.class_names) for c in cuts]
    for some in found:
        if not some.paths:
            raise ValueError(f"No files found in directory {choice.directory}. Allowed formats: {', '.join(formats)}.")
        if choice.validation_split and choice.verbose:
            use = "training" if some is found[0] and choice.subset != "validation" else "validation"
            print(f"Using {len(some.paths)} files for {use}.")
    return found


def datasets(
    choice: Choice,
    formats: tuple[str, ...],
    read: Callable[[str], Any],
    batch_size: int | None,
    join: Callable[[list[Any]], Any] = stack,
) -> Any:
    """A Dataset of what `read` makes of the files and of their labels; two of them in a list for subset="both"."""
    choice = choice.check()
    made = []
    for i, files in enumerate(subsets(find_files(choice, formats), choice, formats)):
        shuffled = choice.shuffle and not i
        data = dataset_of(files, choice, read, batch_size is not None, join)
        data.class_names, data.file_paths = files.class_names, files.paths
        data = data.shuffle(seed=choice.seed) if shuffled else data
        made.append(data if batch_size is None else data.batch(batch_size))
    return made if choice.subset == "both" else made[0]


def dataset_of(
    files: Files, choice: Choice, read: Callable[[str], Any], batched: bool, join: Callable[..., Any]
) -> Dataset:
    """The examples of some files; those of a batch are read by several threads."""
    labels = None
    if files.labels is not None:
        labels = encode(files.labels, choice.label_mode, len(files.class_names or ()))

    def fetch(which: Any) -> Any:
        paths = [files.paths[i] for i in which]
        if len(paths) == 1:
            read_ones = list(map(read, paths))
        else:
            with ThreadPoolExecutor(min(READERS, len(paths)), "fkeras-files") as pool:
                read_ones = list(pool.map(read, paths))
        x = join(read_ones) if batched else stack(read_ones)
        return x if labels is None else (x, labels[which])

    return Examples(fetch, lambda n: np.arange(len(files.paths)))
