"""Functions of arrays under their names and arguments of Keras 2."""

from __future__ import annotations

import builtins
import math
from typing import Any

import jax
import numpy as np

from ... import activations, config, lending, ops
from ...graph import is_symbol
from ...layer import Layer
from ...masking import value_of
from ...ops import (
    abs,
    all,
    any,
    cos,
    equal,
    exp,
    expm1,
    eye,
    floor,
    greater,
    greater_equal,
    in_top_k,
    less,
    less_equal,
    log,
    log1p,
    logsumexp,
    max,
    maximum,
    mean,
    min,
    minimum,
    ndim,
    not_equal,
    one_hot,
    ones_like,
    prod,
    round,
    sigmoid,
    sign,
    sin,
    softplus,
    softsign,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    stop_gradient,
    sum,
    tan,
    tanh,
    tile,
    transpose,
    var,
    zeros_like,
)  # fmt: skip

__all__ = [
    "abs", "all", "any", "arange", "argmax", "argmin", "batch_flatten", "bias_add", "cast", "cast_to_floatx", "clip",
    "concatenate", "constant", "cos", "cumprod", "cumsum", "dot", "dtype", "elu", "equal", "exp", "expand_dims",
    "expm1", "eye", "flatten", "floor", "gather", "greater", "greater_equal", "hard_sigmoid", "identity", "in_top_k",
    "in_test_phase", "in_train_phase", "int_shape", "l2_normalize", "less", "less_equal", "log", "log1p", "logsumexp",
    "max", "maximum", "mean", "min", "minimum", "ndim", "not_equal", "one_hot", "ones", "ones_like",
    "permute_dimensions", "pow", "prod", "relu", "repeat", "repeat_elements", "reshape", "reverse", "round", "shape",
    "sigmoid", "sign", "sin", "slice", "softmax", "softplus", "softsign", "sqrt", "square", "squeeze", "stack", "std",
    "stop_gradient", "sum", "switch", "tan", "tanh", "tile", "transpose", "var", "zeros", "zeros_like",
]  # fmt: skip


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """Numbers from start up to stop.

    >>> arange(3).tolist()
    [0, 1, 2]
    """
    return ops.arange(start, stop, step, dtype=dtype)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros of a shape."""
    return ready(ops.zeros, shape, dtype)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones of a shape."""
    return ready(ops.ones, shape, dtype)


