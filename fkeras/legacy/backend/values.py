"""Variables, placeholders and functions of symbols under their names of Keras 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from ...config import floatx
from ...graph import Symbol, symbols
from ...layers.input import Input
from ...models import Model
from ...utils.session import is_keras_tensor
from ...variable import Variable
from ..telling import gone, tell

__all__ = [
    "batch_get_value", "batch_set_value", "count_params", "eval", "function", "get_session", "get_value",
    "get_variable_shape", "gradients", "is_placeholder", "is_sparse", "is_tensor", "is_variable", "learning_phase",
    "manual_variable_initialization", "moving_average_update", "placeholder", "print_tensor", "set_learning_phase",
    "set_session", "set_value", "to_dense", "update", "update_add", "update_sub", "variable",
]  # fmt: skip


class LearningPhase:
    """What `learning_phase()` returns: a place in the inputs of `function`, and False elsewhere."""

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 0


_PHASE = LearningPhase()


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable with a first value.

    >>> variable([1.0, 2.0]).shape
    (2,)
    """
    return Variable(np.asarray(value), dtype=dtype or floatx(), name=name, constraint=constraint)


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False, name: str | None = None
) -> Symbol:
    """A symbol; `Input` makes it today."""
    shape = (None,) * (ndim or 0) if shape is None else tuple(shape)
    return Input(batch_shape=shape, dtype=dtype, name=name, sparse=sparse)


def is_placeholder(x: Any) -> bool:
    """Whether x is a symbol that a graph begins with."""
    return isinstance(x, Symbol) and not symbols((x.node.args, x.node.kwargs))


def is_variable(x: Any) -> bool:
    """Whether x holds a value that can be set."""
    return isinstance(x, Variable)


def is_tensor(x: Any) -> bool:
    """Whether x is an array of JAX, a variable or a symbol."""
    return isinstance(x, (jax.Array, Variable)) or is_keras_tensor(x)


def is_sparse(tensor: Any) -> bool:
    """False: there are no sparse arrays."""
    return False


def to_dense(tensor: Any) -> Any:
    """The array as it is."""
    return tensor


def get_value(x: Any) -> np.ndarray:
    """The value of a variable, as a NumPy array.

    >>> get_value(variable([1.0])).tolist()
    [1.0]
    """
    return np.asarray(getattr(x, "value", x))


eval = get_value


def batch_get_value(tensors: Iterable[Any]) -> list[np.ndarray]:
    """The values of some variables."""
    return [get_value(x) for x in tensors]


def set_value(x: Any, value: Any) -> None:
    """Sets a variable: a weight, or the learning rate of an optimizer."""
    x.assign(np.asarray(value, dtype=str(x.dtype)))


def batch_set_value(tuples: Iterable[tuple[Any, Any]]) -> None:
    """Sets some variables."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """Sets a variable to a new value."""
    return x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Adds to a variable."""
    return x.assign_add(increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Takes off a variable."""
    return x.assign_sub(decrement)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """x = momentum * x + (1 - momentum) * value."""
    return x.assign(x * momentum + value * (1 - momentum))


def count_params(x: Any) -> int:
    """How many numbers an array or a variable holds."""
    return math.prod(x.shape)


def get_variable_shape(x: Any) -> tuple[int, ...]:
    """The shape of a variable."""
    return tuple(x.shape)


def print_tensor(x: Any, message: str = "") -> Any:
    """x, printed whenever it is computed."""
    jax.debug.print(message.replace("{", "{{").replace("}", "}}") + "{}", x)
    return x


def learning_phase() -> Any:
    """Stands for "training or not" among the inputs of `function`; elsewhere it counts as False."""
    return _PHASE


def set_learning_phase(value: Any) -> None:
    """Has no effect for 0; training is said where a model is called, so 1 is refused."""
    tell("set_learning_phase", "say model(x, training=...) instead.")
    if value not in (0, False):
        raise ValueError("set_learning_phase(1) is not possible: call the model with training=True.")


def function(
    inputs: Any, outputs: Any, updates: Any = None, name: str | None = None
) -> Callable[[Iterable[Any]], list[Any]]:
    """The function from some symbols to others, of a list of arrays.

    inputs: symbols, and `learning_phase()` if the call is to say whether it trains.

    >>> x = Input((2,))
    >>> function([x], [x * 2.0])([np.ones((1, 2))])[0].tolist()
    [[2.0, 2.0]]
    """
    if updates:
        raise ValueError("function: updates are not supported; a layer assigns to its own weights in `call`.")
    entries = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    told = [isinstance(x, LearningPhase) for x in entries]
    several = isinstance(outputs, (list, tuple))
    places = [x for x, t in zip(entries, told, strict=True) if not t]
    model = Model(places, list(outputs) if several else [outputs])

    def call(values: Any) -> Any:
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        if len(values) != len(entries):
            raise ValueError(f"This function has {len(entries)} inputs; got {len(values)}.")
        phase = [v for v, t in zip(values, told, strict=True) if t]
        data = [np.asarray(v) for v, t in zip(values, told, strict=True) if not t]
        found = [np.asarray(y) for y in jax.tree.leaves(model(data, training=bool(phase and phase[0])))]
        return found if several else found[0]

    return call


gradients = gone(
    "K.gradients",
    "symbols have no gradients. Write loss(x) as a function of arrays and take jax.grad of it; for the weights of a "
    "model: params, state = model.values; jax.grad(lambda p: loss(model.apply(p, state, x)[0]))(params).",
)
SESSION = "there are no sessions; arrays hold their values."
get_session, set_session = gone("K.get_session", SESSION), gone("K.set_session", SESSION)
manual_variable_initialization = gone("K.manual_variable_initialization", "variables are filled when they are read.")
