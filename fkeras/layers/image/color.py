"""Images of other hues, of more or less color, and of none."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ... import config
from ...ops.image import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from ..layout import data_format
from ..settings import check_rate
from .layer import Keys, RandomImageLayer, depth, per_image
from .light import BYTES, RandomBrightness, RandomContrast
from .settings import Factor, check_value_range, interval, rescale, within


class RandomHue(RandomImageLayer):
    """While training, images with their colors turned on the color circle by a random angle.

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the angle in parts of half a turn, to either side; f stands for (0, f).

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomHue((0.0, 0.0), seed=1)(jnp.array([[[255.0, 0.0, 0.0]]])).tolist()
    [[[255.0, 0.0, 0.0]]]
    """

    factor: Factor
    value_range: Any = BYTES
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        shape = images.shape[:1]
        sign = jnp.where(keys.uniform(shape) > 0.5, -1.0, 1.0)
        return sign * keys.uniform(shape, *self.factor) * 0.5

    def change(self, images: Any, t: Any) -> Any:
        x = rgb_to_hsv(rescale(images, self.value_range, (0, 1)), self.data_format)
        hue, saturation, value = jnp.moveaxis(x, depth(self), 0)
        hue = hue + t.astype(hue.dtype)[:, None, None]
        hue = jnp.where(hue > 1.0, hue - 1.0, hue)
        hue = jnp.where(hue < 0.0, hue + 1.0, hue)
        x = hsv_to_rgb(jnp.stack([hue, saturation, value], depth(self)), self.data_format)
        return rescale(jnp.clip(x, 0, 1), (0, 1), self.value_range)


class RandomSaturation(RandomImageLayer):
    """While training, images with more or less color: their saturation times f / (1 - f).

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of f: 0 takes all color away, 0.5 changes nothing, 1 gives as much as there is; one
        number g stands for (-g, g), of which the negative half takes all color away.

    Raises ValueError for factors outside [-1, 1], and when training without `rng`.

    >>> RandomSaturation((0.0, 0.0), seed=1)(jnp.array([[[255.0, 0.0, 0.0]]])).tolist()
    [[[255.0, 255.0, 255.0]]]
    """

    factor: Factor
    value_range: Any = BYTES
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", -1, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        f = keys.uniform(images.shape[:1], *self.factor)
        return f / (1 - f + config.epsilon())

    def change(self, images: Any, t: Any) -> Any:
        hue, saturation, value = jnp.moveaxis(rgb_to_hsv(images, self.data_format), depth(self), 0)
        saturation = within(saturation * t.astype(images.dtype)[:, None, None], self.value_range)
        return hsv_to_rgb(jnp.stack([hue, saturation, value], depth(self)), self.data_format)


class RandomColorDegeneration(RandomImageLayer):
    """While training, images mixed with their gray versions: x + f (gray - x).

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of f: 0 changes nothing, 1 takes all color away; one number g stands for (-g, g).

    Raises ValueError for factors outside [-1, 1], and when training without `rng`.

    >>> RandomColorDegeneration((1.0, 1.0), seed=1)(jnp.array([[[255.0, 0.0, 0.0]]])).round().tolist()
    [[[76.0, 76.0, 76.0]]]
    """

    factor: Factor
    value_range: Any = BYTES
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", -1, 1)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        return keys.uniform((images.shape[0], 1, 1, 1), *self.factor)

    def change(self, images: Any, t: Any) -> Any:
        gray = rgb_to_grayscale(images, self.data_format)
        return within(images + t.astype(images.dtype) * (gray - images), self.value_range)


class RandomGrayscale(RandomImageLayer):
    """While training, images turned gray with probability `factor`; the channels stay.

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    Raises ValueError for a factor outside [0, 1], and when training without `rng`.

    >>> RandomGrayscale(1.0, seed=1)(jnp.array([[[255.0, 0.0, 0.0]]])).round().tolist()
    [[[76.0, 76.0, 76.0]]]
    """

    factor: float = 0.5
    data_format: str | None = data_format()
    seed: int | None = None

    config_if_set = ("bounding_box_format", "seed")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self, "factor")

    def draw(self, keys: Keys, images: Any) -> Any:
        return per_image(keys.uniform(images.shape[:1]) < self.factor)

    def change(self, images: Any, t: Any) -> Any:
        return jnp.where(t, rgb_to_grayscale(images, self.data_format), images)


class RandomColorJitter(RandomImageLayer):
    """While training, images of random brightness, contrast, saturation and hue, changed in this order.

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    brightness_factor, ...: as in RandomBrightness, RandomContrast, RandomSaturation and RandomHue; None leaves
        that part out.

    Raises ValueError for factors that these layers refuse, and when training without `rng`.

    >>> jitter = RandomColorJitter(brightness_factor=(0.25, 0.25), value_range=(0, 1), seed=1)
    >>> jitter(jnp.zeros((1, 1, 3))).tolist()
    [[[0.25, 0.25, 0.25]]]
    """

    value_range: Any = BYTES
    brightness_factor: Factor = None
    contrast_factor: Factor = None
    saturation_factor: Factor = None
    hue_factor: Factor = None
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value_range(self)
        self.parts()

    def parts(self) -> list[RandomImageLayer]:
        """The layers that do it, in turn."""
        table = {
            RandomBrightness: self.brightness_factor, RandomContrast: self.contrast_factor,
            RandomSaturation: self.saturation_factor, RandomHue: self.hue_factor,
        }  # fmt: skip
        shared = {"value_range": self.value_range, "dtype": self.dtype_policy, "data_format": self.data_format}
        return [part(factor, **shared) for part, factor in table.items() if factor is not None]

    def draw(self, keys: Keys, images: Any) -> Any:
        return [part.draw(keys, images) for part in self.parts()]

    def change(self, images: Any, t: Any) -> Any:
        for part, how in zip(self.parts(), t, strict=True):
            images = part.change(images, how)
        return images
