"""Images seen from elsewhere, and distorted, at random."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ... import boxes as bounding_boxes
from ...ops.image import perspective_transform
from ...ops.image.geometry import FILLS, distort, homography
from ..layout import data_format
from ..settings import check_choice
from .layer import Keys, RandomImageLayer, size_of
from .light import BYTES, sometimes
from .settings import INTERPOLATIONS, Factor, check_value_range, interval, within


class RandomPerspective(RandomImageLayer):
    """While training, images seen from another place, each with a random probability.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the probability; f stands for (0, f).
    scale: from 0 to 1: how far corners move, in parts of twice their coordinates.
    fill_value: what comes in at the borders.

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomPerspective(seed=1)(jnp.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    factor: Factor = 1.0
    scale: float = 1.0
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", 0, 1)
        interval(self, "scale", 0, 1)
        check_choice(self, "interpolation", INTERPOLATIONS)

    def draw(self, keys: Keys, images: Any) -> Any:
        (height, width), batch = size_of(self, images), images.shape[0]
        apply = sometimes(keys, images, self.factor)
        moves = keys.uniform((batch, 4, 2), -0.5 * self.scale, 0.5 * self.scale)
        corners = [[0.0, 0.0], [width - 1, 0.0], [0.0, height - 1], [width - 1, height - 1]]
        start = jnp.broadcast_to(jnp.asarray(corners, "float32"), (batch, 4, 2))
        return apply, start, start + start * moves

    def _seen(self, images: Any, t: Any, interpolation: str) -> Any:
        apply, start, end = t
        moved = perspective_transform(images, start, end, interpolation, self.fill_value, self.data_format)
        return jnp.where(apply, moved, images)

    def change(self, images: Any, t: Any) -> Any:
        return self._seen(images, t, self.interpolation)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._seen(masks, t, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        boxes = self._pixels(boxes, size)
        apply, start, end = t
        points = boxes["boxes"][..., jnp.array([[0, 1], [2, 3], [0, 3], [2, 1]])]
        eight = homography(start, end)
        matrix = jnp.concatenate([eight, jnp.ones_like(eight[:, :1])], -1).reshape(-1, 3, 3)
        points = jnp.concatenate([points, jnp.ones_like(points[..., :1])], -1)
        moved = jnp.einsum("bij,bnpj->bnpi", jnp.linalg.inv(matrix), points)
        moved = moved[..., :2] / moved[..., 2:]
        around = jnp.where(apply[:, :, 0], jnp.concatenate([moved.min(-2), moved.max(-2)], -1), boxes["boxes"])
        return self._pixels(bounding_boxes.clip_to_image_size({**boxes, "boxes": around}, *size), size, back=True)


class RandomElasticTransform(RandomImageLayer):
    """While training, images distorted by smooth random shifts, each with a random probability.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), of the probability; f stands for (0, f).
    scale: (lower, upper), of how strong the shifts are, the same for a batch; f stands for (0, f).
    fill_mode: what comes in at the borders: reflect, wrap, constant (`fill_value`), nearest or mirror.

    Raises ValueError for factors and scales outside [0, 1], when training without `rng`, and
    NotImplementedError for bounding boxes, which do not stay boxes.
    Source: Simard et al., Best practices for convolutional neural networks applied to visual document analysis (2003).

    >>> RandomElasticTransform(seed=1)(jnp.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    factor: Factor = 1.0
    scale: Factor = 1.0
    interpolation: str = "bilinear"
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    value_range: Any = BYTES
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor, self.scale = (interval(self, n, 0, 1) for n in ("factor", "scale"))
        check_choice(self, "interpolation", INTERPOLATIONS)
        check_choice(self, "fill_mode", FILLS)
        check_value_range(self)

    def draw(self, keys: Keys, images: Any) -> Any:
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        return sometimes(keys, images, self.factor), keys.uniform((), *self.scale), keys.next()

    def _distorted(self, images: Any, t: Any, interpolation: str) -> Any:
        if t is None:
            return images
        (apply, scale, key), sizes = t, size_of(self, images)
        widest = int(6 * min(sizes) * 0.05 * self.scale[1]) | 1
        y = distort(
            images, key, max(sizes) * (0.1 * scale), min(sizes) * (0.05 * scale), widest, interpolation, self.fill_mode,
            self.fill_value, self.data_format,
        )  # fmt: skip
        return jnp.where(apply, y, images)

    def change(self, images: Any, t: Any) -> Any:
        y = self._distorted(images, t, self.interpolation)
        return y if t is None else within(y, self.value_range)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._distorted(masks, t, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        raise NotImplementedError(f"{self!r} bends straight lines: bounding boxes cannot follow. Leave them out.")
