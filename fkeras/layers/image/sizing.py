"""Images rescaled, resized and cropped."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import boxes as bounding_boxes
from ... import config
from ...layer import Layer
from ...ops.image import resize
from ...spec import Spec
from ..layout import data_format
from ..settings import check_choice, check_positive, need_rng
from .layer import ImageLayer, Keys, RandomImageLayer, as_dict, size_of, space

RESIZERS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class Rescaling(Layer):
    """y = x * scale + offset.

    Shapes: any -> same.

    scale, offset: numbers, or arrays that broadcast to the inputs; one scale per channel also where images are
        channels_first by default.

    >>> Rescaling(0.5, offset=-1)(jnp.array([0.0, 4.0])).tolist()
    [-1.0, 1.0]
    """

    scale: Any
    offset: Any = 0.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        scale, offset = (jnp.asarray(v, self.compute_dtype) for v in (self.scale, self.offset))
        if 0 < scale.ndim < 3 and config.image_data_format() == "channels_first":
            scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
        return x.astype(self.compute_dtype) * scale + offset


class _Sized(ImageLayer):
    """Base of those whose images leave in one size."""

    augments: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "height", "width")

    def output_spec(self, *inputs: Any, **kwargs: Any) -> Any:
        """The spec of the outputs; it does not depend on the size of the inputs, which may be unknown."""

        def known(x: Any) -> Any:
            sizes = {a - 4 + x.ndim: n for a, n in zip(space(self), (self.height, self.width), strict=True)}
            return Spec([sizes.get(i, d) if d is None else d for i, d in enumerate(x.shape)], x.dtype)

        first = inputs[0]
        if isinstance(first, dict):
            first = {k: known(v) if k in ("images", "segmentation_masks") else v for k, v in first.items()}
        else:
            first = known(first)
        return super().output_spec(first, *inputs[1:], **kwargs)


class Resizing(_Sized):
    """Images of another size, in their dtype; integers are rounded.

    Shapes: (batch, h, w, channels) -> (batch, height, width, channels), or one image, or a dict of images and what
        belongs to them.

    interpolation: bilinear, nearest, bicubic, lanczos3 or lanczos5.
    crop_to_aspect_ratio, pad_to_aspect_ratio: make the ratio fit by cutting borders off, or by borders of
        `fill_value`, instead of distorting.
    antialias: whether images that become smaller are blurred first.

    Raises ValueError for unknown settings, and for both ways of keeping the ratio at once.

    >>> Resizing(2, 3)(jnp.ones((1, 8, 8, 3))).shape
    (1, 2, 3, 3)
    """

    height: int
    width: int
    interpolation: str = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = "constant"
    fill_value: float = 0.0
    antialias: bool = False
    data_format: str | None = data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "interpolation", RESIZERS)
        check_choice(self, "fill_mode", ("constant",))
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError("Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")

    def _resized(self, x: Any, interpolation: str) -> Any:
        return resize(
            x, (self.height, self.width), interpolation, self.antialias, self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio, self.fill_mode, self.fill_value, self.data_format,
        )  # fmt: skip

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """A batch of images in the new size, in their dtype."""
        keep = jnp.issubdtype(images.dtype, jnp.integer)
        return self._resized(images if keep else images.astype(self.compute_dtype), self.interpolation)

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._resized(masks, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        given = boxes["boxes"]
        empty = jnp.all(given == -1, -1) | jnp.all(given == 0, -1)
        boxes = self._pixels(boxes, size)
        boxes = bounding_boxes.clip_to_image_size(
            {**boxes, "boxes": self._placed(boxes["boxes"], size)}, self.height, self.width
        )
        boxes = {**boxes, "boxes": jnp.where(empty[..., None], 0.0, boxes["boxes"])}
        return self._pixels(boxes, (self.height, self.width), back=True)

    def _placed(self, boxes: Any, size: tuple[int, int]) -> Any:
        """Boxes in pixels of images of this size, in pixels of the new one."""
        target = (self.height, self.width)
        scales = [new / old for new, old in zip(target, size, strict=True)]
        if self.pad_to_aspect_ratio:
            scales = [min(scales)] * 2
        elif self.crop_to_aspect_ratio:
            scales = [max(scales)] * 2
        moves = [(new - old * s) // 2 for new, old, s in zip(target, size, scales, strict=True)]
        if self.crop_to_aspect_ratio:
            moves = [-((old * s - new) // 2) for new, old, s in zip(target, size, scales, strict=True)]
        if not (self.pad_to_aspect_ratio or self.crop_to_aspect_ratio):
            moves = [0, 0]
        return boxes * jnp.array([*scales[::-1]] * 2, boxes.dtype) + jnp.array([*moves[::-1]] * 2, boxes.dtype)


class CenterCrop(_Sized):
    """The middle of images; those that are too small are enlarged first, so that their middle fits.

    Shapes: (batch, h, w, channels) -> (batch, height, width, channels), or one image, or a dict of images and what
        belongs to them.

    >>> CenterCrop(1, 2)(jnp.arange(12.0).reshape(3, 4, 1))[..., 0].tolist()
    [[5.0, 6.0]]
    """

    height: int
    width: int
    data_format: str | None = data_format()

    def change(self, images: Any, t: Any) -> Any:
        return middle(self, images, "bilinear")

    def change_masks(self, masks: Any, t: Any) -> Any:
        return middle(self, masks, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        return middle_of_boxes(self, boxes, size)


def middle(layer: Any, images: Any, interpolation: str) -> Any:
    """The middle of a batch, in the size of the layer."""
    size, target = size_of(layer, images), (layer.height, layer.width)
    if any(have < want for have, want in zip(size, target, strict=True)):
        return resize(images, target, interpolation, crop_to_aspect_ratio=True, data_format=layer.data_format)
    for axis, have, want in zip(space(layer), size, target, strict=True):
        images = jax.lax.dynamic_slice_in_dim(images, (have - want) // 2, want, axis)
    return images


def middle_of_boxes(layer: Any, boxes: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """What becomes of boxes in the format of the layer when `middle` is taken of images of this size."""
    (height, width), target = size, (layer.height, layer.width)
    kept = target
    if height < layer.height or width < layer.width:
        kept = fitting(layer, size)
    starts = [(have - keep) // 2 for have, keep in zip(size, kept, strict=True)]
    boxes = layer._pixels(boxes, size)
    cut = bounding_boxes.crop(boxes["boxes"], starts[0], starts[1], *kept)
    scale = jnp.array([layer.width / kept[1], layer.height / kept[0]] * 2, cut.dtype)
    boxes = bounding_boxes.clip_to_image_size({**boxes, "boxes": cut * scale}, *target)
    return layer._pixels(boxes, target, back=True)


def fitting(layer: Any, size: tuple[int, int]) -> tuple[int, int]:
    """The greatest (height, width) within `size` of the ratio of the layer's."""
    height, width = size
    down, across = int(float(width * layer.height) / layer.width), int(float(height * layer.width) / layer.height)
    return max(min(height, down), 1), max(min(width, across), 1)


