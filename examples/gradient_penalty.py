"""How far apart two clouds of points are: the critic of a WGAN-GP, with a gradient inside its loss.

Run: python examples/gradient_penalty.py

The steepest function whose slope is nowhere above 1 differs, on average, by the Wasserstein
distance between the clouds. Here that is known: one is the other one, moved by (3, 4).
https://arxiv.org/abs/1704.00028
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import fkeras
from fkeras import Model, Sequential
from fkeras.layers import Dense, Input


class Critic(Model):
    """Tells two clouds apart, with a slope of 1 between them."""

    def __init__(self):
        super().__init__()
        self.height = Sequential([Input((2,)), Dense(64, "softplus"), Dense(64, "softplus"), Dense(1)])

    def train_step(self, train_state, batch):
        here, there = batch

        def loss(net, rng):
            share = jax.random.uniform(rng, (len(here), 1))
            between = share * here + (1 - share) * there
            slopes = jax.grad(lambda x: net.height(x).sum())(between)
            penalty = jnp.mean((jnp.linalg.norm(slopes, axis=-1) - 1) ** 2)
            gap = jnp.mean(net.height(there)) - jnp.mean(net.height(here))
            return 100 * penalty - gap, {"distance": gap, "penalty": penalty}

        return self.minimize(train_state, loss)


fkeras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
here, there = (rng.normal(size=(4096, 2)).astype("float32") for _ in range(2))
critic = Critic()
critic.compile(fkeras.optimizers.Adam(1e-3))
history = critic.fit(here, there + np.float32([3, 4]), batch_size=256, epochs=40, verbose=0).history
print(f"distance found {history['distance'][-1]:.2f}, true 5.00; penalty {history['penalty'][-1]:.4f}")
assert abs(history["distance"][-1] - 5) < 0.3, "The distance should be about 5."
