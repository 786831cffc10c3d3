"""`Variable`: one mutable value, for the storey above the pure functions.

Pure code never holds one. Keras-style layers and metrics do, through `add_weight`; a
throw-away copy of such an object gets fresh cells with the values it is to work on.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import config, initializers


class Variable:
    """A cell that holds one array of fixed shape and dtype.

    Arithmetic, comparison, indexing and every `jax.numpy` function see the array;
    `assign`, `assign_add`, `assign_sub` and `value` replace it.

    initializer: the first value; or, with `shape`, a function `(shape, dtype)` or the
        name of an initializer, which is called when the value is first read.

    Raises ValueError where a new value has another shape.

    >>> v = Variable(jnp.zeros(2), name="v")
    >>> v.assign_add([1.0, 2.0])
    Array([1., 2.], dtype=float32)
    >>> v, v * 10
    (<Variable path=v, shape=(2,), dtype=float32, value=[1. 2.]>, Array([10., 20.], dtype=float32))
    """

    mark: Any = None  # what copies share with the original

    def __init__(
        self,
        initializer: Any = None,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        overwrite_with_gradient: bool = False,
    ):
        self.name = self.path = name or "variable"
        self.trainable, self.autocast = trainable, autocast
        self.aggregation, self.synchronization = aggregation, synchronization
        self.regularizer, self.constraint = regularizer, constraint
        self.overwrite_with_gradient = overwrite_with_gradient
        self.initializer = self._value = None
        self._shape = None if shape is None else tuple(shape)
        self._dtype = None if dtype is None else jnp.dtype(dtype).name
        if initializer is None:
            return  # a handle: the subclass knows where the value is
        if callable(initializer) or isinstance(initializer, str):
            if shape is None:
                raise ValueError(f"Variable {self.name!r}: an initializer needs shape=, as in Variable('zeros', (3,)).")
            self.initializer = initializer
        else:
            value = initializer if hasattr(initializer, "dtype") else np.asarray(initializer)
            if dtype is None and value.dtype == np.float64 and not hasattr(initializer, "dtype"):
                value = value.astype(config.floatx())
            self._value = jnp.asarray(value, self._dtype)
            self._check(self._value)

    @property
    def value(self) -> Any:
        """The array."""
        if self._value is None:
            if self.initializer is None:
                raise ValueError(f"Variable {self.name!r} has no value yet.")
            with jax.ensure_compile_time_eval():  # a first read inside a trace must not store a tracer
                self._value = fill(self.initializer, self.shape, self.dtype)
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    def assign(self, value: Any) -> Any:
        """Replaces the array by one of the same shape; returns it."""
        value = jnp.asarray(getattr(value, "value", value), self.dtype)
        self._check(value)
        self.value = value
        return value

    def assign_add(self, value: Any) -> Any:
        """Adds to the array."""
        return self.assign(self.value + jnp.asarray(getattr(value, "value", value)))

    def assign_sub(self, value: Any) -> Any:
        """Subtracts from the array."""
        return self.assign(self.value - jnp.asarray(getattr(value, "value", value)))

    def _check(self, value: Any) -> None:
        if self._shape is None and self._value is None:
            return
        if tuple(value.shape) != self.shape:
            raise ValueError(f"Variable {self.name!r} of shape {self.shape} cannot hold shape {value.shape}.")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape) if self._shape is None else self._shape

    @property
    def dtype(self) -> str:
        if self._dtype is None:
            return config.floatx() if self.initializer is not None else jnp.dtype(self.value.dtype).name
        return self._dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def numpy(self) -> np.ndarray:
        """The value as a numpy array."""
        return np.asarray(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self) -> jax.Array:
        return jnp.asarray(self.value)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.value, digits)

    def __format__(self, how: str) -> str:
        return format(self.value if how else str(self), how)

    def __repr__(self) -> str:
        try:
            shown = f"shape={self.shape}, dtype={self.dtype}, value={self.value}"
        except ValueError:
            shown = f"shape={self._shape}, no value yet"
        return f"<Variable path={self.path}, {shown}>"

    __hash__ = object.__hash__

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _register(cls)


def _register(cls: type) -> None:
    """Lets `jax.numpy` functions, many of which are jitted, take the variable as an argument."""
    jax.tree_util.register_pytree_node(cls, lambda v: ((v.value,), v.mark), lambda mark, vs: _holding(cls, vs[0], mark))


def _holding(cls: type, value: Any, mark: Any) -> Variable:
    """A variable made of a leaf, whatever the leaf is."""
    variable = Variable() if mark is None else cls()
    variable._value, variable.mark = value, mark
    return variable


_register(Variable)


def fill(initializer: Any, shape: Any, dtype: Any) -> Any:
    """The first value that an initializer (a function, or a name) gives."""
    return jnp.asarray(initializers.get(initializer)(shape, dtype=dtype), dtype)


def _array(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


def _binary(f: Callable[..., Any]) -> Callable[..., Any]:
    """f of the value and another; what records operations, a symbol, records the variable itself."""
    return lambda self, other: NotImplemented if hasattr(other, "__record__") else f(self.value, _array(other))


def _reflected(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: NotImplemented if hasattr(other, "__record__") else f(_array(other), self.value)


def _unary(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: f(self.value)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    setattr(Variable, f"__{_name.rstrip('_')}__", _binary(getattr(operator, _name)))
    setattr(Variable, f"__r{_name.rstrip('_')}__", _reflected(getattr(operator, _name)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Variable, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Variable, f"__{_name}__", _unary(getattr(operator, _name)))
