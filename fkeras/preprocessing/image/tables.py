"""Batches of images whose files a table names."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from .files import FileIterator

AS_THEY_ARE = ("input", "multi_output", "raw", None)  # the modes without classes


class DataFrameIterator(FileIterator):
    """Batches of the images that a table names, a row for each: what `flow_from_dataframe` returns.

    dataframe: a pandas DataFrame, or a dict of columns.
    x_col: the column of the paths, from `directory`. y_col: that of the classes, strings (or lists of them in
        "categorical" mode); of values in "raw" mode; a list of such columns in "multi_output" mode.
    weight_col: that of the weights.
    classes: the names of the classes, in the order of their numbers; rows of others are left out.
    validate_filenames: whether to leave out rows whose file is not there or no image, with a warning.

    Raises ValueError or TypeError for unknown settings, and for columns that do not fit them.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self, dataframe: Any, directory: Any = None, image_data_generator: Any = None, x_col: str = "filename",
        y_col: Any = "class", weight_col: str | None = None, target_size: Any = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, data_format: str | None = "channels_last", save_to_dir: str | None = None,
        save_prefix: str = "", save_format: str = "png", subset: str | None = None, interpolation: str = "nearest",
        keep_aspect_ratio: bool = False, dtype: Any = "float32", validate_filenames: bool = True,
    ):  # fmt: skip
        self._set_up(
            image_data_generator, target_size, color_mode, data_format, dtype, save_to_dir, save_prefix, save_format,
            subset, interpolation, keep_aspect_ratio,
        )  # fmt: skip
        self.directory, self.class_mode = directory or "", class_mode
        self._check(dataframe, x_col, y_col, weight_col, classes)
        files = list(dataframe[x_col])
        rows = list(range(len(files)))
        if validate_filenames:
            rows = self._valid(files, x_col)
        said = f"Found {{}} {'' if validate_filenames else 'non-'}validated image filenames"
        if class_mode in AS_THEY_ARE:
            rows = self._kept(rows)
        else:
            labels, names = _classed(list(dataframe[y_col]), classes, rows)
            self.class_indices = {name: i for i, name in enumerate(names)}
            rows = self._kept(list(labels))
            self.classes = [self._numbered(labels[i]) for i in rows]
            said += f" belonging to {len(names)} classes"
        self.filenames = [files[i] for i in rows]
        self.filepaths = [os.path.join(self.directory, f) for f in self.filenames]
        self.sample_weight = np.asarray(list(dataframe[weight_col]))[rows] if weight_col else None
        columns = y_col if isinstance(y_col, list) else [y_col]
        if class_mode in ("multi_output", "raw"):
            taken = [np.array([v for i, v in enumerate(dataframe[c]) if i in set(rows)]) for c in columns]
            self._targets: Any = taken if class_mode == "multi_output" else taken[0]
            if class_mode == "raw" and isinstance(y_col, list):
                self._targets = np.stack(taken, 1)
        self.samples = len(self.filenames)
        print(f"{said.format(self.samples)}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check(self, table: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any) -> None:
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(f"class_mode must be one of {self.allowed_class_modes}; received {mode!r}.")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f"class_mode='multi_output' needs a list of columns as y_col; received {y_col!r}.")
        if not all(isinstance(f, str) for f in table[x_col]):
            raise TypeError(f"The column x_col={x_col!r} must hold strings, the names of files.")
        if mode not in AS_THEY_ARE and not isinstance(y_col, str):
            raise TypeError(f"class_mode={mode!r} needs the name of one column as y_col; received {y_col!r}.")
        kinds = (str, list, tuple) if mode == "categorical" else (str,)
        if mode not in AS_THEY_ARE and not all(isinstance(v, kinds) for v in table[y_col]):
            more = ", or lists of them" if mode == "categorical" else ""
            raise TypeError(f"class_mode={mode!r} needs strings in the column y_col={y_col!r}{more}.")
        if mode == "binary" and len(found := set(classes or table[y_col])) != 2:
            raise ValueError(f"class_mode='binary' needs two classes; there are {len(found)}: {sorted(found)}.")
        if classes and mode in AS_THEY_ARE:
            warnings.warn(f"classes have no effect with class_mode={mode!r}.", stacklevel=4)
        if weight_col and np.asarray(list(table[weight_col])).dtype.kind not in "iufb":
            raise TypeError(f"The column weight_col={weight_col!r} must hold numbers.")

    def _valid(self, files: list[str], x_col: str) -> list[int]:
        """The rows whose file is there and an image."""
        paths = [os.path.join(self.directory, f) for f in files]
        kept = [i for i, p in enumerate(paths) if p.lower().endswith(self.white_list_formats) and os.path.isfile(p)]
        if len(kept) < len(files):
            missing = next(p for i, p in enumerate(paths) if i not in set(kept))
            warnings.warn(
                f"{len(files) - len(kept)} files of the column {x_col!r} are not there or no images, and left out; the "
                f"first is {missing!r}.",
                stacklevel=4,
            )
        return kept

    def _numbered(self, label: Any) -> Any:
        many = isinstance(label, (list, tuple))
        return [self.class_indices[v] for v in label] if many else self.class_indices[label]

    @property
    def labels(self) -> Any:
        """What comes with the images."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes


def _classed(labels: list[Any], classes: Any, rows: list[int]) -> tuple[dict[int, Any], list[Any]]:
    """({row: label}, the classes): without the labels of other classes, and rows that have none left."""
    if not classes:
        names = {v for i in rows for v in (labels[i] if isinstance(labels[i], (list, tuple)) else [labels[i]])}
        return {i: labels[i] for i in rows}, sorted(names)
    names = list(dict.fromkeys(classes))
    cut = {i: [v for v in labels[i] if v in names] if isinstance(labels[i], (list, tuple)) else labels[i] for i in rows}
    return {i: v for i, v in cut.items() if (v if isinstance(v, list) else v in names)}, names
