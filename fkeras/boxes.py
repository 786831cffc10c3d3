"""Bounding boxes: their formats, and what becomes of them when an image is cut, moved or turned.

>>> convert_format(jnp.array([[10.0, 20.0, 30.0, 60.0]]), "xyxy", "xywh").tolist()
[[10.0, 20.0, 20.0, 40.0]]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from . import config

__all__ = [
    "affine_transform", "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format", "crop",
    "decode_deltas_to_boxes", "encode_box_to_deltas", "pad",
]  # fmt: skip

Parts = tuple[Any, Any, Any, Any]
Way = Callable[[Any, Any, Any, Any], Parts]

WAYS: dict[str, tuple[Way, Way]] = {  # format -> (its parts as corners, corners as its parts)
    "xyxy": (lambda a, b, c, d: (a, b, c, d), lambda l, t, r, b: (l, t, r, b)),
    "yxyx": (lambda a, b, c, d: (b, a, d, c), lambda l, t, r, b: (t, l, b, r)),
    "xywh": (lambda x, y, w, h: (x, y, x + w, y + h), lambda l, t, r, b: (l, t, r - l, b - t)),
    "center_xywh": (
        lambda x, y, w, h: (x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0),
        lambda l, t, r, b: (l + (r - l) / 2.0, t + (b - t) / 2.0, r - l, b - t),
    ),
    "center_yxhw": (
        lambda y, x, h, w: (x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0),
        lambda l, t, r, b: (t + (b - t) / 2.0, l + (r - l) / 2.0, b - t, r - l),
    ),
}
RELATIVE = ("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")
FORMATS = (*WAYS, *RELATIVE)


def _corners(boxes: jax.Array) -> Parts:
    one, two, three, four = jnp.split(boxes, 4, axis=-1)
    return one, two, three, four


def _known(name: str, where: str) -> str:
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise ValueError(f"{where}: a format of boxes is one of {', '.join(FORMATS)}; received {name!r}.")
    return name.lower()


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    Shapes: (..., 4) -> same; or a dict whose "boxes" are meant.
    source, target: xyxy (left, top, right, bottom), yxyx, xywh, center_xywh, center_yxhw; with rel_ before
        it (but for center_yxhw) in parts of the size of the image.
    height, width: the size of the image, needed between pixels and parts of it.
    Raises ValueError for an unknown format, another shape, and a size that is missing.

    >>> convert_format([[0.0, 0.5, 1.0, 1.0]], "rel_yxyx", "xyxy", height=10, width=20).tolist()
    [[10.0, 0.0, 20.0, 10.0]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = _known(source, "convert_format"), _known(target, "convert_format")
    boxes = jnp.asarray(boxes)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"convert_format: boxes have four numbers each, (..., 4); received shape {boxes.shape}.")
    relative = source in RELATIVE, target in RELATIVE
    if any(relative) and (height is None or width is None):
        raise ValueError(f"convert_format from {source!r} to {target!r} needs the height and the width of the image.")
    boxes = boxes.astype(dtype)
    if source == target:
        return boxes
    left, top, right, bottom = WAYS[source.removeprefix("rel_")][0](*_corners(boxes))
    if relative[0] != relative[1]:
        h, w = jnp.asarray(height, dtype), jnp.asarray(width, dtype)
        scaled = jnp.multiply if relative[0] else jnp.divide
        left, top, right, bottom = scaled(left, w), scaled(top, h), scaled(right, w), scaled(bottom, h)
    return jnp.concatenate(WAYS[target.removeprefix("rel_")][1](left, top, right, bottom), -1)


def _only(function: str, given: str, *known: str) -> None:
    if given not in known:
        raise ValueError(
            f"{function}: bounding_box_format must be {' or '.join(map(repr, known))}; received {given!r}. "
            "Convert the boxes with convert_format first."
        )


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes cut off at the borders of the image; the labels of those of which nothing is left become -1.

    Shapes: {"boxes": (..., n, 4), "labels": (..., n)} -> same.
    Raises ValueError for another format than xyxy and rel_xyxy, and for pixels without a size.

    >>> cut = clip_to_image_size({"boxes": jnp.array([[-5.0, 0.0, 5.0, 5.0]]), "labels": jnp.array([3])}, 4, 4)
    >>> cut["boxes"].tolist(), cut["labels"].tolist()
    ([[0.0, 0.0, 4.0, 4.0]], [3])
    """
    _only("clip_to_image_size", bounding_box_format, "xyxy", "rel_xyxy")
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif height is None or width is None:
        raise ValueError("clip_to_image_size: boxes in pixels need the height and the width of the image.")
    boxes, labels = jnp.asarray(bounding_boxes["boxes"]), bounding_boxes.get("labels")
    height, width = jnp.asarray(height, boxes.dtype), jnp.asarray(width, boxes.dtype)
    boxes = _clip(boxes, height, width)
    cut = {**bounding_boxes, "boxes": boxes}
    return cut if labels is None else {**cut, "labels": jnp.where(_area(boxes) > 0, labels, -1)}


