"""A GAN whose two networks play in one pure step, each moving its own weights: points thrown onto a circle.

Run: python examples/gan.py
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import fkeras
from fkeras import Model, Sequential
from fkeras.layers import Dense, Input

NOISE = 4


class GAN(Model):
    """Two networks with opposite aims."""

    def __init__(self):
        super().__init__()
        self.generator = Sequential([Input((NOISE,)), Dense(64, "relu"), Dense(64, "relu"), Dense(2)])
        self.critic = Sequential([Input((2,)), Dense(64, "leaky_relu"), Dense(64, "leaky_relu"), Dense(1)])

    def train_step(self, train_state, real):
        def says(logits, answer):
            return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, answer)).mean()

        def critic(net, rng):
            fake = net.generator(jax.random.normal(rng, (len(real), NOISE)))
            return says(net.critic(real), 0.9) + says(net.critic(fake), 0.0)

        def generator(net, rng):
            return says(net.critic(net.generator(jax.random.normal(rng, (len(real), NOISE)))), 1.0)

        return self.minimize(train_state, {"critic": critic, "generator": generator})


fkeras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
angle, radius = rng.uniform(0, 2 * np.pi, 4096), rng.normal(1, 0.05, 4096)
points = (radius * [np.cos(angle), np.sin(angle)]).T.astype("float32")

gan = GAN()
gan.compile(fkeras.optimizers.Adam(1e-3, beta_1=0.5))
gan.fit(points, batch_size=256, epochs=200, verbose=0)

made = np.asarray(gan.generator(rng.normal(size=(2000, NOISE)).astype("float32")))
grid = np.histogram2d(-made[:, 1], made[:, 0], bins=(20, 40), range=[[-1.5, 1.5]] * 2)[0]
print("\n".join("".join(" .:#"[min(int(v / 3), 3)] for v in row) for row in grid))
far = np.abs(np.linalg.norm(made, axis=1) - 1).mean()
empty = (np.histogram(np.arctan2(made[:, 1], made[:, 0]), bins=12)[0] < 20).sum()
print(f"mean distance from the circle {far:.3f}, directions without points: {empty} of 12")
assert far < 0.2, "The points should lie near the circle."
assert empty <= 2, "The points should lie all around it."
