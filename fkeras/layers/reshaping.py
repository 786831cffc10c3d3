"""Layers that move values about: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp

from .. import config
from ..layer import Layer, shown
from ..spec import Spec
from .settings import check_positive


class Flatten(Layer):
    """Each example as one vector.

    Shapes: (batch, ...) -> (batch, n);  (batch,) -> (batch, 1).

    data_format: "channels_first" moves the channels to the end before, so that both layouts give one order.

    >>> Flatten()(jnp.ones((2, 3, 4))).shape
    (2, 12)
    """

    data_format: str | None = None

    rank: ClassVar[Any] = (1, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data_format = config.standardize_data_format(self.data_format)

    def call(self, x: Any) -> Any:
        if self.data_format == "channels_first" and x.ndim > 1:
            x = jnp.moveaxis(x, 1, -1)
        return jnp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Layer):
    """Each example in another shape.

    Shapes: (batch, ...) -> (batch, *target_shape).

    target_shape: sizes without the batch; one may be -1, which is then whatever is left.

    Raises ValueError where the number of values would change.

    >>> Reshape((-1, 2))(jnp.ones((3, 8))).shape
    (3, 4, 2)
    """

    target_shape: Any

    rank: ClassVar[Any] = (1, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.target_shape
        self.target_shape = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        self.sizes = tuple(-1 if d is None else d for d in self.target_shape)
        if not all(hasattr(d, "__index__") and d >= -1 for d in self.sizes) or self.sizes.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape holds sizes >= 0, and -1 at most once; got {given!r}.")

    def output_spec(self, *inputs: Any, **kwargs: Any) -> Any:
        """Specs of the outputs. Sizes that the target names need not follow from the inputs."""
        if len(inputs) == 1 and None in getattr(inputs[0], "shape", ())[1:]:
            like = super().output_spec(Spec((1, math.prod(map(abs, self.sizes))), inputs[0].dtype))
            return Spec((inputs[0].shape[0], *(None if d == -1 else d for d in self.sizes)), like.dtype)
        return super().output_spec(*inputs, **kwargs)

    def call(self, x: Any) -> Any:
        if all(isinstance(d, int) for d in x.shape[1:]):
            have, want = math.prod(x.shape[1:]), math.prod(map(abs, self.sizes))
            if have != want and (-1 not in self.sizes or not want or have % want):
                raise ValueError(
                    f"{self!r} cannot hold the {have} values of an example; the inputs have shape {shown(x.shape)}."
                )
        return jnp.reshape(x, (x.shape[0], *self.sizes))


class Permute(Layer):
    """Each example with its axes in another order.

    Shapes: (batch, d1, d2, ...) -> (batch, d_dims[0], d_dims[1], ...).

    dims: the axes of an example, which are numbered from 1, in their new order.

    >>> Permute((2, 1))(jnp.ones((5, 3, 4))).shape
    (5, 4, 3)
    """

    dims: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dims = tuple(self.dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims are the numbers from 1 to the rank of an example, in any order; got {self.dims}."
            )
        self.rank = len(self.dims) + 1  # type: ignore[misc]

    def call(self, x: Any) -> Any:
        return jnp.transpose(x, (0, *self.dims))


class RepeatVector(Layer):
    """Each vector n times, as the steps of a sequence.

    Shapes: (batch, features) -> (batch, n, features).

    >>> RepeatVector(3)(jnp.ones((2, 5))).shape
    (2, 3, 5)
    """

    n: int

    rank: ClassVar[Any] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.n, bool) or not hasattr(self.n, "__index__"):
            raise TypeError(f"RepeatVector: n must be a whole number; got {self.n!r}.")
        check_positive(self, "n")

    def call(self, x: Any) -> Any:
        return jnp.broadcast_to(x[:, None, :], (x.shape[0], self.n, x.shape[1]))
