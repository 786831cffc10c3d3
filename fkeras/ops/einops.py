"""Axes rearranged by a pattern of names."""

from __future__ import annotations

import math
import re

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .operation import operation

__all__ = ["rearrange"]


def _groups(side: str) -> list[list[str]]:
    """`"b (h w) c"` -> `[["b"], ["h", "w"], ["c"]]`."""
    return [re.findall(r"\w+", part) for part in re.findall(r"\([^)]*\)|\w+", side)]


@operation()
def rearrange(tensor: ArrayLike, pattern: str, **axes_lengths: int) -> jax.Array:
    """Axes split, permuted and joined as the pattern says; names in brackets are one axis, the first one slowest.

    Shapes: as in `"b (h p) c -> b h (p c)"`. axes_lengths: sizes that cannot be told from the shape.
    Raises ValueError for a pattern that does not fit the shape. Source: https://openreview.net/forum?id=oapKSVM2bcj

    >>> rearrange(jnp.ones((2, 6, 3)), "b (h p) c -> b h (p c)", p=2).shape
    (2, 3, 6)
    """
    x = jnp.asarray(tensor)
    left, arrow, right = pattern.partition("->")
    source, target = _groups(left), _groups(right)
    names = [n for group in source for n in group]
    if not arrow or len(source) != x.ndim or sorted(names) != sorted(n for group in target for n in group):
        raise ValueError(f"rearrange: the pattern {pattern!r} does not fit an array of shape {x.shape}.")
    sizes = dict(axes_lengths)
    for group, size in zip(source, x.shape, strict=True):
        unknown = [n for n in group if n not in sizes]
        known = math.prod(sizes[n] for n in group if n in sizes)
        if len(unknown) > 1 or (isinstance(size, int) and size % known):
            raise ValueError(f"rearrange: give the sizes of all but one of {group}; together they make {size}.")
        sizes.update(dict.fromkeys(unknown, size // known))
    split = x.reshape([sizes[n] for n in names])
    moved = split.transpose([names.index(n) for group in target for n in group])
    return moved.reshape([math.prod(sizes[n] for n in group) for group in target])
