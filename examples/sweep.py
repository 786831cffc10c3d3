"""Sixty-four trainings at once: learning rates, weight penalties and seeds, in one program each epoch.

Run: python examples/sweep.py
"""

from __future__ import annotations

import os
import time

import fkeras
from fkeras import Sequential, datasets
from fkeras.layers import Dense, Dropout, Flatten, Input
from fkeras.regularizers import L2

EPOCHS = 1 if os.environ.get("FKERAS_SHORT") else 15

(x, y), (x_test, y_test) = datasets.digits.load_data()


def build(learning_rate: float, l2: float, rate: float) -> Sequential:
    """A compiled model with these settings."""
    model = Sequential([
        Input((8, 8)), Flatten(), Dense(32, "relu", kernel_regularizer=L2(l2)), Dropout(rate), Dense(10, "softmax"),
    ])  # fmt: skip
    model.compile(fkeras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


began = time.perf_counter()
settings = {"learning_rate": [0.0003, 0.001, 0.003, 0.01], "l2": [0.0, 1e-3], "rate": [0.0, 0.3]}
runs = fkeras.sweep(build, settings, seeds=4).fit(
    x, y, epochs=EPOCHS, validation_split=0.2, monitor="val_accuracy", verbose=2
)
print(f"\n{len(runs)} trainings in {time.perf_counter() - began:.1f} s, the best of them:\n")
print(runs)
loss, accuracy = runs.best_model.evaluate(x_test, y_test, verbose=0)
print(f"\ntest accuracy of the best model: {accuracy:.2%}")
