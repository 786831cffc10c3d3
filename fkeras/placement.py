"""How arrays lie on several devices while a model runs: what a distribution says, read where programs are traced.

Without one, everything is as it is. With one, the rows of each batch, and the params, are pinned to its mesh;
the compiler divides the work.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

current: list[Any] = [None]  # the distribution of now


def key() -> Hashable:
    """What tells programs for one distribution from those for another."""
    return None if current[0] is None else (id(current[0]), current[0].fingerprint())


def pinned(x: Any, layout: Any) -> Any:
    """An array that lies as a layout says, inside a program or outside."""
    return jax.lax.with_sharding_constraint(x, layout.backend_layout)


def rows(batch: Any) -> Any:
    """A batch whose rows are divided among the replicas, if they can be divided evenly."""
    told = current[0]
    if told is None:
        return batch

    def one(x: Any) -> Any:
        if not x.ndim or x.shape[0] % told.num_model_replicas:
            return x
        return pinned(x, told.get_data_layout(x.shape))

    return jax.tree.map(one, batch)


def weights(params: Any) -> Any:
    """Params that lie as the distribution says; `"dense/kernel"` is the path of a weight."""
    told = current[0]
    if told is None:
        return params

    def one(path: Any, x: Any) -> Any:
        name = "/".join(str(getattr(k, "key", k)) for k in path)
        return pinned(x, told.layout_of(name, x.shape))

    return jax.tree_util.tree_map_with_path(one, params)


def sharding(mesh: Any, axes: Any) -> NamedSharding:
    """The sharding of JAX for an axis of a mesh, or None, for each axis of an array."""
    return NamedSharding(mesh, PartitionSpec(*axes))
