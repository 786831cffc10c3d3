"""Sequences on their way into a model."""

from ..utils.sequences import pad_sequences
from .skipgrams import make_sampling_table, skipgrams
from .timeseries_generator import TimeseriesGenerator

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]
