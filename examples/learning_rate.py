"""Which learning rate? The loss while the rate grows, in one compiled program; then a run with what was found.

Run: python examples/learning_rate.py
"""

from __future__ import annotations

import numpy as np

import fkeras
from fkeras import Sequential, datasets, train
from fkeras.layers import Dense, Flatten, Input

(x, y), (x_test, y_test) = datasets.digits.load_data()
fkeras.utils.set_random_seed(0)
model = Sequential([Input((8, 8)), Flatten(), Dense(64, "relu"), Dense(10, "softmax")])
model.compile(fkeras.optimizers.SGD(), "sparse_categorical_crossentropy", metrics=["accuracy"])

found = train.find_learning_rate(model, x, y, low=1e-4, high=100.0, steps=300)
for part in np.array_split(np.arange(len(found.rates)), 20):
    loss = found.losses[part].mean()
    print(f"rate {found.rates[part[0]]:9.5f}  loss {loss:7.3f}  {'#' * int(min(12 * loss, 60))}")

for rate in (found.best / 30, found.best, found.best * 30):
    fkeras.utils.set_random_seed(0)
    twin = fkeras.models.clone_model(model)
    twin.compile(fkeras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    twin.fit(x, y, epochs=5, verbose=0)
    print(f"learning rate {rate:8.4f}: test accuracy {twin.evaluate(x_test, y_test, verbose=0)[1]:.1%} after 5 epochs")
