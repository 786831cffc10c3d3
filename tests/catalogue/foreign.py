"""Layers made of JAX functions."""

import jax
from jax import numpy as jnp

from fkeras import registry
from fkeras.layers import JaxLayer

from .row import Row


@registry.register_keras_serializable("catalogue")
def mixed(params, state, rng, inputs, training):
    """A product, noise, and a moving mean."""
    y = jnp.tanh(inputs @ params["w"]) + params["b"]
    y = y + 0.1 * jax.random.normal(rng, y.shape, y.dtype) if training else y
    return y, {"mean": 0.9 * state["mean"] + 0.1 * jax.lax.stop_gradient(y.mean(0))}


@registry.register_keras_serializable("catalogue")
def mixed_values(rng, inputs):
    """The first values for `mixed`."""
    return {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": jnp.zeros(2)}, {"mean": jnp.zeros(2)}


ROWS = {"jax_layer": Row(lambda: JaxLayer(mixed, mixed_values), (4, 3))}
