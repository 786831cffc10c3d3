"""`TerminateOnNaN`: ends training quietly when a loss is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from .callback import Callback


class TerminateOnNaN(Callback):
    """Ends training at a loss that is NaN or infinite, in the place of the FloatingPointError of `fit`.

    The weights are those from before the step whose loss or gradient was not finite. The loss
    of that epoch is NaN in the logs. It costs nothing per step.

    raise_error: raises RuntimeError.

    >>> TerminateOnNaN(raise_error=True).on_batch_end(3, {"loss": float("nan")})
    Traceback (most recent call last):
    RuntimeError: The loss of batch 3 is nan; training has stopped.
    """

    takes_invalid_loss = True

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def needs_batches(self, mode: str) -> bool:
        return type(self).on_batch_end is not TerminateOnNaN.on_batch_end

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"The loss of batch {batch} is {loss}; training has stopped.")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
