"""A vocabulary that is given or learned: which index each token has."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...reading import as_bytes, encoded, is_text
from .fingerprints import hash_strings

DROPPED = -2  # the index of what counts nothing


class Table:
    """Tokens in an order that never changes, and the place of each; copies are the table itself.

    known: whether the tokens were given or learned; if not, they are still to come.
    """

    __slots__ = ("encoding", "known", "named", "order", "place", "sorted", "tokens")

    def __init__(self, tokens: Iterable[Any], encoding: str, known: bool = True):
        self.tokens, self.encoding, self.known = list(tokens), encoding, known
        keys = [t.encode(encoding, "surrogateescape") if isinstance(t, str) else t for t in self.tokens]
        self.place = {k: i for i, k in enumerate(keys)}  # by their bytes
        self.named = {t: i for i, t in enumerate(self.tokens)}
        numbers = np.asarray(keys if not keys or isinstance(keys[0], int) else [], np.int64)
        self.order = np.argsort(numbers)
        self.sorted = numbers[self.order]

    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """(whole numbers in ascending order, the place of each)."""
        return self.sorted, self.order

    def __len__(self) -> int:
        return len(self.tokens)

    def __deepcopy__(self, memo: Any) -> Table:
        return self

    def __reduce__(self) -> Any:
        return Table, (self.tokens, self.encoding, self.known)

    def fingerprint_parts(self) -> Any:
        """What tells this table from others in a compiled program, which never sees text."""
        return self.sorted.tobytes(), self.order.tobytes(), len(self.tokens)


@dataclasses.dataclass(eq=False)
class Vocabulary:
    """The tokens of a layer: [mask] [out of vocabulary ...] tokens ...

    text: whether tokens are strings, or whole numbers. given: whether the constructor set them.
    expected: how many entries there will be, before they are known. frozen: whether they were known once.
    """

    owner: str
    text: bool
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    output_mode: str
    pad_to_max_tokens: bool
    invert: bool = False
    encoding: str = "utf-8"
    key: Sequence[int] | None = None
    given: bool = False
    expected: int | None = None
    idf: np.ndarray | None = None
    table: Table = dataclasses.field(default_factory=lambda: Table((), "utf-8", known=False))
    counts: collections.Counter[Any] = dataclasses.field(default_factory=collections.Counter)
    documents: collections.Counter[Any] = dataclasses.field(default_factory=collections.Counter)
    total: int = 0

    # --- what it holds -------------------------------------------------------------------------

    @property
    def oov_start(self) -> int:
        """The first index of what is not in the vocabulary."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def start(self) -> int:
        """The index of the first token."""
        return self.oov_start + self.num_oov_indices

    @property
    def size(self) -> int:
        """How many indices there are."""
        return self.start + len(self.table)

    @property
    def foreseen(self) -> int:
        """How many indices there are, or will be once a file is read."""
        return self.size if len(self.table) else self.expected or self.size

    @property
    def depth(self) -> int:
        """How long the rows are that indices are encoded in."""
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        if not len(self.table) and self.expected is None:
            raise RuntimeError(
                f"{self.owner} has no vocabulary yet, so the size of its outputs is not known: call adapt(data), or "
                "pass vocabulary=, first."
            )
        return self.size if len(self.table) else int(self.expected or 0)

    def listed(self, special: bool = True) -> list[Any]:
        """The token of each index."""
        first = [self.mask_token] * self.oov_start + [self.oov_token] * self.num_oov_indices
        return [*(first if special else ()), *self.table.tokens]

    def keyed(self, token: Any) -> Any:
        """A token as the table holds it."""
        return token.encode(self.encoding, "surrogateescape") if isinstance(token, str) else token

    def fingerprint_parts(self) -> Any:
        """What tells this vocabulary from others in a compiled program."""
        idf = None if self.idf is None else self.idf.tobytes()
        return self.table, idf, self.start, self.mask_token, self.oov_token, self.key, self.depth_or_none()

    def depth_or_none(self) -> int | None:
        """The length of the rows, if it is known."""
        return self.depth if len(self.table) or self.expected is not None or self.pad_to_max_tokens else None

    # --- given ---------------------------------------------------------------------------------

    def set(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replaces the tokens, by a list, an array, or the lines of a file; special ones may come first.

        Raises ValueError for tokens that are there twice, or too many, or special ones elsewhere.
        """
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise ValueError(
                f"{self.owner}: idf_weights are needed for output_mode='tf_idf', and for no other; got "
                f"output_mode={self.output_mode!r}, idf_weights={idf_weights!r}."
            )
        tokens = self._read(vocabulary) if isinstance(vocabulary, str) else self._listed(vocabulary)
        special = [self.mask_token] * self.oov_start + [self.oov_token] * self.num_oov_indices
        has_special = not isinstance(vocabulary, str) and special == tokens[: self.start]
        own = tokens[self.start :] if has_special else tokens
        self._check(own, special)
        idf = None if idf_weights is None else self._weights(idf_weights, len(tokens), has_special)
        self.table, self.idf = Table(own, self.encoding), idf

    def _listed(self, vocabulary: Any) -> list[Any]:
        tokens = np.asarray(vocabulary) if not isinstance(vocabulary, (list, tuple)) else vocabulary
        flat = tokens.tolist() if isinstance(tokens, np.ndarray) else list(tokens)
        if not flat:
            raise ValueError(f"{self.owner}: a vocabulary cannot be empty.")
        if self.text and all(isinstance(t, (str, bytes)) for t in flat):
            return [t.decode(self.encoding) if isinstance(t, bytes) else str(t) for t in flat]
        if not self.text and all(isinstance(t, (int, np.integer)) and not isinstance(t, bool) for t in flat):
            return [int(t) for t in flat]
        wanted = "strings" if self.text else "whole numbers"
        raise ValueError(f"{self.owner}: a vocabulary is a flat list of {wanted}; got {vocabulary!r}.")

    def _read(self, path: str) -> list[Any]:
        if self.output_mode == "tf_idf":
            raise ValueError(f"{self.owner}: a file holds no idf_weights; pass the vocabulary as a list.")
        if not pathlib.Path(path).is_file():
            raise ValueError(f"{self.owner}: there is no vocabulary file {path!r}.")
        lines = pathlib.Path(path).read_text(self.encoding).splitlines()
        return lines if self.text else [int(line) for line in lines]

    def _check(self, tokens: list[Any], special: list[Any]) -> None:
        if len(set(tokens)) != len(tokens):
            twice = [t for t, n in collections.Counter(tokens).items() if n > 1]
            raise ValueError(f"{self.owner}: the vocabulary holds {twice[:10]} more than once.")
        reserved = [self.mask_token] if self.mask_token is not None else []
        reserved += [self.oov_token] if self.invert and self.oov_token is not None else []
        if found := [t for t in reserved if t in set(tokens)]:
            raise ValueError(
                f"{self.owner}: the vocabulary holds {found[0]!r}, which is reserved. Leave reserved tokens out, or "
                f"put exactly {special} in front."
            )
        if self.max_tokens is not None and self.start + len(tokens) > self.max_tokens:
            raise ValueError(
                f"{self.owner}: {len(tokens)} tokens make a vocabulary of {self.start + len(tokens)} entries; "
                f"max_tokens is {self.max_tokens}."
            )

    def _weights(self, weights: Any, count: int, has_special: bool) -> np.ndarray:
        """Weights by index: those of special tokens are the mean of the others."""
        weights = np.asarray(weights, "float32")
        if weights.shape != (count,):
            raise ValueError(
                f"{self.owner}: idf_weights must be a flat list as long as the vocabulary, {count}; got shape "
                f"{weights.shape}."
            )
        return self._padded(weights, 0 if has_special else self.start)

    def _padded(self, weights: np.ndarray, front: int) -> np.ndarray:
        back = self.max_tokens - front - len(weights) if self.pad_to_max_tokens and self.max_tokens is not None else 0
        return np.concatenate([np.full(front, weights.mean()), weights, np.zeros(back)]).astype("float32")

    # --- learned -------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forgets what was counted."""
        self.counts, self.documents, self.total = collections.Counter(), collections.Counter(), 0

    def count(self, documents: Sequence[Sequence[Any]]) -> None:
        """Counts the tokens of some documents."""
        if self.given:
            raise ValueError(f"{self.owner} was made with a vocabulary; only a layer without one adapts.")
        self.counts.update(itertools.chain.from_iterable(documents))
        if self.output_mode == "tf_idf":
            for document in documents:
                self.documents.update(set(document))
            self.total += len(documents)

    def learn(self) -> None:
        """Takes the most frequent tokens; of equally frequent ones, the last in their order."""
        for token in (self.mask_token, self.oov_token):
            self.counts.pop(self.keyed(token), None)
        if self.counts:
            most = None if self.max_tokens is None else self.max_tokens - self.start
            keys = sorted(self.counts, key=lambda k: (self.counts[k], k), reverse=True)[:most]
            if self.output_mode == "tf_idf":
                seen = np.array([self.documents[k] for k in keys])
                self.idf = self._padded(np.log(1 + self.total / (1 + seen)).astype("float32"), self.start)
            tokens = [k.decode(self.encoding, "surrogateescape") if isinstance(k, bytes) else k for k in keys]
            self.table = Table(tokens, self.encoding)
        elif not self.table.known:
            self.table = Table((), self.encoding)
        self.reset()

    # --- looked up -----------------------------------------------------------------------------

    def find_text(self, x: Any) -> np.ndarray:
        """The index of each string of an array, in its order; only those that are not known are encoded."""
        flat, get = np.asarray(x).ravel().tolist(), self.table.named.get
        try:
            places = np.fromiter(map(get, flat, itertools.repeat(-1)), np.int64, len(flat))
        except TypeError:  # what cannot be in a dict is no text
            return self.find(as_bytes(x, self.encoding))
        missing = np.flatnonzero(places < 0)
        places += self.start
        if len(missing):
            places[missing] = self.find(encoded([flat[i] for i in missing.tolist()], self.encoding, missing))
        return places

    def find(self, keys: Sequence[bytes]) -> np.ndarray:
        """The index of each string."""
        get, n = self.table.place.get, len(keys)
        places = np.fromiter(map(get, keys, itertools.repeat(-1)), np.int64, n)
        missing = np.flatnonzero(places < 0)
        places += self.start
        if self.mask_token is not None and len(missing):
            mask = self.keyed(self.mask_token)
            masked = np.fromiter((keys[i] == mask for i in missing.tolist()), bool, len(missing))
            places[missing[masked]] = 0 if self.output_mode == "int" else DROPPED
            missing = missing[~masked]
        if len(missing):
            places[missing] = self.oov_start + self._buckets([keys[i] for i in missing.tolist()])
        return places

    def _buckets(self, keys: list[bytes]) -> Any:
        if not self.num_oov_indices:
            self.refuse_strangers(sorted({k.decode(self.encoding, "replace") for k in keys}))
        if self.num_oov_indices == 1:
            return 0
        return (hash_strings(keys, self.key) % np.uint64(self.num_oov_indices)).astype(np.int64)

    def check_known(self) -> None:
        """Raises RuntimeError before there is a vocabulary."""
        if not self.table.known:
            raise RuntimeError(
                f"{self.owner} has no vocabulary yet: call adapt(data), set_vocabulary(tokens), or pass vocabulary=, "
                "first."
            )

    def refuse_strangers(self, found: list[Any]) -> None:
        """Raises ValueError for inputs that are not in the vocabulary, where no index is left for them."""
        raise ValueError(
            f"{self.owner}: {', '.join(map(repr, found[:5]))}{' ...' * (len(found) > 5)} "
            "not in the vocabulary, and num_oov_indices=0 leaves no index for it."
        )

    def documents_of(self, batch: Any, keys: list[Any], alone: bool) -> list[list[Any]]:
        """The tokens of an array as documents: its rows; of a flat one each entry, or all as one if not `alone`."""
        shape = np.shape(batch)
        if len(shape) < 2:
            return [[k] for k in keys] if alone and self.output_mode == "tf_idf" else [keys]
        width = int(np.prod(shape[1:]))
        return [keys[i * width : (i + 1) * width] for i in range(shape[0])]


def check_text(owner: Any, batch: Any) -> None:
    """Refuses what is no text."""
    if not is_text(batch):
        raise TypeError(f"{owner!r} reads text; got {getattr(batch, 'dtype', type(batch).__name__)}.")
