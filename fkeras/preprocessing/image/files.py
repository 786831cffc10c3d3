"""Batches of images that are in files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ... import config
from ...utils.images import MODES, img_to_array, load_img
from .iterator import Iterator, check_subset, save_batch, transformed

CHANNELS = dict(zip(MODES, (1, 4, 3), strict=True))


class FileIterator(Iterator):
    """Base of the batches of image files: sizes, colors, and what comes with the images."""

    filenames: list[str]
    class_mode: str | None

    def _set_up(
        self, image_data_generator: Any, target_size: Any, color_mode: str, data_format: str | None, dtype: Any,
        save_to_dir: str | None, save_prefix: str, save_format: str, subset: str | None, interpolation: str,
        keep_aspect_ratio: bool,
    ) -> None:  # fmt: skip
        if color_mode not in CHANNELS:
            raise ValueError(f"color_mode must be one of {', '.join(CHANNELS)}; received {color_mode!r}.")
        check_subset(subset)
        self.image_data_generator, self.target_size, self.color_mode = (
            image_data_generator,
            tuple(target_size),
            color_mode,
        )
        self.data_format, self.dtype = config.standardize_data_format(data_format), dtype or config.floatx()
        channels = (CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.subset, self.interpolation, self.keep_aspect_ratio = subset, interpolation, keep_aspect_ratio
        at = 0 if subset is None else image_data_generator.validation_split
        self.split = {None: None, "validation": (0, at), "training": (at, 1)}[subset]

    def _kept(self, rows: list[Any]) -> list[Any]:
        """The rows of the subset."""
        return rows if self.split is None else rows[slice(*(int(part * len(rows)) for part in self.split))]

    def _load(self, path: str) -> np.ndarray:
        with load_img(path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio) as img:
            return img_to_array(img, self.data_format)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        paths = [self.filepaths[i] for i in index_array]
        with ThreadPoolExecutor(min(8, max(len(paths), 1))) as readers:
            read = list(readers.map(self._load, paths))
        x = np.stack(read) if read else np.zeros((0, *self.image_shape))
        x = transformed(self.image_data_generator, x, self.dtype)
        save_batch(self, x, index_array, 10**7)
        if self.class_mode is None:
            return x
        y = self._targets_of(x, index_array)
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[index_array])

    def _targets_of(self, x: np.ndarray, index_array: np.ndarray) -> Any:
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "multi_output":
            return [column[index_array] for column in self.labels]
        if self.class_mode == "raw":
            return self.labels[index_array]
        if self.class_mode != "categorical":
            return np.array([self.labels[i] for i in index_array], self.dtype)
        y = np.zeros((len(x), len(self.class_indices)), self.dtype)
        for row, i in zip(y, index_array, strict=True):
            row[self.labels[i]] = 1
        return y

    class_indices: dict[Any, int]
    filepaths: list[str]
    sample_weight: Any = None

    @property
    def labels(self) -> Any:
        """What comes with the images, a row for each."""
        raise NotImplementedError


class DirectoryIterator(FileIterator):
    """Batches of the images in the directories of a directory, one for each class: what `flow_from_directory` returns.

    classes: the names of the directories, in the order of their numbers; all of them, sorted, for None.
    class_mode: "categorical", "binary", "sparse", "input" or None.

    Raises ValueError for unknown settings, and what reading the directory raises.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self, directory: Any, image_data_generator: Any, target_size: Any = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, data_format: str | None = None, save_to_dir: str | None = None, save_prefix: str = "",
        save_format: str = "png", follow_links: bool = False, subset: str | None = None,
        interpolation: str = "nearest", keep_aspect_ratio: bool = False, dtype: Any = None,
    ):  # fmt: skip
        self._set_up(
            image_data_generator, target_size, color_mode, data_format, dtype, save_to_dir, save_prefix, save_format,
            subset, interpolation, keep_aspect_ratio,
        )  # fmt: skip
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"class_mode must be one of {self.allowed_class_modes}; received {class_mode!r}.")
        self.directory, self.class_mode = directory, class_mode
        names = list(classes) if classes else sorted(p.name for p in Path(directory).iterdir() if p.is_dir())
        self.num_classes, self.class_indices = len(names), {name: i for i, name in enumerate(names)}
        found = {name: self._kept(self._files(name, follow_links)) for name in names}
        self.filenames = [f for files in found.values() for f in files]
        self.classes = np.array([self.class_indices[n] for n, files in found.items() for _ in files], "int32")
        self.samples = len(self.filenames)
        self.filepaths = [os.path.join(directory, f) for f in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files(self, name: str, follow_links: bool) -> list[str]:
        """The image files of a class, by their paths from the directory."""
        walked = sorted(
            os.walk(os.path.join(self.directory, name), followlinks=follow_links), key=lambda found: found[0]
        )
        return [
            os.path.relpath(os.path.join(root, file), self.directory)
            for root, _, files in walked
            for file in sorted(files)
            if file.lower().endswith(self.white_list_formats)
        ]

    @property
    def labels(self) -> np.ndarray:
        """The number of the class of each image."""
        return self.classes
