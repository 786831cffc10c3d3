"""`TimeseriesGenerator`: windows on a series, in the manner of Keras 2; `timeseries_dataset_from_array` is today's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..data import PyDataset


class TimeseriesGenerator(PyDataset):
    """Batches of (window, target): the `length` steps before a step, every `sampling_rate`th of them.

    Shapes: data (steps, ...), targets (steps, ...) -> (batch, length / sampling_rate, ...), (batch, ...).

    stride: from one window to the next. start_index, end_index: the part of the series that is used.
    shuffle: windows at random, drawn anew in every epoch. reverse: the last step first.
    seed: (keyword) of what is drawn at random.

    Raises ValueError if data and targets differ in length, or if no window fits.

    >>> batches = TimeseriesGenerator(np.arange(6), 10 * np.arange(6), length=2, batch_size=3)
    >>> x, y = batches[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [20, 30, 40])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: data and targets must be of one length; got {len(data)} and {len(targets)}."
            )
        for name, value in (("length", length), ("sampling_rate", sampling_rate), ("stride", stride)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"TimeseriesGenerator: {name} must be a whole number above 0; got {value!r}.")
        self.data, self.targets, self.length, self.sampling_rate = data, targets, length, sampling_rate
        self.stride, self.shuffle, self.reverse, self.batch_size = stride, shuffle, reverse, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        if not self.start_index <= self.end_index < len(data):
            raise ValueError(
                f"TimeseriesGenerator: no window of {length} steps fits between start_index={start_index} and "
                f"end_index={self.end_index} of {len(data)} steps."
            )
        self.entropy, self.epoch = np.random.SeedSequence(seed).entropy, 0
        self._series, self._answers = np.asarray(data), np.asarray(targets)

    def __len__(self) -> int:
        size = self.batch_size * self.stride
        return (self.end_index - self.start_index + size) // size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of this number."""
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches; got index {index}.")
        if self.shuffle:
            chance = np.random.default_rng([int(self.entropy or 0), self.epoch, index])  # type: ignore[arg-type]
            rows = chance.integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            size = self.batch_size * self.stride
            first = self.start_index + size * index
            rows = np.arange(first, min(first + size, self.end_index + 1), self.stride)
        steps = np.arange(-self.length, 0, self.sampling_rate)
        steps = steps[::-1] if self.reverse else steps
        return self._series[rows[:, None] + steps], self._answers[rows]

    def on_epoch_end(self) -> None:
        """Other draws for the next epoch."""
        self.epoch += 1

    def get_config(self) -> dict[str, Any]:
        """The settings, with the series as JSON, as Keras writes it."""
        names = ("length", "sampling_rate", "stride", "start_index", "end_index", "shuffle", "reverse", "batch_size")
        series = {"data": self._series, "targets": self._answers}
        return {n: json.dumps(a.tolist()) for n, a in series.items()} | {n: getattr(self, n) for n in names}

    def to_json(self, **kwargs: Any) -> str:
        """The settings and the series as JSON."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """The generator that `to_json` described, here or in Keras 2.

    Raises ValueError for text that describes none.

    >>> batches = TimeseriesGenerator(np.arange(6), np.arange(6), length=2)
    >>> timeseries_generator_from_json(batches.to_json())[0][1].tolist()
    [2, 3, 4, 5]
    """
    try:
        config = dict(json.loads(json_string)["config"])
        config |= {name: np.array(json.loads(config[name])) for name in ("data", "targets")}
        config["start_index"] -= config["length"]  # what is written is the first step that has a window before it
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"This is not the JSON of a TimeseriesGenerator: {error}.") from None
    return TimeseriesGenerator(**config)
