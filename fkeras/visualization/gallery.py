"""Many images in one figure. Matplotlib shows it, or saves it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .drawing import batch_of, draw_bounding_boxes, draw_segmentation_masks


def _matplotlib() -> Any:
    try:
        from matplotlib import patches, pyplot
    except ImportError:
        raise ImportError("Galleries need Matplotlib: pip install matplotlib.") from None
    return pyplot, patches


def plot_image_gallery(
    images: Any, y_true: Any = None, y_pred: Any = None, label_map: dict[Any, str] | None = None,
    rows: int | None = None, cols: int | None = None, value_range: tuple[float, float] = (0, 255), scale: float = 2,
    path: Any = None, show: bool | None = None, transparent: bool = True, dpi: int = 60, legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Shows a batch of images in rows and columns, or saves them to `path`; with `show=False` returns the figure.

    Shapes: (batch, height, width, channels) -> ().
    y_true, y_pred: labels to write above them, by the names in `label_map`.
    rows, cols: as square as it gets unless given; images beyond are left out.
    value_range: of the pixels. scale: of one image, in inches.
    Raises ValueError for images of another rank, for labels without names, and for `path` with `show`;
    ImportError without Matplotlib.

    >>> plot_image_gallery(np.zeros((3, 4, 4, 3)), path="gallery.png")
    """
    x = batch_of("plot_image_gallery", images, data_format)
    if path is not None and show:
        raise ValueError("plot_image_gallery either saves to path or shows: give one of the two.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("plot_image_gallery needs label_map, the names of the labels, to write y_true or y_pred.")
    plt, _ = _matplotlib()
    rows = rows or (math.ceil(len(x) / cols) if cols else math.ceil(math.sqrt(len(x))))
    cols = cols or math.ceil(len(x) / rows)
    figure, axes = plt.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False, sharex="row",
        sharey="col",
    )  # fmt: skip
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    low, high = value_range
    pixels = np.clip((x.astype("float32") - low) / (high - low) * 255, 0, 255).astype("uint8")
    for i, axis in enumerate(axes.ravel()):
        axis.axis("off")
        if i < len(x):
            axis.imshow(pixels[i, ..., 0] if x.shape[-1] == 1 else pixels[i], cmap="gray", vmin=0, vmax=255)
            axis.margins(x=0, y=0)
            axis.set_title(_title(i, y_true, y_pred, label_map or {}), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is False:
        return figure
    else:
        plt.show()
    return plt.close(figure)


def _title(i: int, y_true: Any, y_pred: Any, names: dict[Any, str]) -> str:
    said = (("Label", y_true), ("Pred", y_pred))
    return "  ".join(
        f"{word}: {names.get(np.asarray(y)[i].item(), 'Unknown')}" for word, y in said if y is not None and i < len(y)
    )


def plot_bounding_box_gallery(
    images: Any, bounding_box_format: str, y_true: Any = None, y_pred: Any = None,
    value_range: tuple[float, float] = (0, 255), true_color: Any = (0, 188, 212), pred_color: Any = (255, 235, 59),
    line_thickness: int = 2, font_scale: float = 1.0, text_thickness: int | None = None, class_mapping: Any = None,
    ground_truth_mapping: Any = None, prediction_mapping: Any = None, legend: bool = False, legend_handles: Any = None,
    rows: int | None = None, cols: int | None = None, data_format: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Shows or saves a batch of images with true and predicted boxes, each in its color.

    Shapes: (batch, height, width, channels) -> ().
    y_true, y_pred: what `draw_bounding_boxes` takes. class_mapping: names by label, for both unless they have one
        of their own. legend: whether to say which color is which.
    kwargs: more of `plot_image_gallery`.
    Raises ValueError for `legend` with `legend_handles`, and as `draw_bounding_boxes` and `plot_image_gallery` do.

    >>> boxes = {"boxes": np.array([[[1, 1, 5, 4]]]), "labels": np.array([[0]])}
    >>> plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", y_true=boxes, path="boxes.png")
    """
    x = batch_of("plot_bounding_box_gallery", images, data_format)
    low, high = value_range
    x = np.clip((x.astype("float32") - low) / (high - low) * 255, 0, 255).astype("uint8")
    for boxes, color, names in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):  # fmt: skip
        if boxes is not None:
            settings = (color, line_thickness, text_thickness or line_thickness, font_scale, "channels_last")
            x = draw_bounding_boxes(x, boxes, bounding_box_format, names, *settings)
    if legend and legend_handles:
        raise ValueError("plot_bounding_box_gallery makes a legend of its own, or takes legend_handles: give one.")
    if legend:
        patch = _matplotlib()[1].Patch
        colors = {"Ground Truth": true_color, "Prediction": pred_color}
        legend_handles = [patch(color=np.array(c) / 255, label=label) for label, c in colors.items()]
    return plot_image_gallery(
        x, legend_handles=legend_handles, rows=rows, cols=cols, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images: Any, num_classes: int, value_range: tuple[float, float] = (0, 255), y_true: Any = None, y_pred: Any = None,
    color_mapping: Any = None, blend: bool = True, alpha: float = 0.8, ignore_index: int = -1,
    data_format: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Shows or saves images, each in a row with its true and its predicted classes on it.

    Shapes: images (batch, height, width, channels), masks (batch, height, width, 1) -> ().
    The other settings are those of `draw_segmentation_masks`. kwargs: more of `plot_image_gallery`.
    Raises as `draw_segmentation_masks` and `plot_image_gallery` do.

    >>> masks = np.zeros((2, 8, 8, 1), "int32")
    >>> plot_segmentation_mask_gallery(np.zeros((2, 8, 8, 3)), 2, y_true=masks, path="masks.png")
    """
    x = batch_of("plot_segmentation_mask_gallery", images, data_format).astype("float32")
    low, high = value_range
    x = (x - low) / (high - low) * 255
    columns = [x]
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = batch_of("plot_segmentation_mask_gallery", masks, data_format).astype("int32")
            settings = (num_classes, color_mapping, alpha, blend, ignore_index, "channels_last")
            columns.append(draw_segmentation_masks(x, masks, *settings))
    shown = np.stack(columns, 1).reshape(-1, *x.shape[1:])
    return plot_image_gallery(shown, rows=len(x), cols=len(columns), data_format="channels_last", **kwargs)
