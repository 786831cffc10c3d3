"""11,228 newswires as lists of word numbers, in 46 topics."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..train.checks import known_arguments
from .pickled import read_npz
from .source import Split, cut, fetch, shuffled
from .words import as_objects, frequent, shifted, shorter

DIGEST = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX_DIGEST = "4d44cc38712099c9e383dc6e5f11a921"
LABELS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass"
    " crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi"
    " iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
).split()


@known_arguments
def load_data(
    path: Any = "reuters.npz", num_words: int | None = None, skip_top: int = 0, maxlen: int | None = None,
    test_split: float = 0.2, seed: int = 113, start_char: int | None = 1, oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:  # fmt: skip
    """((x_train, y_train), (x_test, y_test)); words are numbered by how frequent they are.

    Shapes: x (n,) lists of numbers; y (n,) int64 in [0, 46), see `get_label_names`.

    test_split: the share of the test. The others: see `imdb.load_data`.

    Source: Lewis, Reuters-21578, http://www.daviddlewis.com/resources/testcollections/reuters21578/
    """
    file = read_npz(fetch("google", "reuters.npz", DIGEST, path))
    x, y = shuffled(file["x"], file["y"], seed=seed)
    texts, labels = shorter(shifted(x, start_char, index_from), y, maxlen)
    texts = frequent(texts, num_words, skip_top, oov_char)
    return cut((as_objects(texts), np.asarray(labels)), test_split)


def get_word_index(path: Any = "reuters_word_index.json") -> dict[str, int]:
    """{word: rank}; the number of a word in a text is its rank + `index_from`."""
    with open(fetch("google", "reuters_word_index.json", INDEX_DIGEST, path), encoding="utf-8") as file:
        return json.load(file)


def get_label_names() -> tuple[str, ...]:
    """The topics, by number.

    >>> get_label_names()[:2], len(get_label_names())
    (('cocoa', 'grain'), 46)
    """
    return tuple(LABELS)