class RandomCrop(_Sized, RandomImageLayer):
    """While training, a random part of the images, the same for a batch; at rest, their middle.

    Shapes: (batch, h, w, channels) -> (batch, height, width, channels), or one image, or a dict of images and what
        belongs to them.

    Images that are not greater than the part, either way, are resized to it. Keras lets images at rest through as
    they are, against its own output shape, and takes the offset down from the x of boxes; here the middle is
    taken, and boxes move with the pixels.

    >>> RandomCrop(2, 2, seed=1)(jnp.ones((3, 8, 8, 1))).shape
    (3, 2, 2, 1)
    """

    height: int
    width: int
    seed: int | None = None
    data_format: str | None = data_format()

    follows = {"name": "data_format"}
    augments: ClassVar[bool] = True

    def call(self, data: Any, *, state: Any, rng: Any, training: bool) -> Any:
        images = as_dict(data)["images"]
        size = size_of(self, images) if images.ndim in (3, 4) else (0, 0)
        if not training:
            return self.transformed(data, None, True), state
        keys = Keys(state, rng if "seed_generator" in state else need_rng(self, rng))
        t = self._start(keys, size)
        return self.transformed(data, t, True), keys.state

    def draw(self, keys: Any, images: Any) -> Any:
        return self._start(keys, size_of(self, images))

    def _start(self, keys: Any, size: tuple[int, int]) -> Any:
        """Where the part begins: (top, left)."""
        if size[0] > self.height and size[1] > self.width:
            room = (float(have - want + 1) for have, want in zip(size, (self.height, self.width), strict=True))
            return tuple(keys.uniform((), 0, r).astype("int32") for r in room)
        return tuple(int(float(have - keep) / 2) for have, keep in zip(size, fitting(self, size), strict=True))

    def _cut(self, images: Any, t: Any, interpolation: str) -> Any:
        if t is None:
            return middle(self, images, interpolation)
        for axis, start, want in zip(space(self), t, (self.height, self.width), strict=True):
            size = images.shape[axis]
            keep = want if not isinstance(start, int) else min(start + want, size) - start
            images = jax.lax.dynamic_slice_in_dim(images, start, keep, axis)
        if size_of(self, images) != (self.height, self.width):
            images = resize(images, (self.height, self.width), interpolation, data_format=self.data_format)
        return images

    def change(self, images: Any, t: Any) -> Any:
        return self._cut(images, t, "bilinear")

    def change_masks(self, masks: Any, t: Any) -> Any:
        return self._cut(masks, t, "nearest")

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        if t is None:
            return middle_of_boxes(self, boxes, size)
        target = (self.height, self.width)
        kept = [
            want if not isinstance(start, int) else min(start + want, have) - start
            for start, want, have in zip(t, target, size, strict=True)
        ]
        boxes = self._pixels(boxes, size)
        cut = bounding_boxes.crop(boxes["boxes"], *t, *kept)
        scale = jnp.array([self.width / kept[1], self.height / kept[0]] * 2, cut.dtype)
        boxes = bounding_boxes.clip_to_image_size({**boxes, "boxes": cut * scale}, *target)
        return self._pixels(boxes, target, back=True)
