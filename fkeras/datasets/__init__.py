"""Data sets that come with other packages."""

from . import digits

__all__ = ["digits"]
