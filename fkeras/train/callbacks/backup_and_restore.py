"""`BackupAndRestore`: a `fit` that can be killed at any moment, and when started again ends as if it had not been."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from ... import packed, random
from ..checkpointer import Checkpointer
from ..plain import decode, encode, parts, same
from .periodic import Periodic

OWN = ("_model", "model", "params")  # attributes that every callback is given


class BackupAndRestore(Periodic):
    """Keeps the state of a training run in a folder, and goes on from there when `fit` is called again.

    The state is everything that the rest of the run depends on: weights, what the optimizer
    remembers, random keys, the place in the data, the history, and the counters of the other
    callbacks (numbers, arrays and nests of them among their attributes; what their
    `get_state()` returns goes to their `set_state(state)` if they have these). So a script that
    was killed, by SIGKILL at any moment too, and is started again ends with the same weights
    and the same history, bit for bit. The order of rows in memory is part of it; a generator
    is read again from its start up to where it was.

    save_freq: "epoch", a number of batches, or False for never.
    double_checkpoint: keeps the state before the last one as well; if the last one is damaged, that is taken.
    delete_checkpoint: removes the state at the end of training.

    Files are verified when read, and whole or not there: see `fkeras.train.Checkpointer`.
    It is told of every event after the other callbacks.

    Raises ValueError if the state is that of another model; OSError if it cannot be written.

    >>> import tempfile, fkeras, numpy as np
    >>> def train(epochs, folder=tempfile.mkdtemp()):
    ...     model = fkeras.Sequential([fkeras.Input((2,)), fkeras.layers.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     keep = BackupAndRestore(folder, delete_checkpoint=False)
    ...     return model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=epochs, callbacks=[keep], verbose=0)
    >>> train(2).epoch, train(3).epoch
    ([0, 1], [0, 1, 2])
    """

    told_last = True

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__(save_freq)
        if not backup_dir:
            raise ValueError("BackupAndRestore needs a folder: backup_dir is empty.")
        self.backup_dir = os.fspath(backup_dir)
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.checkpointer = Checkpointer(self.backup_dir, keep=2 if double_checkpoint else 1)
        self.run: Any = None  # of `fit`
        self.others: list[Any] = []
        self.began: list[Any] = []  # what they held when training began

    def set_run(self, run: Any) -> None:
        """Shows the run of `fit` that is kept."""
        self.run = run
        self.others = [c for c in run.hooks.callbacks if c is not self]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._last_batch_seen, self._batches_seen_since_last_saving = -1, 0
        self.began = [parts(c, OWN) for c in self.others]
        if self.checkpointer.steps():
            self._restore()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.is_due(batch):
            self._save(self.run.epoch, self.run.done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.delete_checkpoint:
            self.checkpointer.clear()

    # --- the state ---------------------------------------------------------------------------------

    def _save(self, epoch: int, done: int) -> None:
        ts, arrays = self.run.session.snapshot(), []
        note = {
            "where": encode(self.run.where(epoch, done), arrays),
            "counted": [self._batches_seen_since_last_saving, self._last_batch_seen],
            "random": source_of_keys(),
            "key": [int(word) for word in vars(self.model)["_key"]],
            "callbacks": [self._state_of(n, c, arrays) for n, c in enumerate(self.others)],
            "measures": bool(done),
            "more": [[a.dtype.name, list(a.shape)] for a in arrays],
        }
        ts = ts if done else ts._replace(metrics={})
        self.checkpointer.save({"run": ts, "more": arrays}, ts.step, note)

    def _state_of(self, number: int, callback: Any, arrays: list[Any]) -> Any:
        """[class, state] of a callback: what it says, or what has changed in it since training began."""
        name = type(callback).__name__
        if hasattr(callback, "get_state"):
            return [name, encode({"state": callback.get_state()}, arrays)]
        before = self.began[number]
        changed = [n for n, now in parts(callback, OWN).items() if not same(before.get(n), now)]
        return [name, encode({n: vars(callback)[n] for n in changed}, arrays)]

    def _restore(self) -> None:
        tree, _, note = self.checkpointer.load(form=self._form)
        try:
            where = decode(note["where"], tree["more"])
            states = [(name, decode(told, tree["more"])) for name, told in note["callbacks"]]
            object.__setattr__(self.model, "_key", np.asarray(note["key"], np.uint32))
            source_of_keys(note["random"])
            self.run.go_to(where, tree["run"])
            self._batches_seen_since_last_saving, self._last_batch_seen = note["counted"]
        except (KeyError, TypeError, AttributeError) as error:
            raise packed.DamagedFileError(f"The state in {self.backup_dir} cannot be read ({error!r}).") from None
        for callback in self.others:
            found = next((s for s in states if s[0] == type(callback).__name__), None)
            if found is not None:
                states.remove(found)
                put(callback, found[1])
            elif self.run.halfway:
                callback.on_epoch_begin(self.run.epoch)  # which the others were told of before the interruption
        if states:
            names = ", ".join(name for name, _ in states)
            warnings.warn(
                f"The state in {self.backup_dir} has that of callbacks that are not here: {names}.", stacklevel=6
            )

    def _form(self, note: Any) -> Any:
        """The form of the tree in a file with this note."""
        ts = self.run.session.snapshot()._replace(metrics=self.run.fresh_metrics if note["measures"] else {})
        more = [np.broadcast_to(np.zeros((), packed.DTYPES[dtype]), shape) for dtype, shape in note["more"]]
        return {"run": ts, "more": more}


def source_of_keys(where: list[Any] | None = None) -> list[Any]:
    """Where the process-wide source of keys stands (its seed, how many were drawn), after it was put to `where`."""
    source = random._SOURCE
    with source.lock:
        if where is not None:
            source.seed, source.count = where
        return [source.seed, source.count]


def put(callback: Any, state: dict[str, Any]) -> None:
    """Gives a callback its state; methods and text, which may name files, are left as they are."""
    if hasattr(callback, "set_state"):
        callback.set_state(state["state"])
        return
    for name, value in state.items():
        if not hasattr(type(callback), name) and not isinstance(vars(callback).get(name), str):
            object.__setattr__(callback, name, value)
