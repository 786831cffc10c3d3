"""The numbers that all leaves of one step share, such as the learning rate after bias correction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


class Numbers:
    """What `shared` gives, computed once per dtype: in float32 at least, then cast."""

    def __init__(self, shared: Callable[[Any, Any], Any], rate: Any, t: Any):
        self.shared, self.rate, self.t = shared, rate, t
        self.known: dict[Any, Any] = {}

    def __call__(self, dtype: Any) -> Any:
        if dtype not in self.known:
            fine = jnp.promote_types(jnp.float32, dtype)
            found = self.shared(self.rate.astype(fine), self.t.astype(fine))
            self.known[dtype] = jax.tree.map(lambda x: jnp.asarray(x, dtype), found)
        return self.known[dtype]
