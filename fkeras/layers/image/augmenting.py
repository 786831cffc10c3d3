"""Random chains of changes: RandAugment and AugMix."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import random
from ..layout import data_format
from ..settings import check_positive
from .color import RandomColorDegeneration
from .filtering import RandomSharpness
from .histogram import Equalization
from .layer import ImageLayer, Keys, RandomImageLayer, Seeds
from .light import (
    BYTES,
    AutoContrast,
    RandomBrightness,
    RandomContrast,
    RandomPosterization,
    Solarization,
)
from .moving import RandomRotation, RandomShear, RandomTranslation
from .settings import Factor, check_value_range, interval, within

COLORS = ("brightness", "color_degeneration", "contrast", "sharpness")


class _Chain(RandomImageLayer):
    """Base of those that choose among other layers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)
        check_value_range(self)

    def layers(self) -> dict[str, ImageLayer]:
        """Those that are chosen from, of the settings of this one."""
        f, dtype = self.factor, self.dtype_policy
        shared: Any = {"data_format": self.data_format, "bounding_box_format": self.bounding_box_format, "dtype": dtype}
        moved, lit = {**shared, "interpolation": self.interpolation}, {**shared, "value_range": self.value_range}
        bits = max(1, int(8 * f[1]))
        return {
            "shear": RandomShear(f, f, **moved), "translation": RandomTranslation(f, f, **moved),
            "rotation": RandomRotation(f, **moved), "brightness": RandomBrightness(f, **lit),
            "color_degeneration": RandomColorDegeneration(f, **lit), "contrast": RandomContrast(f, **lit),
            "sharpness": RandomSharpness(f, **lit), "posterization": RandomPosterization(bits, **lit),
            "solarization": Solarization(f, f, **lit), "auto_contrast": AutoContrast(**lit),
            "equalization": Equalization(**lit),
        }  # fmt: skip


class RandAugment(_Chain):
    """While training, some of eleven random changes, one after the other: the same ones for a batch.

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    The changes: shear, translation, rotation, brightness, color degeneration, contrast, sharpness,
    posterization, solarization, auto contrast, equalization.

    num_ops: how many of them.
    factor: (lower, upper), how strong they are, from 0 to 1; f stands for (0, f).

    Raises ValueError for factors outside [0, 1], and when training without `rng`.
    Source: Cubuk et al. 2019, https://arxiv.org/abs/1909.13719

    >>> RandAugment(seed=1)(jnp.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    value_range: Any = BYTES
    num_ops: int = 2
    factor: Factor = 0.5
    interpolation: str = "bilinear"
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "num_ops")
        self.layers()

    def draw(self, keys: Keys, images: Any) -> Any:
        layers = self.layers().values()
        chosen = random.randint((self.num_ops,), 0, len(layers), seed=keys.next())
        return chosen, [layer.draw(keys, images) for layer in layers]

    def _chained(self, value: Any, t: Any, change: Any) -> Any:
        """`change(layer, t, value)` of the chosen layers, in turn."""
        ways = [
            lambda v, layer=layer, how=how: change(layer, how, v)
            for layer, how in zip(self.layers().values(), t[1], strict=True)
        ]
        return jax.lax.scan(lambda v, i: (jax.lax.switch(i, ways, v), None), value, t[0])[0]

    def change(self, images: Any, t: Any) -> Any:
        return self._chained(images, t, lambda layer, how, x: layer.change(x, how).astype(x.dtype))

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._chained(masks, t, lambda layer, how, x: layer.change_masks(x, how).astype(x.dtype))

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        return self._chained(boxes, t, lambda layer, how, b: layer.change_boxes(b, how, size))


class AugMix(_Chain):
    """While training, images mixed with several versions of them, each changed at random several times.

    Shapes: (batch, height, width, 3) -> same, or one image, or a dict of images and what belongs to them.

    num_chains, chain_depth: how many versions, and how many changes each of them goes through.
    factor: (lower, upper), how strong changes are, from 0 to 1; f stands for (0, f).
    alpha: of the Dirichlet and Beta distributions of the weights.
    all_ops: whether changes of brightness, color, contrast and sharpness are among them.

    Keras chooses changes by Python's own random numbers, here they follow from `rng` or `seed`. Boxes stay.

    Raises ValueError for factors outside [0, 1], and when training without `rng`.
    Source: Hendrycks et al. 2019, https://arxiv.org/abs/1912.02781

    >>> AugMix(seed=1)(jnp.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    value_range: Any = BYTES
    num_chains: int = 3
    chain_depth: int = 3
    factor: Factor = 0.3
    alpha: float = 1.0
    all_ops: bool = True
    interpolation: str = "bilinear"
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "num_chains", "chain_depth")
        self.layers()

    def draw(self, keys: Keys, images: Any) -> Any:
        gammas = random.gamma((self.num_chains,), self.alpha, seed=keys.next())
        kept = random.beta((), self.alpha, self.alpha, seed=keys.next())
        steps = jax.random.split(keys.next(), self.num_chains * self.chain_depth)
        return gammas / jnp.sum(gammas), kept, steps.reshape(self.num_chains, self.chain_depth)

    def _mixed(self, value: Any, t: Any, change: Any) -> Any:
        """The value, mixed with what it becomes under each chain of `change(layer, t, value)`."""
        weights, kept, steps = t
        layers = [v for n, v in self.layers().items() if self.all_ops or n not in COLORS]

        def way(layer: ImageLayer) -> Any:
            return lambda key, v: change(layer, layer.draw(Seeds(Keys({}, key)), value), v)

        def step(v: Any, key: Any) -> Any:
            which, key = jax.random.split(key)
            chosen = jax.random.randint(which, (), 0, len(layers) + 1)
            return jax.lax.switch(chosen, [*map(way, layers), lambda key, v: v], key, v), None

        def chain(total: Any, weighted: Any) -> Any:
            weight, keys = weighted
            return total + weight.astype(total.dtype) * jax.lax.scan(step, value, keys)[0], None

        mixed = jax.lax.scan(chain, jnp.zeros_like(value), (weights, steps))[0]
        kept = kept.astype(value.dtype)
        return kept * value + (1 - kept) * mixed

    def change(self, images: Any, t: Any) -> Any:
        mixed = self._mixed(images, t, lambda layer, how, x: layer.change(x, how).astype(x.dtype))
        return within(mixed, self.value_range)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._mixed(masks.astype("float32"), t, lambda layer, how, x: layer.change_masks(x, how).astype(x.dtype))
