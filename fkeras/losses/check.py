"""What is wrong with labels, said on the host before a compiled program gets them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import classification, sequence, similarity
from .loss import KIND, FunctionLoss, Loss

ONE_HOT = (
    classification.categorical_crossentropy,
    classification.categorical_focal_crossentropy,
    classification.categorical_hinge,
)
SPARSE = (classification.sparse_categorical_crossentropy, classification.categorical_generalized_cross_entropy)


def check(loss: Any, y_true: Any, y_pred: Any) -> None:
    """Refuses labels that do not fit a built-in loss and its predictions; costs one pass over them.

    y_true: the labels of all examples, `(n, ...)`.
    y_pred: anything with a `.shape`, in which sizes (the first one above all) may be None.

    Raises ValueError for labels that are not finite, whose shape would be broadcast, that
    are class numbers where one-hot rows are needed or the reverse, or that are no classes.
    A loss of the user's own is left alone: it knows what it takes.

    >>> check(KIND.get("mse"), np.zeros((4, 3)), np.zeros((4, 1)))
    Traceback (most recent call last):
    ValueError: mean_squared_error: labels of shape (4, 3) do not fit predictions of shape (4, 1) ...
    """
    fn, settings = parts(loss)
    if fn not in KIND.functions.values():
        return
    y, shape, name = np.asarray(y_true), tuple(y_pred.shape), fn.__name__
    if y.dtype.kind in "OSUM":
        raise ValueError(f"{name}: labels of dtype {y.dtype} are no numbers; turn them into class numbers first.")
    check_finite(name, y)
    if fn in SPARSE:
        check_classes(name, y, shape, settings.get("axis", -1), settings.get("ignore_class"))
    elif fn is sequence.ctc:
        if y.ndim != 2 or len(shape) != 3:
            raise ValueError(f"ctc needs labels (n, length) and logits (n, time, classes), not {y.shape} and {shape}.")
        check_range(name, y, shape[-1], None)
    elif fn is similarity.circle:
        if y.ndim > 2 or y.shape[1:] not in ((), (1,)):
            raise ValueError(f"circle needs one class number per example, not labels of shape {y.shape}.")
        check_range(name, y, None, None)
    else:
        check_shape(name, y, shape, fn in ONE_HOT)


def parts(loss: Any) -> tuple[Any, dict[str, Any]]:
    """(function, its settings) of a loss; (None, {}) for a loss that is no function's."""
    if not isinstance(loss, Loss):
        return loss, {}
    if isinstance(loss, FunctionLoss) and type(loss).call is FunctionLoss.call:
        return loss.fn, loss.arguments
    return None, {}


def row_of(bad: np.ndarray) -> tuple[int, ...]:
    """The place of the first entry that is wrong."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))


def check_finite(name: str, y: np.ndarray) -> None:
    """Refuses NaN and infinity."""
    if y.dtype.kind in "biu" or not y.size or np.isfinite(np.sum(y, dtype=np.float64)):
        return
    bad = ~np.isfinite(y.astype(np.float64))
    if bad.any():
        place = row_of(bad)
        row = place[0] if place else 0
        raise ValueError(f"{name}: label {y[place]} at row {row} is not a finite number (there are {bad.sum()}).")


def fits(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether shapes agree, but for the first size and sizes that are not known."""
    return len(a) == len(b) and all(x == y or x is None or y is None for x, y in zip(a[1:], b[1:], strict=True))


def check_shape(name: str, y: np.ndarray, shape: tuple[Any, ...], one_hot: bool) -> None:
    """Refuses labels that are not of the shape of the predictions, up to a last axis of size 1."""
    column = y.shape[-1:] == (1,)
    if (
        fits(y.shape, shape)
        or (column and fits(y.shape[:-1], shape))
        or (shape[-1:] == (1,) and fits(y.shape, shape[:-1]))
    ):
        return
    classes = shape[-1] if shape else None
    sparse = fits(y.shape, shape[:-1]) or (column and fits(y.shape[:-1], shape[:-1]))
    if one_hot and sparse:
        raise ValueError(
            f"{name}: labels of shape {y.shape} are class numbers, but one row of {classes} values per example is "
            f"needed for predictions of shape {shape}. Use sparse_categorical_crossentropy, or "
            f"to_categorical(y, {classes})."
        )
    hint = "reshape the labels"
    if len(y.shape) == len(shape) and fits(y.shape[:-1], shape[:-1]):
        hint += f", or give the last layer {y.shape[-1]} units"
    elif sparse:
        hint += ", or give the last layer 1 unit; for class numbers use sparse_categorical_crossentropy"
    raise ValueError(
        f"{name}: labels of shape {y.shape} do not fit predictions of shape {shape} (nothing is broadcast): {hint}."
    )


def check_classes(name: str, y: np.ndarray, shape: tuple[Any, ...], axis: int, ignore_class: Any) -> None:
    """Refuses labels that are not one class number for each prediction."""
    axis = axis % len(shape)
    classes, places = shape[axis], shape[:axis] + shape[axis + 1 :]
    squeezed = y.shape[:axis] + y.shape[axis + 1 :] if y.ndim == len(shape) and y.shape[axis] == 1 else y.shape
    if not fits(squeezed, places):
        hint = ""
        if fits(y.shape, shape):
            hint = " These look like one-hot rows: use categorical_crossentropy, or np.argmax(y, -1)."
        raise ValueError(
            f"{name}: labels of shape {y.shape} do not fit predictions of shape {shape}; one class number per "
            f"prediction is needed, shape {places}.{hint}"
        )
    check_range(name, y, classes, ignore_class)


def check_range(name: str, y: np.ndarray, classes: int | None, ignore_class: Any) -> None:
    """Refuses labels that are not whole numbers in [0, classes)."""
    if not y.size or y.dtype.kind == "b":
        return
    if y.dtype.kind != "i" and y.dtype.kind != "u" and (bad := y != np.trunc(y)).any():
        place = row_of(bad)
        raise ValueError(f"{name}: label {y[place]} at row {place[0]} is not a whole number; class numbers are needed.")
    low, high = y.min(), y.max()
    if classes is None or (low >= 0 and high < classes):
        return
    bad = (y < 0) | (y >= classes)
    if ignore_class is not None:
        bad &= y != ignore_class
    if not bad.any():
        return
    place = row_of(bad)
    hint = f" Labels run from {low:g} to {high:g}."
    if low == 1 and high == classes:
        hint += " They start at 0: pass y - 1."
    elif low == -1 and ignore_class is None and name == "sparse_categorical_crossentropy":
        hint += " To leave out examples labelled -1, use SparseCategoricalCrossentropy(ignore_class=-1)."
    elif high >= classes:
        hint += f" Give the last layer {int(high) + 1} units."
    wrong = f"label {y[place]:g} at row {place[0]}"
    raise ValueError(f"{name}: {wrong} is none of the {classes} classes 0 to {classes - 1}.{hint}")
