"""How sharp is a minimum? The largest eigenvalue of the Hessian, by products with it, for each learning rate.

Run: python examples/sharpness.py
"""

from __future__ import annotations

import os

import jax

import fkeras
from fkeras import Sequential, datasets, train
from fkeras.layers import Dense, Flatten, Input

EPOCHS = 2 if os.environ.get("FKERAS_SHORT") else 100

(x, y), _ = datasets.digits.load_data()
x, y = x[:256], y[:256]

for rate in (0.02, 0.1, 0.5):
    fkeras.utils.set_random_seed(0)
    model = Sequential([Input((8, 8)), Flatten(), Dense(32, "tanh"), Dense(10, "softmax")])
    model.compile(fkeras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=256, epochs=EPOCHS, verbose=0)
    params, state = model.values
    loss = train.loss_of(model, "sparse_categorical_crossentropy", state, (x, y))
    sharp = jax.jit(lambda params, key, loss=loss: train.sharpness(loss, params, key))(params, jax.random.key(0))
    loss_now = history.history["loss"][-1]
    print(f"learning rate {rate:4}: loss {loss_now:.4f}, sharpness {sharp:6.2f} (2 / rate: {2 / rate:.0f})")
