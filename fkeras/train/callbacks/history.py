"""`History`: what was measured, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .callback import Callback


class History(Callback):
    """Keeps the logs of every finished epoch: `history.history["loss"]` is a list.

    >>> h = History()
    >>> h.on_train_begin(); h.on_epoch_end(0, {"loss": 2.0}); h.history, h.epoch
    ({'loss': [2.0]}, [0])
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []
        if self.model is not None:
            object.__setattr__(self.model, "history", self)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def plot(self, names: Any = None, ax: Any = None) -> Any:
        """Draws the curves of training, and those of validation beside them; returns a list of matplotlib's axes.

        names: what to draw, `["loss", "accuracy"]` for example; all numbers if None.
        ax: axes to draw on, one for each name; new ones if None.

        Raises KeyError for what was not measured. Needs matplotlib.
        """
        import matplotlib.pyplot as plt

        numbers = [n for n, values in self.history.items() if np.ndim(values[0]) == 0]
        every = list(dict.fromkeys(n.removeprefix("val_") for n in numbers))
        names = every if names is None else [names] if isinstance(names, str) else list(names)
        if unknown := [n for n in names if n not in every]:
            raise KeyError(f"{unknown[0]!r} was not measured; there are {', '.join(every) or 'no epochs yet'}.")
        axes = panels(plt, len(names)) if ax is None else list(np.ravel(np.asarray(ax)))
        for name, panel in zip(names, axes, strict=True):
            for key, label in ((name, "training"), (f"val_{name}", "validation")):
                if key in self.history:
                    values = self.history[key]
                    panel.plot([e + 1 for e in self.epoch[-len(values) :]], values, label=label)
            panel.set(xlabel="epoch", title=name)
            panel.legend()
        return axes


def panels(plt: Any, count: int) -> list[Any]:
    """So many new axes, three in a row."""
    if not count:
        return []
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    grid = plt.subplots(rows, columns, figsize=(4 * columns, 3 * rows), squeeze=False, layout="constrained")[1]
    for spare in grid.flat[count:]:
        spare.set_visible(False)
    return list(grid.flat[:count])