def _clip(boxes: jax.Array, height: Any, width: Any) -> jax.Array:
    sides = ((part, 0.0, size) for part, size in zip(_corners(boxes), (width, height) * 2, strict=True))
    return jnp.concatenate([jnp.clip(*side) for side in sides], -1)


def _area(boxes: jax.Array) -> jax.Array:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> jax.Array:
    """Boxes in the part of the image that begins at (top, left) and has this size.

    Shapes: (..., 4) -> same. Raises ValueError for another format than xyxy.

    >>> crop(jnp.array([[2.0, 2.0, 9.0, 9.0]]), 1, 1, 5, 5).tolist()
    [[1.0, 1.0, 5.0, 5.0]]
    """
    _only("crop", bounding_box_format, "xyxy")
    return _clip(pad(boxes, -top, -left), height, width)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> jax.Array:
    """Boxes in an image with `top` more rows above and `left` more columns before it.

    Shapes: (..., 4) -> same. height, width: the size of the new image, which changes nothing in pixels.
    Raises ValueError for another format than xyxy.

    >>> pad(jnp.array([[0.0, 0.0, 2.0, 2.0]]), 1, 3).tolist()
    [[3.0, 1.0, 5.0, 3.0]]
    """
    _only("pad", bounding_box_format, "xyxy")
    return jnp.concatenate(
        [part + by for part, by in zip(_corners(jnp.asarray(boxes)), (left, top) * 2, strict=True)], -1
    )


def affine_transform(
    boxes: Any, angle: Any, translate_x: Any, translate_y: Any, scale: Any, shear_x: Any, shear_y: Any, height: Any,
    width: Any, center_x: Any = None, center_y: Any = None, bounding_box_format: str = "xyxy",
) -> jax.Array:  # fmt: skip
    """The boxes around boxes that were turned, moved, scaled and sheared.

    Shapes: (b, n, 4) -> same; each of the numbers that describe the transform (b,).
    angle, shear_x, shear_y: in degrees, anticlockwise. translate_x, translate_y, center_x, center_y: in parts of the
        size of the image; the center is its middle unless given.
    Raises ValueError for another format than xyxy.

    >>> zero, one = jnp.zeros(1), jnp.ones(1)
    >>> turned = affine_transform([[[0.0, 0.0, 2.0, 1.0]]], 90 * one, zero, zero, one, zero, zero, 5, 5)
    >>> abs(turned.round(3)).tolist()
    [[[0.0, 2.0, 1.0, 4.0]]]
    """
    _only("affine_transform", bounding_box_format, "xyxy")
    center = [0.5 if c is None else c for c in (center_x, center_y)]
    turn = _affine(center, angle, (translate_x, translate_y), scale, (shear_x, shear_y), height, width)
    boxes = jnp.asarray(boxes, turn.dtype)
    points = boxes[..., jnp.array([[0, 1], [2, 1], [2, 3], [0, 3]])]
    moved = jnp.einsum("bnpi,bji->bnpj", points, turn[:, :, :2]) + turn[:, None, None, :, 2]
    return jnp.concatenate([moved.min(-2), moved.max(-2)], -1)


