"""`ModelCheckpoint`: saves the model while it trains."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from .monitor import MonitorCallback
from .periodic import Periodic


class ModelCheckpoint(Periodic, MonitorCallback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    filepath: with fields such as `{epoch:02d}-{val_loss:.2f}`: epoch and batch count from 1, others are logs.
        It ends in `.keras` or `.h5`; in `.weights.h5` for weights alone.
    monitor, mode: what `save_best_only` watches, and which way is better: "min", "max", "auto".
    save_best_only: saves only if that is better than ever before.
    save_weights_only: saves the weights, and what the optimizer remembers, without the model.
    save_freq: "epoch" or a number of batches.
    initial_value_threshold: what must be beaten the first time.

    A file is whole or not there: what was there before stands until the new one is complete.

    Raises ValueError for another ending, KeyError for a field that is not in the logs.

    >>> ModelCheckpoint("m-{epoch:02d}.keras").file(epoch=3, batch=None, logs={"loss": 0.5})
    'm-04.keras'
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(save_freq, monitor, mode, initial_value_threshold)
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5", ".hdf5")
        if not self.filepath.endswith(endings):
            what = "save_weights_only=True" if save_weights_only else "a whole model"
            raise ValueError(
                f"ModelCheckpoint: filepath must end in {' or '.join(endings)} for {what}; got {self.filepath!r}."
            )
        self._current_epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.is_due(batch):
            self._save(self._current_epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def file(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        """The path for an epoch, or a batch of it, with these logs."""
        fields = {} if batch is None else {"batch": batch + 1}
        try:
            return self.filepath.format(**{"epoch": epoch + 1, **fields, **logs})
        except (KeyError, IndexError) as error:
            known = ", ".join(["epoch", *fields, *logs])
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} has a field {error}; there are {known}."
            ) from None

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        path = self.file(epoch, batch, logs)
        if not self._is_wanted(epoch, logs, path):
            return
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)
        self._tell(epoch, f"finished saving model to {path}")

    def _is_wanted(self, epoch: int, logs: dict[str, Any], path: str) -> bool:
        """Whether to save now."""
        if not self.save_best_only:
            self._tell(epoch, f"saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None or np.ndim(value):
            what = "is not measured" if value is None else "is not a single number"
            warnings.warn(f"ModelCheckpoint: {self.monitor!r} {what}: the model is saved, best or not.", stacklevel=7)
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.is_improvement(value, self.best):
            self._tell(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._tell(epoch, f"{self.monitor} improved from {best} to {value:.5f}, saving model to {path}")
        self.best = value
        return True

    def _tell(self, epoch: int, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {text}")
