"""Adaptive pooling: outputs of a given size, whatever the size of the inputs."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import pool
from ..layer import Layer
from .layout import check_layout, data_format
from .settings import as_tuple


class _AdaptivePooling(Layer):
    """What every adaptive pooling shares. Window i of m covers [floor(i n / m), ceil((i + 1) n / m))."""

    output_size: Any
    data_format: str | None = data_format()

    ndim: ClassVar[int]
    reduce: ClassVar[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        as_tuple(self, "output_size", self.ndim)
        check_layout(self)

    @property
    def rank(self) -> int:  # type: ignore[override]
        return self.ndim + 2

    def call(self, x: Any) -> Any:
        return self.reduce(x, self.output_size, self.data_format)


class _AdaptiveAveragePooling(_AdaptivePooling):
    reduce = staticmethod(pool.adaptive_average_pool)


class _AdaptiveMaxPooling(_AdaptivePooling):
    reduce = staticmethod(pool.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows that cover the steps evenly.

    Shapes: (batch, steps, channels) -> (batch, output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling1D(2)(jnp.array([[[1.0], [3.0], [8.0]]])).tolist()
    [[[2.0], [5.5]]]
    """

    ndim = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows that cover an image evenly.

    Shapes: (batch, height, width, channels) -> (batch, *output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling2D((2, 3))(jnp.ones((1, 7, 5, 4))).shape
    (1, 2, 3, 4)
    """

    ndim = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows that cover a volume evenly.

    Shapes: (batch, *sizes, channels) -> (batch, *output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveAveragePooling3D(2)(jnp.ones((1, 7, 5, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    ndim = 3


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """The largest value in each of `output_size` windows that cover the steps evenly.

    Shapes: (batch, steps, channels) -> (batch, output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling1D(2)(jnp.array([[[1.0], [3.0], [8.0]]])).tolist()
    [[[3.0], [8.0]]]
    """

    ndim = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """The largest value in each of `output_size` windows that cover an image evenly.

    Shapes: (batch, height, width, channels) -> (batch, *output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling2D((2, 3))(jnp.ones((1, 7, 5, 4))).shape
    (1, 2, 3, 4)
    """

    ndim = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """The largest value in each of `output_size` windows that cover a volume evenly.

    Shapes: (batch, *sizes, channels) -> (batch, *output_size, channels), or channels second.

    >>> import jax.numpy as jnp
    >>> AdaptiveMaxPooling3D(2)(jnp.ones((1, 7, 5, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    ndim = 3
