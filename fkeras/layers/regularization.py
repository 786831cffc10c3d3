"""Layers that make noise while training: Dropout and its kin."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import config, random
from ..layer import Layer, shown
from ..traced import is_exactly, square_root
from .settings import check_rate, need_rng


def drop(layer: Any, x: Any, rate: float, rng: Any, noise_shape: Any = None) -> Any:
    """x / (1 - rate), with each value set to zero with probability `rate`.

    noise_shape: shape of the mask, which broadcasts to x; None stands for a size of x.
    """
    shape = sizes_of_noise(layer, x, noise_shape)
    if isinstance(rate, Tracer) and getattr(layer, "seed", None) is None:
        kept = keep(need_rng(layer, rng), rate, shape)
        return jnp.where(kept, x / jnp.where(rate < 1, 1 - rate, 1), jnp.zeros((), x.dtype)).astype(x.dtype)
    if rate == 0:
        return x
    if getattr(layer, "seed", None) is not None or rate == 1:  # the numbers of Keras
        return random.dropout(x, rate, shape, need_rng(layer, rng))
    return jnp.where(keep(need_rng(layer, rng), rate, shape), x / (1 - rate), jnp.zeros((), x.dtype))


def sizes_of_noise(layer: Any, x: Any, noise_shape: Any) -> Any:
    """The sizes of the noise for x; refuses those that do not broadcast to it."""
    if noise_shape is None:
        return x.shape
    if len(noise_shape) != x.ndim or any(
        n not in (None, 1, d) for n, d in zip(noise_shape, x.shape, strict=True) if isinstance(d, int)
    ):
        raise ValueError(
            f"{layer!r}: noise_shape {tuple(noise_shape)} does not broadcast to inputs of shape {shown(x.shape)}; "
            "it has a size for each of their axes: the same one, 1, or None for the same."
        )
    return [d if n is None else n for n, d in zip(noise_shape, x.shape, strict=True)]


def keep(rng: Any, rate: Any, shape: Any) -> Any:
    """True with probability 1 - rate, up to 2**-25, independently for each place.

    Only the two words that begin it come from the generator of JAX, whose words cost as much as a
    small layer. The bits of a place are a hash of its number: the mask need not be stored, XLA
    computes it where it is used. It repeats after 2**32 places. The rounds are those of a
    three-round multiply and xorshift hash, with the second word put in half-way, so that different
    keys do not only permute the places.

    Source: Salmon et al. 2011 (noise from counters), https://doi.org/10.1145/2063384.2063405;
        Wellons 2018 (the constants), https://nullprogram.com/blog/2018/07/31/
    """
    first, second = jax.random.bits(rng, (2,), "uint32")
    word = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape) ^ first
    word = (word ^ word >> 17) * np.uint32(0xED5AD4BB)
    word = ((word ^ word >> 11) + second) * np.uint32(0xAC4C1B51)
    word = (word ^ word >> 15) * np.uint32(0x31848BAB)
    least = jnp.round(jnp.float32(rate) * 2**24).astype(jnp.uint32)
    return (word ^ word >> 14) >> 8 >= least


class Dropout(Layer):
    """While training, sets each value to zero with probability `rate` and scales the others by 1 / (1 - rate).

    Shapes: any -> same.

    noise_shape: shape of the mask, e.g. (None, 1, None) for one decision for all steps; None stands
        for a size of the input.
    seed: an integer makes the draws of every run the same, and those of Keras.

    Raises ValueError for a rate outside [0, 1], and when training without `rng`.
    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html

    >>> y = Dropout(0.5, seed=1)(jnp.ones(1000), training=True)
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]
    """

    rate: float
    noise_shape: Any = None
    seed: int | None = None

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "rate")
        self.seed = random.check_seed(self.seed)
        if self.noise_shape is not None:
            self.noise_shape = check_noise_shape(self)

    def call(self, x: Any, *, rng: Any, training: bool) -> Any:
        return drop(self, x, self.rate, rng, self.noise_shape) if training else x


class _SpatialDropout(Layer):
    """What the three share: whole channels are dropped."""

    follows = {"name": "seed", "dtype": "name"}
    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "rate")
        self.seed = random.check_seed(self.seed)
        if hasattr(self, "data_format"):
            self.data_format = config.standardize_data_format(self.data_format)

    def call(self, x: Any, *, rng: Any, training: bool) -> Any:
        places = (1,) * (x.ndim - 2)
        first = getattr(self, "data_format", None) == "channels_first"
        return (
            drop(self, x, self.rate, rng, (None, None, *places) if first else (None, *places, None)) if training else x
        )

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values: as in Keras, without `trainable`, the policy by its name."""
        config = {k: v for k, v in super().get_config().items() if k != "trainable"}
        return {**config, "dtype": self.dtype_policy.name}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of a sequence.

    Shapes: (batch, steps, channels) -> same.

    Source: Tompson et al. 2014, https://arxiv.org/abs/1411.4280

    >>> y = SpatialDropout1D(0.5)(jnp.ones((2, 4, 8)), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    rate: float
    seed: int | None = None

    rank: ClassVar[Any] = 3


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of an image.

    Shapes: (batch, height, width, channels) -> same, or with the channels first.

    Source: Tompson et al. 2014, https://arxiv.org/abs/1411.4280

    >>> y = SpatialDropout2D(0.5)(jnp.ones((2, 4, 4, 8)), training=True)
    >>> bool((y == y[:, :1, :1]).all())
    True
    """

    rate: float
    data_format: str | None = None
    seed: int | None = None

    rank: ClassVar[Any] = 4


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of a volume.

    Shapes: (batch, depth, height, width, channels) -> same, or with the channels first.

    Source: Tompson et al. 2014, https://arxiv.org/abs/1411.4280

    >>> y = SpatialDropout3D(0.5)(jnp.ones((2, 3, 3, 3, 8)), training=True)
    >>> bool((y == y[:, :1, :1, :1]).all())
    True
    """

    rate: float
    data_format: str | None = None
    seed: int | None = None

    rank: ClassVar[Any] = 5


class GaussianDropout(Layer):
    """While training, x times normal noise of mean 1 and variance rate / (1 - rate).

    Shapes: any -> same.

    Raises ValueError for a rate outside [0, 1).
    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html

    >>> GaussianDropout(0.5)(jnp.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float
    seed: int | None = None

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "rate")
        self.seed = random.check_seed(self.seed)
        if is_exactly(self.rate, 1):
            raise ValueError("GaussianDropout: rate=1 asks for noise of infinite variance; give a rate below 1.")

    def call(self, x: Any, *, rng: Any, training: bool) -> Any:
        if not training or is_exactly(self.rate, 0):
            return x
        root = square_root(self.rate / (1.0 - self.rate))
        return x * random.normal(x.shape, 1.0, root, self.compute_dtype, need_rng(self, rng))


class GaussianNoise(Layer):
    """While training, x plus normal noise of mean 0.

    Shapes: any -> same.

    Raises ValueError for a stddev outside [0, 1].

    >>> GaussianNoise(0.5)(jnp.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    stddev: float
    seed: int | None = None

    supports_masking = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "stddev")
        self.seed = random.check_seed(self.seed)

    def call(self, x: Any, *, rng: Any, training: bool) -> Any:
        if not training or is_exactly(self.stddev, 0):
            return x
        return x + random.normal(x.shape, 0.0, self.stddev, self.compute_dtype, need_rng(self, rng))


class AlphaDropout(Layer):
    """Dropout for SELU networks: dropped values become SELU's limit, and mean and variance stay.

    Shapes: any -> same.

    Raises ValueError for a rate outside [0, 1).
    Source: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515

    >>> AlphaDropout(0.5)(jnp.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float
    noise_shape: Any = None
    seed: int | None = None

    supports_masking = True
    limit: ClassVar[float] = -1.6732632423543772 * 1.0507009873554805

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "rate")
        self.seed = random.check_seed(self.seed)
        if is_exactly(self.rate, 1):
            raise ValueError("AlphaDropout: rate=1 would drop everything; give a rate below 1.")
        if self.noise_shape is not None:
            check_noise_shape(self)

    def call(self, x: Any, *, rng: Any, training: bool) -> Any:
        if not training or is_exactly(self.rate, 0):
            return x
        shape = sizes_of_noise(self, x, self.noise_shape)
        kept = (random.uniform(shape, seed=need_rng(self, rng)) >= self.rate).astype(x.dtype)
        a = ((1 - self.rate) * (1 + self.rate * self.limit**2)) ** -0.5
        return a * (x * kept + self.limit * (1 - kept)) - a * self.limit * self.rate


def check_noise_shape(layer: Any) -> tuple[int | None, ...]:
    """The setting `noise_shape` as a tuple of sizes."""
    given = layer.noise_shape
    sizes = tuple(given) if isinstance(given, (tuple, list)) else None
    if sizes is None or not all(d is None or (isinstance(d, int) and d > 0) for d in sizes):
        raise ValueError(
            f"{type(layer).__name__}: noise_shape is a tuple of sizes above 0, with None for a size of the input; "
            f"got {given!r}."
        )
    return sizes
