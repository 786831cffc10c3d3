"""50,000 reviews of films as lists of word numbers, with whether the film was liked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..train.checks import known_arguments
from .pickled import read_npz
from .source import Split, fetch
from .words import as_objects, frequent, shifted, shorter

DIGEST = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_DIGEST = "bfafd718b763782e994055a2d397834f"


@known_arguments
def load_data(
    path: Any = "imdb.npz", num_words: int | None = None, skip_top: int = 0, maxlen: int | None = None,
    seed: int = 113, start_char: int | None = 1, oov_char: int | None = 2, index_from: int = 3,
) -> Split:  # fmt: skip
    """((x_train, y_train), (x_test, y_test)); words are numbered by how frequent they are.

    Shapes: x (25000,) lists of numbers; y (25000,) 0 or 1.

    path: a name in the cache, or a file of one's own.
    num_words, skip_top: ranks from skip_top up to num_words are kept, others become oov_char; None leaves them out.
    maxlen: only texts with fewer words than that. seed: of the order.
    start_char: stands in front of every text. index_from: where the numbers of words begin.

    Source: Maas et al. 2011, https://ai.stanford.edu/~amaas/data/sentiment/
    """
    file = read_npz(fetch("google", "imdb.npz", DIGEST, path))
    rng = np.random.RandomState(seed)
    columns = []
    for part in ("train", "test"):
        order = np.arange(len(file[f"x_{part}"]))
        rng.shuffle(order)
        texts = shifted(file[f"x_{part}"][order], start_char, index_from)
        columns.append(shorter(texts, file[f"y_{part}"][order], maxlen))
    (x_train, y_train), (x_test, y_test) = columns
    texts = frequent(x_train + x_test, num_words, skip_top, oov_char)
    at = len(x_train)
    return (as_objects(texts[:at]), y_train), (as_objects(texts[at:]), y_test)


def get_word_index(path: Any = "imdb_word_index.json") -> dict[str, int]:
    """{word: rank}; the number of a word in a text is its rank + `index_from`."""
    with open(fetch("google", "imdb_word_index.json", INDEX_DIGEST, path), encoding="utf-8") as file:
        return json.load(file)
