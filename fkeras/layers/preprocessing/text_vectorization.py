"""`TextVectorization`: text as the indices of its words."""

from __future__ import annotations

import itertools
import string
from typing import Any

import jax
import numpy as np

from ... import config
from ...reading import as_bytes
from ...spec import TEXT, Spec
from ..settings import check_choice
from .batches import batches
from .host import counted, encoded_shape
from .lookup import MODES, OLD, Lookup
from .vocabulary import check_text

STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
PUNCTUATION = string.punctuation.encode()
BETWEEN = b"\xff"  # no byte of UTF-8


class TextVectorization(Lookup):
    """Text as its words, or other tokens, in a vocabulary: [padding] [out of vocabulary] tokens ...

    Shapes: (batch,) or (batch, 1) -> (batch, longest text, or output_sequence_length) for `"int"`;
        (batch, size of the vocabulary) for the others. Without split: any -> the same for `"int"`.

    max_tokens: the most entries of a vocabulary that is learned, special ones included.
    standardize: `"lower_and_strip_punctuation"`, `"lower"` (of ASCII letters, as in TensorFlow),
        `"strip_punctuation"`, None, or a function of an array of strings.
    split: `"whitespace"`, `"character"`, None, or a function from an array of strings to lists of tokens.
    ngrams: whole number n for all of 1 to n tokens in a row, joined by a space; a tuple for these lengths only.
    output_mode: `"int"`, `"multi_hot"`, `"count"` or `"tf_idf"`; all but the first are floats.
    output_sequence_length: what `"int"` is cut, or padded with zeros, to.
    pad_to_max_tokens: whether rows are as long as max_tokens in any case.
    vocabulary, idf_weights: see `StringLookup`; else `adapt(data)` learns them.
    encoding: of bytes.

    Runs on the host: alone, or right behind an `Input(shape=(1,), dtype="string")` of a model.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
    >>> layer([["foo qux bar"], ["Qux, baz!"]]).tolist()
    [[4, 1, 3, 0], [1, 2, 0, 0]]
    """

    max_tokens: int | None = None
    standardize: Any = "lower_and_strip_punctuation"
    split: Any = "whitespace"
    ngrams: Any = None
    output_mode: str = "int"
    output_sequence_length: int | None = None
    pad_to_max_tokens: bool = False
    vocabulary: Any = None
    idf_weights: Any = None
    sparse: bool = False
    ragged: bool = False
    encoding: str = "utf-8"

    follows = {"name": "encoding"}

    compute_dtype = variable_dtype = "string"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.output_mode = OLD.get(self.output_mode, self.output_mode)
        check_choice(self, "output_mode", MODES)
        self.refuse_sparse()
        if self.ragged:
            raise ValueError("TextVectorization: ragged=True is for TensorFlow; rows here are padded with zeros.")
        if not callable(self.standardize):
            check_choice(self, "standardize", (*STANDARDS, None))
        if not callable(self.split):
            check_choice(self, "split", ("whitespace", "character", None))
        self.ngrams = tuple(self.ngrams) if isinstance(self.ngrams, list) else self.ngrams
        widths = self.ngrams if isinstance(self.ngrams, tuple) else (1 if self.ngrams is None else self.ngrams,)
        if not all(isinstance(n, int) and n > 0 for n in widths):
            raise ValueError(f"TextVectorization: ngrams is a whole number, or a tuple of them; got {self.ngrams!r}.")
        length = self.output_sequence_length
        if length is not None and (self.output_mode != "int" or not isinstance(length, int) or length < 1):
            raise ValueError(
                "TextVectorization: output_sequence_length is a whole number above 0, for output_mode='int'; got "
                f"output_sequence_length={length!r}, output_mode={self.output_mode!r}."
            )
        self.start_vocabulary(
            text=True, encoding=self.encoding, num_oov_indices=1, mask_token="", oov_token="[UNK]",
        )  # fmt: skip

    # --- tokens --------------------------------------------------------------------------------

    def tokens(self, x: np.ndarray) -> tuple[list[list[bytes]], tuple[int, ...]]:
        """(the tokens of each text, in order; the shape in which the texts came)."""
        if self.split is not None and x.ndim > 1:
            if x.shape[-1] != 1:
                raise ValueError(f"{self!r} splits text of shape (batch,) or (batch, 1); got shape {x.shape}.")
            x = x.reshape(x.shape[:-1])
        texts = self._standardized(x)
        if self.split is None:
            width = x.shape[-1] if x.ndim > 1 else 1
            lead = x.shape[:-1] if x.ndim > 1 else x.shape
            found = [texts[i : i + width] for i in range(0, len(texts), width)]
        else:
            lead, found = x.shape, self._split(texts, x.shape)
        return (found if self.ngrams is None else [self._grams(words) for words in found]), lead

    def _standardized(self, x: np.ndarray) -> list[bytes]:
        if callable(self.standardize):
            text = [t.decode(self.encoding) for t in as_bytes(x, self.encoding)]
            made = np.asarray(self._own(self.standardize, np.array(text, str).reshape(x.shape), "standardize"))
            if made.shape != x.shape:
                raise ValueError(f"{self!r}: standardize made shape {made.shape} of text of shape {x.shape}.")
            return as_bytes(made, self.encoding)
        flat = as_bytes(x, self.encoding)
        if self.standardize is None:
            return flat
        lower = LOWER if "lower" in self.standardize else None
        gone = PUNCTUATION if "strip" in self.standardize else b""
        whole = BETWEEN.join(flat)
        if whole.count(BETWEEN) == len(flat) - 1:  # all at once
            return whole.translate(lower, gone).split(BETWEEN)
        return [t.translate(lower, gone) for t in flat]

    def _split(self, texts: list[bytes], shape: tuple[int, ...]) -> list[list[bytes]]:
        if self.split == "whitespace":
            return [t.split() for t in texts]
        strings = [t.decode(self.encoding, "replace") for t in texts]
        if self.split == "character":
            return [[c.encode(self.encoding) for c in t] for t in strings]
        made = self._own(self.split, np.array(strings, str).reshape(shape), "split")
        rows = [made] if not shape else list(made)
        if len(rows) != len(texts):
            raise ValueError(f"{self!r}: split made {len(rows)} lists of tokens of {len(texts)} texts.")
        return [as_bytes(np.asarray(row, object), self.encoding) for row in rows]

    def _own(self, function: Any, text: np.ndarray, name: str) -> Any:
        """What a function of one's own makes of an array of strings."""
        try:
            return function(text)
        except (AttributeError, TypeError) as error:
            raise type(error)(
                f"{self!r}: {name} was given an array of strings of NumPy, of shape {text.shape}, and failed: {error}. "
                "Write it with np.strings: np.strings.lower(x), np.strings.replace(x, '<br />', ' '), or "
                "np.array([f(t) for t in x.ravel()]).reshape(x.shape) for a function f of one string."
            ) from error

    def _grams(self, words: list[bytes]) -> list[bytes]:
        widths = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [b" ".join(words[i : i + n]) for n in widths for i in range(len(words) - n + 1)]

    # --- the layer -----------------------------------------------------------------------------

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary: the most frequent tokens first, of equally frequent ones the last in their order.

        data: a list or an array of texts, or something that yields batches; each text is a document.
        steps: how many batches to take.
        """
        self.reset_state()
        for batch in batches(self, data, steps, lists=True):
            self.take(batch, True)
        self.finalize_state()

    def take(self, batch: Any, alone: bool) -> None:
        """Counts the tokens of a batch of texts."""
        check_text(self, batch)
        self.words.count(self.tokens(np.asarray(batch))[0])

    def made(self, x: Any) -> Spec:
        """The spec of the outputs."""
        if x.dtype != TEXT:
            raise TypeError(f"{self!r} reads text; got {x.dtype}.")
        splits = self.split is not None
        lead = tuple(x.shape[:-1] if len(x.shape) > 1 else x.shape)
        if self.output_mode == "int":
            if not splits and len(x.shape) < 2 and self.output_sequence_length is None and self.ngrams is None:
                return Spec(x.shape, jax.dtypes.canonicalize_dtype("int64"))
            width = self.output_sequence_length or (None if splits or len(x.shape) < 2 else x.shape[-1])
            return Spec((*lead, width), jax.dtypes.canonicalize_dtype("int64"))
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        shape = (*lead, None) if mode == "one_hot" else (*lead, 1)
        return Spec(encoded_shape(shape, mode, self.words.depth), config.floatx())

    def call(self, x: np.ndarray) -> Any:
        check_text(self, x)
        found, lead = self.tokens(x)
        width = self.output_sequence_length
        if width is not None:
            found = [words[:width] for words in found]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        indices = self.words.find(list(itertools.chain.from_iterable(found)))
        if self.output_mode in ("int", "one_hot"):
            if self.split is None and x.ndim < 2 and width is None and self.ngrams is None:
                return self.encoded(indices.reshape(x.shape))  # each string is a token
            width = int(lengths.max(initial=0)) if width is None else width
            table = np.zeros((len(found), width), np.int64)
            table[np.arange(width) < lengths[:, None]] = indices
            return self.encoded(table.reshape(*lead, width))
        rows, depth = np.repeat(np.arange(len(found)), lengths), self.words.depth
        weighs = self.output_mode == "tf_idf"
        mode = "count" if weighs else self.output_mode
        table = counted(rows, indices, len(found), depth, mode, config.floatx()).reshape(*lead, depth)
        return self.weighed(table) if weighs else table

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size()}
