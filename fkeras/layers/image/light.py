"""Images made brighter, darker, of more contrast, inverted, solarized and posterized."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from ... import random
from ..layout import data_format
from .layer import ImageLayer, Keys, RandomImageLayer, per_image, space
from .settings import Factor, check_value_range, interval, rescale, within

BYTES = (0, 255)


class RandomBrightness(RandomImageLayer):
    """While training, images with a random number added, cut off at the ends of `value_range`.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), in parts of `value_range`; f stands for (-f, f).

    Integers become floats; Keras adds in their dtype, where they may overflow.

    Raises ValueError for factors outside [-1, 1], and when training without `rng`.

    >>> RandomBrightness((0.25, 0.25), (0, 1), seed=1)(jnp.array([[[0.5, 0.9]]])).tolist()
    [[[0.75, 1.0]]]
    """

    factor: Factor
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", -1, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        low, high = self.value_range
        return keys.uniform((images.shape[0], 1, 1, 1), *self.factor) * (high - low)

    def change(self, images: Any, t: Any) -> Any:
        return within(images + t.astype(images.dtype), self.value_range)


class RandomContrast(RandomImageLayer):
    """While training, images with the distance of their values from their mean scaled at random.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper): the scale lies between 1 - lower and 1 + upper; f stands for (0, f).
    value_range: where values are cut off.

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomContrast((0.0, 1.0), seed=1)(jnp.full((2, 2, 3), 7.0)).max()
    Array(7., dtype=float32)
    """

    factor: Factor
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        low, high = self.factor
        return keys.uniform((images.shape[0], 1, 1, 1), 1.0 - low, 1.0 + high)

    def change(self, images: Any, t: Any) -> Any:
        mean = jnp.mean(images, space(self), keepdims=True)
        return within((images - mean) * t.astype(images.dtype) + mean, self.value_range)


class RandomInvert(RandomImageLayer):
    """While training, images turned into their negatives with a random probability.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the probability; f stands for (0, f).

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomInvert((1.0, 1.0), seed=1)(jnp.array([[[55.0]]])).tolist()
    [[[200.0]]]
    """

    factor: Factor = 1.0
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        return sometimes(keys, images, self.factor)

    def change(self, images: Any, t: Any) -> Any:
        return jnp.where(t, self.value_range[1] - images, images)


def sometimes(keys: Keys, images: Any, factor: Any) -> Any:
    """True for each image with a probability that is itself drawn between these two."""
    shape = images.shape[:1]
    probability = keys.uniform(shape, *factor)
    return per_image(keys.uniform(shape) < probability)


class Solarization(RandomImageLayer):
    """While training, a random number added to images, and values above a random threshold inverted.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    addition_factor, threshold_factor: (lower, upper), in parts of the range of values; f stands for (0, f).

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> Solarization(seed=1)(jnp.array([[[0.0, 55.0]]])).tolist()
    [[[255.0, 200.0]]]
    """

    addition_factor: Factor = 0.0
    threshold_factor: Factor = 0.0
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.addition_factor = interval(self, "addition_factor", 0, 1, "up")
        self.threshold_factor = interval(self, "threshold_factor", 0, 1, "up")
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        shape = (images.shape[0], 1, 1, 1)
        return [keys.uniform(shape, low, high * 255) for low, high in (self.addition_factor, self.threshold_factor)]

    def change(self, images: Any, t: Any) -> Any:
        addition, threshold = (v.astype(images.dtype) for v in t)
        x = jnp.clip(rescale(images, self.value_range, BYTES) + addition, 0, 255)
        return rescale(jnp.where(x < threshold, x, 255 - x), BYTES, self.value_range)


class RandomPosterization(RandomImageLayer):
    """While training, images whose values keep only their first bits: a random number of them.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the number of bits, from 1 to 8; upper itself is not drawn, as in Keras, unless both
        are the same. f stands for (1, f).

    Raises ValueError for factors outside [1, 8], and when training without `rng`.

    >>> RandomPosterization((1, 1), seed=1)(jnp.array([[[100.0, 200.0]]])).tolist()
    [[[0.0, 128.0]]]
    """

    factor: Factor
    value_range: Any = BYTES
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 1, 8)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        (low, high), shape = self.factor, images.shape[:1]
        bits = jnp.full(shape, low, "uint8") if low == high else random.randint(shape, low, high, "uint8", keys.next())
        return per_image(8 - bits)

    def change(self, images: Any, t: Any) -> Any:
        x = rescale(images, self.value_range, BYTES).astype("uint8")
        return rescale(((x >> t) << t).astype(images.dtype), BYTES, self.value_range)


class AutoContrast(ImageLayer):
    """Images whose least value becomes the lower and whose greatest the upper end of the range, by channel.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    >>> AutoContrast()(jnp.array([[[50.0], [100.0]]])).round().tolist()
    [[[0.0], [255.0]]]
    """

    value_range: Any = BYTES
    data_format: str | None = data_format(kw_only=True)

    augments: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value_range(self)

    def change(self, images: Any, t: Any) -> Any:
        x = rescale(images, self.value_range, BYTES)
        low, high = jnp.min(x, space(self), keepdims=True), jnp.max(x, space(self), keepdims=True)
        flat = high == low
        scale = 255.0 / jnp.where(flat, 1.0, high - low)
        x = rescale(jnp.clip(x * scale - low * scale, 0.0, 255.0), BYTES, self.value_range)
        return jnp.where(flat, images, x)
