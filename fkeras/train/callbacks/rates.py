"""Callbacks that set the learning rate: by a schedule over epochs, or when nothing improves any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .callback import Callback
from .monitor import MonitorCallback


def rated(callback: Callback) -> list[tuple[str, Any]]:
    """(name in the logs, optimizer) of each optimizer of the model whose learning rate can be set."""
    optimizer = callback.model.optimizer
    several = getattr(optimizer, "optimizers", None)
    if several is not None:
        return [(f"learning_rate_{inner.name}", inner) for inner in several]
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"{type(callback).__name__} sets optimizer.learning_rate, which {type(optimizer).__name__} has not: "
            "compile with one of fkeras.optimizers."
        )
    return [("learning_rate", optimizer)]


def rate_of(optimizer: Any) -> float:
    """The learning rate of now."""
    return float(np.asarray(getattr(optimizer.learning_rate, "value", optimizer.learning_rate)))


class LearningRateScheduler(Callback):
    """Sets the learning rate when an epoch begins, and adds it to the logs as `learning_rate`.

    schedule: (epoch, learning rate of now) -> learning rate, or a function of the epoch alone. Epochs count from 0.
    verbose: 1 prints each change.

    Raises ValueError if the schedule returns no float, or the optimizer has no learning rate.

    >>> halve = LearningRateScheduler(lambda epoch, lr: lr / 2)
    >>> halve.schedule(0, 1.0)
    0.5
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, optimizer in rated(self):
            optimizer.learning_rate = rate = self._next(epoch, rate_of(optimizer))
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {name.replace('_', ' ')} to {rate}.")

    def _next(self, epoch: int, rate: float) -> float:
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(f"LearningRateScheduler: the schedule must return a float; it returned {rate!r}.")
        return rate

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs.update({name: rate_of(optimizer) for name, optimizer in rated(self)})


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when what it watches has stopped improving; logs `learning_rate`.

    patience: so many epochs without improvement reduce it.
    min_delta: the least change that counts as improvement.
    cooldown: so many epochs after a reduction are not counted.
    min_lr: the rate never goes below.
    epsilon: the older name of `min_delta`.

    Raises ValueError for a factor that does not reduce.

    >>> ReduceLROnPlateau("loss", factor=0.5, patience=3).in_cooldown()
    False
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        epsilon: float | None = None,
    ):
        super().__init__(monitor, mode, min_delta=min_delta if epsilon is None else epsilon)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be less than 1; got {factor}.")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.best, self.cooldown_counter, self.wait = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        logs.update({name: rate_of(optimizer) for name, optimizer in rated(self)})
        value = self.current(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter, self.wait = self.cooldown_counter - 1, 0
        if self.is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _reduce(self, epoch: int) -> bool:
        """Reduces what is not yet at the least; whether anything was."""
        found = [(name, optimizer) for name, optimizer in rated(self) if rate_of(optimizer) > np.float32(self.min_lr)]
        for name, optimizer in found:
            optimizer.learning_rate = rate = max(rate_of(optimizer) * self.factor, self.min_lr)
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing {name.replace('_', ' ')} to {rate}.")
        return bool(found)

    def in_cooldown(self) -> bool:
        """Whether the last reduction was so recently that epochs are not counted."""
        return self.cooldown_counter > 0
