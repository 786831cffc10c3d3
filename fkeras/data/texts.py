"""Texts in files, as a Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .directory import Choice, datasets
from .timeseries import check_format


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The texts (.txt, UTF-8) below a directory, and their labels: a Dataset that reads them as needed.

    max_length: texts are cut off after so many characters.
    All other arguments are those of `image_dataset_from_directory`.

    Shapes: (batch,) strings; labels (batch,), (batch, classes) or (batch, 1).

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("bad", "good"):
    ...     (folder / name).mkdir()
    ...     _ = (folder / name / "1.txt").write_text(f"a {name} film")
    >>> for text, label in text_dataset_from_directory(folder, shuffle=False, verbose=False):
    ...     print(text, label)
    ['a bad film' 'a good film'] [0 1]
    """
    check_format(format)

    def read(path: str) -> np.ndarray:
        with open(path, encoding="utf-8", newline="") as file:
            return np.asarray(file.read(max_length), dtype=object)

    choice = Choice(
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose
    )
    return datasets(choice, (".txt",), read, batch_size)
