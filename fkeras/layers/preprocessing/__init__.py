"""Layers that prepare raw data: tables and text."""

from .category_encoding import CategoryEncoding
from .discretization import Discretization
from .hashing import HashedCrossing, Hashing
from .normalization import Normalization

__all__ = ["CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "Normalization"]
