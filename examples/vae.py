"""A variational autoencoder of handwritten digits: a step of its own is one pure function.

Run: python examples/vae.py
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import fkeras
from fkeras import Model, Sequential, datasets
from fkeras.layers import Dense, Input

LATENT = 8


class VAE(Model):
    """Digits as a few normal numbers each, and back."""

    def __init__(self):
        super().__init__()
        self.encoder = Sequential([Input((64,)), Dense(256, "relu"), Dense(2 * LATENT)])
        self.decoder = Sequential([Input((LATENT,)), Dense(256, "relu"), Dense(64)])

    def train_step(self, train_state, images):
        def loss(net, rng):
            mean, log_var = jnp.split(net.encoder(images), 2, axis=-1)
            z = mean + jnp.exp(log_var / 2) * jax.random.normal(rng, mean.shape)
            seen = optax.sigmoid_binary_cross_entropy(net.decoder(z), images).sum(-1).mean()
            kl = (jnp.exp(log_var) + mean**2 - 1 - log_var).sum(-1).mean() / 2
            return seen + kl, {"reconstruction": seen, "kl": kl}

        return self.minimize(train_state, loss)


fkeras.utils.set_random_seed(0)
images = datasets.digits.load_data()[0][0].reshape(-1, 64)
vae = VAE()
vae.compile(fkeras.optimizers.Adam(2e-3))
history = vae.fit(images, batch_size=100, epochs=60, verbose=0).history

drawn = jax.nn.sigmoid(vae.decoder(jax.random.normal(jax.random.key(1), (6, LATENT))))
for row in np.concatenate(np.asarray(drawn).reshape(6, 8, 8), axis=1):
    print("".join(" .:*#"[int(v * 4.99)] * 2 for v in row))
print(", ".join(f"{name} {values[0]:.1f} -> {values[-1]:.1f}" for name, values in history.items()))
assert history["loss"][-1] < 28, "The bound on -log p(image) should be below 28."
