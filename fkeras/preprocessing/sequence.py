"""Sequences on their way into a model."""

from ..utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
