"""Data on its way into a model."""

from . import sequence

__all__ = ["sequence"]
