"""Layers that prepare raw data: tables and text."""

from .category_encoding import CategoryEncoding
from .discretization import Discretization
from .hashing import HashedCrossing, Hashing
from .integer_lookup import IntegerLookup
from .normalization import Normalization
from .pipeline import Pipeline
from .string_lookup import StringLookup
from .text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "Normalization",
    "Pipeline",
    "StringLookup",
    "TextVectorization",
]
