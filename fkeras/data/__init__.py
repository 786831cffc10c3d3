"""Data that is no array in memory, on its way into training."""

from .find import source_for
from .py_dataset import PyDataset
from .reader import Reader
from .source import Source

__all__ = ["PyDataset", "Reader", "Source", "source_for"]
