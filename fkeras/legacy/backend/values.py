"""Variables, placeholders and functions of symbols under their names of Keras 2."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ... import compiled, stream
from ...config import floatx
from ...graph import Symbol, symbols
from ...layers.input import Input
from ...models import Model
from ...utils.session import is_keras_tensor
from ...variable import Variable
from ..telling import gone, tell
from .arrays import LearningPhase
from .gradients import Descent

__all__ = [
    "batch_get_value", "batch_set_value", "count_params", "eval", "function", "get_session", "get_value",
    "get_variable_shape", "is_placeholder", "is_sparse", "is_tensor", "is_variable", "learning_phase",
    "manual_variable_initialization", "moving_average_update", "placeholder", "print_tensor", "set_learning_phase",
    "set_session", "set_value", "to_dense", "update", "update_add", "update_sub", "variable",
]  # fmt: skip


_PHASE = LearningPhase()


class Mark:
    """Whether a compiled program holds the value of a variable, or of a copy of it."""

    held = False


class Watched(Variable):
    """A variable that may stand in a compiled program, which is then made anew when the variable changes."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.mark = Mark()
        super().__init__(*args, **kwargs)

    @property
    def value(self) -> Any:
        value = super().value
        if not self.mark.held and not isinstance(value, Tracer) and stream.tracing():
            self.mark.held = True
        return value

    @value.setter
    def value(self, value: Any) -> None:
        if self.mark.held and not isinstance(value, Tracer):
            self.mark.held = False
            compiled.constants[0] += 1
        self._value = value

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = copy.copy(self)
        memo[id(self)] = twin
        return twin


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable with a first value.

    >>> variable([1.0, 2.0]).shape
    (2,)
    """
    value = value.value if isinstance(value, Variable) else value
    value = value if isinstance(value, Tracer) else np.asarray(value)
    with jax.ensure_compile_time_eval():  # in `build`, it may become a weight
        return Watched(value, dtype=dtype or floatx(), name=name, constraint=constraint)


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
    """Sets a variable to a new value; to a symbol, whenever a `function` that has this among its updates is called."""
    return (x, new_x) if isinstance(new_x, Symbol) else x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Adds to a variable."""
    return update(x, increment + x)


def update_sub(x: Any, decrement: Any) -> Any:
    """Takes off a variable."""
    return update(x, -decrement + x)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """x = momentum * x + (1 - momentum) * value."""
    return update(x, value * (1 - momentum) + x * momentum)


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
    """Stands for "training or not" among the inputs of `function`; in a layer's `call`, for whether it trains."""
    return _PHASE


def set_learning_phase(value: Any) -> None:
    """Has no effect for 0; training is said where a model is called, so 1 is refused."""
    tell("set_learning_phase", "say model(x, training=...) instead.")
    if value not in (0, False):
        raise ValueError("set_learning_phase(1) is not possible: call the model with training=True.")


def function(
    inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **old: Any
) -> Callable[[Iterable[Any]], list[Any]]:
    """The function from some symbols to others, of a list of arrays.

    inputs: symbols, and `learning_phase()` if the call is to say whether it trains.
    updates: what `optimizer.get_updates` returns, or pairs of a variable and the symbol of its next value.

    >>> x = Input((2,))
    >>> function([x], [x * 2.0])([np.ones((1, 2))])[0].tolist()
    [[2.0, 2.0]]
    """
    entries = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    told = [isinstance(x, LearningPhase) for x in entries]
    several = isinstance(outputs, (list, tuple))
    wanted = list(outputs) if several else [outputs]
    changes = [u for u in updates or () if u is not None]
    places = [x for x, t in zip(entries, told, strict=True) if not t]
    model = Model(places, [*wanted, *(u[1] for u in changes)])

    def call(values: Any) -> Any:
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        if len(values) != len(entries):
            raise ValueError(f"This function has {len(entries)} inputs; got {len(values)}.")
        phase = [v for v, t in zip(values, told, strict=True) if t]
        data = [np.asarray(v) for v, t in zip(values, told, strict=True) if not t]
        found = [np.array(y) for y in jax.tree.leaves(model(data, training=bool(phase and phase[0])))]
        change(changes, found[len(wanted) :])
        return found[: len(wanted)] if several else found[0]

    return call


def change(changes: list[Any], values: list[Any]) -> None:
    """Carries out the updates of a `function`: steps of optimizers first, then values that were computed."""
    steps = [(u, v) for u, v in zip(changes, values, strict=True) if isinstance(u, Descent)]
    for optimizer in {id(u.optimizer): u.optimizer for u, _ in steps}.values():
        optimizer.apply_gradients([(v, u.weight) for u, v in steps if u.optimizer is optimizer])
    for u, v in zip(changes, values, strict=True):
        if not isinstance(u, Descent):
            u[0].assign(v)


SESSION = "there are no sessions; arrays hold their values."


class Session:
    """What stands where scripts make a session: it can be made, passed on and closed, for nothing."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.graph = self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def run(self, fetches: Any = None, feed_dict: Any = None, **kwargs: Any) -> Any:
        """Refuses to compute; the initializer of all variables is None, for which there is nothing to do."""
        if fetches is not None:
            raise NotImplementedError(
                f"Session.run: {SESSION} Write K.get_value(x), K.function(inputs, outputs)(arrays) or model.predict(x)."
            )

    def close(self) -> None:
        """Nothing."""

    as_default = finalize = __enter__


def get_session() -> Session:
    """A session, which does nothing."""
    return Session()


def set_session(session: Any) -> None:
    """Has no effect."""
    tell("set_session", f"leave it out: {SESSION}")


manual_variable_initialization = gone("K.manual_variable_initialization", "variables are filled when they are read.")
