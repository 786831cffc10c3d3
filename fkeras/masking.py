"""`Masked`: a value and the mask that travels with it."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_dataclass
@dataclasses.dataclass(eq=False)
class Masked:
    """A value and the mask that travels with it: an ordinary pytree.

    Layers that know masks read it; everything else (operators, `jax.numpy`) sees the
    value alone, as in Keras, where an operation drops the mask.

    >>> y, mask = Masked(jnp.ones((2, 3)), jnp.array([[True, True, False]] * 2))
    >>> y.shape, mask.shape
    ((2, 3), (2, 3))
    """

    value: Any
    mask: Any

    @property
    def _keras_mask(self) -> Any:  # where code written for Keras looks for it
        return self.mask

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return len(self.value.shape)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.mask))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self) -> jax.Array:
        return jnp.asarray(self.value)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("value", "mask"):
            raise AttributeError(name)
        return getattr(self.value, name)


def _forward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: f(self.value, value_of(other))


def _backward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: f(value_of(other), self.value)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _plain = _name.rstrip("_")
    setattr(Masked, f"__{_plain}__", _forward(getattr(operator, _name)))
    setattr(Masked, f"__r{_plain}__", _backward(getattr(operator, _name)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Masked, f"__{_name}__", _forward(getattr(operator, _name)))
Masked.__neg__ = lambda self: -self.value  # type: ignore[attr-defined]
Masked.__abs__ = lambda self: abs(self.value)  # type: ignore[attr-defined]
Masked.__hash__ = object.__hash__  # type: ignore[method-assign]


def is_masked(x: Any) -> bool:
    """Whether a mask travels with `x`."""
    return isinstance(x, Masked)


def value_of(x: Any) -> Any:
    """The value without its mask."""
    return x.value if isinstance(x, Masked) else x


def values_of(tree: Any) -> Any:
    """The nest with every mask taken off."""
    return jax.tree.map(value_of, tree, is_leaf=is_masked)


def masks_of(tree: Any) -> Any:
    """The nest of masks, None where there is none; None if there is none at all."""
    masks = jax.tree.map(lambda x: x.mask if isinstance(x, Masked) else None, tree, is_leaf=is_masked)
    return masks if any(is_masked(x) for x in jax.tree.leaves(tree, is_leaf=is_masked)) else None


def attach(values: Any, masks: Any) -> Any:
    """Values with their masks on: one mask for one value, or a list of masks for a list of values."""
    if masks is None:
        return values
    if isinstance(values, (list, tuple)):
        if not isinstance(masks, (list, tuple)):
            masks = [masks] + [None] * (len(values) - 1)
        return type(values)(attach(v, m) for v, m in zip(values, masks, strict=True))
    if isinstance(values, dict):
        return {k: attach(v, masks.get(k) if isinstance(masks, dict) else masks) for k, v in values.items()}
    if isinstance(masks, (list, tuple)) and len(masks) == 1:
        masks = masks[0]
    return Masked(values, masks)
