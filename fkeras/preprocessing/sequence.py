"""Sequences on their way into a model."""

from ..utils.sequences import pad_sequences
from .skipgrams import make_sampling_table, skipgrams
from .timeseries_generator import TimeseriesGenerator, timeseries_generator_from_json

__all__ = [
    "TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams", "timeseries_generator_from_json",
]  # fmt: skip
