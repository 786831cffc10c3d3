"""Images sharpened, blurred and partly erased at random."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ... import random
from ...ops.image import gaussian_blur
from ..layout import data_format
from .layer import Keys, RandomImageLayer, depth, per_image, space
from .light import BYTES, sometimes
from .settings import Factor, check_value_range, interval, within


class RandomSharpness(RandomImageLayer):
    """While training, images made blurrier or sharper: x + (1 - 2 f) (smooth - x).

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of f: 0 is blurred, 0.5 changes nothing, 1 is sharpened; one number g stands for (0, g).

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomSharpness((0.5, 0.5), seed=1)(jnp.arange(9.0).reshape(3, 3, 1))[1, :, 0].tolist()
    [3.0, 4.0, 5.0]
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
        return keys.uniform(images.shape[:1], *self.factor)

    def change(self, images: Any, t: Any) -> Any:
        around = images
        for axis in space(self):  # the sums of three neighbours down, then across; zeros beyond the borders
            n = images.shape[axis]
            padded = jnp.pad(around, [(1, 1) if a == axis else (0, 0) for a in range(4)])
            around = sum(jnp.take(padded, jnp.arange(n) + shift, axis) for shift in range(3))
        smooth = around / 13.0 + images * (4.0 / 13.0)
        return within(images + (1.0 - per_image(2 * t).astype(images.dtype)) * (smooth - images), self.value_range)


class RandomGaussianBlur(RandomImageLayer):
    """While training, images under a Gaussian of random width, each with a random probability.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the probability; f stands for (0, f).
    kernel_size: odd; one number, or two: across and down.
    sigma: (lower, upper), of the width in pixels, the same for a batch; f stands for (0, f).

    Raises ValueError for factors and sigmas outside [0, 1], for even sizes, and when training without `rng`.

    >>> RandomGaussianBlur(seed=1)(jnp.ones((1, 4, 4, 1))).shape
    (1, 4, 4, 1)
    """

    factor: Factor = 1.0
    kernel_size: Factor = 3
    sigma: Factor = 1.0
    value_range: Any = BYTES
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor, self.sigma = (interval(self, n, 0, 1) for n in ("factor", "sigma"))
        given = self.kernel_size
        size = tuple(given) if isinstance(given, (list, tuple)) else (given, given)
        if len(size) != 2 or not all(isinstance(n, int) and n > 0 and n % 2 for n in size):
            raise ValueError(f"RandomGaussianBlur: kernel_size must be an odd number, or two; got {given!r}.")
        self.kernel_size = size
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        return sometimes(keys, images, self.factor), keys.uniform((2,), *self.sigma) + 1e-6

    def change(self, images: Any, t: Any) -> Any:
        apply, sigma = t
        blurred = gaussian_blur(images, self.kernel_size, sigma, self.data_format)
        return within(jnp.where(apply, blurred, images), self.value_range)


class RandomErasing(RandomImageLayer):
    """While training, a random rectangle of each image filled, each with a random probability.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the probability; f stands for (0, f).
    scale: (lower, upper), of the squares of the parts of height and width that are erased; f stands for (0, f).
    fill_value: a number, one for each channel, or None for normal noise.

    Raises ValueError for factors and scales outside [0, 1], and when training without `rng`.
    Source: Zhong et al. 2017, https://arxiv.org/abs/1708.04896

    >>> RandomErasing(scale=(1.0, 1.0), fill_value=7, factor=(1.0, 1.0), seed=1)(jnp.ones((1, 2, 1)))[..., 0].tolist()
    [[7.0, 7.0]]
    """

    factor: Factor = 1.0
    scale: Factor = (0.02, 0.33)
    fill_value: Any = None
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor, self.scale = (interval(self, n, 0, 1) for n in ("factor", "scale"))
        check_value_range(self)
        several = isinstance(self.fill_value, (list, tuple))
        if not several and not isinstance(self.fill_value, (int, float, type(None))):
            raise ValueError(
                f"RandomErasing: fill_value must be a number, one for each channel, or None; got {self.fill_value!r}."
            )

    def draw(self, keys: Keys, images: Any) -> Any:
        parts = jnp.sqrt(keys.uniform((images.shape[0], 2), *self.scale))
        inside = rectangle(self, keys, images, parts[:, 0], parts[:, 1])[0]
        apply = sometimes(keys, images, self.factor)
        if self.fill_value is None:
            fill = random.normal(images.shape, seed=keys.next()) * self.value_range[1]
        else:
            fill = jnp.asarray(self.fill_value, "float32")
            fill = jnp.expand_dims(fill, [a for a in range(4) if a != depth(self)]) if fill.ndim else fill
        return inside & apply, within(fill, self.value_range)

    def change(self, images: Any, t: Any) -> Any:
        return jnp.where(t[0], t[1].astype(images.dtype), images)


def rectangle(layer: Any, keys: Keys, images: Any, across: Any, down: Any) -> tuple[Any, Any]:
    """(where it is, its area) of a rectangle at a random place in each image, of these parts of width and height."""
    inside, area = True, 1.0
    for axis, part in zip(space(layer)[::-1], (across, down), strict=True):
        size = images.shape[axis]
        extent = part * size
        start = keys.uniform(images.shape[:1]) * (size - extent)
        place = jnp.expand_dims(jnp.arange(size, dtype="float32"), [a for a in range(4) if a != axis])
        end = start + extent
        inside &= (place >= per_image(start)) & (place < per_image(end))
        area *= end - start
    return inside, area
