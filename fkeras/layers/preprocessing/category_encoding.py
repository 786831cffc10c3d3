"""`CategoryEncoding`: whole numbers as rows with an entry for each category."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...masking import value_of
from ..settings import check_choice, check_positive
from .host import MODES, Tabular, encode


class CategoryEncoding(Tabular):
    """Whole numbers from 0 to num_tokens - 1 as rows of num_tokens zeros and ones, or counts.

    Shapes: (batch, steps) -> (batch, num_tokens);  (batch, 1) or (batch,) -> (batch, num_tokens) for `"one_hot"`.

    output_mode: `"one_hot"` makes a row of each number, `"multi_hot"` and `"count"` one of each example.
    count_weights (call): what each number counts, in place of 1, for `"count"`.

    Raises ValueError for numbers outside [0, num_tokens), wherever the values are known;
    inside a compiled program they count nothing.

    >>> CategoryEncoding(num_tokens=4)([[0, 1], [0, 0], [1, 2], [3, 1]]).tolist()
    [[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """

    num_tokens: int | None = None
    output_mode: str = "multi_hot"
    sparse: bool = dataclasses.field(default=False, metadata={"config": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_sparse()
        if self.num_tokens is None:
            raise ValueError("CategoryEncoding needs num_tokens; where it is not known, IntegerLookup finds it out.")
        check_positive(self, "num_tokens")
        self.output_mode = "multi_hot" if self.output_mode == "binary" else self.output_mode
        check_choice(self, "output_mode", MODES[1:])

    def call(self, x: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"{self!r}: count_weights are for output_mode='count'.")
        assert self.num_tokens is not None
        weights = None if count_weights is None else count_weights.astype(self.compute_dtype)
        return encode(x, self.output_mode, self.num_tokens, self.compute_dtype, weights)

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses numbers of no category."""
        x = np.asarray(value_of(inputs[0]))
        wrong = (x < 0) | (x >= self.num_tokens) | (x != np.trunc(x) if x.dtype.kind == "f" else False)
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            raise ValueError(
                f"{self!r} takes whole numbers from 0 to {self.num_tokens - 1}; got {x[place]} at position {place}."  # type: ignore[operator]
            )
