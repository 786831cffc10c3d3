"""Work on one part of a batch after the other, where all at once would overflow the caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import lax

CACHED = 1 << 22  # bytes that a part may make on the way


def count(batch: int, size: int, most: int) -> int:
    """How many parts a batch is cut into, of whose examples each makes `size` bytes on the way.

    most: so many bytes are made all at once.

    >>> count(8, 2**20, 2**25), count(64, 2**20, 2**25), count(6, 2**23, 2**25)
    (1, 16, 6)
    """
    if batch * size <= most:
        return 1
    return next(n for n in range(1, batch + 1) if batch % n == 0 and (n == batch or batch // n * size <= CACHED))


def over(run: Callable[..., Any], parts: int, *arrays: Any) -> Any:
    """`run(*arrays)`, which works on every example by itself, over that many parts of their first axis.

    What it makes on the way is made anew where it is differentiated, so that no derivative holds all of it.

    Shapes: (b, ...) each -> (b, ...); b is a multiple of `parts`.

    >>> import jax.numpy as jnp
    >>> over(lambda x: 2 * x, 2, jnp.arange(4.0)).tolist()
    [0.0, 2.0, 4.0, 6.0]
    """
    if parts == 1:
        return run(*arrays)
    one = jax.checkpoint(lambda some: run(*some), prevent_cse=False)
    y = lax.map(one, [a.reshape(parts, -1, *a.shape[1:]) for a in arrays])
    return y.reshape(-1, *y.shape[2:])
