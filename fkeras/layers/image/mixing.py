"""Images of a batch mixed with one another."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ... import random
from ..layout import data_format
from .filtering import rectangle
from .layer import Keys, RandomImageLayer, per_image
from .settings import Factor, interval


def _mixed(layer: Any, labels: Any, weight: Any, order: Any) -> Any:
    """Labels as mixed as their images: w * labels + (1 - w) * those of the others."""
    if labels.ndim < 2:
        raise ValueError(
            f"{layer!r} mixes labels: they must be one-hot, (batch, classes); received shape {labels.shape}. "
            "Use ops.one_hot first."
        )
    weight = weight.reshape(-1, *(1,) * (labels.ndim - 1))
    return weight * labels + (1.0 - weight) * labels[order]


class MixUp(RandomImageLayer):
    """While training, images and labels mixed with those of others: w x + (1 - w) y, w drawn from Beta(alpha, alpha).

    Shapes: (batch, height, width, channels) -> same, or a dict of images and what belongs to them: labels
        (batch, classes) -> same, boxes (batch, n, 4) -> (batch, 2 n, 4).

    Raises ValueError unless alpha > 0, for labels that are not one-hot, and when training without `rng`.
    Source: Zhang et al. 2017, https://arxiv.org/abs/1710.09412

    >>> data = {"images": jnp.ones((4, 2, 2, 1)), "labels": jnp.eye(4)}
    >>> MixUp(seed=1)(data)["labels"].sum(-1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    alpha: float = 0.2
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.alpha, (int, float)) or not self.alpha > 0:
            raise ValueError(f"MixUp: alpha must be a number above 0; got {self.alpha!r}.")

    def draw(self, keys: Keys, images: Any) -> Any:
        batch = images.shape[0]
        order = random.shuffle(jnp.arange(batch), seed=keys.next())
        return random.beta((batch,), self.alpha, self.alpha, seed=keys.next()), order

    def change(self, images: Any, t: Any) -> Any:
        weight = per_image(t[0]).astype(images.dtype)
        return weight * images + (1.0 - weight) * images[t[1]]

    def change_labels(self, labels: Any, t: Any) -> Any:
        return _mixed(self, labels, *t)

    def change_masks(self, masks: Any, t: Any) -> Any:
        weight = t[0].reshape(-1, *(1,) * (masks.ndim - 1))
        return weight * masks + (1.0 - weight) * masks[t[1]]

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        both = {k: jnp.concatenate([boxes[k], boxes[k][t[1]]], 1) for k in ("boxes", "labels")}
        return {**boxes, **both}


class CutMix(RandomImageLayer):
    """While training, a random rectangle of each image taken from another, and labels mixed by its area.

    Shapes: (batch, height, width, channels) -> same, or a dict of images and what belongs to them: labels
        (batch, classes) -> same.

    factor: (lower, upper), of the parameter of the Beta distribution of what stays; f stands for (0, f).

    Raises ValueError for factors outside [0, 1], for labels that are not one-hot, and when training without `rng`;
    NotImplementedError for bounding boxes, which may be cut apart.
    Source: Yun et al. 2019, https://arxiv.org/abs/1905.04899

    >>> data = {"images": jnp.ones((4, 2, 2, 1)), "labels": jnp.eye(4)}
    >>> CutMix(seed=1)(data)["labels"].sum(-1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    factor: Factor = 1.0
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)

    def draw(self, keys: Keys, images: Any) -> Any:
        batch = images.shape[0]
        alpha = keys.uniform((), *self.factor) + 1e-6
        side = jnp.sqrt(1.0 - random.beta((batch,), alpha, alpha, seed=keys.next()))
        inside, area = rectangle(self, keys, images, side, side)
        order = random.shuffle(jnp.arange(batch), seed=keys.next())
        return inside, 1.0 - area / inside[0].size, order

    def change(self, images: Any, t: Any) -> Any:
        return jnp.where(t[0], images[t[2]], images)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self.change(masks, t)

    def change_labels(self, labels: Any, t: Any) -> Any:
        return _mixed(self, labels, t[1], t[2])

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        raise NotImplementedError(f"{self!r} cuts objects apart: bounding boxes cannot follow. Leave them out.")
