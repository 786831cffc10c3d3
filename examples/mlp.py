"""A small MLP learns to tell two spirals apart, and draws what it has learned.

Run: python examples/mlp.py
"""

from __future__ import annotations

import os

import numpy as np

import fkeras
from fkeras import Sequential
from fkeras.callbacks import EarlyStopping
from fkeras.layers import Dense, Input

EPOCHS = 3 if os.environ.get("FKERAS_SHORT") else 200


def spirals(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of two arms that wind around each other, and the arm that each belongs to."""
    arm = rng.integers(2, size=count)
    turn = 3 * np.pi * np.sqrt(rng.random(count))
    angle = turn + np.pi * arm
    points = (turn * [np.cos(angle), np.sin(angle)]).T / (3 * np.pi)
    return (points + noise * rng.normal(size=points.shape)).astype("float32"), arm[:, None]


def draw(model: Sequential, size: int = 34) -> None:
    """The plane, coloured by what the model says of each point."""
    y, x = np.mgrid[1.1 : -1.1 : size * 1j, -1.1 : 1.1 : 2 * size * 1j]
    said = model.predict(np.stack([x, y], -1).reshape(-1, 2).astype("float32"), verbose=0)
    for row in said.reshape(size, 2 * size):
        print("".join(" .+#"[min(int(p * 4), 3)] for p in row))


fkeras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x_train, y_train = spirals(2000, 0.03, rng)
x_test, y_test = spirals(500, 0.03, rng)

model = Sequential([
    Input((2,)),
    Dense(64, activation="relu"),
    Dense(64, activation="relu"),
    Dense(64, activation="relu"),
    Dense(1, activation="sigmoid"),
])  # fmt: skip
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.summary()

patience = EarlyStopping(monitor="val_loss", patience=15, restore_best_weights=True)
history = model.fit(x_train, y_train, epochs=EPOCHS, validation_split=0.2, callbacks=[patience], verbose=0)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
draw(model)
print(f"{len(history.epoch)} epochs, test loss {loss:.4f}, test accuracy {accuracy:.1%}")
