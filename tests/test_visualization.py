"""Boxes and masks on images, and galleries of them."""

from __future__ import annotations

import keras
import matplotlib
import numpy as np
import pytest

from fkeras import visualization as ours
from fkeras.utils import img_to_array, load_img

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 12, 16, 3)).astype("float32")
ONES = np.ones((3, 12, 16, 1), int)
BOXES = {
    "boxes": np.array([[[2, 3, 8, 7], [0, 0, 15, 11]], [[1, 1, 4, 4], [0, 0, 0, 0]], [[-4, 5, 40, 9], [2, 2, 3, 3]]]),
    "labels": np.array([[0, 1], [2, -1], [0, -1]]),
}  # fmt: skip


def test_boxes_are_drawn_where_they_are():
    x = np.zeros((3, 12, 16, 3))
    y = ours.draw_bounding_boxes(x, BOXES, "xyxy", color=(9, 8, 7), line_thickness=1)
    assert y.dtype == "uint8" and x.max() == 0
    frame = np.zeros((12, 16), bool)
    for left, top, right, bottom in ((2, 3, 8, 7), (0, 0, 15, 11)):
        frame[[top, bottom], left : right + 1] = True
        frame[top : bottom + 1, [left, right]] = True
    np.testing.assert_array_equal(y[0], frame[..., None] * [9, 8, 7])
    assert (y[2, [5, 9]] == [9, 8, 7]).all() and not y[2, 6:9].any() and not y[1, 5:].any()
    first = ours.draw_bounding_boxes(
        np.moveaxis(x, -1, 1), BOXES, "xyxy", color=(9, 8, 7), line_thickness=1, data_format="channels_first"
    )
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), y)
    relative = {**BOXES, "boxes": BOXES["boxes"] / [16, 12, 16, 12]}
    np.testing.assert_array_equal(
        ours.draw_bounding_boxes(x, relative, "rel_xyxy", color=(9, 8, 7), line_thickness=1), y
    )
    assert (ours.draw_bounding_boxes(x, BOXES, "xyxy", line_thickness=3)[1, :6, :2] == 128).all()
    np.testing.assert_array_equal(ours.draw_bounding_boxes(x + 0.5, BOXES, "xyxy")[1, 9, 9], [127] * 3)


def test_names_are_written():
    x = np.zeros((1, 60, 90, 3), "uint8")
    boxes = {"boxes": np.array([[[10, 40, 50, 55]]]), "labels": np.array([[1]]), "confidences": np.array([[0.5]])}
    plain, named = (ours.draw_bounding_boxes(x, boxes, "xyxy", names) for names in (None, {1: "cat"}))
    assert not plain[0, :38].any() and named[0, :38].any()
    gray = ours.draw_bounding_boxes(x[..., :1], boxes, "xyxy", {1: "cat"})
    assert gray.shape == (1, 60, 90, 1)


@pytest.mark.parametrize("settings", [{}, {"blend": False}, {"alpha": 0.3, "ignore_index": 2}])
def test_masks_equal_keras(settings):
    masks = RNG.integers(-1, 4, (3, 12, 16, 1)).astype("int32")
    for colors in (None, {i: (i, 2 * i, 30 * i) for i in range(4)}):
        how = {"num_classes": 4, "color_mapping": colors, **settings}
        have, want = (m.draw_segmentation_masks(IMAGES, masks, **how) for m in (ours, keras.visualization))
        assert have.dtype == want.dtype
        np.testing.assert_allclose(have.astype(int), np.asarray(want).astype(int), atol=1)
    first = [np.moveaxis(v, -1, 1) for v in (IMAGES, masks)]
    np.testing.assert_array_equal(
        ours.draw_segmentation_masks(*first, data_format="channels_first"), ours.draw_segmentation_masks(IMAGES, masks)
    )


def test_galleries(tmp_path):
    masks = RNG.integers(0, 3, (3, 12, 16, 1))
    figure = ours.plot_image_gallery(IMAGES, y_true=[0, 1, 2], y_pred=[0, 0, 5], label_map={0: "a", 1: "b"}, show=False)
    assert [a.get_title() for a in figure.axes] == [
        "Label: a  Pred: a",
        "Label: b  Pred: a",
        "Label: Unknown  Pred: Unknown",
        "",
    ]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), IMAGES[1].astype("uint8"))
    assert len(ours.plot_image_gallery(IMAGES[..., :1], rows=1, show=False, value_range=(0, 510)).axes) == 3
    figure = ours.plot_segmentation_mask_gallery(IMAGES, 3, y_true=masks, y_pred=masks[::-1], show=False)
    assert len(figure.axes) == 9
    settings = {"y_true": BOXES, "y_pred": BOXES, "legend": True, "class_mapping": {0: "cat"}}
    assert ours.plot_bounding_box_gallery(IMAGES, "xyxy", path=tmp_path / "a.png", **settings) is None
    assert img_to_array(load_img(tmp_path / "a.png")).std() > 1
    matplotlib.pyplot.close("all")


WRONG = {
    "rank": (lambda: ours.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy"), "rank 4"),
    "keys": (lambda: ours.draw_bounding_boxes(IMAGES, {"boxes": 1}, "xyxy"), "labels"),
    "format": (lambda: ours.draw_bounding_boxes(IMAGES, BOXES, "ltrb"), "xyxy"),
    "colors": (lambda: ours.draw_segmentation_masks(IMAGES, ONES, color_mapping={1: (0, 0, 0)}), "classes"),
    "names": (lambda: ours.plot_image_gallery(IMAGES, y_true=[1]), "label_map"),
    "both": (lambda: ours.plot_image_gallery(IMAGES, path="a.png", show=True), "one of the two"),
    "legends": (lambda: ours.plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[1]), "legend"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    call, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        call()
    with pytest.raises(TypeError, match="whole numbers"):
        ours.draw_segmentation_masks(IMAGES, np.ones((3, 12, 16, 1)))
