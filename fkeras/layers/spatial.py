"""Layers that change the size of images and their kin: zeros around them, a frame cut off, larger copies."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ..layer import Layer, shown
from .layout import check_layout, data_format, space
from .settings import as_tuple, check_choice, check_positive


class _Spatial(Layer):
    """What all of them share: a rank, and the place of the channels."""

    ndim: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layout(self)

    @property
    def rank(self) -> int:  # type: ignore[override]
        return self.ndim + 2


def check_edges(layer: Any, name: str) -> None:
    """Turns what is said about the edges of each axis into pairs (before, after)."""
    value = getattr(layer, name)
    if layer.ndim == 1:
        as_tuple(layer, name, 2, least=0)
        return
    values = (value,) * layer.ndim if hasattr(value, "__index__") else value
    pairs = [(v, v) if hasattr(v, "__index__") else v for v in values] if isinstance(values, (tuple, list)) else []
    if len(pairs) != layer.ndim or not all(map(is_pair, pairs)):
        raise ValueError(
            f"{type(layer).__name__}: {name} must be a whole number >= 0, {layer.ndim} of them, or {layer.ndim} pairs "
            f"(before, after); got {value!r}."
        )
    object.__setattr__(layer, name, tuple((a.__index__(), b.__index__()) for a, b in pairs))


def is_pair(value: Any) -> bool:
    """Whether a value is two whole numbers from 0 up."""
    return (
        isinstance(value, (tuple, list)) and len(value) == 2 and all(hasattr(v, "__index__") and v >= 0 for v in value)
    )


class _ZeroPadding(_Spatial):
    """Zeros around the spatial axes."""

    padding: Any = 1
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_edges(self, "padding")

    def call(self, x: Any) -> Any:
        pairs = (self.padding,) if self.ndim == 1 else self.padding
        return jnp.pad(x, [dict(zip(space(self), pairs, strict=True)).get(i, (0, 0)) for i in range(x.ndim)])


class ZeroPadding1D(_ZeroPadding):
    """Zeros before the first step and after the last.

    Shapes: (batch, steps, channels) -> (batch, steps + before + after, channels), or channels second.

    padding: one number, or (before, after).

    >>> ZeroPadding1D((1, 0))(jnp.array([[[7.0]]])).tolist()
    [[[0.0], [7.0]]]
    """

    ndim = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, channels), or channels second.

    padding: one number, (height, width), or ((top, bottom), (left, right)).

    >>> ZeroPadding2D(((0, 1), (2, 0)))(jnp.ones((1, 4, 4, 3))).shape
    (1, 5, 6, 3)
    """

    padding: Any = (1, 1)
    ndim = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or channels second.

    padding: one number, three, or three pairs (before, after).

    >>> ZeroPadding3D(1)(jnp.ones((1, 4, 4, 4, 3))).shape
    (1, 6, 6, 6, 3)
    """

    padding: Any = ((1, 1), (1, 1), (1, 1))
    ndim = 3


class _Cropping(_Spatial):
    """The inside of the inputs."""

    def crop(self, x: Any, pairs: Any) -> Any:
        """`x` without `before` and `after` positions of each spatial axis."""
        for axis, (before, after) in zip(space(self), pairs, strict=True):
            size = x.shape[axis]
            if isinstance(size, int) and before + after >= size:
                raise ValueError(f"{self!r} leaves nothing of axis {axis} of inputs of shape {shown(x.shape)}.")
            x = jax.lax.slice_in_dim(x, before, size - after, axis=axis)
        return x


class Cropping1D(_Cropping):
    """Cuts off the first and the last steps.

    Shapes: (batch, steps, channels) -> (batch, steps - before - after, channels).

    cropping: one number, or (before, after).

    >>> Cropping1D((1, 0))(jnp.array([[[1.0], [2.0], [3.0]]])).tolist()
    [[[2.0], [3.0]]]
    """

    cropping: Any = (1, 1)
    ndim = 1
    data_format: ClassVar[str] = "channels_last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_edges(self, "cropping")

    def call(self, x: Any) -> Any:
        return self.crop(x, (self.cropping,))


class Cropping2D(_Cropping):
    """Cuts off the edges of an image.

    Shapes: (batch, height, width, channels) -> (batch, new height, new width, channels), or channels second.

    cropping: one number, (height, width), or ((top, bottom), (left, right)).

    >>> Cropping2D(((0, 1), (2, 0)))(jnp.ones((1, 4, 4, 3))).shape
    (1, 3, 2, 3)
    """

    cropping: Any = ((0, 0), (0, 0))
    data_format: str | None = data_format()
    ndim = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_edges(self, "cropping")

    def call(self, x: Any) -> Any:
        return self.crop(x, self.cropping)


class Cropping3D(Cropping2D):
    """Cuts off the edges of a volume.

    Shapes: (batch, *sizes, channels) -> (batch, *new sizes, channels), or channels second.

    cropping: one number, three, or three pairs (before, after).

    >>> Cropping3D(1)(jnp.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    cropping: Any = ((1, 1), (1, 1), (1, 1))
    ndim = 3


def repeat(x: Any, axis: int, times: int) -> Any:
    """Every position of an axis `times` times.

    >>> repeat(jnp.arange(2), 0, 2).tolist()
    [0, 0, 1, 1]
    """
    shape = (*x.shape[: axis + 1], times, *x.shape[axis + 1 :])
    y = jnp.broadcast_to(jnp.expand_dims(x, axis + 1), shape)
    return y.reshape(*x.shape[:axis], x.shape[axis] * times, *x.shape[axis + 1 :])


class UpSampling1D(_Spatial):
    """Every step `size` times.

    Shapes: (batch, steps, channels) -> (batch, steps * size, channels).

    >>> UpSampling1D(2)(jnp.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    size: int = 2
    ndim = 1
    data_format: ClassVar[str] = "channels_last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "size")

    def call(self, x: Any) -> Any:
        return repeat(x, 1, self.size)


class UpSampling2D(_Spatial):
    """An image `size` times as large.

    Shapes: (batch, height, width, channels) -> (batch, height * size[0], width * size[1], channels), or channels
        second.

    interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5" blend them.

    >>> UpSampling2D()(jnp.array([[1.0, 2.0]]).reshape(1, 1, 2, 1))[0, :, :, 0].tolist()
    [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """

    size: Any = (2, 2)
    data_format: str | None = data_format()
    interpolation: str = "nearest"
    ndim = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        as_tuple(self, "size", 2)
        self.interpolation = str(self.interpolation).lower()
        check_choice(self, "interpolation", ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"))

    def call(self, x: Any) -> Any:
        factors = dict(zip(space(self), self.size, strict=True))
        if self.interpolation == "nearest":
            for axis, times in factors.items():
                x = repeat(x, axis, times)
            return x
        shape = [n * factors.get(i, 1) for i, n in enumerate(x.shape)]
        return jax.image.resize(x, shape, self.interpolation, antialias=False)


class UpSampling3D(_Spatial):
    """A volume `size` times as large, its values repeated.

    Shapes: (batch, *sizes, channels) -> (batch, *(sizes * size), channels), or channels second.

    >>> UpSampling3D((1, 2, 3))(jnp.ones((1, 4, 4, 4, 3))).shape
    (1, 4, 8, 12, 3)
    """

    size: Any = (2, 2, 2)
    data_format: str | None = data_format()
    ndim = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        as_tuple(self, "size", 3)

    def call(self, x: Any) -> Any:
        for axis, times in zip(space(self), self.size, strict=True):
            x = repeat(x, axis, times)
        return x
