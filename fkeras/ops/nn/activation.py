"""Activations as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ... import activations
from ..operation import operation

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
    "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold",
]  # fmt: skip


def _as_operation(f: Any, *settings: str) -> Callable[..., jax.Array]:
    """An activation as an operation of the same name."""
    plain = getattr(f, "__wrapped__", f)
    made = _copy(plain)
    return operation(*settings)(made)


def _copy(f: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    call.__wrapped__, call.__name__, call.__qualname__, call.__doc__, call.__module__ = f, f.__name__, f.__name__, f.__doc__, __name__
    return call
