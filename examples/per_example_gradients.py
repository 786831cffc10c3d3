"""Which labels are wrong? Those whose gradient is unlike the others: `vmap(grad)` of the pair.

Run: python examples/per_example_gradients.py

Some labels of the digits are changed at random. A model is fitted to all of them; then the
gradient of each single example is taken, all of them at once. An example whose label is wrong
still pulls hard at weights that the others have settled.
"""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import numpy as np

import fkeras
from fkeras import Sequential, datasets, losses
from fkeras.layers import Dense, Dropout, Flatten, Input

EPOCHS = 2 if os.environ.get("FKERAS_SHORT") else 15
SPOILED = 0.05  # the share of labels that are changed

fkeras.utils.set_random_seed(0)
(x, y), _ = datasets.digits.load_data()
rng = np.random.default_rng(0)
wrong = rng.random(len(y)) < SPOILED
labels = np.where(wrong, (y + rng.integers(1, 10, size=len(y))) % 10, y)

model = Sequential([Input((8, 8)), Flatten(), Dense(128, "relu"), Dropout(0.5), Dense(10, "softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, labels, epochs=EPOCHS, verbose=2)
params, state = model.values


def loss(params: dict, image: jax.Array, label: jax.Array) -> jax.Array:
    """The loss of one example."""
    answer, _ = model.apply(params, state, image[None])
    return losses.sparse_categorical_crossentropy(label[None], answer)[0]


@jax.jit
def gradient_norms(images: jax.Array, labels: jax.Array) -> jax.Array:
    """How hard each example pulls: the norm of its own gradient over all weights."""
    gradients = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, images, labels)  # each leaf: (examples, ...)
    return jnp.sqrt(sum(jnp.sum(g.reshape(len(images), -1) ** 2, -1) for g in jax.tree.leaves(gradients)))


norms = np.asarray(gradient_norms(x, labels))
suspects = np.argsort(-norms)[: wrong.sum()]
print(f"\n{wrong.sum()} of {len(y)} labels were changed; median gradient norm {np.median(norms):.4f}")
print(f"of the {len(suspects)} examples with the largest gradients, {wrong[suspects].mean():.0%} have a changed label:")
for i in suspects[:8]:
    verdict = f"changed from {y[i]}" if wrong[i] else "not changed"
    print(f"  example {i:4}: gradient norm {norms[i]:7.3f}, labelled {labels[i]}, {verdict}")
