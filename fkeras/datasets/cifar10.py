"""60,000 color images of 32x32 pixels, in ten classes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .cifar import batch, folder
from .source import Split

DIGEST = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
LABELS = "airplane automobile bird cat deer dog frog horse ship truck".split()


def load_data(path: Any = None) -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (50000, 32, 32, 3) and (10000, 32, 32, 3) uint8, or channels first if that is the default layout;
        y (n, 1) uint8 in [0, 10), see LABELS.

    path: a folder that holds the batches, `cifar-10-batches-py`; None for the cache.

    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
    """
    at = folder("cifar-10-batches-py", "cifar-10-python.tar.gz", DIGEST, path)
    parts = [batch(os.path.join(at, f"data_batch_{i}"), "labels") for i in range(1, 6)]
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    x_test, y_test = batch(os.path.join(at, "test_batch"), "labels")
    return (x, y.astype("uint8")), (x_test, y_test.astype("uint8"))
