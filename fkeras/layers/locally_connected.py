"""Locally connected layers: convolutions with other weights at every place."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from .. import config
from ..layer import Layer, Shapes, shown
from .settings import Activation, Constraint, Initializer, Regularizer, as_tuple, check_choice, check_positive


class _LocallyConnected(Layer):
    """What both share. A place is an output position; each sees the window of inputs in front of it."""

    follows = {"activity_regularizer": "bias_regularizer"}
    axes: ClassVar[int]  # how many axes of space

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "filters")
        as_tuple(self, "kernel_size", self.axes)
        as_tuple(self, "strides", self.axes)
        self.padding, self.data_format = str(self.padding).lower(), config.standardize_data_format(self.data_format)
        check_choice(self, "padding", ("valid", "same"))
        check_choice(self, "implementation", (1, 2, 3))
        if self.padding == "same" and self.implementation == 1:
            raise ValueError(
                f"{type(self).__name__}: padding='same' needs implementation=2 or 3; implementation=1 has weights "
                "for whole windows only."
            )

    @property
    def first(self) -> bool:
        """Whether the channels come before the space."""
        return self.data_format == "channels_first"

    def space(self, x: Any) -> tuple[tuple[int, ...], int]:
        """(sizes of the space, channels) of the inputs; all must be known."""
        sizes = x.shape[2:] if self.first else x.shape[1:-1]
        channels = x.shape[1] if self.first else x.shape[-1]
        if not all(isinstance(d, int) for d in (*sizes, channels)):
            raise ValueError(
                f"{self!r} has weights for every place, so it needs to know all sizes but the batch; got shape "
                f"{shown(x.shape)}."
            )
        return tuple(sizes), channels

    def windows(self, x: Any) -> tuple[tuple[int, ...], np.ndarray]:
        """(output sizes, inputs of each place): flat input positions (places, window), -1 in the padding."""
        return windows(self.space(x)[0], self.kernel_size, self.strides, self.padding)

    def param_shapes(self, x: Any) -> Shapes:
        (sizes, channels), (out, seen) = self.space(x), self.windows(x)
        places, filters = math.prod(out), self.filters
        if self.implementation == 1:
            kernel = (places, seen.shape[1] * channels, filters)
        elif self.implementation == 2:
            kernel = (channels, *sizes, filters, *out) if self.first else (*sizes, channels, *out, filters)
        else:
            kernel = (int((seen >= 0).sum()) * channels * filters,)
        return {"kernel": kernel, **({"bias": (*out, filters)} if self.use_bias else {})}

    def call(self, x: Any, *, params: Any) -> Any:
        out, seen = self.windows(x)
        channels = self.space(x)[1]
        x = jnp.moveaxis(x, 1, -1) if self.first else x
        flat = x.reshape(x.shape[0], -1, channels)
        parts = jnp.where((seen >= 0)[..., None], flat[:, seen], 0)
        y = jnp.einsum("bpwc,pwcf->bpf", parts, self.by_place(params["kernel"], seen, channels))
        y = y.reshape(x.shape[0], *out, self.filters)
        if self.use_bias:
            y = y + params["bias"]
        return self.activation(jnp.moveaxis(y, -1, 1) if self.first else y)

    def by_place(self, kernel: Any, seen: np.ndarray, channels: int) -> Any:
        """The kernel as (places, window, channels, filters), whatever its implementation stores."""
        places, window = seen.shape
        if self.implementation == 1:
            shape = (places, channels, window, -1) if self.first else (places, window, channels, -1)
            kernel = kernel.reshape(shape)
            return jnp.swapaxes(kernel, 1, 2) if self.first else kernel
        if self.implementation == 2:
            which = np.arange(places)[:, None]
            if self.first:
                return kernel.reshape(channels, -1, self.filters, places)[:, seen, :, which]
            return kernel.reshape(-1, channels, places, self.filters)[seen, :, which, :]
        order = stored_order(seen, channels, self.filters, self.first)
        return jnp.where(order >= 0, kernel[order], 0)


class LocallyConnected1D(_LocallyConnected):
    """A one-dimensional convolution that shares no weights: each place has its own kernel and bias.

    y[:, i] = activation(x[:, window i] . kernel[i] + bias[i])

    Shapes: (batch, steps, channels) -> (batch, places, filters), or with the channels first.
        kernel: implementation 1 (places, window * channels, filters); 2 (steps, channels, places, filters),
        of which only the parts inside the windows count; 3 those parts alone, as a vector, ordered by output
        and then by input (space before channels, or channels first).  bias (places, filters).

    padding: "valid", or "same" with implementation 2 or 3.
    implementation: how the kernel is stored; the numbers are those of Keras 2, which had this layer last.

    Raises ValueError for inputs with a step count that is not known.

    >>> LocallyConnected1D(3, 2)(jnp.ones((1, 5, 4))).shape
    (1, 4, 3)
    """

    filters: int
    kernel_size: Any
    strides: Any = 1
    padding: str = "valid"
    data_format: str | None = None
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    implementation: int = 1

    axes: ClassVar[int] = 1
    rank: ClassVar[Any] = 3
    config_always = ("activity_regularizer",)


class LocallyConnected2D(_LocallyConnected):
    """A two-dimensional convolution that shares no weights: each place has its own kernel and bias.

    y[:, i, j] = activation(x[:, window i, j] . kernel[i, j] + bias[i, j])

    Shapes: (batch, height, width, channels) -> (batch, rows, columns, filters), or with the channels first.
        kernel: as in LocallyConnected1D, with the places in the order of rows and columns.

    padding: "valid", or "same" with implementation 2 or 3.
    implementation: how the kernel is stored; the numbers are those of Keras 2, which had this layer last.

    Raises ValueError for inputs with a height or width that is not known.

    >>> LocallyConnected2D(3, (2, 2))(jnp.ones((1, 5, 6, 4))).shape
    (1, 4, 5, 3)
    """

    filters: int
    kernel_size: Any
    strides: Any = (1, 1)
    padding: str = "valid"
    data_format: str | None = None
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    implementation: int = 1

    axes: ClassVar[int] = 2
    rank: ClassVar[Any] = 4
    config_always = ("activity_regularizer",)


@functools.lru_cache(maxsize=64)
def windows(
    sizes: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...], padding: str
) -> tuple[tuple[int, ...], np.ndarray]:
    """(output sizes, flat input positions (places, window)); -1 for what lies in the padding.

    >>> windows((4,), (2,), (1,), "valid")[1].tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    out, seen, inside = [], np.zeros((1, 1), int), np.ones((1, 1), bool)
    for n, k, s in zip(sizes, kernel, strides, strict=True):
        count = -(-n // s) if padding == "same" else (n - k) // s + 1
        if count < 1:
            raise ValueError(f"A window of {k} does not fit into {n} inputs.")
        before = max((count - 1) * s + k - n, 0) // 2 if padding == "same" else 0
        at = np.arange(count)[:, None] * s + np.arange(k) - before  # (places, window) along this axis
        fits = (at >= 0) & (at < n)
        seen = (seen[:, None, :, None] * n + at[None, :, None, :]).reshape(len(seen) * count, -1)
        inside = (inside[:, None, :, None] & fits[None, :, None, :]).reshape(seen.shape)
        out.append(count)
    return tuple(out), np.where(inside, seen, -1)


def stored_order(seen: np.ndarray, channels: int, filters: int, first: bool) -> np.ndarray:
    """Where each weight (places, window, channels, filters) stands in a vector ordered by output, then by input."""
    places, window = seen.shape
    total = int(seen.max()) + 1
    place, at, c, f = np.ogrid[:places, :window, :channels, :filters]
    position = seen[place, at]
    into = f * places + place if first else place * filters + f
    source = c * total + position if first else position * channels + c
    into, source, known = np.broadcast_arrays(into, source, position >= 0)
    order = np.full(known.shape, -1)
    ranked = np.lexsort((source[known], into[known]))
    order[known] = np.argsort(ranked)
    return order
