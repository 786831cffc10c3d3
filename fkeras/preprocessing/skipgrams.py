"""Pairs of words that stand near each other, and words that do not (Mikolov et al. 2013, https://arxiv.org/abs/1301.3781)."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """The probability with which word2vec keeps the word of each rank, frequencies being Zipf's.

    Shapes: () -> (size,).

    p = min(1, sqrt(sampling_factor / frequency)), frequency = 1 / (rank (log rank + 0.577) + 1/2 - 1/(12 rank)).

    >>> make_sampling_table(3).round(5).tolist()
    [0.00315, 0.00315, 0.00548]
    """
    rank = np.maximum(np.arange(size), 1)
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: Any,
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """(pairs, labels): pairs of words of one window, with label 1; words with others at random, with label 0.

    sequence: numbers of words; 0 is no word. window_size: how far to each side the window reaches.
    negative_samples: how many pairs at random for each real one.
    categorical: labels [0, 1] and [1, 0]. sampling_table: the probability to keep each word in the middle.
    seed: of all that is drawn; with it, pairs are shuffled as in Keras.

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    if vocabulary_size < 2:
        raise ValueError(f"skipgrams: vocabulary_size counts the 0 too, so it is 2 or more; got {vocabulary_size!r}.")
    rng, words = np.random.default_rng(seed), np.asarray(sequence, np.int64)
    if words.ndim != 1:
        raise ValueError(f"skipgrams takes one sequence of numbers; got an array of shape {words.shape}.")
    middle = words > 0
    if sampling_table is not None:
        middle &= np.asarray(sampling_table)[words] >= rng.random(len(words))
    offsets = np.array([d for d in range(-window_size, window_size + 1) if d], np.int64)
    places = np.arange(len(words))[:, None] + offsets
    inside = (places >= 0) & (places < len(words))
    context = words[np.where(inside, places, 0)] if len(words) else places
    rows, columns = np.nonzero(middle[:, None] & inside & (context > 0))
    pairs = np.stack([words[rows], context[rows, columns]], 1) if len(rows) else np.zeros((0, 2), np.int64)
    labels = np.ones(len(pairs), np.int64)
    count = int(len(pairs) * negative_samples)
    if count:
        centres = np.resize(rng.permutation(pairs[:, 0]), count)
        others = rng.integers(1, vocabulary_size, count)
        pairs = np.concatenate([pairs, np.stack([centres, others], 1)])
        labels = np.concatenate([labels, np.zeros(count, np.int64)])
    if shuffle:
        order = list(range(len(pairs)))
        random.Random(int(rng.integers(2**62)) if seed is None else seed).shuffle(order)
        pairs, labels = pairs[order], labels[order]
    return pairs.tolist(), (np.eye(2, dtype=np.int64)[labels] if categorical else labels).tolist()
