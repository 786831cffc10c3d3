"""What layers of images share: batches and single images, labels, boxes and masks, and the keys of a call."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ... import boxes as bounding_boxes
from ... import config, random, storey
from ...layer import Layer, shown
from ..settings import need_rng

Data = Any  # images, or a dict of images and what belongs to them
Images = Any


class Keys:
    """The keys of one call, one after the other: from the layer's own seed, else from `rng`.

    >>> keys = Keys({"seed_generator": random.seed_state(7)})
    >>> jax.random.key_data(keys.next()).tolist(), jax.random.key_data(keys.next()).tolist()
    ([7, 0], [7, 1])
    """

    def __init__(self, state: dict[str, Any], rng: Any = None):
        self.state, self.rng, self.count = state, rng, 0

    def next(self) -> Any:
        """The next key."""
        if "seed_generator" in self.state:
            key, self.state = random.seeded(self.state)
            return key
        self.count += 1
        return jax.random.fold_in(self.rng, self.count)

    def uniform(self, shape: Any, low: Any = 0.0, high: Any = 1.0, dtype: Any = "float32") -> Any:
        """Numbers from `low` up to `high`."""
        return random.uniform(shape, low, high, dtype, self.next())


class Seeds(Keys):
    """The keys that a `seed` of any kind gives."""

    def __init__(self, seed: Any):
        self.seed = seed

    def next(self) -> Any:
        """The next key."""
        return self.seed.next() if isinstance(self.seed, Keys) else random.as_key(self.seed)


class ImageLayer(Layer):
    """Base of the layers that change images.

    They take one image or a batch, alone or in a dict with what belongs to it: "labels",
    "bounding_boxes" ({"boxes", "labels"}, in `bounding_box_format`), "segmentation_masks"; what else
    is in the dict passes through. Images leave in the compute dtype, masks in their own.
    """

    bounding_box_format: str | None = dataclasses.field(default=None, kw_only=True)

    rank: ClassVar[Any] = (3, 4)
    config_if_set: ClassVar[tuple[str, ...]] = ("bounding_box_format",)
    augments: ClassVar[bool] = True  # acts only while training; a call on arrays trains unless told otherwise

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data_format = config.standardize_data_format(self.data_format)
        known = self.bounding_box_format is None or str(self.bounding_box_format).lower() in bounding_boxes.FORMATS
        if not known:
            raise ValueError(
                f"{type(self).__name__}: bounding_box_format must be one of {', '.join(bounding_boxes.FORMATS)}; "
                f"got {self.bounding_box_format!r}."
            )

    # --- what a layer writes: all of it on batches ---------------------------------------------

    def draw(self, keys: Keys, images: Images) -> Any:
        """What happens to these images this time."""
        return None

    def change(self, images: Images, t: Any) -> Any:
        """The images after it."""
        raise NotImplementedError(f"{type(self).__name__} must define `change`.")

    def change_labels(self, labels: Any, t: Any) -> Any:
        """The labels after it."""
        return labels

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        """The boxes after it, in their format; `size` is that of the images before it."""
        return boxes

    def change_masks(self, masks: Any, t: Any) -> Any:
        """The segmentation masks after it."""
        return masks

    # --- the call --------------------------------------------------------------------------------

    def call(self, data: Data, *, training: bool) -> Data:
        return self.transformed(data, None, training)

    def transformed(self, data: Data, t: Any, training: bool) -> Data:
        """Images and what belongs to them, after the transformation."""
        given = as_dict(data)
        lifted(self, given["images"])
        single, new = given["images"].ndim == 3, dict(given)
        parts = {
            "bounding_boxes": lambda v: self.transform_bounding_boxes(v, t, training, size_of(self, given["images"])),
            "labels": lambda v: self.transform_labels(v, t, training),
            "segmentation_masks": lambda v: self.transform_segmentation_masks(v, t, training),
            "images": lambda v: self.transform_images(v, t, training),
        }
        for name, change in parts.items():
            if name in given:
                value = jax.tree.map(jnp.asarray, given[name])
                value = change(jax.tree.map(lambda x: x[None], value) if single else value)
                new[name] = jax.tree.map(lambda x: x[0], value) if single else value
        return new if isinstance(data, dict) else new["images"]

    def _cast_inputs(self, tree: Any) -> Any:
        """Inputs as they are: `transform_images` casts images; boxes and labels stay exact."""
        return storey.as_arrays(tree)

    # --- the parts of a call, as Keras has them ------------------------------------------------

    def get_random_transformation(self, data: Data, training: bool = True, seed: Any = None) -> Any:
        """What would happen to these images: None where nothing would; `seed` is an integer, a key or a generator."""
        return self.draw(Seeds(seed), lifted(self, as_dict(data)["images"])) if training or not self.augments else None

    def transform_images(self, images: Images, transformation: Any = None, training: bool = True) -> Images:
        """A batch of images after the transformation, in the compute dtype."""
        x = images.astype(self.compute_dtype)
        return self.change(x, transformation).astype(x.dtype) if training or not self.augments else x

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """The labels of a batch after the transformation."""
        return self.change_labels(labels, transformation) if training or not self.augments else labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True, size: Any = None
    ) -> Any:
        """The boxes of a batch of images of this (height, width) after the transformation."""
        check_boxes(self, bounding_boxes)
        known = {**bounding_boxes, "boxes": jnp.asarray(bounding_boxes["boxes"], "float32")}
        return self.change_boxes(known, transformation, size) if training or not self.augments else known

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The segmentation masks of a batch after the transformation, in their dtype."""
        masks = jnp.asarray(segmentation_masks)
        return self.change_masks(masks, transformation).astype(masks.dtype) if training or not self.augments else masks

    def _pixels(self, boxes: Any, size: Any, back: bool = False) -> Any:
        """Boxes of this layer's format as pixels xyxy of an image of this size, or back."""
        own: Any = self.bounding_box_format
        formats = ("xyxy", own) if back else (own, "xyxy")
        return bounding_boxes.convert_format(boxes, *formats, *size)


