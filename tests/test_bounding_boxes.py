"""Bounding boxes: against Keras."""

from __future__ import annotations

import jax
import keras
import numpy as np
import pytest

import fkeras
from fkeras.boxes import FORMATS

RNG = np.random.default_rng(0)
LOW = RNG.uniform(0, 10, (2, 3, 2)).astype("float32")
BOXES = np.concatenate([LOW, LOW + RNG.uniform(1, 9, (2, 3, 2)).astype("float32")], -1)
SIZE = {"height": 20, "width": 30}
ours, theirs = fkeras.utils.bounding_boxes, keras.utils.bounding_boxes


def same(name, *args, **kwargs):
    have = getattr(ours, name)(*args, **kwargs)
    want = getattr(theirs, name)(*jax.tree.map(lambda x: x, args), **kwargs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), have, want)
    return have


@pytest.mark.parametrize("source", FORMATS)
def test_formats(source):
    given = np.asarray(same("convert_format", BOXES, "xyxy", source, **SIZE))
    for target in FORMATS:
        same("convert_format", given, source, target, **SIZE)
    np.testing.assert_allclose(ours.convert_format(given, source, "xyxy", **SIZE), BOXES, rtol=1e-5, atol=1e-5)


def test_boxes_in_images():
    labels = np.arange(6).reshape(2, 3)
    wide = {"boxes": BOXES * 2 - 10, "labels": labels}
    same("clip_to_image_size", wide, 20, 15)
    same("clip_to_image_size", {"boxes": BOXES / 12 - 0.3, "labels": labels}, bounding_box_format="rel_xyxy")
    same("crop", BOXES, 3, 2, 8, 7)
    same("pad", BOXES, 3, 2)
    turn = [RNG.uniform(-0.3, 0.3, 2).astype("float32") for _ in range(6)]
    turn[0], turn[3], turn[4] = 100 * turn[0], 1 + turn[3], 20 * turn[4]
    same("affine_transform", BOXES, *turn, **SIZE)
    same("affine_transform", BOXES, *turn, **SIZE, center_x=0.1, center_y=0.7)


@pytest.mark.parametrize("pair", [(BOXES, BOXES[::-1]), (BOXES, BOXES[0]), (BOXES[0], BOXES), (BOXES[0], BOXES[1, :2])])
def test_what_boxes_share(pair):
    same("compute_iou", *pair, "xyxy")
    same("compute_iou", pair[0] / 30, pair[1] / 30, "rel_center_xywh", image_shape=(20, 30, 3))


def test_more_of_what_boxes_share():
    there = np.concatenate([BOXES, np.full((2, 1, 4), -1.0, "float32")], 1)
    same("compute_iou", there, there[::-1], "xywh", use_masking=True, mask_val=-7)
    same("compute_ciou", BOXES, BOXES[::-1], "xyxy")
    same("compute_ciou", BOXES, BOXES[:, ::-1], "center_xywh")
    relative = np.asarray(ours.convert_format(BOXES, "xyxy", "rel_xyxy", **SIZE))
    np.testing.assert_allclose(
        ours.compute_ciou(relative, relative[::-1], "rel_xyxy", (20, 30, 3)),
        ours.compute_ciou(BOXES, BOXES[::-1], "xyxy"), rtol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
def test_corrections_of_anchors(encoding):
    variance, shape = [0.1, 0.2, 0.3, 0.4], (20, 30, 3)
    deltas = same("encode_box_to_deltas", BOXES, BOXES[::-1] / 30, "xyxy", "rel_xyxy", encoding, variance, shape)
    same("decode_deltas_to_boxes", BOXES, np.asarray(deltas), "xyxy", "rel_xyxy", encoding, variance, shape)
    levels = {"one": BOXES, "two": BOXES[::-1]}
    same("decode_deltas_to_boxes", levels, {k: np.asarray(deltas) for k in levels}, "xyxy", "xywh", encoding)
    back = ours.decode_deltas_to_boxes(BOXES, deltas, "xyxy", "rel_xyxy", encoding, variance, shape)
    np.testing.assert_allclose(back, BOXES[::-1] / 30, rtol=1e-4, atol=1e-5)


WRONG = {
    "format": (lambda: ours.convert_format(BOXES, "xyxy", "ltrb"), "center_yxhw"),
    "shape": (lambda: ours.convert_format(BOXES[..., :3], "xyxy", "xywh"), "four numbers"),
    "size": (lambda: ours.convert_format(BOXES, "xyxy", "rel_xyxy"), "height"),
    "clip": (lambda: ours.clip_to_image_size({"boxes": BOXES}, 3, 3, "xywh"), "rel_xyxy"),
    "crop": (lambda: ours.crop(BOXES, 1, 1, 3, 3, "xywh"), "convert_format"),
    "rank": (lambda: ours.compute_iou(BOXES[None], BOXES, "xyxy"), "batch"),
    "encoding": (lambda: ours.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", "xyxy"), "center_xywh"),
    "variance": (lambda: ours.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", variance=[1, 2]), "four"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    call, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        call()
