"""An LSTM learns to read handwritten digits, row by row; then five of them learn at once.

Run: make demo (or python examples/digits_lstm.py)

The first half is Keras as you know it. The second half takes the same model as what it is
underneath, a pair of pure functions, and hands it to `jax.vmap`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import jax
import numpy as np

import fkeras
from fkeras import Sequential, datasets, optimizers, train
from fkeras.layers import LSTM, Dense, Dropout

EPOCHS = 2 if os.environ.get("FKERAS_SHORT") else 40
LOSS = "sparse_categorical_crossentropy"

# 1,797 images of 8 x 8 pixels: for an LSTM, sequences of 8 steps (rows) of 8 features (pixels).
(x_train, y_train), (x_test, y_test) = datasets.digits.load_data()

# Large steps first, small ones at the end.
rate = optimizers.schedules.CosineDecay(1e-2, decay_steps=EPOCHS * len(x_train) // 32)


def draw_curves(history: dict[str, list[float]], path: Path) -> None:
    """The loss and the accuracy of each epoch, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for panel, name in zip(panels, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[name]) + 1)
        panel.plot(epochs, history[name], label="training")
        panel.plot(epochs, history[f"val_{name}"], label="validation")
        panel.set(xlabel="epoch", title=name)
        panel.grid(alpha=0.3)
        panel.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)


# --- as in Keras ------------------------------------------------------------------------------------

fkeras.utils.set_random_seed(0)
model = Sequential([
    LSTM(128, input_shape=(8, 8)),
    Dropout(0.5),
    Dense(10, activation="softmax"),
])  # fmt: skip
model.compile(optimizer=optimizers.Adam(rate), loss=LOSS, metrics=["accuracy"])
model.summary()

began = time.perf_counter()
history = model.fit(x_train, y_train, batch_size=32, epochs=EPOCHS, validation_split=0.1)
print(f"trained in {time.perf_counter() - began:.1f} s")

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"\ntest loss {loss:.4f}, test accuracy {accuracy:.2%} on {len(y_test)} digits it has never seen")

for image, label, answer in zip(x_test[:3], y_test[:3], model.predict(x_test[:3], verbose=0), strict=True):
    rows = ["".join(" .:*#"[int(pixel * 4.99)] * 2 for pixel in row) for row in image]
    print("", *rows, f"a {label}, read as {answer.argmax()} with probability {answer.max():.3f}", sep="\n  ")

draw_curves(history.history, Path("demo/learning_curves.png"))
print("\nlearning curves: demo/learning_curves.png")

# --- as pure functions ------------------------------------------------------------------------------

# A whole training run is one function of a key and the data. `vmap` it over keys: an ensemble.
adam = optimizers.Adam(rate)
fit = train.make_fit(train.make_step(model, LOSS, adam), batch_size=32, epochs=EPOCHS)


def trained(key: jax.Array) -> train.TrainState:
    return fit(train.create(model, adam, key, x_train), (x_train, y_train))


def read(params: dict, state: dict) -> jax.Array:
    return model.apply(params, state, x_test)[0]


began = time.perf_counter()
ensemble = jax.block_until_ready(jax.jit(jax.vmap(trained))(jax.random.split(jax.random.key(0), 5)))
print(f"\nfive at once, trained in {time.perf_counter() - began:.1f} s by one compiled program")

answers = np.asarray(jax.jit(jax.vmap(read))(ensemble.params, ensemble.state))  # (5, digits, 10)
print("test accuracy of each:  ", "  ".join(f"{each:.2%}" for each in np.mean(answers.argmax(-1) == y_test, axis=-1)))
print(f"test accuracy together:  {np.mean(answers.mean(0).argmax(-1) == y_test):.2%}")
