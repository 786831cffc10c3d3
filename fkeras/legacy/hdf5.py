"""`HDF5Matrix` of Keras 1 and 2: some rows of a data set in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..data.rows import Part
from .telling import tell


class HDF5Matrix(Part):
    """The rows `start` to `end` of a data set in an HDF5 file, which are read when they are asked for.

    normalizer: what each slice goes through.
    """

    def __init__(
        self, datapath: Any, dataset: str, start: int = 0, end: int | None = None,
        normalizer: Callable[[np.ndarray], np.ndarray] | None = None,
    ):  # fmt: skip
        import h5py

        tell("HDF5Matrix", "open the file with h5py and pass the data set to fit.")
        data: Any = h5py.File(datapath, "r")[dataset]
        super().__init__(data, start, len(data) if end is None else end)
        self.normalizer = normalizer
        if normalizer is not None and len(self):
            first = self[:1]
            self.shape, self.dtype, self.ndim = (len(self), *first.shape[1:]), first.dtype, first.ndim

    def __getitem__(self, which: Any) -> Any:
        rows = super().__getitem__(which)
        return rows if self.normalizer is None else self.normalizer(rows)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape))
