"""Activations as operations: the functions of `fkeras.activations`, under the names that Keras gives their classes."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from ... import activations
from ..operation import operation

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
    "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold",
]  # fmt: skip

MODULE = "keras.src.ops.nn"

celu = operation("alpha", module=MODULE)(activations.celu)
elu = operation("alpha", module=MODULE)(activations.elu)
glu = operation("axis", module=MODULE)(activations.glu)
hard_shrink = operation("threshold", module=MODULE)(activations.hard_shrink)
hard_sigmoid = operation(module=MODULE)(activations.hard_sigmoid)
hard_silu = hard_swish = operation(module=MODULE)(activations.hard_silu)
hard_tanh = operation(module=MODULE)(activations.hard_tanh)
leaky_relu = operation("negative_slope", module=MODULE)(activations.leaky_relu)
log_sigmoid = operation(module=MODULE)(activations.log_sigmoid)
log_softmax = operation("axis", module=MODULE)(activations.log_softmax)
relu6 = operation(module=MODULE)(activations.relu6)
selu = operation(module=MODULE)(activations.selu)
sigmoid = operation(module=MODULE)(activations.sigmoid)
silu = swish = operation(module=MODULE)(activations.silu)
soft_shrink = operation("threshold", module=MODULE)(activations.soft_shrink)
softmax = operation("axis", module=MODULE)(activations.softmax)
softplus = operation(module=MODULE)(activations.softplus)
softsign = operation(module=MODULE)(activations.softsign)
sparse_plus = operation(module=MODULE)(activations.sparse_plus)
sparse_sigmoid = operation(module=MODULE)(activations.sparse_sigmoid)
sparsemax = operation("axis", module=MODULE)(activations.sparsemax)
squareplus = operation("b", module=MODULE)(activations.squareplus)
tanh_shrink = operation(module=MODULE)(activations.tanh_shrink)
threshold = operation("threshold", "default_value", module=MODULE)(activations.threshold)

# What an activation records where the operation of its name is another function, or there is none.
operation(name="Exp", module="keras.src.ops.numpy", key="exponential")(activations.exponential)
operation(name="Tanh", module="keras.src.ops.numpy", key="activations.tanh")(activations.tanh)
SLOPES = ("negative_slope", "max_value", "threshold")
operation(*SLOPES, name="ReLU", module="keras.src.activations.activations", key="re_lu")(activations.relu)
operation(module="keras.src.activations.activations")(activations.mish)


@operation()
def relu(x: ArrayLike) -> jax.Array:
    """`max(x, 0)`.

    Shapes: any -> same.

    >>> relu([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    return activations.relu(x)


@operation("approximate")
def gelu(x: ArrayLike, approximate: bool = True) -> jax.Array:
    """`x * Φ(x)`, Φ being the normal distribution function, or its tanh form if `approximate`.

    Shapes: any -> same. Source: https://arxiv.org/abs/1606.08415

    >>> gelu([0.0]).tolist()
    [0.0]
    """
    return activations.gelu(x, approximate)


operation("approximate", module=MODULE, key="activations.gelu")(activations.gelu)
