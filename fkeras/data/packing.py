"""A batch as one value, and apart again."""

from __future__ import annotations

from typing import Any


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """x alone, (x, y) or (x, y, sample_weight): the form in which `fit` takes a batch.

    A list or tuple of inputs alone becomes `(x,)`, so that nobody takes its second entry for labels.

    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight([1, 2]), pack_x_y_sample_weight(1, 2)
    (1, ([1, 2],), (1, 2))
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch, with None for what it lacks.

    Raises ValueError for tuples of more than three.

    >>> unpack_x_y_sample_weight((1, 2)), unpack_x_y_sample_weight("x")
    ((1, 2, None), ('x', None, None))
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"A batch is x, (x,), (x, y) or (x, y, sample_weight), not a tuple of {len(data)}.")
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight
