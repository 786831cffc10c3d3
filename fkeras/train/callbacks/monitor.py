"""`MonitorCallback`: what callbacks share that watch one of the logs."""

from __future__ import annotations

import warnings
from typing import Any

from .callback import Callback


class MonitorCallback(Callback):
    """Base of callbacks that watch one of the logs and know which way is better."""

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: mode {mode!r} is unknown; 'auto' is used instead. Known: auto, min, max.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode, self.best = monitor, mode, baseline
        self.min_delta, self._sign = abs(min_delta), {"min": -1, "max": 1}.get(mode)

    def is_improvement(self, value: Any, reference: Any) -> bool:
        """Whether a value is better than another by more than `min_delta`."""
        if self._sign is None:
            self._sign = self._direction()
        return reference is None or self._sign * (value - reference) > self.min_delta

    def _direction(self) -> int:
        """Which way is better for what is watched: by the metric's own word, or by its name."""
        name = self.monitor.removeprefix("val_")
        metric = next((m for m in getattr(self.model, "metrics", ()) if getattr(m, "name", None) == name), None)
        told = getattr(metric, "_direction", None)
        if told is not None:
            return 1 if told == "up" else -1
        if name == "loss" or name.endswith("_loss"):
            return -1
        if name in ("acc", "accuracy") or name.endswith(("_acc", "_accuracy")):
            return 1
        raise ValueError(
            f"{type(self).__name__} cannot tell whether more or less {self.monitor!r} is better: pass mode='max' or "
            "mode='min'."
        )

    def current(self, logs: dict[str, Any] | None) -> Any:
        """The value that is watched, or None, with a warning, if it is not in the logs."""
        logs = logs or {}
        if self.monitor not in logs:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not measured; available: {', '.join(logs)}.",
                stacklevel=3,
            )
        return logs.get(self.monitor)
