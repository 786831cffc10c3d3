"""`Tokenizer`: texts as lists of the ranks of their words, in the manner of Keras 1 and 2."""

from __future__ import annotations

import collections
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
KEPT = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
MODES = ("binary", "count", "tfidf", "freq")


def words_of(text: str, filters: str, lower: bool, split: str) -> list[str]:
    """The words of a text: the parts between `split`, for which every character of `filters` counts."""
    if not isinstance(text, str):
        raise TypeError(f"A text is a str; got {text!r} ({type(text).__name__}).")
    text = (text.lower() if lower else text).translate(str.maketrans(dict.fromkeys(filters, split)))
    return [w for w in text.split(split) if w]


class Tokenizer:
    """Numbers the words of texts by how often they come: 1 for the most frequent, 0 for padding.

    num_words: only words with a number below this are kept, in what is put out.
    filters, lower, split: see `text_to_word_sequence`.
    char_level: characters in the place of words.
    oov_token: what stands for other words; its number is 1. Without it they are left out.
    analyzer: a function from a text to its words. A text may also be a list of words.

    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["the cat and the dog", "the end"])
    >>> tokenizer.texts_to_sequences(["the dog and I"])
    [[2, 5, 4, 1]]
    >>> tokenizer.sequences_to_texts([[2, 3]])
    ['the cat']
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        document_count: int = 0,
        nb_words: int | None = None,
    ):
        if nb_words is not None:
            warnings.warn("Tokenizer: nb_words is called num_words today.", stacklevel=2)
            num_words = nb_words
        if num_words is not None and num_words < 1:
            raise ValueError(f"Tokenizer: num_words must be a whole number above 0; got {num_words!r}.")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        """The words of a text, or its characters; a list holds them already."""
        if isinstance(text, list):
            return [w.lower() for w in text] if self.lower else text
        if self.char_level:
            return list(text.lower() if self.lower else text)
        if self.analyzer is not None:
            return list(self.analyzer(text))
        return words_of(text, self.filters, self.lower, self.split)

    # --- learning ------------------------------------------------------------------------------

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Counts the words of some texts, and numbers them; texts of earlier calls count on.

        With `char_level`, a single text is a list of its characters, each of which is a document.
        Raises ValueError for a single text of words.
        """
        if isinstance(texts, str) and not self.char_level:
            raise ValueError("Tokenizer.fit_on_texts takes a list of texts; got a single one: put it into a list.")
        counts, documents = self.word_counts, self.word_docs
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for w in words:
                counts[w] = counts.get(w, 0) + 1
            for w in set(words):
                documents[w] = documents.get(w, 0) + 1
        ranked = sorted(counts, key=counts.__getitem__, reverse=True)
        ranked = ranked if self.oov_token is None else [self.oov_token, *ranked]
        self.word_index = {w: i for i, w in enumerate(ranked, 1)}
        self.index_word = {i: w for w, i in self.word_index.items()}
        for w, count in documents.items():
            self.index_docs[self.word_index[w]] = count

    def fit_on_sequences(self, sequences: Iterable[Any]) -> None:
        """Counts in how many of some lists of numbers each one is: what `"tfidf"` needs, where there were no texts."""
        for sequence in sequences:
            self.document_count += 1
            for i in set(sequence):
                self.index_docs[i] = self.index_docs.get(i, 0) + 1

    # --- texts and sequences ---------------------------------------------------------------------

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Each text as the list of the numbers of its words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """The same, one text at a time."""
        other, most = self.word_index.get(self.oov_token or ""), self.num_words or math.inf
        other = other if self.oov_token is not None else None
        known = {w: i if i < most else other for w, i in self.word_index.items()}
        for text in texts:
            found = (known.get(w, other) for w in self._words(text))
            yield [i for i in found if i is not None]

    def sequences_to_texts(self, sequences: Iterable[Any]) -> list[str]:
        """Each list of numbers as the text of their words."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Any]) -> Iterator[str]:
        """The same, one list at a time."""
        most = self.num_words or math.inf
        other = None if self.oov_token is None else self.index_word.get(self.word_index.get(self.oov_token, 0))
        known = {i: w if i < most else other for i, w in self.index_word.items()}
        for sequence in sequences:
            found = (known.get(int(i), other) for i in sequence)
            yield " ".join(w for w in found if w is not None)

    # --- matrices ------------------------------------------------------------------------------

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each text, with an entry for each number; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each list of numbers, with an entry for each number.

        Shapes: n lists -> (n, num_words), or (n, words + 1) if there is no num_words.

        mode: `"binary"`, whether it is there; `"count"`, how often; `"freq"`, its share of the list;
            `"tfidf"`, (1 + log count) log(1 + documents / (1 + documents with it)).

        Raises ValueError for an unknown mode, and before anything was learned that is needed.
        """
        if mode not in MODES:
            raise ValueError(f"Tokenizer: mode must be one of {', '.join(map(repr, MODES))}; got {mode!r}.")
        if not self.num_words and not self.word_index:
            raise ValueError("Tokenizer: how wide the matrix is, is not known: give num_words, or fit on texts first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer: 'tfidf' needs documents: fit on texts, or on sequences, first.")
        width = self.num_words or len(self.word_index) + 1
        sequences = [list(s) for s in sequences]
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        flat = np.fromiter((i for s in sequences for i in s), np.int64, int(lengths.sum()))
        if (flat < 0).any():
            raise ValueError(f"Tokenizer: the numbers of words are not negative; got {flat.min()}.")
        places = (np.repeat(np.arange(len(sequences)), lengths) * width + flat)[flat < width]
        counts = np.bincount(places, minlength=len(sequences) * width).reshape(-1, width).astype("float64")
        if mode == "binary":
            return np.minimum(counts, 1)
        if mode == "freq":
            return counts / np.maximum(lengths, 1)[:, None]
        return self._tfidf(counts) if mode == "tfidf" else counts

    def _tfidf(self, counts: np.ndarray) -> np.ndarray:
        documents = np.zeros(counts.shape[1])
        for i, count in self.index_docs.items():
            if 0 <= i < len(documents):
                documents[i] = count
        idf = np.log(1 + self.document_count / (1 + documents))
        return np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf

    # --- files ---------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The settings, and what was learned as JSON, as Keras writes it."""
        settings = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        return {n: getattr(self, n) for n in settings} | {n: json.dumps(getattr(self, n)) for n in KEPT}

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON; `tokenizer_from_json` inverts it."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` described, here or in Keras.

    Raises ValueError for text that describes no tokenizer.

    >>> tokenizer_from_json(Tokenizer(num_words=7).to_json()).num_words
    7
    """
    try:
        config = dict(json.loads(json_string)["config"])
        kept = {name: json.loads(config.pop(name)) for name in KEPT}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"This is not the JSON of a Tokenizer: {error}.") from None
    tokenizer = Tokenizer(**config)
    for name in KEPT:
        by_number = name in ("index_docs", "index_word")
        setattr(tokenizer, name, {int(k): v for k, v in kept[name].items()} if by_number else kept[name])
    return tokenizer
