"""Norms of gradients and clipping by them, with derivatives that stay finite at zero."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Grads = list[Any]  # arrays, or None where there is no gradient


@jax.custom_jvp
def root(x: jax.Array) -> jax.Array:
    """The square root, with derivative 0 at 0, so that gradients flow through a training run.

    >>> jax.grad(root)(0.0).item()
    0.0
    """
    return jnp.sqrt(x)


@root.defjvp
def root_jvp(primals: Any, tangents: Any) -> Any:
    y = root(*primals)
    return y, tangents[0] * jnp.where(y > 0, 0.5 / jnp.where(y > 0, y, 1), 0)


def norm(*arrays: jax.Array) -> jax.Array:
    """The Euclidean norm of all arrays together.

    >>> norm(jnp.array([3.0]), jnp.array([[4.0]])).item()
    5.0
    """
    return root(sum((jnp.sum(jnp.square(x)) for x in arrays), jnp.zeros((), arrays[0].dtype)))


def clip_each(grads: Grads, most: float) -> Grads:
    """Each gradient, scaled down to norm `most` if it is longer."""
    return [g if g is None else g * most / jnp.maximum(norm(g), most) for g in grads]


def clip_together(grads: Grads, most: float) -> Grads:
    """All gradients, scaled down by one factor to norm `most`; NaN if any is not finite."""
    found = [g for g in grads if g is not None]
    if not found:
        return grads
    length = norm(*found)
    scale = most / jnp.maximum(length, most) + (length - length)
    return [g if g is None else g * scale.astype(g.dtype) for g in grads]


def clip_values(grads: Grads, most: float) -> Grads:
    """Each number, moved into [-most, most]."""
    return [g if g is None else jnp.clip(g, -most, most) for g in grads]
