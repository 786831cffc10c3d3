"""Layers that read text, on the host; and what all layers for tables have in common."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ... import graph, spec
from ...layer import Layer
from ...reading import as_data, is_text

MODES = ("int", "one_hot", "multi_hot", "count")


class Tabular(Layer):
    """A layer that is called on columns of a table: lists and data frames count as arrays."""

    several: ClassVar[bool] = False  # whether a list is of several inputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """On symbols: records a node. On data: computes."""
        return super().__call__(*self.columns(args), **{k: column(v) for k, v in kwargs.items()})

    def columns(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with lists and data frames as arrays."""
        return tuple(column(x, self.several) for x in args)

    def refuse_sparse(self) -> None:
        """Says that there are no sparse arrays."""
        if getattr(self, "sparse", False):
            raise ValueError(
                f"{type(self).__name__}: sparse=True is for TensorFlow; the outputs here are dense arrays."
            )


class HostLayer(Tabular):
    """A layer that computes with NumPy, on the host, where its inputs are text or otherwise need it.

    Alone it is called on lists and arrays; in a model it stands right behind the inputs, and
    runs before the compiled program does. A subclass defines `call` for arrays of NumPy and
    `made(*specs)`, the specs of what comes out.
    """

    takes_text: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._face.filled = True  # there are no values

    def on_host(self, *inputs: Any) -> bool:
        """Whether these inputs, or specs, are for the host; if not, the layer is one like any other."""
        return True

    def made(self, *inputs: Any) -> Any:
        """Specs of the outputs for inputs of these specs."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """On symbols: records a node. On data: computes, on the host if need be."""
        args = self.columns(args)
        if graph.symbols(args) or self._face.scope is not None or not self.on_host(*args):
            return super().__call__(*args, **kwargs)
        return self.apply({}, {}, *args, **kwargs)[0]

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> Any:
        """(rng, *specs or data) -> ({}, {})."""
        return {}, {}

    def apply(
        self,
        params: Any,
        state: Any,
        *inputs: Any,
        rng: Any = None,
        training: bool = False,
        mask: Any = None,
        **kwargs: Any,
    ) -> Any:
        """(params, state, *inputs) -> (outputs, state). Pure; text must be known, so it stays outside of `jax.jit`."""
        inputs = self.columns(inputs)
        if not self.on_host(*inputs):
            return super().apply(params, state, *inputs, rng=rng, training=training, mask=mask, **kwargs)
        leaves = spec.leaves(inputs)
        if any(isinstance(x, Tracer) for x in leaves):
            raise TypeError(
                f"{self!r} reads text, or makes it, on the host: it cannot run inside jax.jit. Call it on the data "
                "first, or put it right behind an Input(dtype='string') of a model, which then does so by itself."
            )
        if any(isinstance(x, spec.Spec) for x in leaves):  # an abstract run: only the shapes matter
            out = self.made(*inputs)
            return jnp.zeros(tuple(1 if d is None else d for d in out.shape), out.dtype), state
        out = self.read(*inputs, **kwargs)
        return (out if is_text(out) else jnp.asarray(out)), state

    def read(self, *inputs: Any, **kwargs: Any) -> Any:
        """The outputs for data, as arrays of NumPy."""
        return self.call(*jax.tree.map(np.asarray, self.columns(inputs)), **kwargs)

    def output_spec(self, *inputs: Any, **kwargs: Any) -> Any:
        """Specs of the outputs for inputs of these specs; dimensions may be None."""
        if not self.on_host(*inputs):
            return super().output_spec(*inputs, **kwargs)
        out = self.made(*inputs)
        if spec.is_text_dtype(out.dtype):
            raise ValueError(
                f"{self!r} makes text, which a model cannot pass on: call it on the outputs of the model instead."
            )
        return out

    def fingerprint_parts(self) -> Any:
        """What tells this layer from others in a compiled program, which never runs it."""
        return ()


def column(x: Any, several: bool = False) -> Any:
    """Lists and data frames as arrays; a list of arrays, or of several inputs, stays one."""
    if isinstance(x, (list, tuple)) and (several or any(map(is_array, x))):
        return type(x)(map(column, x))
    return as_data(x)


def is_array(x: Any) -> bool:
    """Whether `x` is an array, a symbol or a spec, of more than one number."""
    return hasattr(x, "shape") and not isinstance(x, np.generic)


def is_wide(x: Any) -> bool:
    """Whether an array holds whole numbers that the 32 bits of JAX's default do not."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "iu" or x.dtype.itemsize < 8 or not x.size:
        return False
    return bool(jax.dtypes.canonicalize_dtype(x.dtype) != x.dtype) and (x.min() < -(2**31) or x.max() >= 2**31)


def needs_host(inputs: Any) -> bool:
    """Whether some inputs are text, or whole numbers of more than 32 bits."""
    return any(is_text(x) or is_wide(x) for x in spec.leaves(inputs))


# --- encodings --------------------------------------------------------------------------------------


def encode(indices: Any, mode: str, depth: int, dtype: Any, weights: Any = None) -> Any:
    """Indices as they are, or as rows with an entry for each of `depth` categories.

    one_hot: a row for each index, of an axis of size 1 at the end in its place; multi_hot and
    count: one row for each example, over its axis 1. An index outside of [0, depth) counts nothing.
    """
    if mode == "int":
        return indices.astype(jax.dtypes.canonicalize_dtype(dtype))
    if isinstance(indices, np.ndarray):
        return encode_on_host(indices, mode, depth, dtype)
    x = indices[None] if indices.ndim == 0 else indices
    if mode == "one_hot" and x.ndim > 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    x = x.astype(jnp.int32)
    if mode == "one_hot":
        return jax.nn.one_hot(x, depth, dtype=dtype)
    rows = jax.nn.one_hot(x, depth, dtype=dtype if weights is None else weights.dtype)
    axis = 1 if x.ndim > 1 else 0
    if mode == "multi_hot":
        return jnp.max(rows, axis, initial=0)
    return jnp.sum(rows if weights is None else rows * weights[..., None], axis)


def encode_on_host(x: np.ndarray, mode: str, depth: int, dtype: Any) -> np.ndarray:
    """`encode` in NumPy."""
    shape, x = encoded_shape(x.shape, mode, depth), np.atleast_1d(x)
    x = x.reshape(-1, 1) if mode == "one_hot" else np.moveaxis(x, 1 if x.ndim > 1 else 0, -1)
    rows = np.repeat(np.arange(math.prod(x.shape[:-1])), x.shape[-1])
    return counted(rows, x.ravel(), math.prod(x.shape[:-1]), depth, mode, dtype).reshape(shape)


def counted(rows: np.ndarray, indices: np.ndarray, count: int, depth: int, mode: str, dtype: Any) -> np.ndarray:
    """How often each of `depth` indices is in each of `count` rows; whether, for the modes of ones and zeros."""
    inside = (indices >= 0) & (indices < depth)
    table, places = np.zeros(count * depth, np.float32), (rows * depth + indices)[inside]
    if mode == "count":
        np.add.at(table, places, np.float32(1))
    else:
        table[places] = 1
    return table.reshape(count, depth).astype(jnp.dtype(dtype), copy=False)


def encoded_shape(shape: Any, mode: str, depth: int) -> tuple[Any, ...]:
    """The shape of what `encode` makes of indices of some shape."""
    shape = tuple(shape) or (1,)
    if mode == "int":
        return tuple(shape)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*(d for i, d in enumerate(shape) if i != (1 if len(shape) > 1 else 0)), depth)
