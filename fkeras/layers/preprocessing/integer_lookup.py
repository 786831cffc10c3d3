"""`IntegerLookup`: whole numbers as indices of a vocabulary."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...masking import value_of
from ...reading import is_text
from .decimal import hash_decimals
from .fingerprints import hash_strings
from .host import needs_host
from .lookup import Lookup
from .vocabulary import DROPPED


class IntegerLookup(Lookup):
    """Whole numbers as their places in a vocabulary: [mask] [out of vocabulary ...] tokens ...

    Shapes: any -> the same for `"int"`;  (batch, steps) -> (batch, size of the vocabulary) for the others.

    oov_method: how numbers that are not in it share `num_oov_indices`: `"floormod"` by their remainder,
        `"farmhash"` by the hash of their decimals, under the key `salt` if there is one.
    The other settings are those of `StringLookup`.

    Runs inside compiled programs; numbers of more than 32 bits are looked up on the host.

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer(np.array([[12, 1138, 42], [42, 1000, 36]])).tolist()
    [[1, 3, 4], [4, 0, 2]]
    """

    max_tokens: int | None = None
    num_oov_indices: int = 1
    mask_token: Any = None
    oov_token: Any = -1
    vocabulary: Any = None
    vocabulary_dtype: str = "int64"
    idf_weights: Any = None
    invert: bool = False
    output_mode: str = "int"
    sparse: bool = False
    pad_to_max_tokens: bool = False
    oov_method: str = "floormod"
    salt: Any = None
    _: dataclasses.KW_ONLY

    follows = {"name": "salt"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vocabulary_dtype != "int64":
            raise ValueError(f"IntegerLookup: vocabulary_dtype is 'int64'; got {self.vocabulary_dtype!r}.")
        self.check_lookup(False, "utf-8")

    def on_host(self, *inputs: Any) -> bool:
        """Whether the inputs, or the vocabulary, need more than 32 bits."""
        tokens = self.words.table.numbers()[0]
        return needs_host((*inputs, tokens))

    def take(self, batch: Any, alone: bool) -> None:
        """Counts the tokens of a batch."""
        numbers = np.asarray(batch)
        if numbers.dtype.kind == "f" and (numbers == np.trunc(numbers)).all():
            numbers = numbers.astype(np.int64)
        if numbers.dtype.kind not in "iu":
            raise TypeError(f"{self!r} takes whole numbers; got {numbers.dtype}.")
        self.words.count(self.words.documents_of(batch, numbers.ravel().tolist(), alone))

    def call(self, x: Any) -> Any:
        if is_text(x):
            raise TypeError(f"{self!r} takes whole numbers; got text. For strings there is StringLookup.")
        here: Any = np if isinstance(x, np.ndarray) else jnp
        x = x if here is np or jnp.issubdtype(x.dtype, jnp.integer) else x.astype(jnp.int32)
        return self._tokens(x, here) if self.invert else self.encoded(self._indices(x, here))

    def _indices(self, x: Any, here: Any) -> Any:
        """The index of each number; computed by `here`, NumPy or its like in JAX."""
        words = self.words
        keys, places = map(here.asarray, words.table.numbers())
        if not len(words.table):
            keys, places = here.zeros(1, x.dtype), here.zeros(1, "int32")
        at = here.clip(here.searchsorted(keys, x), 0, len(keys) - 1)
        found = (keys[at] == x) & bool(len(words.table))
        out = here.where(found, places[at] + words.start, words.oov_start + self._buckets(x, here, found))
        if self.mask_token is not None:
            out = here.where(x == self.mask_token, 0 if self.output_mode == "int" else DROPPED, out)
        return out

    def _buckets(self, x: Any, here: Any, found: Any) -> Any:
        """Which of the indices for strangers each number would get."""
        count = self.num_oov_indices
        if count <= 1:
            if here is np and not count:
                self._refuse_strangers(x, found)
            return 0
        if self.oov_method == "floormod":
            return here.mod(x, count)
        if here is np:
            hashes = hash_strings([b"%d" % n for n in x.ravel().tolist()], self.salt) % np.uint64(count)
            return hashes.astype(np.int64).reshape(x.shape)
        return (hash_decimals(x, self.salt) % count).astype(jnp.int32)

    def _refuse_strangers(self, x: np.ndarray, found: np.ndarray) -> None:
        strange = x[~found & (x != (self.mask_token if self.mask_token is not None else ~x))]
        if strange.size:
            self.words.refuse_strangers(sorted(set(strange.tolist())))

    def _tokens(self, x: Any, here: Any) -> Any:
        """The number at each index."""
        tokens = here.asarray(np.array(self.words.listed(), np.int64))
        inside = (x >= 0) & (x < len(tokens))
        return here.where(inside, tokens[here.where(inside, x, 0)], self.oov_token)

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses numbers that are not in the vocabulary, where no index is left for them."""
        super().check_inputs(*inputs)
        if not self.num_oov_indices and not self.invert:
            self._indices(np.asarray(value_of(inputs[0])), np)

    def fingerprint_parts(self) -> Any:
        """Its settings and its vocabulary: the compiled program looks up numbers."""
        return self.words, self.output_mode, self.invert, self.num_oov_indices, self.oov_method

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        config = super().get_config()
        for name in ("oov_token", "mask_token"):
            config[name] = None if config[name] is None else int(config[name])
        return config
