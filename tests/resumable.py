"""A training run that may be killed at any moment: started again, it goes on. Used by tests of survival.

    python tests/resumable.py FOLDER RESULT [save_freq]

Prints `ready` when training begins and, at its end, writes weights and history to RESULT.
"""

from __future__ import annotations

import hashlib
import json
import sys

import jax
import numpy as np

import fkeras
from fkeras import atomic, callbacks, layers


class Noise(callbacks.Callback):
    """A user's own: its counter decides what it does to the weights."""

    def __init__(self, batches):
        super().__init__()
        self.count, self.total, self.batches = 0, np.zeros(2), batches

    def needs_batches(self, mode):
        return self.batches

    def on_train_batch_end(self, batch, logs=None):
        self.total += np.asarray([logs["loss"], batch])

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        logs["count"] = self.count
        if self.count % 3 == 0:
            self.model.layers[-1].bias.assign(self.model.layers[-1].bias * 0.5)


class Ready(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print("ready", epoch, flush=True)


def model_for():
    model = fkeras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, "softmax"),
        ]
    )
    optimizer = fkeras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def digest(model, history):
    """Everything that training has made, as one word, and the history."""
    values = [*model.get_weights(), *jax.tree.leaves(model.optimizer.state)]
    return [
        hashlib.sha256(b"".join(np.asarray(v).tobytes() for v in values)).hexdigest(),
        history.history,
        history.epoch,
    ]


def run(folder, save_freq="epoch", epochs=12, more=(), **settings):
    fkeras.utils.set_random_seed(7)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 8)).astype("float32"), rng.integers(0, 3, 100)
    model = model_for()
    backup = (
        [] if folder is None else [callbacks.BackupAndRestore(folder, save_freq, double_checkpoint=True, **settings)]
    )
    told = [
        *backup,
        Noise(save_freq != "epoch"),
        callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", patience=2, factor=0.7, min_delta=0.05),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.98),
        *more,
    ]
    history = model.fit(x, y, 16, epochs, 0, told, validation_split=0.2)
    return digest(model, history)


if __name__ == "__main__":
    folder, result = sys.argv[1:3]
    freq = sys.argv[3] if len(sys.argv) > 3 else "epoch"
    made = run(folder if folder != "-" else None, freq if freq == "epoch" else int(freq), more=[Ready()])
    atomic.write_bytes(result, json.dumps(made).encode())
