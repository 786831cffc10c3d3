"""`ProgbarLogger`: the progress of a run, printed."""

from __future__ import annotations

from typing import Any

from ..progress import Progress
from .callback import Callback


class ProgbarLogger(Callback):
    """Prints a line for each epoch, as `verbose` says; `fit` then prints none of its own.

    It asks for no batches: where another callback does, and on a terminal, a bar moves with them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.target, self.verbose, self.epochs = 0, None, 1, 1
        self.bar = Progress(self.verbose, self.epochs, None)
        self._in_fit = False

    def needs_batches(self, mode: str) -> bool:
        return False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self.verbose, self.epochs = params.get("verbose", 1), params.get("epochs", 1)
        self.target: Any = params.get("steps")
        self.bar = Progress(self.verbose, self.epochs, self.target)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._in_fit = False
        self.bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seen, self.bar.title = 0, "Epoch"
        self.bar.begin_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.end_epoch(self.target or self.seen or 1, logs or {})

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin("Evaluation")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin("Prediction")

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.seen = batch + 1
        if self.bar.due():
            self.bar.draw(self.seen, logs or {})

    def _begin(self, title: str) -> None:
        """A run outside of `fit` begins."""
        if not self._in_fit:
            self.seen, self.bar.title = 0, title
            self.bar.begin_epoch(0)

    def _end(self, logs: dict[str, Any] | None) -> None:
        """A run outside of `fit` has ended."""
        if not self._in_fit:
            self.bar.end_epoch(self.target or 1, logs or {})
            self.bar.close()
