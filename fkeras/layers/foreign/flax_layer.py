"""FlaxLayer: a layer made of a module of Flax."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import jax

from ... import random
from ..settings import need_rng
from .foreign import Foreign


class FlaxLayer(Foreign):
    """y = module(inputs), for a module of `flax.linen` or `flax.nnx`.

    Shapes: whatever the module makes of its inputs.

    module: its "params" (its `nnx.Param`) are trained, all other collections and variables are state.
    method: the method to call, or a function of the module, the inputs and perhaps `training`; `__call__` for None.
        `training` is handed on if it is among its arguments; a module of nnx without it is put in the mode that
        `train()` or `eval()` stands for.
    variables: collections to begin with, as `module.init` returns them. A module of nnx brings its own.
    seed: an integer makes the keys of every run the same. Modules of nnx draw from their own `Rngs`.

    A config can hold the module if it has `get_config` and is registered.
    Raises ValueError for a module of another kind.

    >>> FlaxLayer(module=None)
    Traceback (most recent call last):
    ValueError: FlaxLayer takes a module of flax.linen or flax.nnx; got None.
    """

    module: Any
    method: Any = None
    variables: Any = dataclasses.field(default=None, repr=False, metadata={"config": False})
    _: dataclasses.KW_ONLY
    seed: int | None = dataclasses.field(default=None, metadata={"config": False})
    native_serialization_platforms: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seed = random.check_seed(self.seed)
        self.is_nnx = made_by(self.module, "flax.nnx")
        if not self.is_nnx and not made_by(self.module, "flax.linen"):
            raise ValueError(f"FlaxLayer takes a module of flax.linen or flax.nnx; got {self.module!r}.")
        if isinstance(self.method, str):
            self.method = getattr(self.module, self.method)
        self.takes_training = "training" in inspect.signature(self.method or self.module.__call__).parameters

    @property
    def given(self) -> Any:  # type: ignore[override]
        """The values that it was made with, if any."""
        return self._split(self.module)[1:] if self.is_nnx else self.variables

    def first(self, rng: Any, inputs: Any) -> tuple[Any, Any]:
        """(params, state) to begin with."""
        if self.is_nnx:
            return self.given
        found = self.variables
        if found is None:
            keys = dict(zip(("params", "dropout"), jax.random.split(rng), strict=True))
            mode = {"training": True} if self.takes_training else {}
            found = self.module.init(keys, inputs, method=self.method, **mode)
        return found.get("params", {}), {k: v for k, v in found.items() if k != "params"}

    def compute(self, params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        """(outputs, state)."""
        mode = {"training": training} if self.takes_training else {}
        if self.is_nnx:
            return self._compute_nnx(params, state, inputs, training, mode)
        rngs = {"dropout": need_rng(self, rng)} if training else {}
        values = {"params": params, **state} if params else state
        y, new = self.module.apply(values, inputs, rngs=rngs, method=self.method, mutable=sorted(state), **mode)
        return y, {k: new.get(k, v) for k, v in state.items()}

    def _split(self, module: Any) -> tuple[Any, Any, Any]:
        """(what a module of nnx is, its params, its other variables)."""
        from flax import nnx  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

        return nnx.split(module, nnx.Param, ...)

    def _compute_nnx(self, params: Any, state: Any, inputs: Any, training: bool, mode: Any) -> tuple[Any, Any]:
        from flax import nnx  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

        module = nnx.merge(self._split(self.module)[0], params, state)
        if not mode:
            (module.train if training else module.eval)()
        method = self.method or type(module).__call__
        y = getattr(method, "__func__", method)(module, inputs, **mode)
        return y, self._split(module)[2]

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        if not hasattr(self.module, "get_config"):
            name = type(self.module).__name__
            raise ValueError(
                f"{self!r}: a config can hold a module that has `get_config` and `from_config`; give {name} these, "
                "and register it with fkeras.saving.register_keras_serializable."
            )
        config = super().get_config()
        if getattr(self.method, "__self__", None) is self.module:  # a method of the module goes by its name
            config["method"] = self.method.__name__
        return config


def made_by(module: Any, library: str) -> bool:
    """Whether an object is of a class of this library, which need not be there."""
    return any(f"{c.__module__}.".startswith(f"{library}.") for c in type(module).__mro__)
