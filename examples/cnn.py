"""A convolutional network reads digits; `jax.grad` of the same network shows what it looks at.

Run: python examples/cnn.py
"""

from __future__ import annotations

import os

import jax
import numpy as np

import fkeras
from fkeras import Sequential, datasets
from fkeras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

EPOCHS = 1 if os.environ.get("FKERAS_SHORT") else 20

fkeras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
x_train, x_test = x_train[..., None], x_test[..., None]  # (images, height, width, channels)

model = Sequential([
    Input((8, 8, 1)),
    Conv2D(32, 3, padding="same", activation="relu"),
    BatchNormalization(momentum=0.9),
    Conv2D(64, 3, padding="same", activation="relu"),
    BatchNormalization(momentum=0.9),
    MaxPooling2D(2),
    Flatten(),
    Dropout(0.4),
    Dense(10, activation="softmax"),
])  # fmt: skip
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
model.fit(x_train, y_train, batch_size=64, epochs=EPOCHS, validation_split=0.1, verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"\ntest loss {loss:.4f}, test accuracy {accuracy:.2%}")

answers = model.predict(x_test, verbose=0)
for i in np.flatnonzero(answers.argmax(-1) != y_test)[:5]:
    print(f"  test digit {i}: a {y_test[i]}, read as {answers[i].argmax()} with probability {answers[i].max():.2f}")

# What does it look at? Params and state are plain dicts, `apply` is pure: ask for the gradient.
params, state = model.values


def certainty(image: jax.Array, digit: int) -> jax.Array:
    """The log-probability that the network gives to a digit."""
    return jax.numpy.log(model.apply(params, state, image[None])[0][0, digit])


look = jax.jit(jax.vmap(jax.grad(certainty)))
for image, gradient, digit in zip(x_test[1:3], look(x_test[1:3], y_test[1:3]), y_test[1:3], strict=True):
    shown, felt = np.asarray(image[..., 0]), np.abs(np.asarray(gradient[..., 0]))
    print(f"\n  a {digit}             and the pixels that matter most for it")
    for pixels, weights in zip(shown, felt / felt.max(), strict=True):
        print("  " + "    ".join("".join(" .:*#"[int(v * 4.99)] * 2 for v in row) for row in (pixels, weights)))
