"""Labels and vectors in the form that losses expect."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows.

    Shapes: (...,) or (..., 1) integers -> (..., num_classes) float32.

    num_classes: one more than the largest class if None.

    Raises ValueError for classes outside [0, num_classes).

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    given = np.asarray(x)
    classes = given.astype("int64")
    if given.dtype.kind == "f" and not np.array_equal(given, classes):
        raise ValueError("to_categorical takes class numbers, whole numbers from 0 on; some values are not whole.")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if not classes.size and num_classes is None:
        raise ValueError("to_categorical needs num_classes when there are no classes in x.")
    n = int(classes.max()) + 1 if num_classes is None else int(num_classes)
    if classes.size and (classes.min() < 0 or classes.max() >= n):
        worst = int(classes.min() if classes.min() < 0 else classes.max())
        raise ValueError(f"to_categorical: class {worst} is outside [0, {n}).")
    return (classes[..., None] == np.arange(n)).astype("float32")


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norm along an axis; vectors of norm 0 stay as they are.

    >>> normalize([[3.0, 4.0]]).tolist()
    [[0.6, 0.8]]
    """
    norms = np.atleast_1d(np.linalg.norm(np.asarray(x), order, axis))
    norms[norms == 0] = 1
    return np.asarray(x) / np.expand_dims(norms, axis)
