"""Text stays on the host: what its layers make of it enters a compiled program in its place."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from . import spec


@jax.tree_util.register_dataclass
@dataclasses.dataclass(eq=False)
class Read:
    """What a model's layers on the host have made of its text, in the place of that input: an ordinary pytree.

    made: for each place of the model that text reaches, the values that go on from there.

    >>> jax.tree.leaves(Read({"1": (2, 3)}))
    [2, 3]
    """

    made: dict[str, Any]


def is_read(x: Any) -> bool:
    """Whether text has been read already."""
    return isinstance(x, Read)


def is_text(x: Any) -> bool:
    """Whether `x` is text: a string, an array of strings or the spec of one, or a list that begins with one.

    >>> is_text([["a"]]), is_text(np.array(["a"])), is_text(spec.Spec((None,), "string")), is_text(np.ones(2))
    (True, True, True, False)
    """
    while isinstance(x, (list, tuple)) and len(x):
        x = x[0]
    if isinstance(x, np.ndarray) and x.dtype == object:
        return not x.size or isinstance(x.flat[0], (str, bytes))
    return isinstance(x, (str, bytes)) or spec.is_text_dtype(getattr(x, "dtype", None))


def as_data(x: Any) -> Any:
    """Lists, tuples and data frames as arrays of NumPy; everything else as it is.

    Raises ValueError for rows of different lengths.
    """
    if isinstance(x, (list, tuple, str, bytes, bool, int, float)):
        try:
            return np.asarray(x)
        except ValueError as error:
            raise ValueError(f"A list of rows of different lengths is no array: {error}") from None
    return x.to_numpy() if type(x).__module__.split(".")[0] in ("pandas", "polars") else x


def gathered(inputs: Any) -> Any:
    """Inputs with each list of strings in them as an array."""
    if isinstance(inputs, dict):
        return {k: gathered(x) for k, x in inputs.items()}
    if type(inputs) is list and is_text(inputs) and not any(hasattr(x, "dtype") for x in inputs):
        return as_data(inputs)
    return type(inputs)(map(gathered, inputs)) if type(inputs) in (list, tuple) else inputs


def as_bytes(x: Any, encoding: str = "utf-8") -> list[bytes]:
    """The strings of an array in order, encoded.

    Raises TypeError for entries that are no text.

    >>> as_bytes(np.array([["a"], ["é"]]))
    [b'a', b'\\xc3\\xa9']
    """
    return encoded(np.asarray(x).ravel().tolist(), encoding)


def encoded(texts: list[Any], encoding: str = "utf-8", positions: Any = None) -> list[bytes]:
    """A list of strings, encoded. positions: where each stood, for messages.

    Raises TypeError for entries that are no text.
    """
    try:
        return [t.encode(encoding) if isinstance(t, str) else t for t in map(_known, texts)]
    except TypeError:
        place, wrong = next((i, t) for i, t in enumerate(texts) if not isinstance(t, (str, bytes)))
        raise TypeError(
            f"Text is made of str or bytes; got {wrong!r} ({type(wrong).__name__}) at position "
            f"{place if positions is None else positions[place]}. Replace what is missing, with '' for example."
        ) from None


def _known(t: Any) -> Any:
    if not isinstance(t, (str, bytes)):
        raise TypeError
    return t
