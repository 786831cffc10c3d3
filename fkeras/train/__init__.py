"""Training as pure functions, and the shell around them.

>>> import jax, jax.numpy as jnp, optax
>>> from fkeras import layers, train
>>> model, optimizer = layers.Dense(1), optax.sgd(0.1)
>>> x, y = jnp.ones((4, 2)), jnp.ones((4, 1))
>>> fit = train.make_fit(train.make_step(model, "mse", optimizer), batch_size=2, epochs=3)
>>> ts = jax.jit(fit)(train.create(model, optimizer, jax.random.key(0), x), (x, y))
>>> int(ts.step)
6
"""

from .checkpointer import Checkpointer
from .objective import Objective
from .step import TrainState, create, join, logs, make_epoch, make_fit, make_step, split

__all__ = [
    "Checkpointer",
    "Objective",
    "TrainState",
    "create",
    "join",
    "logs",
    "make_epoch",
    "make_fit",
    "make_step",
    "split",
]
