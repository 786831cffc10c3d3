"""`Periodic`: what callbacks share that save each epoch, or every so many batches."""

from __future__ import annotations

from typing import Any

from .callback import Callback


class Periodic(Callback):
    """Base of callbacks with a `save_freq`: "epoch", a number of batches, or False for never.

    Raises ValueError for any other.

    >>> Periodic(save_freq=3).save_freq
    3
    """

    def __init__(self, save_freq: Any = "epoch", *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        number = isinstance(save_freq, int) and (save_freq is False or (save_freq is not True and save_freq > 0))
        if save_freq != "epoch" and not number:
            raise ValueError(
                f"{type(self).__name__}: save_freq must be 'epoch', a number of batches above 0, or False for never; "
                f"got {save_freq!r}."
            )
        self.save_freq: Any = save_freq
        self._batches_seen_since_last_saving, self._last_batch_seen = 0, -1

    def needs_batches(self, mode: str) -> bool:
        own = type(self).__module__.startswith(__package__ or "fkeras")
        return mode == "train" and (not own or self.save_freq not in ("epoch", False))

    def is_due(self, batch: int) -> bool:
        """Whether it is time to save after this batch of an epoch."""
        if self.save_freq in ("epoch", False):
            return False
        new = batch - self._last_batch_seen if batch > self._last_batch_seen else batch + 1
        self._batches_seen_since_last_saving += new
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving < self.save_freq:
            return False
        self._batches_seen_since_last_saving = 0
        return True