def ready(make: Any, shape: Any, dtype: Any) -> Any:
    """An array that is there at once, also inside a program: in `build`, it may become a weight."""
    if not isinstance(shape, (list, tuple)) or not builtins.all(isinstance(d, int) for d in shape):
        return make(shape, dtype=dtype)
    with jax.ensure_compile_time_eval():
        return make(shape, dtype=dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A value as an array, spread over a shape.

    >>> constant(2, shape=(2,)).tolist()
    [2.0, 2.0]
    """
    found = ops.convert_to_tensor(value, dtype or config.floatx())
    return found if shape is None else ops.broadcast_to(found, shape)


def cast(x: Any, dtype: Any) -> Any:
    """x as numbers of another dtype."""
    return ops.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """x as floats: NumPy's stay NumPy's."""
    return ops.cast(x, config.floatx()) if is_symbol(x) else np.asarray(x, dtype=config.floatx())


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return str(x.dtype)


def int_shape(x: Any) -> tuple[Any, ...] | None:
    """The shape, None where a size is not known."""
    return tuple(x.shape) if hasattr(x, "shape") else None


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """x, at least and at most; None for no limit.

    >>> clip(np.array([-2.0, 5.0]), 0, 1).tolist()
    [0.0, 1.0]
    """
    low = -math.inf if min_value is None else min_value
    return ops.clip(x, low, math.inf if max_value is None else max_value)


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Arrays behind one another along an axis, by default the last."""
    return ops.concatenate(list(tensors), axis=axis)


def dot(x: Any, y: Any) -> Any:
    """Products summed over the last axis of x and the last but one of y.

    >>> dot(np.ones((2, 3)), np.ones((4, 3, 5))).shape
    (2, 4, 5)
    """
    return ops.dot(x, y)


def pow(x: Any, a: Any) -> Any:
    """x to the power of a."""
    return ops.power(x, a)


def relu(x: Any, alpha: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """x above the threshold, up to a maximum; below it alpha * (x - threshold)."""
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above zero, alpha * (exp(x) - 1) below."""
    return ops.elu(x, alpha)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis."""
    return ops.softmax(x, axis=axis)


def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, cut off at 0 and 1: that of Keras 2; `activations.hard_sigmoid` is steeper outside, x / 6 + 0.5.

    >>> hard_sigmoid(np.array([-3.0, 0.0, 2.5])).tolist()
    [0.0, 0.5, 1.0]
    """
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """x / |x| along an axis.

    >>> l2_normalize(np.array([0.0, 4.0])).round().tolist()
    [0.0, 1.0]
    """
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12)))


def expand_dims(x: Any, axis: int = -1) -> Any:
    """x with one axis more."""
    return ops.expand_dims(x, axis)


def identity(x: Any, name: str | None = None) -> Any:
    """x as it is."""
    return x


def argmax(x: Any, axis: int = -1) -> Any:
    """Where the largest number stands along an axis."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Where the smallest number stands along an axis."""
    return ops.argmin(x, axis=axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """Sums of all numbers so far along an axis."""
    return ops.cumsum(x, axis=axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Products of all numbers so far along an axis."""
    return ops.cumprod(x, axis=axis)


def shape(x: Any) -> tuple[Any, ...]:
    """The shape; of a symbol, with a symbol for each size that is not known yet.

    >>> shape(np.ones((2, 3)))
    (2, 3)
    """
    if not is_symbol(x):
        return ops.shape(x)
    return tuple(Size(i)(x) if n is None else n for i, n in enumerate(x.shape))


def reshape(x: Any, shape: Any) -> Any:
    """x in another shape; one of its sizes may be a symbol of `shape`, or -1.

    >>> reshape(np.ones((2, 3)), (3, -1)).shape
    (3, 2)
    """
    return ops.reshape(x, tuple(-1 if is_symbol(n) else n for n in shape))


class Size(Layer):
    """The size of one axis of the input, as a whole number."""

    axis: int

    def apply(self, params: Any, state: Any, x: Any, **_: Any) -> Any:
        return value_of(x).shape[self.axis], state


def flatten(x: Any) -> Any:
    """All numbers in one row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """The numbers of each example in one row."""
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """The axes in another order."""
    return ops.transpose(x, tuple(pattern))


def repeat(x: Any, n: int) -> Any:
    """(batch, features) -> (batch, n, features)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Every entry along an axis, `rep` times.

    >>> repeat_elements(np.array([1, 2]), 2, 0).tolist()
    [1, 1, 2, 2]
    """
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Any, axes: Any) -> Any:
    """x backwards along some axes."""
    return ops.flip(x, axis=axes)


def gather(reference: Any, indices: Any) -> Any:
    """The rows at some indices."""
    return ops.take(reference, indices, axis=0)


def slice(x: Any, start: Any, size: Any) -> Any:
    """A piece of x from `start`, of some size."""
    return ops.slice(x, start, size)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """x + bias, along the channels."""
    if config.standardize_data_format(data_format) == "channels_first" and len(x.shape) > 2 and len(bias.shape) == 1:
        bias = ops.reshape(bias, (1, -1) + (1,) * (len(x.shape) - 2))
    return ops.add(x, bias)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two values, or of what two functions return, by a condition with as many axes or fewer.

    >>> switch(np.array([True, False]), np.ones((2, 2)), np.zeros((2, 2))).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    yes: Any = then_expression() if callable(then_expression) else then_expression
    no = else_expression() if callable(else_expression) else else_expression
    condition = ops.cast(condition, "bool")
    for _ in range(len(shape(yes)) - len(shape(condition))):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, yes, no)


class LearningPhase:
    """What `learning_phase()` returns: a place in the inputs of `function`; elsewhere, whether a `call` trains."""

    def __bool__(self) -> bool:
        return lending.is_training()

    def __int__(self) -> int:
        return int(lending.is_training())


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """x in training, else alt; either may be a function of nothing.

    training: that of `call(self, inputs, training=None)`; None asks whether the layer that calls this trains.
    """
    training = None if isinstance(training, LearningPhase) else training
    if training is None and not lending.is_training():
        values = [v() if builtins.callable(v) else v for v in (x, alt)]
        if builtins.any(map(is_symbol, values)):
            return InTrainPhase()(*values)
    chosen = x if training in (1, True) or (training is None and lending.is_training()) else alt
    return chosen() if callable(chosen) else chosen


class InTrainPhase(Layer):
    """The first input in training, else the second.

    >>> InTrainPhase()(np.ones(1), np.zeros(1), training=True).tolist()
    [1.0]
    """

    def call(self, x: Any, alt: Any, *, training: bool) -> Any:
        return x if training else alt


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """x outside of training, else alt."""
    return in_train_phase(alt, x, training)
