"""Two images go through one shared encoder; the model answers two questions about the pair.

Run: python examples/functional.py

Are they the same digit? And what is their sum? Afterwards the encoder, which was never told
what a digit is, is taken out and used alone.
"""

from __future__ import annotations

import os

import numpy as np

import fkeras
from fkeras import Input, Model, datasets, ops
from fkeras.layers import Concatenate, Dense, Dropout, Flatten

EPOCHS = 1 if os.environ.get("FKERAS_SHORT") else 15

fkeras.utils.set_random_seed(0)
train_set, test_set = datasets.digits.load_data()


def pairs(images: np.ndarray, digits: np.ndarray, count: int, seed: int) -> tuple[dict, dict]:
    """Pairs of images, half of them of the same digit, with the answers to both questions."""
    rng = np.random.default_rng(seed)
    first = rng.integers(len(digits), size=count)
    twins = np.array([rng.choice(np.flatnonzero(digits == digits[i])) for i in first])
    second = np.where(rng.random(count) < 0.5, twins, rng.integers(len(digits), size=count))
    a, b = digits[first], digits[second]
    return {"left": images[first], "right": images[second]}, {"same": (a == b)[:, None], "sum": a + b}


# A model is a layer: this one is used twice, with one set of weights.
image = Input((8, 8))
features = Dense(32, name="features")(Dropout(0.2)(Dense(128, activation="relu")(Flatten()(image))))
encoder = Model(image, features, name="encoder")

left, right = Input((8, 8), name="left"), Input((8, 8), name="right")
a, b = encoder(left), encoder(right)
same = Dense(1, activation="sigmoid", name="same")(ops.abs(a - b))
both = Dense(64, activation="relu")(Concatenate()([a + b, a * b]))
total = Dense(19, activation="softmax", name="sum")(both)
model = Model({"left": left, "right": right}, {"same": same, "sum": total})

model.compile(
    optimizer="adam",
    loss={"same": "binary_crossentropy", "sum": "sparse_categorical_crossentropy"},
    loss_weights={"same": 1.0, "sum": 0.5},
    metrics={"same": ["accuracy"], "sum": ["accuracy"]},
)
model.summary()

x, y = pairs(*train_set, count=20_000, seed=0)
x_test, y_test = pairs(*test_set, count=2_000, seed=1)
model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=2)

measured = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print("\npairs of unseen digits:", "  ".join(f"{name} {value:.3f}" for name, value in measured.items()))

# The encoder shares its values with the model it was trained in: its features find digits alike.
known, asked = encoder.predict(train_set[0], verbose=0), encoder.predict(test_set[0], verbose=0)
nearest = np.linalg.norm(asked[:, None] - known[None], axis=-1).argmin(-1)
found = np.mean(train_set[1][nearest] == test_set[1])
print(f"the nearest neighbour by its features is the same digit for {found:.1%}")
