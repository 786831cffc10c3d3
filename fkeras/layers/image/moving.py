"""Images flipped, moved, turned, zoomed and sheared at random."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from ... import boxes as bounding_boxes
from ...ops.image import affine_transform
from ..layout import data_format
from ..settings import check_choice
from .layer import Keys, RandomImageLayer, size_of, space
from .settings import FILLS, INTERPOLATIONS, Factor, interval

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """While training, images mirrored with probability 1/2: in "horizontal_and_vertical" mode both ways at once.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    Raises ValueError for an unknown mode, and when training without `rng`.

    >>> RandomFlip("horizontal", seed=1)(jnp.arange(4.0).reshape(2, 1, 2, 1))[:, 0, :, 0].tolist()
    [[1.0, 0.0], [2.0, 3.0]]
    """

    mode: str = "horizontal_and_vertical"
    seed: int | None = None
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "mode", MODES)

    def draw(self, keys: Keys, images: Any) -> Any:
        return keys.uniform((images.shape[0], 1, 1, 1)) <= 0.5

    def change(self, images: Any, t: Any) -> Any:
        vertical, horizontal = space(self)
        axes = [a for a, word in ((horizontal, "horizontal"), (vertical, "vertical")) if word in self.mode]
        return jnp.where(t, jnp.flip(images, axes), images)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self.change(masks, t)

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        own: Any = self.bounding_box_format
        boxes = bounding_boxes.convert_format(boxes, own, "rel_xyxy", *size)
        left, top, right, bottom = jnp.moveaxis(boxes["boxes"], -1, 0)
        if "horizontal" in self.mode:
            left, right = 1 - right, 1 - left
        if "vertical" in self.mode:
            top, bottom = 1 - bottom, 1 - top
        flipped = jnp.where(t[..., 0], jnp.stack([left, top, right, bottom], -1), boxes["boxes"])
        boxes = bounding_boxes.clip_to_image_size({**boxes, "boxes": flipped}, bounding_box_format="rel_xyxy")
        return bounding_boxes.convert_format(boxes, "rel_xyxy", own, *size)


class _Moving(RandomImageLayer):
    """Base of those that take each pixel from another place, by an affine transform."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "fill_mode", FILLS)
        check_choice(self, "interpolation", INTERPOLATIONS)

    def matrix(self, t: Any, size: Any) -> Any:
        """Where pixels come from: (batch, 8), as `ops.image.affine_transform` takes it."""
        raise NotImplementedError

    def _move(self, images: Any, t: Any, interpolation: str) -> Any:
        to = self.matrix(t, size_of(self, images))
        return affine_transform(images, to, interpolation, self.fill_mode, self.fill_value, self.data_format)

    def change(self, images: Any, t: Any) -> Any:
        return self._move(images, t, self.interpolation)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._move(masks, t, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        boxes = self._pixels(boxes, size)
        boxes = bounding_boxes.clip_to_image_size({**boxes, "boxes": self.move_boxes(boxes["boxes"], t, size)}, *size)
        return self._pixels(boxes, size, back=True)

    def move_boxes(self, boxes: Any, t: Any, size: tuple[Any, Any]) -> Any:
        """Boxes in pixels, (batch, n, 4), after the transform."""
        raise NotImplementedError


def _rows(*columns: Any) -> Any:
    """Columns (batch,), and numbers that are the same for the whole batch, as a matrix."""
    return jnp.stack(jnp.broadcast_arrays(*map(jnp.asarray, columns)), -1)


class RandomTranslation(_Moving):
    """While training, images moved by a random part of their size.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    height_factor, width_factor: (lower, upper), in parts of the size, positive downwards and to the right; f
        stands for (-f, f).
    fill_mode: what comes in at the borders: reflect, wrap, constant (`fill_value`) or nearest.

    Raises ValueError for factors outside [-1, 1], and when training without `rng`.

    >>> RandomTranslation(0.0, (0.5, 0.5), "constant", seed=1)(jnp.ones((1, 2, 1)))[0, :, 0].tolist()
    [0.0, 1.0]
    """

    height_factor: Factor
    width_factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ranges = tuple(interval(self, n, -1, 1, "either") for n in ("height_factor", "width_factor"))

    def draw(self, keys: Keys, images: Any) -> Any:
        batch, sizes = images.shape[0], size_of(self, images)
        down, across = (keys.uniform((batch,), *r) * n for r, n in zip(self._ranges, sizes, strict=True))
        return across, down

    def matrix(self, t: Any, size: Any) -> Any:
        return _rows(1.0, 0.0, -t[0], 0.0, 1.0, -t[1], 0.0, 0.0)

    def move_boxes(self, boxes: Any, t: Any, size: tuple[Any, Any]) -> Any:
        return boxes + _rows(*t, *t)[:, None]


class RandomRotation(_Moving):
    """While training, images turned about their middle by a random angle.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    factor: (lower, upper), in parts of a full turn; f stands for (-f, f).
    fill_mode: what comes in at the corners: reflect, wrap, constant (`fill_value`) or nearest.

    Raises ValueError for factors outside [-1, 1], and when training without `rng`.

    >>> turn = RandomRotation((0.25, 0.25), seed=1)
    >>> turn(jnp.array([[1.0, 2.0], [3.0, 4.0]])[..., None])[..., 0].round().tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = interval(self, "factor", -1, 1)

    def draw(self, keys: Keys, images: Any) -> Any:
        return keys.uniform((images.shape[0],), *(f * 360.0 for f in self.factor))

    def matrix(self, t: Any, size: Any) -> Any:
        y, x = (0.5 * (n - 1) for n in size)
        cos, sin = jnp.cos(t * (math.pi / 180.0)), jnp.sin(t * (math.pi / 180.0))
        return _rows(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, 0.0, 0.0)

    def move_boxes(self, boxes: Any, t: Any, size: tuple[Any, Any]) -> Any:
        zero = jnp.zeros_like(t)
        return bounding_boxes.affine_transform(boxes, t, zero, zero, zero + 1, zero, zero, *size)


class RandomZoom(_Moving):
    """While training, images zoomed about their middle by a random factor.

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    height_factor, width_factor: (lower, upper): -0.2 shows 20% less of the image, enlarged; 0.2 shows 20% more
        than there is. f stands for (-f, f). Without `width_factor` the ratio of the sides stays.
    fill_mode: what comes in at the borders: reflect, wrap, constant (`fill_value`) or nearest.

    Raises ValueError for factors outside (-1, 1], and when training without `rng`.

    >>> RandomZoom((-0.5, -0.5), seed=1)(jnp.arange(5.0).reshape(1, 5, 1))[0, :, 0].tolist()
    [1.0, 1.5, 2.0, 2.5, 3.0]
    """

    height_factor: Factor
    width_factor: Factor = None
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [n for n in ("height_factor", "width_factor") if getattr(self, n) is not None]
        self._ranges = tuple(interval(self, n, -1, 1, "either") for n in names)
        if any(low == -1 for low, _ in self._ranges):
            raise ValueError(f"{type(self).__name__}: a factor of -1 would show nothing; give one above it.")

    def draw(self, keys: Keys, images: Any) -> Any:
        zooms = [keys.uniform((images.shape[0],), 1.0 + low, 1.0 + high) for low, high in self._ranges]
        return zooms[-1], zooms[0]

    def matrix(self, t: Any, size: Any) -> Any:
        (x, y), (height, width) = t, size
        return _rows(x, 0.0, (width - 1.0) / 2.0 * (1.0 - x), 0.0, y, (height - 1.0) / 2.0 * (1.0 - y), 0.0, 0.0)

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        boxes = self._pixels(boxes, size)
        m = self.matrix(t, size)
        starts = m[:, 2], m[:, 5]
        ends = (m[:, 0] * size[1] + starts[0], m[:, 4] * size[0] + starts[1])
        start, end = (_rows(*p, *p)[:, None] for p in (starts, ends))
        seen = (jnp.clip(boxes["boxes"], start, end) - start) / (end - start)
        boxes = bounding_boxes.clip_to_image_size({**boxes, "boxes": seen}, bounding_box_format="rel_xyxy")
        return bounding_boxes.convert_format(boxes, "rel_xyxy", self.bounding_box_format or "", *size)


class RandomShear(_Moving):
    """While training, images sheared at random: pixel (x, y) comes from (x + a y, b x + y).

    Shapes: (batch, height, width, channels) -> same, or one image, or a dict of images and what belongs to them.

    x_factor, y_factor: the ranges of a and b, (lower, upper) within [0, 1]; f stands for (-f, f). In half of the
        cases both change their signs.
    fill_mode: what comes in at the borders: reflect, wrap, constant (`fill_value`) or nearest.

    Raises ValueError for factors outside [0, 1], and when training without `rng`.

    >>> RandomShear(0.5, seed=1)(jnp.ones((4, 4, 3))).shape
    (4, 4, 3)
    """

    x_factor: Factor = 0.0
    y_factor: Factor = 0.0
    interpolation: str = "bilinear"
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    data_format: str | None = data_format()
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.x_factor, self.y_factor = (interval(self, n, 0, 1, "either") for n in ("x_factor", "y_factor"))

    def draw(self, keys: Keys, images: Any) -> Any:
        shape = images.shape[:1]
        sign = jnp.where(keys.uniform(shape) > 0.5, -1.0, 1.0)
        down = keys.uniform(shape, *self.y_factor) * sign
        return keys.uniform(shape, *self.x_factor) * sign, down

    def matrix(self, t: Any, size: Any) -> Any:
        return _rows(1.0, t[0], 0.0, t[1], 1.0, 0.0, 0.0, 0.0)

    def move_boxes(self, boxes: Any, t: Any, size: tuple[Any, Any]) -> Any:
        a, b = (v[:, None] for v in t)
        left, top, right, bottom = jnp.moveaxis(boxes, -1, 0)
        left, right = (
            left - a * jnp.where(a < 0, top, bottom),
            right - a * jnp.where(a < 0, bottom, top),
        )
        top, bottom = (
            top - b * jnp.where(b > 0, right, left),
            bottom - b * jnp.where(b > 0, left, right),
        )
        return jnp.stack([left, top, right, bottom], -1)
