"""Gradients beyond that of the mean: one for each example, and products with the Hessian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..auxiliary import aux_loss, clear_aux_loss
from .step import as_list, join, resolve, split, unpack


def loss_of(
    model: Any, loss: Any, state: Any, batch: Any, rng: Any = None, training: bool = False
) -> Callable[[Any], Any]:
    """params -> the loss of a batch, without the penalties of regularizers: grad it, or take it apart.

    loss: a name, a function, a Loss or an Objective.

    >>> from fkeras import layers
    >>> model, x = layers.Dense(1, use_bias=False), jnp.array([[1.0], [2.0]])
    >>> f = loss_of(model, "mse", {}, (x, 3 * x))
    >>> float(f({"kernel": jnp.array([[1.0]])}))
    10.0
    """

    def value(params: Any) -> Any:
        x, y, weight = unpack(batch)
        y_pred, new = model.apply(params, clear_aux_loss(state), x, rng=rng, training=training)
        objective = resolve(loss, None, y, y_pred, getattr(model, "output_names", None))
        total, _ = objective(as_list(y, objective), y_pred, as_list(weight, objective))
        return total + aux_loss(new)

    return value


def per_example_grads(
    model: Any, loss: Any, params: Any, state: Any, batch: Any, rng: Any = None, training: bool = False
) -> Any:
    """The gradient of the loss of each example by itself: a tree like the trainable params, with a leading axis.

    batch: (x, y) or (x, y, sample_weight), nests of arrays with a row per example.
    rng: split over the examples, so that each draws for itself.

    Layers that mix the rows of a batch (BatchNormalization while training) see each row alone.
    Weights that are not trained have None in their place, as `fkeras.train.split` leaves it.
    Source of the use with noise: Abadi et al. 2016, https://arxiv.org/abs/1607.00133

    >>> from fkeras import layers
    >>> model, x = layers.Dense(1, use_bias=False), jnp.array([[1.0], [2.0]])
    >>> grads = per_example_grads(model, "mse", {"kernel": jnp.array([[1.0]])}, {}, (x, 3 * x))
    >>> grads["kernel"].ravel().tolist()
    [-4.0, -16.0]
    """
    chosen, rest = split(model.trainable_mask(params), params)
    rows = jax.tree.leaves(batch)[0].shape[0]

    def one(row: Any, key: Any) -> Any:
        alone = jax.tree.map(lambda a: a[None], row)
        value = loss_of(model, loss, state, alone, key, training)
        return jax.grad(lambda chosen: value(join(chosen, rest)))(chosen)

    if rng is None:
        return jax.vmap(lambda row: one(row, None))(batch)
    return jax.vmap(one)(batch, jax.random.split(rng, rows))


def hessian_vector_product(f: Callable[[Any], Any], params: Any, vector: Any) -> Any:
    """H v, where H is the Hessian of a scalar function at params: forward over reverse, never the whole matrix.

    params, vector: trees of one form. Source: Pearlmutter 1994, https://doi.org/10.1162/neco.1994.6.1.147

    >>> hessian_vector_product(lambda x: jnp.sum(x**3), jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    return jax.jvp(jax.grad(f), (params,), (vector,))[1]


def sharpness(f: Callable[[Any], Any], params: Any, rng: Any, steps: int = 20) -> Any:
    """The eigenvalue of the Hessian of `f` at params that is largest in size, by power iteration.

    steps: products with the Hessian; more are surer. Gradient descent is stable below a learning rate of 2 / sharpness.
    Source: Cohen et al. 2021, https://arxiv.org/abs/2103.00065

    >>> float(sharpness(lambda x: jnp.sum(jnp.array([1.0, 3.0]) * x**2), jnp.zeros(2), jax.random.key(0)))
    6.0
    """
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(rng, len(leaves))
    start = treedef.unflatten([jax.random.normal(k, p.shape, p.dtype) for k, p in zip(keys, leaves, strict=True)])

    def inner(a: Any, b: Any) -> Any:
        return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))

    def body(_: Any, carry: Any) -> Any:
        v, _ = carry
        v = jax.tree.map(lambda x: x / jnp.sqrt(inner(v, v)), v)
        hv = hessian_vector_product(f, params, v)
        return hv, inner(v, hv)

    return jax.lax.fori_loop(0, steps, body, (start, jnp.zeros(())))[1]
