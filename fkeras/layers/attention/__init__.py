"""Layers in which steps look at steps: Attention, AdditiveAttention, MultiHeadAttention, GroupQueryAttention."""

from .group_query import GroupQueryAttention
from .multi_head import MultiHeadAttention
from .scored import AdditiveAttention, Attention

__all__ = ["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]
