"""60,000 color images of 32x32 pixels, in a hundred classes, which make up twenty."""

from __future__ import annotations

import os
from typing import Any

from .cifar import batch, folder
from .source import Split

DIGEST = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine", path: Any = None) -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (50000, 32, 32, 3) and (10000, 32, 32, 3) uint8, or channels first if that is the default layout;
        y (n, 1) int64, in [0, 100) or [0, 20).

    label_mode: "fine" for a hundred classes, "coarse" for twenty.
    path: a folder that holds the batches, `cifar-100-python`; None for the cache.

    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"label_mode must be 'fine' or 'coarse'; got {label_mode!r}.")
    at = folder("cifar-100-python", "cifar-100-python.tar.gz", DIGEST, path)
    train, test = (batch(os.path.join(at, name), f"{label_mode}_labels") for name in ("train", "test"))
    return train, test
