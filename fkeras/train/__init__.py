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
from .ensembling import Ensemble, ensemble
from .gradients import hessian_vector_product, loss_of, per_example_grads, sharpness
from .objective import Objective
from .range_test import find_learning_rate
from .results import Runs
from .step import TrainState, create, join, logs, make_epoch, make_fit, make_step, split
from .sweeping import Sweep, sweep

__all__ = [
    "Checkpointer",
    "Ensemble",
    "Objective",
    "Runs",
    "Sweep",
    "TrainState",
    "create",
    "ensemble",
    "find_learning_rate",
    "hessian_vector_product",
    "join",
    "logs",
    "loss_of",
    "make_epoch",
    "make_fit",
    "make_step",
    "per_example_grads",
    "sharpness",
    "split",
    "sweep",
]
