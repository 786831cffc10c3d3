"""`CallbackList`: several callbacks as one."""

from __future__ import annotations

from typing import Any

from .callback import BATCH_HOOKS, HOOKS, Callback, wants_batches
from .history import History
from .progbar_logger import ProgbarLogger


class CallbackList(Callback):
    """Several callbacks as one: each hook is passed on to all of them, in order. `fit` makes it, with a History.

    callbacks: a callback, or a nest of lists of them.
    add_history, add_progbar: whether to add a History or a ProgbarLogger if none is given.
    params: what `set_params` tells: `epochs`, `steps`, `verbose`.

    Raises TypeError for what is no callback, a class in the place of an object for example.

    >>> both = CallbackList([History(), [Callback()]], epochs=2)
    >>> both.on_epoch_end(0, {"loss": 1.0})
    >>> both.history.history, both.callbacks[1].params
    ({'loss': [1.0]}, {'epochs': 2})
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        given = flat(callbacks)
        for callback in given:
            if isinstance(callback, type) or not hasattr(callback, "on_epoch_end"):
                raise TypeError(f"callbacks= takes instances of fkeras.callbacks.Callback; got {callback!r}.")
        self.callbacks: list[Any] = given
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        self.progbar = next((c for c in self.callbacks if isinstance(c, ProgbarLogger)), None)
        if self.progbar is None and add_progbar:
            self.progbar = ProgbarLogger()
            self.callbacks.append(self.progbar)
        self._order()
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Any) -> None:
        """Adds one more."""
        self.callbacks.append(callback)
        self._order()

    def _order(self) -> None:
        """Puts those at the end that ask to be told last."""
        self.callbacks.sort(key=lambda c: getattr(c, "told_last", False))

    def set_run(self, run: Any) -> None:
        """Shows a run of `fit` to those that can resume it."""
        for callback in self.callbacks:
            if hasattr(callback, "set_run"):
                callback.set_run(run)

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
        return any(wants_batches(c, mode) for c in self.callbacks)

    def takes(self, batch: int, loss: float) -> bool:
        """Tells callbacks that end training when a loss is not finite; False if there are none."""
        found = [c for c in self.callbacks if getattr(c, "takes_invalid_loss", False)]
        for callback in found:
            callback.on_batch_end(batch, {"loss": loss})
        return bool(found)


def flat(callbacks: Any) -> list[Any]:
    """The callbacks in a nest of lists."""
    if callbacks is None:
        return []
    return [c for part in callbacks for c in flat(part)] if isinstance(callbacks, (list, tuple)) else [callbacks]


def hooks_for(callbacks: Any, model: Any, add_history: bool = False, **params: Any) -> CallbackList:
    """What a user gave as `callbacks`, as one that knows the model; a CallbackList is used as it is."""
    if not isinstance(callbacks, CallbackList):
        return CallbackList(callbacks, add_history, model=model, **params)
    if callbacks.history is None and add_history:
        callbacks.history = History()
        callbacks.append(callbacks.history)
    callbacks.set_model(model)
    callbacks.set_params(params)
    return callbacks


def _each(name: str) -> Any:
    def hook(self: CallbackList, *args: Any, logs: Any = None) -> None:
        place = [a for a in args if a is not None and not isinstance(a, dict)]  # an epoch, a batch, or nothing
        logs = next((a for a in args if isinstance(a, dict)), logs)
        logs = {} if logs is None else logs  # one dict for all: what one adds, the next ones see
        for callback in self.callbacks:
            getattr(callback, name)(*place, logs)

    hook.__doc__ = getattr(Callback, name).__doc__
    return hook


for _name in (*HOOKS, *BATCH_HOOKS, "batch_begin", "batch_end"):
    setattr(CallbackList, f"on_{_name}", _each(f"on_{_name}"))
