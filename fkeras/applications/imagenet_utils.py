"""Images as the published weights want them, and class numbers as words."""

from __future__ import annotations

import functools
import json
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import config, ops
from ..utils import get_file

WORDS = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
WORDS_HASH = "c2c37ea517e94d9795004a39431a14cb"
MEAN_BGR = (103.939, 116.779, 123.68)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images with pixels from 0 to 255, RGB, scaled as a family of networks was trained.

    mode: "caffe", BGR less its mean; "tf", -1 to 1; "torch", 0 to 1, then less its mean, over its deviation.
    An array of NumPy stays one; unlike in Keras, the one that is given is left as it is.

    >>> preprocess_input(np.full((1, 1, 3), 255), mode="tf").tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"mode is 'caffe', 'tf' or 'torch'; received {mode!r}.")
    data_format = config.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(f"data_format is 'channels_first' or 'channels_last'; received {data_format!r}.")
    if isinstance(x, (list, np.ndarray)):
        x = np.asarray(x)
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(config.floatx())
    elif not ops.is_tensor(x) or jnp.issubdtype(x.dtype, jnp.integer):
        x = ops.cast(x, config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = -1 if data_format == "channels_last" else -3
    form = [1] * len(x.shape)
    form[axis] = 3

    def along(values: Any) -> Any:
        return np.reshape(values, form).astype(str(x.dtype) if str(x.dtype) != "bfloat16" else "float32")

    if mode == "torch":
        return (x / 255.0 - along(MEAN)) / along(DEVIATION)
    flipped = np.flip(x, axis) if isinstance(x, np.ndarray) else ops.flip(x, axis)
    return flipped - along(MEAN_BGR)


def untouched(x: Any, data_format: str | None = None) -> Any:
    """The images as they are: the network scales them itself."""
    return x


def preprocessing(mode: str) -> Any:
    """`preprocess_input` for one family."""

    def preprocess_family(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)

    preprocess_family.__name__ = "preprocess_input"
    preprocess_family.__doc__ = f"`imagenet_utils.preprocess_input` with mode={mode!r}."
    return preprocess_family


@functools.cache
def class_index() -> dict[str, tuple[str, str]]:
    """(WordNet id, word) of each class of ImageNet; fetched once."""
    with open(get_file("imagenet_class_index.json", WORDS, cache_subdir="models", file_hash=WORDS_HASH)) as file:
        return {k: tuple(v) for k, v in json.load(file).items()}


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """For each row the `top` most likely classes: (WordNet id, word, probability).

    preds: (batch, 1000). Raises ValueError for another shape.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            f"decode_predictions expects the probabilities of the 1000 classes of ImageNet, (batch, 1000); "
            f"got shape {preds.shape}."
        )
    words = class_index()
    return [[(*words[str(i)], row[i]) for i in np.argsort(row)[: -top - 1 : -1]] for row in preds]
