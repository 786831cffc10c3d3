"""`LambdaCallback`: functions as hooks."""

from __future__ import annotations

from typing import Any

from .callback import BATCH_HOOKS, HOOKS, Callback

KNOWN = tuple(f"on_{name}" for name in (*HOOKS, *BATCH_HOOKS, "batch_begin", "batch_end"))


class LambdaCallback(Callback):
    """Functions as hooks; each is named like its hook and takes what the hook takes.

    kwargs: the other hooks (`on_test_end`, `on_predict_begin`, ...); other names become attributes.

    Raises TypeError for a hook that there is not.

    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs)).on_epoch_end(0, {"loss": 1.0})
    0 {'loss': 1.0}
    """

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
        if unknown := [k for k in given if k.startswith("on_") and k not in KNOWN]:
            raise TypeError(f"LambdaCallback knows no hook {unknown[0]!r}; it knows {', '.join(sorted(KNOWN))}.")
        vars(self).update({name: value for name, value in given.items() if value is not None})
