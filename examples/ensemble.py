"""Where does a network not know? Where the members of an ensemble disagree: all of them trained at once by `vmap`.

Run: python examples/ensemble.py
"""

from __future__ import annotations

import numpy as np

import fkeras
from fkeras import Sequential
from fkeras.layers import Dense, Input

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-2, -0.5, 100), rng.uniform(0.5, 2, 100)])[:, None].astype("float32")  # nothing between
y = np.sin(2 * x) + 0.1 * rng.normal(size=x.shape).astype("float32")

fkeras.utils.set_random_seed(0)
model = Sequential([Input((1,)), Dense(64, "tanh"), Dense(64, "tanh"), Dense(1)])
model.compile(fkeras.optimizers.Adam(3e-3), "mse")
twenty = fkeras.ensemble(model, 20)
losses = twenty.fit(x, y, epochs=150, verbose=0)["loss"]  # (members, epochs)
print(f"{len(twenty)} members, losses from {losses[:, -1].min():.4f} to {losses[:, -1].max():.4f}\n")

mean, spread = twenty.predict(np.linspace(-4, 4, 33, dtype="float32")[:, None])
for at, m, s in zip(np.linspace(-4, 4, 33), mean[:, 0], spread[:, 0], strict=True):
    line = [" "] * 61
    low, middle, high = (int(np.clip(30 + 15 * v, 0, 60)) for v in (m - 2 * s, m, m + 2 * s))
    line[low : high + 1] = "-" * (high + 1 - low)
    line[middle] = "o"
    print(f"{at:5.1f} {''.join(line)}")
seen = twenty.predict(x).spread.mean()
print(f"\nspread where there are data {seen:.3f}, outside {spread[[0, -1]].mean():.3f}")
assert spread[[0, -1]].mean() > 1.5 * seen, "The members should disagree where they have seen nothing."
