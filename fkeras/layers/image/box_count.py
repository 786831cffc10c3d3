"""As many bounding boxes for every image."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from ..layout import data_format
from ..settings import check_positive
from .layer import ImageLayer


class MaxNumBoundingBoxes(ImageLayer):
    """Boxes and their labels cut off, or filled up, to the same number for every image.

    Shapes: {"images", "bounding_boxes": {"boxes": (batch, n, 4), "labels": (batch, n)}} -> n is `max_number`.

    fill_value: of the boxes and labels that are added.

    >>> boxes = {"boxes": jnp.ones((1, 1, 4)), "labels": jnp.ones((1, 1), "int32")}
    >>> data = {"images": jnp.ones((1, 8, 8, 3)), "bounding_boxes": boxes}
    >>> MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(data)["bounding_boxes"]["labels"].tolist()
    [[1, -1, -1]]
    """

    max_number: int
    fill_value: int = -1
    data_format: str | None = data_format(kw_only=True)

    augments: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "max_number")

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The images as they are."""
        return images

    def change_boxes(self, boxes: dict[str, Any], t: Any, size: tuple[Any, Any]) -> dict[str, Any]:
        def counted(x: Any) -> Any:
            kept = x[:, : self.max_number]
            more = [(0, 0), (0, self.max_number - kept.shape[1]), *((0, 0),) * (x.ndim - 2)]
            return jnp.pad(kept, more, constant_values=self.fill_value)

        return {**boxes, **{k: counted(boxes[k]) for k in ("boxes", "labels")}}

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values; `fill_value` only where it is not Keras' own."""
        config = super().get_config()
        return config if self.fill_value != -1 else {k: v for k, v in config.items() if k != "fill_value"}