def _affine(center: Any, angle: Any, moves: Any, scale: Any, shears: Any, height: Any, width: Any) -> jax.Array:
    """The matrices (b, 2, 3) that take points to where the transform puts them."""
    radians = math.pi / 180.0
    cx, cy = (c * (size - 1) for c, size in zip(center, (width, height), strict=True))
    rot, sx, sy = (-radians * jnp.asarray(v) for v in (angle, *shears))
    x, y = (c - m * (size - 1) for c, m, size in zip((cx, cy), moves, (width, height), strict=True))
    a = jnp.cos(rot - sy) / jnp.cos(sy)
    b = a * jnp.tan(sx) + jnp.sin(rot)
    c = -jnp.sin(rot - sy) / jnp.cos(sy)
    d = jnp.cos(rot) - c * jnp.tan(sx)
    a0, a1, b0, b1 = d * scale, -b * scale, -c * scale, a * scale
    rows = [[a0, a1, cx - a0 * x - a1 * y], [b0, b1, cy - b0 * x - b1 * y]]
    return jnp.stack([jnp.stack(jnp.broadcast_arrays(*row), -1) for row in rows], -2)


# --- how much boxes have in common ---------------------------------------------------------------


def _in(format: str, boxes: Any, source: str, image_shape: Any) -> jax.Array:
    height, width = (None, None) if image_shape is None else image_shape[:2]
    return convert_format(boxes, source, format, height, width)


def compute_iou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, use_masking: bool = False, mask_val: float = -1,
    image_shape: Any = None,
) -> jax.Array:  # fmt: skip
    """The area that each two boxes share, divided by the area that they cover together.

    Shapes: (..., m, 4), (..., n, 4) -> (..., m, n), each with a batch or without.
    use_masking: whether pairs with a box of which every number is negative get `mask_val`.
    image_shape: (height, width, channels), needed for relative formats.
    Raises ValueError for other ranks than 2 and 3, and for relative boxes without `image_shape`.

    >>> compute_iou(jnp.array([[0.0, 0.0, 2.0, 2.0]]), jnp.array([[0.0, 0.0, 2.0, 1.0]]), "xyxy").round(3).tolist()
    [[0.5]]
    """
    one, two = (_in("xyxy", b, bounding_box_format, image_shape) for b in (boxes1, boxes2))
    if one.ndim not in (2, 3) or two.ndim not in (2, 3):
        raise ValueError(
            f"compute_iou takes boxes (n, 4) or (batch, n, 4); received shapes {one.shape} and {two.shape}."
        )
    one, two = one[..., :, None, :], two[..., None, :, :]
    low, high = jnp.maximum(one[..., :2], two[..., :2]), jnp.minimum(one[..., 2:], two[..., 2:])
    shared = jnp.prod(jnp.maximum(high - low, 0.0), -1)
    iou = shared / (_area(one) + _area(two) - shared + config.epsilon())
    if not use_masking:
        return iou
    return jnp.where((one.max(-1) < 0) | (two.max(-1) < 0), jnp.asarray(mask_val, iou.dtype), iou)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> jax.Array:
    """The IoU of pairs of boxes, less what their centers are apart and their proportions differ.

    Shapes: (..., 4), (..., 4) -> (...). image_shape: (height, width, channels), for relative formats.
    Raises ValueError for relative boxes without `image_shape`.
    Source: Zheng et al. 2019, https://arxiv.org/abs/1911.08287

    >>> box = jnp.array([[0.0, 0.0, 2.0, 2.0]])
    >>> compute_ciou(box, box, "xyxy").round(3).tolist()
    [1.0]
    """
    one, two = (_in("xyxy", b, bounding_box_format, image_shape) for b in (boxes1, boxes2))
    tiny = config.epsilon()
    (w1, h1), (w2, h2) = (jnp.moveaxis(b[..., 2:] - b[..., :2], -1, 0) for b in (one, two))
    h1, h2 = h1 + tiny, h2 + tiny
    inner = jnp.minimum(one[..., 2:], two[..., 2:]) - jnp.maximum(one[..., :2], two[..., :2])
    outer = jnp.maximum(one[..., 2:], two[..., 2:]) - jnp.minimum(one[..., :2], two[..., :2])
    shared = jnp.prod(jnp.maximum(inner, 0.0), -1)
    iou = shared / (w1 * h1 + w2 * h2 - shared + tiny + tiny)
    apart = jnp.sum(jnp.square((one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) / 2), -1)
    unlike = 4 / math.pi**2 * jnp.square(jnp.arctan(w2 / h2) - jnp.arctan(w1 / h1))
    weight = unlike / (unlike - iou + (1 + tiny))
    return iou - (apart / (jnp.sum(jnp.square(outer), -1) + tiny) + unlike * weight)


