"""Callbacks: what is told of a training run while it goes on."""

from __future__ import annotations

from typing import Any

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

    A callback that overrides no hook for batches costs nothing per step; of `steps_per_execution=n`
    steps, hooks for batches are told once. In a hook, `self.model`
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

    def needs_batches(self, mode: str) -> bool:
        """Whether hooks for batches that the class overrides are to be called; `fit` asks once.

        If no callback needs them, `fit` runs many steps per dispatch.
        mode: "train", "test" or "predict".
        """
        return True

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


def wants_batches(callback: Any, mode: str) -> bool:
    """Whether a callback is to be told of each batch: it overrides a hook for them, and does not say otherwise.

    mode: "train", "test" or "predict".
    """
    names = [f"on_{mode}_batch_{when}" for when in ("begin", "end")]
    names += ["on_batch_begin", "on_batch_end"] if mode == "train" else []
    found = [getattr(callback, n) for n in names if hasattr(callback, n)]
    overridden = any(getattr(hook, "__func__", hook) not in DEFAULTS for hook in found)
    return overridden and getattr(callback, "needs_batches", asks)(mode)


def asks(mode: str) -> bool:
    """What callbacks of other making say when they are asked whether they need batches."""
    return True


DEFAULTS = [vars(Callback)[f"on_{name}"] for name in (*BATCH_HOOKS, "batch_begin", "batch_end")]
