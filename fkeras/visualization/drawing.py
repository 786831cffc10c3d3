"""Boxes and masks drawn on images. NumPy draws; Pillow writes the names of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import boxes as bounding_boxes_
from .. import config
from ..utils.images import pillow

PALETTE = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])


def batch_of(function: str, images: Any, data_format: str | None) -> np.ndarray:
    """Images as a NumPy array (batch, height, width, channels); raises ValueError for another rank."""
    x = np.asarray(images)
    if x.ndim != 4:
        raise ValueError(f"{function} takes a batch of images, of rank 4; received shape {x.shape}.")
    return x if config.standardize_data_format(data_format) == "channels_last" else x.transpose(0, 2, 3, 1)


def draw_bounding_boxes(
    images: Any, bounding_boxes: dict[str, Any], bounding_box_format: str, class_mapping: dict[int, str] | None = None,
    color: Any = (128, 128, 128), line_thickness: int = 2, text_thickness: int = 1, font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:  # fmt: skip
    """Images with boxes on them, as bytes. Boxes with the label -1 are left out.

    Shapes: (batch, height, width, channels), {"boxes": (batch, n, 4), "labels": (batch, n)} -> like the images.
    images: floats up to 1 are taken as parts of 255.
    bounding_boxes: "confidences", (batch, n), may be there as well; they are written after the names.
    class_mapping: the names to write, by label.
    Raises ValueError for images of another rank, TypeError and ValueError for what is no dict of boxes and labels;
    ImportError for names without Pillow.

    >>> boxes = {"boxes": np.array([[[1, 1, 5, 4]]]), "labels": np.array([[0]])}
    >>> draw_bounding_boxes(np.zeros((1, 6, 7, 3)), boxes, "xyxy", line_thickness=1)[0, :, :, 0].tolist()[1]
    [0, 128, 128, 128, 128, 128, 0]
    """
    x = batch_of("draw_bounding_boxes", images, data_format)
    if not isinstance(bounding_boxes, dict):
        raise TypeError(f"draw_bounding_boxes takes a dict of boxes and labels; received {type(bounding_boxes)}.")
    if not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(f'bounding_boxes need "boxes" and "labels"; received the keys {sorted(bounding_boxes)}.')
    drawn, names = as_bytes(x), class_mapping or {}
    places = bounding_boxes_.convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *x.shape[1:3])
    places, labels = np.asarray(places).astype("int32"), np.asarray(bounding_boxes["labels"]).astype("int32")
    sure = bounding_boxes.get("confidences")
    for i, n in np.argwhere(labels != -1):
        _frame(drawn[i], places[i, n], color, line_thickness)
        if (label := int(labels[i, n])) in names:
            text = names[label] if sure is None else f"{names[label]} | {np.asarray(sure)[i, n]:.2f}"
            drawn[i] = _written(drawn[i], text, places[i, n], color, text_thickness or line_thickness, font_scale)
    return drawn if config.standardize_data_format(data_format) == "channels_last" else drawn.transpose(0, 3, 1, 2)


def as_bytes(x: np.ndarray) -> np.ndarray:
    """Images as bytes, a copy; floats up to 1 are taken as parts of 255."""
    if x.dtype.kind == "f" and x.size:
        x = np.clip(x, 0, 1) * 255 if x.max() <= 1 else np.clip(x, 0, 255)
    return x.astype("uint8")


def _frame(image: np.ndarray, box: Any, color: Any, thickness: int) -> None:
    """Draws the four sides of a box into an image, as far as they lie in it."""
    left, top, right, bottom = map(int, box)
    before, after = thickness // 2, (thickness - 1) // 2 + 1
    paint = np.asarray(color)[: image.shape[-1]]

    def around(at: int, to: int | None = None) -> slice:
        return slice(max(at - before, 0), max((at if to is None else to) + after, 0))

    for rows, cols in (
        (around(top), around(left, right)), (around(bottom), around(left, right)),
        (around(top, bottom), around(left)), (around(top, bottom), around(right)),
    ):  # fmt: skip
        image[rows, cols] = paint


def _written(image: np.ndarray, text: str, box: Any, color: Any, thickness: int, font_scale: float) -> np.ndarray:
    """The image with a name above the box, or inside it where there is no room."""
    pillow()  # says what to install where there is none
    from PIL import Image, ImageDraw, ImageFont

    x, y, height = int(box[0]), int(box[1]) - 8, int(font_scale * 12)
    if y - 2 * height <= 0:
        x, y = x + 3, int(box[1]) + 2 * height + thickness + 3
    gray = image.shape[-1] == 1
    canvas = Image.fromarray(image[..., 0] if gray else image)
    font, ink = ImageFont.load_default(max(round(22 * font_scale), 1)), tuple(map(int, color))
    fill = ink[0] if gray else (*ink, 255)[: image.shape[-1]]
    ImageDraw.Draw(canvas).text((x, y), text, fill=fill, font=font, anchor="ls", stroke_width=max(thickness - 1, 0))
    return np.asarray(canvas).reshape(image.shape)


def draw_segmentation_masks(
    images: Any, segmentation_masks: Any, num_classes: int | None = None, color_mapping: Any = None,
    alpha: float = 0.8, blend: bool = True, ignore_index: int = -1, data_format: str | None = None,
) -> np.ndarray:  # fmt: skip
    """Images with each pixel in the color of its class, as (batch, height, width, channels).

    Shapes: (batch, height, width, 3), (batch, height, width, 1) -> (batch, height, width, 3).
    images: from 0 to 255.
    num_classes: all that occur, for None. color_mapping: the colors (red, green, blue), by class.
    alpha: how much of the color there is; blend: False gives the colors alone, in floats.
    ignore_index: the class of pixels that stay as they are.
    Raises ValueError for images of another rank and for a class without a color, TypeError for masks that are not
    of whole numbers.

    >>> mask = np.array([[[[1], [-1]]]])
    >>> draw_segmentation_masks(np.zeros((1, 1, 2, 3)), mask, color_mapping={0: (0, 0, 0), 1: (10, 20, 30)}).tolist()
    [[[[8, 16, 24], [0, 0, 0]]]]
    """
    x = batch_of("draw_segmentation_masks", images, data_format).astype("float32")
    masks = batch_of("draw_segmentation_masks", segmentation_masks, data_format)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"draw_segmentation_masks takes masks of whole numbers; received dtype {masks.dtype}.")
    masks = masks[..., 0]
    count = int(masks.max()) + 1 if num_classes is None else num_classes
    if color_mapping is None:
        colors = [(i * PALETTE % 255).tolist() for i in range(count)]
    else:
        table = dict(color_mapping) if isinstance(color_mapping, dict) else dict(enumerate(color_mapping))
        if missing := set(range(count)) - table.keys():
            raise ValueError(f"draw_segmentation_masks: color_mapping has no color for the classes {sorted(missing)}.")
        colors = [table[i] for i in range(count)]
    drawn, known = x.copy(), (masks >= 0) & (masks < count)
    drawn[known] = np.asarray(colors, "float32").reshape(count, -1)[masks[known]]
    if not blend:
        return drawn
    mixed = x * (1 - alpha) + drawn * alpha
    return np.where((masks != ignore_index)[..., None], mixed, x).astype("uint8")
