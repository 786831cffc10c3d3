"""The learning rate and the weight decay, learned: `jax.grad` through whole training runs.

Run: python examples/hypergradient.py
"""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import optax

from fkeras import Sequential, datasets, losses, optimizers, regularizers, train
from fkeras.layers import Dense, Flatten, Input

(x, y), (x_test, y_test) = datasets.digits.load_data()


@jax.jit
@jax.value_and_grad
def loss_after(hyper: dict[str, jax.Array], x_new: jax.Array, y_new: jax.Array) -> jax.Array:
    """The loss, on data it has not seen, of the model that a whole training run on a few examples makes."""
    l2 = regularizers.L2(jnp.exp(hyper["l2"]))
    body = [Flatten(), Dense(32, "relu", kernel_regularizer=l2), Dense(10, "softmax", kernel_regularizer=l2)]
    model, sgd = Sequential([Input((8, 8)), *body]), optimizers.SGD(jnp.exp(hyper["learning_rate"]), momentum=0.9)
    fit = train.make_fit(train.make_step(model, "sparse_categorical_crossentropy", sgd), batch_size=50, epochs=10)
    ts = fit(train.create(model, sgd, jax.random.key(0), x), (x[:300], y[:300]))
    return jnp.mean(losses.sparse_categorical_crossentropy(y_new, model.apply(ts.params, ts.state, x_new)[0]))


hyper = {"learning_rate": jnp.log(0.001), "l2": jnp.log(0.1)}  # a bad guess
first, memory = hyper, (outer := optax.adam(0.3)).init(hyper)
for run in range(2 if os.environ.get("FKERAS_SHORT") else 20):
    loss, slope = loss_after(hyper, x[300:], y[300:])
    print(f"run {run:2}: {', '.join(f'{k} {jnp.exp(v):.4f}' for k, v in hyper.items())}, validation loss {loss:.4f}")
    updates, memory = outer.update(slope, memory)
    hyper = optax.apply_updates(hyper, updates)
print(f"test loss: {loss_after(first, x_test, y_test)[0]:.3f} at first, {loss_after(hyper, x_test, y_test)[0]:.3f} now")
