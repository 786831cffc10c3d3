"""Texts as lists of word numbers: what imdb and reuters do alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def shifted(texts: Any, start_char: int | None, index_from: int) -> list[list[int]]:
    """Texts whose numbers begin later, with a number in front of each."""
    front = [] if start_char is None else [start_char]
    return [[*front, *(w + index_from for w in text)] for text in texts]


def shorter(texts: list[list[int]], labels: Any, maxlen: int | None) -> tuple[list[list[int]], Any]:
    """Texts with fewer than `maxlen` numbers, and their labels."""
    if not maxlen:
        return texts, labels
    kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise ValueError(f"No text has fewer than maxlen={maxlen} words; give a larger maxlen.")
    return [texts[i] for i in kept], np.asarray(labels)[kept]


def frequent(texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Texts with the words of some ranks; others become `oov_char`, or are left out if it is None."""
    most = num_words or max(map(max, texts))
    choose: Callable[[list[int]], list[int]]
    if oov_char is None:
        choose = lambda text: [w for w in text if skip_top <= w < most]  # noqa: E731
    else:
        choose = lambda text: [w if skip_top <= w < most else oov_char for w in text]  # noqa: E731
    return [choose(text) for text in texts]


def as_objects(texts: list[list[int]]) -> np.ndarray:
    """Lists of different lengths as an array of lists.

    >>> as_objects([[1, 2], [3]]).shape
    (2,)
    """
    found = np.empty(len(texts), object)
    found[:] = texts
    return found
