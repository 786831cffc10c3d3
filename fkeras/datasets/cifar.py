"""The format that CIFAR-10 and CIFAR-100 share."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import config
from .pickled import read_pickle
from .source import fetch


def folder(name: str, archive: str, digest: str, path: Any) -> str:
    """The folder with the batches: that in an unpacked archive, or one of one's own."""
    found = fetch("toronto", archive, digest, path, as_name=f"{name}-target" if path is None else None)
    inner = os.path.join(found, name)
    return inner if os.path.isdir(inner) else found


def batch(path: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """(images, labels) of one file, in the layout of `config.image_data_format()`.

    Shapes: (n, 32, 32, 3) uint8, (n, 1).
    """
    found = {k.decode() if isinstance(k, bytes) else k: v for k, v in read_pickle(path).items()}
    images = np.asarray(found["data"], np.uint8).reshape(-1, 3, 32, 32)
    last = config.image_data_format() == "channels_last"
    return images.transpose(0, 2, 3, 1) if last else images, np.asarray(found[label]).reshape(-1, 1)