# --- boxes as corrections of anchors -------------------------------------------------------------


def _variance(variance: Any, encoding: str) -> Any:
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"Anchors are corrected in 'center_xywh' or 'center_yxhw'; received {encoding!r}.")
    variance = jnp.asarray(1.0 if variance is None else variance, "float32")
    if variance.ndim and variance.shape[-1] != 4:
        raise ValueError(f"variance has four numbers; received shape {variance.shape}.")
    return variance


def encode_box_to_deltas(
    anchors: Any, boxes: Any, anchor_format: str, box_format: str, encoding_format: str = "center_yxhw",
    variance: Any = None, image_shape: Any = None,
) -> jax.Array:  # fmt: skip
    """How anchors must be moved and scaled to become these boxes: what a detector learns.

    Shapes: (..., 4), (..., 4) -> (..., 4). variance: four numbers to divide by.
    image_shape: (height, width, channels), for relative formats.
    Raises ValueError for another encoding than center_xywh and center_yxhw.

    >>> box = jnp.array([[0.0, 0.0, 2.0, 2.0]])
    >>> encode_box_to_deltas(box, box + 1, "xyxy", "xyxy").tolist()
    [[0.5, 0.5, 0.0, 0.0]]
    """
    variance = _variance(variance, encoding_format)
    anchors, boxes = (
        _in(encoding_format, b, f, image_shape) for b, f in ((anchors, anchor_format), (boxes, box_format))
    )
    sizes, wanted = (jnp.maximum(b[..., 2:], config.epsilon()) for b in (anchors, boxes))
    deltas = [(boxes[..., :2] - anchors[..., :2]) / sizes, jnp.log(wanted / sizes)]
    return jnp.concatenate(deltas, -1) / variance


def decode_deltas_to_boxes(
    anchors: Any, boxes_delta: Any, anchor_format: str, box_format: str, encoded_format: str = "center_yxhw",
    variance: Any = None, image_shape: Any = None,
) -> Any:  # fmt: skip
    """The boxes that anchors become when they are moved and scaled so: the inverse of `encode_box_to_deltas`.

    Shapes: (..., 4), (..., 4) -> (..., 4); or dicts of such, by level.
    Raises ValueError for another encoding than center_xywh and center_yxhw.

    >>> anchors, deltas = jnp.array([[0.0, 0.0, 2.0, 2.0]]), jnp.array([[0.5, 0.5, 0.0, 0.0]])
    >>> decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy").tolist()
    [[1.0, 1.0, 3.0, 3.0]]
    """
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {k: decode_deltas_to_boxes(a, boxes_delta[k], *rest) for k, a in anchors.items()}
    deltas = jnp.asarray(boxes_delta) * _variance(variance, encoded_format)
    anchors = _in(encoded_format, anchors, anchor_format, image_shape)
    places = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
    boxes = jnp.concatenate([places, jnp.exp(deltas[..., 2:]) * anchors[..., 2:]], -1)
    return _in(box_format, boxes, encoded_format, image_shape)
