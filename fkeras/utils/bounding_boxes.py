"""Bounding boxes: formats, intersections, transformations.

>>> pad(convert_format([[1.0, 1.0, 2.0, 2.0]], "xywh", "xyxy"), top=1, left=0).tolist()
[[1.0, 2.0, 3.0, 4.0]]
"""

from ..boxes import (
    affine_transform,
    clip_to_image_size,
    compute_ciou,
    compute_iou,
    convert_format,
    crop,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
    pad,
)  # fmt: skip

__all__ = [
    "affine_transform", "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format", "crop",
    "decode_deltas_to_boxes", "encode_box_to_deltas", "pad",
]  # fmt: skip
