"""Activations: the functions that a setting such as `activation="relu"` may name.

Each takes an array (or what `jnp.asarray` takes), and returns one of its shape, unless
it says otherwise. All of them are plain functions of their arguments.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from . import logits, registry
from .recording import recordable
from .traced import is_exactly

Activation = Callable[..., jax.Array] | str | dict[str, Any] | None  # what a setting may hold


class _Table(registry.Kind):
    def get(self, identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        return linear if identifier is None else super().get(identifier, custom_objects)


KIND = _Table("activation", "keras.activations")


def get(identifier: Activation) -> Callable[..., Any]:
    """The activation of this name or config; None is `linear`, a callable is itself.

    Raises ValueError for an unknown name.

    >>> get("swish") is silu, get(None) is linear
    (True, True)
    """
    return KIND.get(identifier)


def serialize(activation: Callable[..., Any]) -> str | dict[str, Any]:
    """The name of a known activation, or the config of another function or object.

    >>> serialize(relu)
    'relu'
    """
    return KIND.name_of(activation) or registry.serialize(activation)


def deserialize(config: str | dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """The activation that a name or a config describes; `custom_objects` are known to it too.

    >>> deserialize("tanh") is tanh
    True
    """
    return KIND.get(config, custom_objects)


# --- straight lines -------------------------------------------------------------------------


def linear(x: Any) -> Any:
    """`x`, untouched. Shapes: any -> same.

    >>> linear(3.0)
    3.0
    """
    return x


@recordable
def relu(
    x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> jax.Array:
    """`x` above `threshold`, at most `max_value`; `negative_slope * (x - threshold)` below. Shapes: any -> same.

    >>> print(relu(jnp.array([-10.0, 0.0, 5.0, 10.0]), negative_slope=0.5, max_value=6))
    [-5.  0.  5.  6.]
    """
    x = jnp.asarray(x)
    sloped, raised = not is_exactly(negative_slope, 0), not is_exactly(threshold, 0)
    if sloped and max_value is None and not raised:
        return jax.nn.leaky_relu(x, negative_slope)
    if raised:
        y = jnp.where(x > jnp.asarray(threshold, x.dtype), x, 0)
    else:
        y = jax.nn.relu(x) if max_value is None or not is_exactly(max_value, 6) else jax.nn.relu6(x)
    if max_value is not None:
        y = jnp.clip(y, jnp.asarray(0, y.dtype), jnp.asarray(max_value, y.dtype))
    return y - negative_slope * jax.nn.relu(threshold - x) if sloped else y


@recordable
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> jax.Array:
    """`x` where `x >= 0`, else `negative_slope * x`. Shapes: any -> same. Source: Maas et al., 2013.

    >>> print(leaky_relu(jnp.array([-5.0, 2.0])))
    [-1.  2.]
    """
    return jax.nn.leaky_relu(jnp.asarray(x), negative_slope)


@recordable
def relu6(x: ArrayLike) -> jax.Array:
    """`min(max(x, 0), 6)`. Shapes: any -> same. Source: https://arxiv.org/abs/1704.04861

    >>> print(relu6(jnp.array([-1.0, 3.0, 9.0])))
    [0. 3. 6.]
    """
    return jax.nn.relu6(jnp.asarray(x))


@recordable
def hard_tanh(x: ArrayLike) -> jax.Array:
    """`min(max(x, -1), 1)`. Shapes: any -> same.

    >>> print(hard_tanh(jnp.array([-2.0, 0.5, 2.0])))
    [-1.   0.5  1. ]
    """
    return jax.nn.hard_tanh(jnp.asarray(x))


@recordable
def hard_sigmoid(x: ArrayLike) -> jax.Array:
    """`relu6(x + 3) / 6`. Shapes: any -> same.

    >>> print(hard_sigmoid(jnp.array([-3.0, 0.0, 3.0])))
    [0.  0.5 1. ]
    """
    return jax.nn.hard_sigmoid(jnp.asarray(x))


@recordable
def hard_silu(x: ArrayLike) -> jax.Array:
    """`x * hard_sigmoid(x)`, also called `hard_swish`. Shapes: any -> same. Source: https://arxiv.org/abs/1905.02244

    >>> print(hard_silu(jnp.array([-3.0, 0.0, 3.0])))
    [-0.  0.  3.]
    """
    return jax.nn.hard_silu(jnp.asarray(x))


@recordable
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """`x` where `|x| > threshold`, else 0. Shapes: any -> same.

    >>> print(hard_shrink(jnp.array([-0.5, 1.0])))
    [0. 1.]
    """
    x = jnp.asarray(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@recordable
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> jax.Array:
    """`x` moved by `threshold` towards 0, and 0 where it is nearer than that. Shapes: any -> same.

    >>> print(soft_shrink(jnp.array([-2.0, 0.25, 1.0])))
    [-1.5  0.   0.5]
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0.0))


