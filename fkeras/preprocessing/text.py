"""Text on its way into a model, in the manner of Keras 1 and 2; `fkeras.layers.TextVectorization` is today's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from .tokenizer import FILTERS, Tokenizer, tokenizer_from_json, words_of

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]


def text_to_word_sequence(input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    filters: characters that count as `split`, which stands between words.

    >>> text_to_word_sequence("Shall I compare thee, to a summer's day?")
    ['shall', 'i', 'compare', 'thee', 'to', 'a', "summer's", 'day']
    """
    return words_of(input_text, filters, lower, split)


def md5(word: str) -> int:
    """The MD5 hash of a word, the same in every process."""
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """A number from 1 to n - 1 for each word of a text: its hash. Different words may share one.

    hash_function: `"md5"`, which is the same in every process; None for Python's own `hash`,
        which is not; or a function.
    analyzer: a function from the text to its words.

    Raises ValueError for n below 2, and for an unknown name of a hash.

    >>> hashing_trick("the cat saw the dog", 10, hash_function="md5")
    [6, 3, 3, 6, 6]
    """
    if n < 2:
        raise ValueError(f"hashing_trick: n must be 2 or more, since 0 is left to padding; got {n!r}.")
    if isinstance(hash_function, str) and hash_function != "md5":
        raise ValueError(f"hashing_trick: hash_function is 'md5', None or a function; got {hash_function!r}.")
    hashed = md5 if hash_function == "md5" else hash_function or hash
    words = words_of(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hashed(w) % (n - 1) + 1 for w in words]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's own hash: numbers, despite the name, that differ between processes.

    >>> first, second, third = one_hot("well well done", 1000)
    >>> first == second
    True
    """
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)
