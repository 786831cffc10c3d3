"""Private training: each example's gradient is clipped and noise is added, by optax on per-example gradients.

Run: python examples/dp_sgd.py
"""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from fkeras import Sequential, Spec, datasets, train
from fkeras.layers import Dense, Flatten, Input

STEPS, BATCH = (10 if os.environ.get("FKERAS_SHORT") else 600), 256

(x, y), (x_test, y_test) = datasets.digits.load_data()
model = Sequential([Input((8, 8)), Flatten(), Dense(32, "relu"), Dense(10, "softmax")])
noisy = contrib.differentially_private_aggregate(l2_norm_clip=1.0, noise_multiplier=1.0, key=0)
private = optax.chain(noisy, optax.sgd(0.5))


@jax.jit
def step(carry: tuple, key: jax.Array) -> tuple:
    params, state, memory = carry
    rows = jax.random.choice(key, len(x), (BATCH,), replace=False)
    batch = jnp.asarray(x)[rows], jnp.asarray(y)[rows]
    grads = train.per_example_grads(model, "sparse_categorical_crossentropy", params, state, batch)
    updates, memory = private.update(grads, memory, params)
    return (optax.apply_updates(params, updates), state, memory), None


params, state = model.init(jax.random.key(0), Spec((None, 8, 8)))
carry, _ = jax.lax.scan(step, (params, state, private.init(params)), jax.random.split(jax.random.key(1), STEPS))
answers, _ = model.apply(carry[0], state, x_test)
print(f"test accuracy with noise on every step: {jnp.mean(answers.argmax(-1) == y_test):.1%}")