@recordable
def threshold(x: ArrayLike, threshold: float, default_value: float) -> jax.Array:
    """`x` where `x > threshold`, else `default_value`. Shapes: any -> same.

    >>> print(threshold(jnp.array([0.0, 2.0]), 1.0, -7.0))
    [-7.  2.]
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x, default_value)


@recordable
def sparse_plus(x: ArrayLike) -> jax.Array:
    """0 below -1, `x` above 1, and `(x + 1)² / 4` between. Shapes: any -> same.

    >>> print(sparse_plus(jnp.array([-2.0, 0.0, 2.0])))
    [0.   0.25 2.  ]
    """
    return jax.nn.sparse_plus(jnp.asarray(x))


@recordable
def sparse_sigmoid(x: ArrayLike) -> jax.Array:
    """0 below -1, 1 above 1, and `(x + 1) / 2` between. Shapes: any -> same. Source: https://arxiv.org/abs/1901.02324

    >>> print(sparse_sigmoid(jnp.array([-2.0, 0.0, 2.0])))
    [0.  0.5 1. ]
    """
    return jax.nn.sparse_sigmoid(jnp.asarray(x))


# --- curves ---------------------------------------------------------------------------------


@recordable
def sigmoid(x: ArrayLike) -> jax.Array:
    """`1 / (1 + exp(-x))`. Shapes: any -> same. Raises TypeError for integers.

    >>> print(sigmoid(jnp.array([0.0])))
    [0.5]
    """
    return jax.nn.sigmoid(jnp.asarray(x))


@recordable
def log_sigmoid(x: ArrayLike) -> jax.Array:
    """`log(sigmoid(x))`, without overflow. Shapes: any -> same.

    >>> print(log_sigmoid(jnp.array([-100.0])))
    [-100.]
    """
    return jax.nn.log_sigmoid(jnp.asarray(x))


@recordable
def tanh(x: ArrayLike) -> jax.Array:
    """`(exp(x) - exp(-x)) / (exp(x) + exp(-x))`. Shapes: any -> same.

    >>> print(tanh(jnp.array([0.0])))
    [0.]
    """
    return jnp.tanh(jnp.asarray(x))


@recordable
def tanh_shrink(x: ArrayLike) -> jax.Array:
    """`x - tanh(x)`. Shapes: any -> same.

    >>> print(tanh_shrink(jnp.array([0.0])))
    [0.]
    """
    x = jnp.asarray(x)
    return x - jnp.tanh(x)


@recordable
def exponential(x: ArrayLike) -> jax.Array:
    """`exp(x)`. Shapes: any -> same.

    >>> print(exponential(jnp.array([0.0])))
    [1.]
    """
    return jnp.exp(jnp.asarray(x))


@recordable
def softplus(x: ArrayLike) -> jax.Array:
    """`log(1 + exp(x))`. Shapes: any -> same.

    >>> print(softplus(jnp.array([100.0])))
    [100.]
    """
    return jax.nn.softplus(jnp.asarray(x))


@recordable
def softsign(x: ArrayLike) -> jax.Array:
    """`x / (1 + |x|)`. Shapes: any -> same.

    >>> print(softsign(jnp.array([1.0])))
    [0.5]
    """
    return jax.nn.soft_sign(jnp.asarray(x))


@recordable
def squareplus(x: ArrayLike, b: float = 4) -> jax.Array:
    """`(x + sqrt(x² + b)) / 2`. Shapes: any -> same. Source: https://arxiv.org/abs/2112.11687

    >>> print(squareplus(jnp.array([0.0])))
    [1.]
    """
    return jax.nn.squareplus(jnp.asarray(x), b)


@recordable
def elu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """`x` where `x > 0`, else `alpha * (exp(x) - 1)`. Shapes: any -> same. Source: https://arxiv.org/abs/1511.07289

    >>> print(elu(jnp.array([0.0, 2.0])))
    [0. 2.]
    """
    return jax.nn.elu(jnp.asarray(x), alpha)


@recordable
def celu(x: ArrayLike, alpha: float = 1.0) -> jax.Array:
    """`x` where `x > 0`, else `alpha * (exp(x / alpha) - 1)`.

    Shapes: any -> same. Source: https://arxiv.org/abs/1704.07483

    >>> print(celu(jnp.array([0.0, 2.0])))
    [0. 2.]
    """
    return jax.nn.celu(jnp.asarray(x), alpha)


@recordable
def selu(x: ArrayLike) -> jax.Array:
    """`1.0507 * elu(x, 1.6733)`, which keeps mean 0 and variance 1 of `lecun_normal` layers.

    Shapes: any -> same. Source: https://arxiv.org/abs/1706.02515

    >>> print(selu(jnp.array([0.0])))
    [0.]
    """
    return jax.nn.selu(jnp.asarray(x))


@recordable
def silu(x: ArrayLike) -> jax.Array:
    """`x * sigmoid(x)`, also called `swish`. Shapes: any -> same. Source: https://arxiv.org/abs/1710.05941

    >>> print(silu(jnp.array([0.0])))
    [0.]
    """
    return jax.nn.silu(jnp.asarray(x))


@recordable
def gelu(x: ArrayLike, approximate: bool = False) -> jax.Array:
    """`x * Φ(x)`, Φ being the normal distribution function, or its tanh form if `approximate`.

    Shapes: any -> same. Source: https://arxiv.org/abs/1606.08415

    >>> print(gelu(jnp.array([0.0])))
    [0.]
    """
    return jax.nn.gelu(jnp.asarray(x), approximate)


@recordable
def mish(x: ArrayLike) -> jax.Array:
    """`x * tanh(softplus(x))`. Shapes: any -> same. Source: https://arxiv.org/abs/1908.08681

    >>> print(mish(jnp.array([0.0])))
    [0.]
    """
    x = jnp.asarray(x)
    return x * jnp.tanh(jax.nn.softplus(x))


# --- along an axis ----------------------------------------------------------------------------


@recordable
def glu(x: ArrayLike, axis: int = -1) -> jax.Array:
    """`a * sigmoid(b)`, `a` and `b` being the halves of `x` along `axis`.

    Shapes: (..., 2n, ...) -> (..., n, ...). Source: https://arxiv.org/abs/1612.08083
    Raises ValueError when the axis is odd.

    >>> print(glu(jnp.array([3.0, 0.0])))
    [1.5]
    """
    x = jnp.asarray(x)
    if x.shape[axis] % 2:
        raise ValueError(f"glu halves axis {axis} of its input; expected an even size, received shape {x.shape}.")
    return jax.nn.glu(x, axis)


@recordable
def softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> jax.Array:
    """`exp(x) / sum(exp(x))` along `axis`, or jointly along several axes.

    Shapes: any -> same. Warns when the axis has size 1, where the result is always 1.

    >>> print(softmax(jnp.array([1.0, 1.0])))
    [0.5 0.5]
    """
    x = jnp.asarray(x)
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        message = f"softmax over axis {axis} of shape {x.shape} is always 1; did you mean activation='sigmoid'?"
        warnings.warn(message, stacklevel=2)
    axis = axis if isinstance(axis, int) else tuple(axis)
    return logits.note(jax.nn.softmax(x, axis), x, axis)


@recordable
def log_softmax(x: ArrayLike, axis: int | Sequence[int] = -1) -> jax.Array:
    """`x - log(sum(exp(x)))` along `axis`, or jointly along several axes. Shapes: any -> same.

    >>> print(log_softmax(jnp.array([1000.0, 0.0])))
    [    0. -1000.]
    """
    return jax.nn.log_softmax(jnp.asarray(x), axis if isinstance(axis, int) else tuple(axis))


@recordable
def sparsemax(x: ArrayLike, axis: int = -1) -> jax.Array:
    """The point of the probability simplex nearest to `x`, along `axis`.

    Shapes: any -> same. Source: https://arxiv.org/abs/1602.02068

    >>> print(sparsemax(jnp.array([2.0, 0.0, -1.0])))
    [1. 0. 0.]
    """
    x = jnp.asarray(x)
    descending = -jnp.sort(-x, axis)
    total = jnp.cumsum(descending, axis)
    rank = jnp.expand_dims(jnp.arange(1, x.shape[axis] + 1), [i for i in range(x.ndim) if i != axis % x.ndim])
    kept = descending - (total - 1) / rank > 0
    count = jnp.sum(kept, axis, keepdims=True)
    excess = (jnp.sum(jnp.where(kept, descending, 0), axis, keepdims=True) - 1) / count
    return jnp.maximum(x - excess, 0)


for _f in (
    *(celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_tanh, leaky_relu, linear, log_sigmoid),
    *(log_softmax, mish, relu, relu6, selu, sigmoid, soft_shrink, softmax, softplus, softsign, sparse_plus),
    *(sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold),
):
    KIND.register(_f)
swish = KIND.register(silu, "swish")
hard_swish = KIND.register(hard_silu, "hard_swish")