class RandomImageLayer(ImageLayer):
    """Base of those that draw: numbers of `rng`, or those of Keras where an integer `seed` is given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seed = random.check_seed(self.seed)

    def call(self, data: Data, *, state: Any, rng: Any, training: bool) -> Any:
        if not training:
            return self.transformed(data, None, False), state
        keys = Keys(state, rng if "seed_generator" in state else need_rng(self, rng))
        t = self.draw(keys, lifted(self, as_dict(data)["images"]))
        return self.transformed(data, t, training), keys.state

    def _key(self, rng: Any, state: Any, training: bool) -> Any:
        """The key and the state as they are: a call draws as often as it needs."""
        return rng, state


# --- data ----------------------------------------------------------------------------------------


def as_dict(data: Data) -> dict[str, Any]:
    """The data as a dict; raises ValueError for one without images."""
    if not isinstance(data, dict):
        return {"images": data}
    if "images" not in data:
        raise ValueError(f'Data in a dict need "images"; received the keys {sorted(data)}.')
    return data


def lifted(layer: Any, images: Any) -> Any:
    """The images as a batch; raises ValueError for another rank than 3 and 4."""
    images = jnp.asarray(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{layer!r} takes an image (rank 3) or a batch of images (rank 4); received shape {shown(images.shape)}."
        )
    return images if images.ndim == 4 else images[None]


def check_boxes(layer: Any, boxes: Any) -> None:
    """Refuses boxes without a format, and what is no dict of boxes and labels."""
    if not isinstance(boxes, dict) or not {"boxes", "labels"} <= boxes.keys():
        raise ValueError(f'{layer!r}: bounding_boxes are a dict of "boxes" and "labels"; received {boxes!r}.')
    if layer.bounding_box_format is None:
        raise ValueError(
            f"{layer!r} needs the format of the boxes: give it bounding_box_format, for example 'xyxy'. "
            f"Known: {', '.join(bounding_boxes.FORMATS)}."
        )


def space(layer: Any) -> tuple[int, int]:
    """The axes of height and width of a batch."""
    return (1, 2) if layer.data_format == "channels_last" else (2, 3)


def depth(layer: Any) -> int:
    """The axis of the channels of a batch."""
    return 3 if layer.data_format == "channels_last" else 1


def size_of(layer: Any, images: Any) -> tuple[Any, Any]:
    """(height, width) of an image or of a batch of them."""
    shape = images.shape if images.ndim == 4 else (1, *images.shape)
    height, width = space(layer)
    return shape[height], shape[width]


def per_image(values: Any) -> Any:
    """A number for each image, in a shape that meets a batch of images."""
    return jnp.reshape(values, (-1, 1, 1, 1))
