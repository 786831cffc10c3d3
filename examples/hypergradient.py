"""The learning rate and the weight decay, learned: `jax.grad` through whole training runs.

Run: python examples/hypergradient.py

A training run is a pure function. Here it maps two hyperparameters to the validation loss of
the model that comes out, and gradient descent on *them* makes a better run of each run.
"""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
import optax

from fkeras import Sequential, datasets, losses, optimizers, train
from fkeras.layers import Dense, Flatten, Input

STEPS = 2 if os.environ.get("FKERAS_SHORT") else 20

(x, y), (x_test, y_test) = datasets.digits.load_data()
x_train, y_train, x_val, y_val = x[:300], y[:300], x[300:], y[300:]  # few examples: regularization matters


def run(hyper: dict[str, jax.Array], key: jax.Array) -> tuple[Sequential, train.TrainState]:
    """Trains a model, with logarithms of the hyperparameters that may be traced."""
    decay = jnp.exp(hyper["l2"])
    model = Sequential([
        Input((8, 8)),
        Flatten(),
        Dense(32, "relu", kernel_regularizer=lambda w: decay * jnp.sum(w**2)),
        Dense(10, "softmax", kernel_regularizer=lambda w: decay * jnp.sum(w**2)),
    ])  # fmt: skip
    optimizer = optimizers.SGD(jnp.exp(hyper["learning_rate"]), momentum=0.9)
    step = train.make_step(model, "sparse_categorical_crossentropy", optimizer)
    fit = train.make_fit(step, batch_size=50, epochs=10)
    return model, fit(train.create(model, optimizer, key, x_train), (x_train, y_train))


def loss_after(hyper: dict[str, jax.Array], key: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """The loss, on data that the run has not seen, of the model that it trains."""
    model, ts = run(hyper, key)
    return jnp.mean(losses.sparse_categorical_crossentropy(y, model.apply(ts.params, ts.state, x)[0]))


key = jax.random.key(0)
hyper = {"learning_rate": jnp.log(0.001), "l2": jnp.log(0.1)}  # a bad guess
slope = jax.jit(jax.value_and_grad(loss_after))  # compiled once for all runs
final = jax.jit(loss_after)
outer = optax.adam(0.3)
memory = outer.init(hyper)
before = final(hyper, key, x_test, y_test)

print("run   learning rate        l2   validation loss")
for i in range(STEPS):
    loss, gradient = slope(hyper, key, x_val, y_val)
    print(f"{i:3}   {jnp.exp(hyper['learning_rate']):13.4f}   {jnp.exp(hyper['l2']):7.4f}   {loss:15.4f}")
    updates, memory = outer.update(gradient, memory)
    hyper = optax.apply_updates(hyper, updates)

print(f"\ntest loss: {before:.3f} with the first guess, {final(hyper, key, x_test, y_test):.3f} with what was learned")
