"""Callbacks: what is told of a training run while it goes on."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

HOOKS = (
    "train_begin",
    "train_end",
    "epoch_begin",
    "epoch_end",
    "test_begin",
    "test_end",
    "predict_begin",
    "predict_end",
)
BATCH_HOOKS = tuple(f"{mode}_batch_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end"))


class Callback:
    """Base of every callback: override the hooks that you need.

    A callback that overrides no batch hook costs nothing per step. In a hook, `self.model`
    is up to date: read and set weights, change `self.model.optimizer.learning_rate`, or
    set `self.model.stop_training = True`.

    >>> class Announce(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    >>> Announce().on_epoch_end(0, {"loss": 1.0})
    0 ['loss']
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return vars(self).get("_model")

    def set_params(self, params: dict[str, Any]) -> None:
        """Told once: epochs, steps, verbose."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Told once: the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The same as `on_train_batch_begin`, which calls it."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The same as `on_train_batch_end`, which calls it."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a training step; logs hold the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After an epoch; logs hold what was measured, `val_*` of the validation data."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """After the last epoch."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before an evaluation, or a validation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """After an evaluation, or a validation."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch is evaluated."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch was evaluated."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before predictions."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """After predictions."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch is predicted."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch was predicted; logs hold its `outputs`."""


@functools.cache
def wants_batches(cls: type, mode: str) -> bool:
    """Whether a class of callbacks overrides a hook that is called for each batch."""
    names = [
        f"on_{mode}_batch_begin",
        f"on_{mode}_batch_end",
        *(["on_batch_begin", "on_batch_end"] if mode == "train" else []),
    ]
    return any(getattr(cls, n, None) is not getattr(Callback, n) for n in names if hasattr(cls, n))


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


class CallbackList(Callback):
    """Several callbacks as one. `fit` makes it; it adds a History."""

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        given = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
        for callback in given:
            if isinstance(callback, type) or not hasattr(callback, "on_epoch_end"):
                raise TypeError(f"callbacks= takes instances of fkeras.callbacks.Callback; got {callback!r}.")
        self.callbacks: list[Any] = list(given)
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Any) -> None:
        """Adds one more."""
        self.callbacks.append(callback)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def wants(self, mode: str) -> bool:
        """Whether any of them asks for batches."""
        return any(wants_batches(type(c), mode) for c in self.callbacks)


def _each(name: str) -> Any:
    def hook(self: CallbackList, *args: Any, **kwargs: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(*args, **kwargs)

    hook.__doc__ = getattr(Callback, name).__doc__
    return hook


for _name in (*HOOKS, *BATCH_HOOKS, "batch_begin", "batch_end"):
    setattr(CallbackList, f"on_{_name}", _each(f"on_{_name}"))


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


class EarlyStopping(MonitorCallback):
    """Ends training when what it monitors has stopped improving.

    patience: so many epochs without improvement end training.
    min_delta: the least change that counts as improvement.
    baseline: what the value must beat at all.
    restore_best_weights: puts the weights of the best epoch back at the end.
    start_from_epoch: the first epoch that is watched.
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
                print(f"The weights are those of epoch {self.best_epoch + 1}, the best.")


class LambdaCallback(Callback):
    """Functions as hooks: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))`."""

    def __init__(
        self,
        on_epoch_begin: Any = None,
        on_epoch_end: Any = None,
        on_train_begin: Any = None,
        on_train_end: Any = None,
        on_train_batch_begin: Any = None,
        on_train_batch_end: Any = None,
        **kwargs: Any,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        known = {f"on_{n}" for n in (*HOOKS, *BATCH_HOOKS)}
        if unknown := [k for k in given if k not in known]:
            raise TypeError(f"LambdaCallback knows no hook {unknown[0]!r}; it knows {', '.join(sorted(known))}.")
        hooks = {k: staticmethod(f) for k, f in given.items() if f is not None}
        self.__class__ = type("LambdaCallback", (type(self),), hooks)  # type: ignore[assignment]


def names_of(callbacks: Iterable[Any]) -> list[str]:
    """The classes of some callbacks, for messages."""
    return [type(c).__name__ for c in callbacks]
