"""JaxLayer: a layer made of JAX functions."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from ... import random
from ..settings import need_rng
from .foreign import Foreign

KNOWN = {"call_fn": ("params", "state", "rng", "inputs", "training"), "init_fn": ("rng", "inputs", "training")}


class JaxLayer(Foreign):
    """y = call_fn(params, inputs), or (y, state) = call_fn(params, state, rng, inputs, training).

    Shapes: whatever the function makes of its inputs.

    call_fn: takes any of `params`, `state`, `rng`, `training`, by these names, and always `inputs`, one array or a
        pytree of them; returns the outputs, and the new state as well if it takes one.
        `rng` is a key while training, else None.
    init_fn: takes `inputs`, perhaps `rng` and `training` (True); returns the first params, and the first state as
        well if `call_fn` takes one.
    params, state: values to begin with, in the place of `init_fn`: pytrees; leaves that are no arrays stay as they are.
    seed: an integer makes the keys of every run the same.
    native_serialization_platforms: a setting of Keras on TensorFlow; kept for its configs.

    A Haiku module: `JaxLayer(t.apply, t.init)` with `t = hk.transform(f)` or `hk.transform_with_state(f)`, where the
    arguments of f are called `inputs` and, if need be, `training`.
    An Equinox module: `JaxLayer(lambda params, inputs: jax.vmap(params)(inputs), params=module)`.

    Raises ValueError for functions with other arguments, and where there is nothing to begin with.

    >>> import jax, jax.numpy as jnp
    >>> def call(params, inputs):
    ...     return inputs @ params["w"]
    >>> JaxLayer(call, params={"w": jnp.ones((3, 2))})(jnp.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    """

    call_fn: Any
    init_fn: Any = None
    params: Any = dataclasses.field(default=None, repr=False, metadata={"config": False})
    state: Any = dataclasses.field(default=None, repr=False, metadata={"config": False})
    seed: int | None = dataclasses.field(default=None, metadata={"config": False})
    native_serialization_platforms: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seed = random.check_seed(self.seed)
        self.arguments = check_function(self, "call_fn")
        if self.init_fn is not None:
            self.init_arguments = check_function(self, "init_fn")
        elif self.given is None and {"params", "state"} & {*self.arguments}:
            raise ValueError("JaxLayer: give it an init_fn, or params and state to begin with.")

    @property
    def given(self) -> Any:  # type: ignore[override]
        """The values that it was made with, if any."""
        if self.params is None and self.state is None and self.init_fn is not None:
            return None
        return None if self.params is None and self.state is None else (self.params, self.state)

    def first(self, rng: Any, inputs: Any) -> tuple[Any, Any]:
        """(params, state) to begin with."""
        if self.given is not None or not {"params", "state"} & {*self.arguments}:
            return self.given or (None, None)
        offered = {"rng": rng, "inputs": inputs, "training": True}
        values = self.init_fn(*(offered[n] for n in self.init_arguments))
        if "state" not in self.arguments:
            return values, None
        if not isinstance(values, tuple) or len(values) != 2:
            raise ValueError(f"{self!r}: call_fn takes a state, so init_fn must return (params, state).")
        return values

    def compute(self, params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        """(outputs, state)."""
        if training and "rng" in self.arguments:
            need_rng(self, rng)
        offered = {"params": params, "state": state, "rng": rng, "inputs": inputs, "training": training}
        y = self.call_fn(*(offered[n] for n in self.arguments))
        if "state" not in self.arguments:
            return y, state
        if not isinstance(y, tuple) or len(y) != 2:
            raise ValueError(f"{self!r}: call_fn takes a state, so it must return (outputs, state).")
        return y


def check_function(layer: Any, name: str) -> tuple[str, ...]:
    """The names of a function's arguments; refuses those that a layer does not offer."""
    function = getattr(layer, name)
    if not callable(function):
        raise TypeError(f"{type(layer).__name__}: {name} must be a function; got {function!r}.")
    names = tuple(inspect.signature(function).parameters)
    if "inputs" not in names or not {*names} <= {*KNOWN[name]}:
        raise ValueError(
            f"{type(layer).__name__}: {name} must take `inputs` and may take {', '.join(KNOWN[name])}; it takes "
            f"{', '.join(names) or 'nothing'}. Write a small function around it."
        )
    return names
