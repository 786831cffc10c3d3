"""`EarlyStopping`: ends training when what is watched no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from .monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Ends training when what it monitors has stopped improving.

    patience: so many epochs without improvement end training.
    min_delta: the least change that counts as improvement.
    baseline: what the value must beat at all.
    restore_best_weights: puts the weights of the best epoch back at the end.
    start_from_epoch: the first epoch that is watched.

    >>> EarlyStopping("loss", patience=2).is_improvement(0.5, 0.6)
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, None, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        improved = self.is_improvement(value, self.best)
        if improved:
            self.best = value
        if self.restore_best_weights and (improved or self.best_weights is None):
            self.best_weights = self.model.get_weights()
        self.best_epoch = epoch if improved else self.best_epoch
        enough = improved and (self.baseline is None or self.is_improvement(value, self.baseline))
        self.wait = 0 if enough else self.wait + 1
        if not improved and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
