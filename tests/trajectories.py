"""Ten steps of an optimizer of Keras and of ours, from the same params with the same gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax

SHAPES = {"dense": {"kernel": (4, 3), "bias": (3,)}, "embedding": {"embeddings": (5, 2)}}
NAMES = ["kernel", "bias", "embeddings"]  # in the order of Keras; JAX sorts them
STEPS = 10


def listed(tree):
    return [tree["dense"]["kernel"], tree["dense"]["bias"], tree["embedding"]["embeddings"]]


def nested(values):
    kernel, bias, embeddings = values
    return {"dense": {"kernel": kernel, "bias": bias}, "embedding": {"embeddings": embeddings}}


def data(seed=0):
    """First params, and what is added to the gradient in each step; some gradients are zero throughout."""
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=s).astype("float32") for s in listed(SHAPES)]
    noise = [rng.normal(size=(STEPS, *s)).astype("float32") for s in listed(SHAPES)]
    noise[0][:, 0, :] = 0
    return params, noise


def gradients(params, noise):
    return [jnp.where(n == 0, 0, n + 0.3 * p) for n, p in zip(noise, params, strict=True)]


def keras_run(optimizer):
    """The params after each step, and the optimizer's variables at the end."""
    params, noise = data()
    variables = [keras.Variable(p, name=n) for p, n in zip(params, NAMES, strict=True)]
    optimizer.build(variables)
    step = optimizer.stateless_apply  # eager: every small operation is compiled once for all tests
    step = jax.jit(step) if optimizer.gradient_accumulation_steps else step
    params, kept, track = [v.value for v in variables], [v.value for v in optimizer.variables], []
    for t in range(STEPS):
        params, kept = step(kept, gradients(params, [n[t] for n in noise]), params)
        track.append(params)
    return jax.tree.map(lambda *x: np.stack(x), *track), kept


def our_run(optimizer):
    params, noise = data()
    params = nested(params)
    optimizer.prepare(params)

    def body(carry, noise):
        params, state = carry
        grads = nested(gradients(listed(params), noise))
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), listed(params)

    (_, optimizer.state), track = jax.jit(lambda c, x: jax.lax.scan(body, c, x))((params, optimizer.state), noise)
    return track, [v.value for v in optimizer.variables]


def make(module, name, settings):
    rate = settings.get("learning_rate")
    return getattr(module, name)(**{**settings, **({"learning_rate": rate(module)} if callable(rate) else {})})
