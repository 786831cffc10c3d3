"""Data that is no array in memory, on its way into training.

>>> import numpy as np
>>> from fkeras.data import Dataset
>>> data = Dataset.from_tensor_slices((np.arange(6.0), np.arange(6) % 2)).shuffle(seed=0).batch(4)
>>> [len(y) for x, y in data]
[4, 2]
"""

from .dataset import AUTOTUNE, Dataset
from .find import source_for
from .py_dataset import PyDataset
from .reader import Reader
from .source import Source

__all__ = ["AUTOTUNE", "Dataset", "PyDataset", "Reader", "Source", "source_for"]
