"""Windows that slide over a series in time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .chain import random_state, whole
from .dataset import Dataset, Examples


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows over a series, with a target for each: a Dataset of (windows, targets), or of windows alone.

    data: the steps in time along the first axis.
    targets: `targets[i]` belongs to the window that begins at step i; None for windows alone.
    sequence_length: steps in a window. sampling_rate: how far apart they are in the data.
    sequence_stride: how far apart windows begin.
    batch_size: None for windows one by one.
    shuffle, seed: in an order of chance, another one in each pass.
    start_index, end_index: the part of the data to use.
    format: "tf" or "grain", Keras' choice of library; both give a Dataset of fkeras.

    Shapes: (batch, sequence_length, ...) and (batch, ...).

    >>> windows = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, sequence_length=3)
    >>> x, y = next(iter(windows))
    >>> x[1].tolist(), y.tolist()
    ([1, 2, 3], [0, 10, 20, 30])
    """
    check_format(format)
    series = np.asarray(data)
    length, rate = whole("sequence_length", sequence_length, 1), whole("sampling_rate", sampling_rate, 1)
    stride = whole("sequence_stride", sequence_stride, 1)
    start = 0 if start_index is None else whole("start_index", start_index, 0)
    end = len(series) if end_index is None else whole("end_index", end_index, 1)
    if not start < end <= len(series):
        raise ValueError(f"start_index={start} and end_index={end} name no part of data of {len(series)} steps.")
    for name, value in (("sampling_rate", rate), ("sequence_stride", stride)):
        if value >= len(series):
            raise ValueError(f"{name}={value} must be less than the length of the data, {len(series)}.")
    count = end - start - (length - 1) * rate
    goals = None if targets is None else np.asarray(targets)
    if goals is not None:
        count = min(count, len(goals) - start)
    if count < 1:
        raise ValueError(
            f"A window takes {(length - 1) * rate + 1} steps; {end - start} are not enough for one that has a target."
        )
    begins = np.arange(0, count, stride) + start
    if shuffle:
        random_state(seed).shuffle(begins)
    steps = np.arange(length) * rate

    def fetch(which: Any) -> Any:
        windows = series[begins[which][:, None] + steps]
        return windows if goals is None else (windows, goals[begins[which]])

    dataset: Dataset = Examples(fetch, lambda n: np.arange(len(begins)))
    dataset = dataset.shuffle(seed=seed) if shuffle else dataset
    return dataset if batch_size is None else dataset.batch(batch_size)


def check_format(format: str) -> None:
    """Refuses libraries that Keras does not name."""
    if format not in ("tf", "grain"):
        raise ValueError(f'format must be "tf" or "grain" (both give a Dataset of fkeras); got {format!r}.')
