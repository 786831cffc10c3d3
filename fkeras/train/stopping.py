"""`Stops`: an `EarlyStopping` for each of many runs at once."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .callbacks import EarlyStopping


class Watched:
    """What an `EarlyStopping` sees of its run: it may end it, and says which weights it would keep and put back."""

    def __init__(self, model: Any):
        self.metrics, self.stop_training, self.keeps = model.metrics, False, False

    def get_weights(self) -> list[Any]:
        """Notes that the weights of now are to be kept."""
        self.keeps = True
        return []

    def set_weights(self, weights: list[Any]) -> None:
        """Done by whoever holds the runs, for all that kept some."""


class Stops:
    """Which of many runs go on; each has a copy of the callbacks for itself.

    going: flags with axes (settings, keys). ends: by what epoch each run is judged, its last one, or the one
        whose weights are put back.

    Raises ValueError for other callbacks than EarlyStopping: they see one model, and here are many.
    """

    def __init__(self, callbacks: Any, model: Any, shape: tuple[int, int]):
        given = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
        if strange := [c for c in given if not isinstance(c, EarlyStopping)]:
            raise ValueError(
                f"Runs at once take EarlyStopping, each for itself; got {type(strange[0]).__name__}, which watches a "
                "single model. Train one model by its own fit for that."
            )
        self.runs = {i: ([copy.copy(c) for c in given], Watched(model)) for i in np.ndindex(*shape)}
        for watches, run in self.runs.values():
            for watch in watches:
                watch.verbose = 0
                watch.set_model(run)
                watch.on_train_begin()
        self.going, self.ends = np.ones(shape, bool), np.zeros(shape, int)
        self.kept = np.zeros(shape, bool)

    def note(self, epoch: int, logs: dict[str, np.ndarray]) -> np.ndarray:
        """Tells each run that goes on what it has measured; returns flags for those whose weights are to be kept."""
        kept = np.zeros_like(self.going)
        for i, (watches, run) in self.runs.items():
            if not self.going[i]:
                continue
            run.keeps = False
            mine = {k: float(v[i]) for k, v in logs.items() if v.ndim == 2}
            for watch in watches:
                watch.on_epoch_end(epoch, mine)
            kept[i], self.going[i] = run.keeps, not run.stop_training
            if run.keeps or not self.kept[i]:
                self.ends[i] = epoch
            self.kept[i] |= run.keeps
        return kept
