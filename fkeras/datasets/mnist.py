"""70,000 handwritten digits of 28x28 pixels, in ten classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .source import Split, fetch

DIGEST = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: Any = "mnist.npz") -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (60000, 28, 28) and (10000, 28, 28) uint8; y (n,) uint8 in [0, 10).

    path: a name in the cache, or a file of one's own.

    Source: LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/
    """
    with np.load(fetch("google", "mnist.npz", DIGEST, path), allow_pickle=False) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
