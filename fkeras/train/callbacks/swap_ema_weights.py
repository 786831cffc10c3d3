"""`SwapEMAWeights`: evaluates with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

import jax

from .callback import Callback


def swapped(params: Any, average: Any) -> tuple[Any, Any]:
    """(params, average) with the values of one in the other, where there is an average."""

    def hole(x: Any) -> bool:
        return x is None

    new = jax.tree.map(lambda a, p: p if a is None else a, average, params, is_leaf=hole)
    return new, jax.tree.map(lambda a, p: None if a is None else p, average, params, is_leaf=hole)


class SwapEMAWeights(Callback):
    """Puts the moving averages of the weights, which the optimizer keeps, in their place for evaluation.

    swap_on_epoch: does so from the end of an epoch to the beginning of the next as well, so that
        callbacks which save the model save the averages; they are what training leaves.

    Raises ValueError if the optimizer was not made with `use_ema=True`.
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False
        self._kept: Any = None  # the averages at the end of the last epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swapped, self._kept = False, None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)
            self._kept = self.model.values[0]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._kept is not None:
            self.model.values = self._kept, self.model.values[1]
            self._swapped, self._kept = False, None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap(False)

    def _swap(self, to: bool) -> None:
        """Makes the model hold the averages, or the weights."""
        if self._swapped is to:
            return
        self._swapped = to
        params, state = self.model.values
        for optimizer in self._averaging():
            kept = optimizer.state
            params, average = swapped(params, kept["average"])
            optimizer.state = {**kept, "average": average}
        self.model.values = params, state

    def _averaging(self) -> list[Any]:
        """The optimizers that keep averages."""
        outer = self.model.optimizer
        outer = getattr(outer, "inner_optimizer", outer)
        found = [o for o in getattr(outer, "optimizers", [outer]) if getattr(o, "use_ema", False)]
        if not found or any(o.state is None for o in found):
            wrong = "has not trained yet" if found else "keeps no averages: make it with use_ema=True"
            raise ValueError(f"SwapEMAWeights: the optimizer {outer!r} {wrong}.")
        return found
