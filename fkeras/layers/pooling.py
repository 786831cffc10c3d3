"""Pooling: one value for each window, or for everything."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from .. import pool
from ..layer import Layer
from .layout import check_fit, check_layout, check_padding, check_window, data_format, space


class _Pooling(Layer):
    """What every pooling over windows shares."""

    pool_size: Any
    strides: Any = None
    padding: str = "valid"
    data_format: str | None = data_format()

    follows = {"name": "data_format"}
    ndim: ClassVar[int]
    reduce: ClassVar[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.strides = self.pool_size if self.strides is None else self.strides
        check_window(self, "pool_size")
        check_padding(self, "valid", "same")

    @property
    def rank(self) -> int:  # type: ignore[override]
        return self.ndim + 2

    def call(self, x: Any) -> Any:
        check_fit(self, x, self.pool_size)
        return self.reduce(x, self.pool_size, self.strides, self.padding, self.data_format)


class _MaxPooling(_Pooling):
    reduce = staticmethod(pool.max_pool)


class _AveragePooling(_Pooling):
    reduce = staticmethod(pool.average_pool)


class MaxPooling1D(_MaxPooling, names=("MaxPool1D",)):
    """The largest value in each window of steps.

    Shapes: (batch, steps, channels) -> (batch, new steps, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> MaxPooling1D(2)(jnp.array([[[1.0], [3.0], [2.0], [0.0]]])).tolist()
    [[[3.0], [2.0]]]
    """

    pool_size: Any = 2
    ndim = 1


class MaxPooling2D(_MaxPooling, names=("MaxPool2D",)):
    """The largest value in each window of an image.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> MaxPooling2D()(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    pool_size: Any = (2, 2)
    ndim = 2


class MaxPooling3D(_MaxPooling, names=("MaxPool3D",)):
    """The largest value in each window of a volume.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> MaxPooling3D()(jnp.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    pool_size: Any = (2, 2, 2)
    ndim = 3


class AveragePooling1D(_AveragePooling, names=("AvgPool1D",)):
    """The mean of each window of steps; what padding adds does not count.

    Shapes: (batch, steps, channels) -> (batch, new steps, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> AveragePooling1D(2)(jnp.array([[[1.0], [3.0], [2.0], [0.0]]])).tolist()
    [[[2.0], [1.0]]]
    """

    ndim = 1


class AveragePooling2D(_AveragePooling, names=("AvgPool2D",)):
    """The mean of each window of an image; what padding adds does not count.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> AveragePooling2D(2)(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """

    ndim = 2


class AveragePooling3D(_AveragePooling, names=("AvgPool3D",)):
    """The mean of each window of a volume; what padding adds does not count.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or channels second.

    strides: how far apart the windows stand; `pool_size` for None.

    >>> AveragePooling3D(2)(jnp.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    ndim = 3


class _GlobalPooling(Layer):
    """What pooling over all positions shares."""

    data_format: str | None = data_format()
    keepdims: bool = False

    ndim: ClassVar[int]
    reduce: ClassVar[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layout(self)

    @property
    def rank(self) -> int:  # type: ignore[override]
        return self.ndim + 2

    def call(self, x: Any) -> Any:
        return self.reduce(x, axis=space(self), keepdims=self.keepdims)


class _GlobalMaxPooling(_GlobalPooling):
    reduce = staticmethod(jnp.max)


class _GlobalAveragePooling(_GlobalPooling):
    reduce = staticmethod(jnp.mean)


class GlobalMaxPooling1D(_GlobalMaxPooling, names=("GlobalMaxPool1D",)):
    """The largest value of each channel over all steps.

    Shapes: (batch, steps, channels) -> (batch, channels), with a 1 for the steps if keepdims.

    >>> GlobalMaxPooling1D()(jnp.array([[[1.0], [3.0], [2.0]]])).tolist()
    [[3.0]]
    """

    ndim = 1


class GlobalMaxPooling2D(_GlobalMaxPooling, names=("GlobalMaxPool2D",)):
    """The largest value of each channel over the whole image.

    Shapes: (batch, height, width, channels) -> (batch, channels), with ones for the sizes if keepdims.

    >>> GlobalMaxPooling2D(keepdims=True)(jnp.ones((2, 4, 4, 3))).shape
    (2, 1, 1, 3)
    """

    ndim = 2


class GlobalMaxPooling3D(_GlobalMaxPooling, names=("GlobalMaxPool3D",)):
    """The largest value of each channel over the whole volume.

    Shapes: (batch, *sizes, channels) -> (batch, channels), with ones for the sizes if keepdims.

    >>> GlobalMaxPooling3D()(jnp.ones((2, 4, 4, 4, 3))).shape
    (2, 3)
    """

    ndim = 3


class GlobalAveragePooling1D(_GlobalAveragePooling, names=("GlobalAvgPool1D",)):
    """The mean of each channel over all steps; over those that the mask shows, if there is one.

    Shapes: (batch, steps, channels) -> (batch, channels), with a 1 for the steps if keepdims;  mask (batch, steps).

    A row whose steps are all masked gives zeros.

    >>> GlobalAveragePooling1D()(jnp.array([[[1.0], [3.0], [8.0]]])).tolist()
    [[4.0]]
    """

    ndim = 1
    supports_masking = True

    def call(self, x: Any, *, mask: Any) -> Any:
        if mask is None:
            return super().call(x)
        axes = space(self)
        shown = jnp.expand_dims(mask.astype(bool), 3 - axes[0])
        count = jnp.sum(shown, axis=axes, keepdims=self.keepdims).astype(x.dtype)
        return jnp.sum(jnp.where(shown, x, 0), axis=axes, keepdims=self.keepdims) / jnp.maximum(count, 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """No mask: the steps are gone."""
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling, names=("GlobalAvgPool2D",)):
    """The mean of each channel over the whole image.

    Shapes: (batch, height, width, channels) -> (batch, channels), with ones for the sizes if keepdims.

    >>> GlobalAveragePooling2D()(jnp.ones((2, 4, 4, 3))).shape
    (2, 3)
    """

    ndim = 2


class GlobalAveragePooling3D(_GlobalAveragePooling, names=("GlobalAvgPool3D",)):
    """The mean of each channel over the whole volume.

    Shapes: (batch, *sizes, channels) -> (batch, channels), with ones for the sizes if keepdims.

    >>> GlobalAveragePooling3D()(jnp.ones((2, 4, 4, 4, 3))).shape
    (2, 3)
    """

    ndim = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
)  # fmt: skip
