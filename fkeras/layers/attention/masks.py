"""Which step may look at which."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def causal_mask(t: Any, s: Any) -> Any:
    """(t, s): step i sees the steps j <= i.

    >>> causal_mask(2, 3).tolist()
    [[True, False, False], [True, True, False]]
    """
    return jnp.arange(t)[:, None] >= jnp.arange(s)


def window_mask(t: Any, s: Any, width: int) -> Any:
    """(t, s): step i sees the steps j with |i - j| < width.

    >>> window_mask(2, 3, 2).tolist()
    [[True, True, False], [True, True, True]]
    """
    return abs(jnp.arange(t)[:, None] - jnp.arange(s)) < width


def all_of(*masks: Any) -> Any:
    """Where all of the masks that are there are True; None if there is none."""
    found = None
    for mask in masks:
        if mask is not None:
            mask = jnp.asarray(mask).astype(bool)
            found = mask if found is None else found & mask
    return found
