"""`StringLookup`: strings as indices of a vocabulary."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...reading import as_bytes
from ...spec import TEXT, Spec
from .lookup import Lookup
from .vocabulary import check_text


class StringLookup(Lookup):
    """Strings as their places in a vocabulary: [mask] [out of vocabulary ...] tokens ...

    Shapes: any -> the same for `"int"`;  (batch, steps) -> (batch, size of the vocabulary) for the others.

    max_tokens: the most entries of a vocabulary that is learned, special ones included.
    num_oov_indices: how many indices strings share that are not in it: more than one by their hash;
        with 0 there must be none.
    mask_token: the string with index 0; it counts nothing in the other modes.
    oov_token: what stands for strings that are not in it.
    vocabulary: a list, an array, or the path of a file with a token in each line; else `adapt(data)` learns it.
    idf_weights: for `"tf_idf"`, the weight of each token.
    invert: from indices to strings; such a layer is called by itself, on what a model puts out.
    output_mode: `"int"`, `"one_hot"`, `"multi_hot"`, `"count"` or `"tf_idf"`; all but the first are floats.
    pad_to_max_tokens: whether rows are as long as max_tokens in any case.
    encoding: of bytes. salt: the key of the hash.

    Runs on the host: alone, or right behind an `Input(dtype="string")` of a model.

    >>> layer = StringLookup()
    >>> layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'd', 'z', 'c', 'b', 'a']
    >>> layer([["a", "c", "e"]]).tolist()
    [[5, 3, 0]]
    """

    max_tokens: int | None = None
    num_oov_indices: int = 1
    mask_token: Any = None
    oov_token: Any = "[UNK]"
    vocabulary: Any = None
    idf_weights: Any = None
    invert: bool = False
    output_mode: str = "int"
    pad_to_max_tokens: bool = False
    sparse: bool = False
    encoding: str = "utf-8"
    salt: Any = None
    _: dataclasses.KW_ONLY
    oov_method: str = "floormod"

    follows = {"name": "encoding"}

    compute_dtype = variable_dtype = "string"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_lookup(True, self.encoding)

    def take(self, batch: Any, alone: bool) -> None:
        """Counts the tokens of a batch."""
        check_text(self, batch)
        self.words.count(self.words.documents_of(batch, as_bytes(batch, self.encoding), alone))

    def made(self, x: Any) -> Spec:
        """The spec of the outputs."""
        if self.invert:
            return Spec(x.shape, TEXT)
        if x.dtype != TEXT:
            raise TypeError(f"{self!r} reads text; got {x.dtype}. For whole numbers there is IntegerLookup.")
        return super().made(x)

    def call(self, x: Any) -> Any:
        if self.invert:
            tokens = np.array(self.words.listed(), object)
            inside = (x >= 0) & (x < len(tokens))
            return np.where(inside, tokens[np.where(inside, x, 0)], self.oov_token)
        check_text(self, x)
        return self.encoded(self.words.find_text(x).reshape(x.shape))
