"""Batches of images that are in memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ... import config
from .iterator import Iterator, check_subset, save_batch, transformed


class NumpyArrayIterator(Iterator):
    """Batches of the images in an array, changed by an ImageDataGenerator: what its `flow` returns.

    x: images (n, height, width, channels), or (images, others) with further arrays of n rows.
    y, sample_weight: come along as they are.
    ignore_class_split: whether the classes may differ between the subsets.

    Raises ValueError for arrays of other ranks and lengths.

    >>> next(NumpyArrayIterator(np.ones((3, 4, 4, 1)), np.arange(3), None, batch_size=2))[1].tolist()
    [0, 1]
    """

    def __init__(
        self, x: Any, y: Any, image_data_generator: Any, batch_size: int = 32, shuffle: bool = False,
        sample_weight: Any = None, seed: int | None = None, data_format: str | None = None,
        save_to_dir: str | None = None, save_prefix: str = "", save_format: str = "png", subset: str | None = None,
        ignore_class_split: bool = False, dtype: Any = None,
    ):  # fmt: skip
        self.dtype, self.data_format = dtype or config.floatx(), config.standardize_data_format(data_format)
        others: list[Any] = []
        if isinstance(x, (tuple, list)):
            x, more = x
            others = [np.asarray(o) for o in (more if isinstance(more, list) else [more])]
        x, rows = np.asarray(x, self.dtype), {"y": y, "sample_weight": sample_weight}
        rows = {k: None if v is None else np.asarray(v) for k, v in rows.items()}
        if x.ndim != 4:
            raise ValueError(
                f"Images come as an array of rank 4, (n, height, width, channels); received shape {x.shape}."
            )
        for name, array in (*rows.items(), *(("an array beside the images", o) for o in others)):
            if array is not None and len(array) != len(x):
                raise ValueError(f"There are {len(x)} images, but {name} has {len(array)} rows.")
        part = self._part(subset, image_data_generator, len(x), rows["y"], ignore_class_split)
        self.x, self.x_misc = x[part], [o[part] for o in others]
        self.y, self.sample_weight = (None if v is None else v[part] for v in rows.values())
        channels = self.x.shape[3 if self.data_format == "channels_last" else 1]
        if channels not in (1, 3, 4):
            warnings.warn(f"Images have 1, 3 or 4 channels; these have {channels} ({self.data_format}).", stacklevel=3)
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _part(self, subset: Any, generator: Any, n: int, y: Any, ignore: bool) -> slice:
        """The rows of a subset: the first ones are for validation."""
        check_subset(subset)
        if subset is None:
            return slice(None)
        at = int(n * generator.validation_split)
        if y is not None and not ignore and not np.array_equal(np.unique(y[:at]), np.unique(y[at:])):
            raise ValueError(
                "Training and validation subsets have different classes. Shuffle the data first, or, if y holds no "
                "classes, pass ignore_class_split=True."
            )
        return slice(at) if subset == "validation" else slice(at, None)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        x = transformed(self.image_data_generator, self.x[index_array], self.dtype)
        save_batch(self, x, index_array, 10**4)
        images: Any = [x, *(o[index_array] for o in self.x_misc)] if self.x_misc else x
        rest = [v[index_array] for v in (self.y, self.sample_weight) if v is not None] if self.y is not None else []
        return (images, *rest) if rest else images
