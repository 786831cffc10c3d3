"""70,000 images of clothes of 28x28 pixels, in ten classes."""

from __future__ import annotations

import gzip
import os
from typing import Any

import numpy as np

from .source import Split, fetch

LABELS = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle-boot".split()


def load_data(path: Any = None) -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (60000, 28, 28) and (10000, 28, 28) uint8; y (n,) uint8 in [0, 10), see LABELS.

    path: a folder that holds the four files of MNIST's format; None for the cache.

    Source: Xiao, Rasul, Vollgraf 2017, https://arxiv.org/abs/1708.07747
    """
    train, test = (
        (read(f"{part}-images-idx3-ubyte.gz", path), read(f"{part}-labels-idx1-ubyte.gz", path)) for part in PARTS
    )
    return train, test


PARTS = ("train", "t10k")


def read(name: str, folder: Any) -> np.ndarray:
    """The array in a file of the format IDX: 3 bytes, the number of axes, their sizes, the numbers."""
    own = None if folder is None else os.path.join(os.path.expanduser(os.fspath(folder)), name)
    with gzip.open(fetch("google", name, None, own, os.path.join("datasets", "fashion-mnist")), "rb") as file:
        data = file.read()
    rank = data[3] if len(data) > 3 else 0
    sizes = np.frombuffer(data, ">u4", rank, offset=4) if len(data) >= 4 + 4 * rank else np.zeros(0, int)
    if data[:3] != b"\0\0\x08" or len(sizes) != rank or len(data) != 4 + 4 * rank + int(sizes.prod()):
        raise ValueError(f"{name} is no file of bytes in the format IDX, or is cut off.")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(sizes)
