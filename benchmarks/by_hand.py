"""The same training written by hand in JAX and optax, as well as one can: a whole epoch is one compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

Params = list[Any]


def mlp(params: Params, x: Any, key: Any) -> Any:
    w, b, v, c = params
    return jax.nn.relu(x @ w + b) @ v + c


def wide_mlp(params: Params, x: Any, key: Any) -> Any:
    """Two layers with dropout, and a third one."""
    w, b, v, c, u, d = params
    first, second = jax.random.split(key)
    x = drop(first, jax.nn.relu(x @ w + b))
    return drop(second, jax.nn.relu(x @ v + c)) @ u + d


def drop(key: Any, x: Any) -> Any:
    return jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0)


def cnn(params: Params, x: Any, key: Any) -> Any:
    w, b, v, c, u, d = params
    x = pool(jax.nn.relu(conv(x, w) + b))
    x = pool(jax.nn.relu(conv(x, v) + c))
    return x.reshape(len(x), -1) @ u + d


def conv(x: Any, kernel: Any) -> Any:
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lstm(params: Params, x: Any, key: Any) -> Any:
    """The input's product hoisted out of the scan."""
    w, u, b, v, c = params

    def step(carry: Any, z: Any) -> Any:
        h, s = carry
        i, f, g, o = jnp.split(z + h @ u, 4, -1)
        s = jax.nn.sigmoid(f) * s + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(s)
        return (h, s), None

    zero = jnp.zeros((len(x), u.shape[0]))
    (h, _), _ = lax.scan(step, (zero, zero), jnp.swapaxes(x, 0, 1) @ w + b)
    return h @ v + c


MODELS = {"MLP": mlp, "wide MLP, dropout": wide_mlp, "CNN": cnn, "LSTM": lstm}
LOOPED = {"MLP", "wide MLP, dropout", "LSTM"}  # XLA runs the gradient of a convolution ten times slower inside a loop


def trainer(name: str, size: int, optimizer: Any) -> tuple[Any, Any]:
    """(step, epoch), compiled: (params, slots, key, total), data, order -> the same after it."""
    model = MODELS[name]

    def step(carry: Any, data: Any, order: Any, i: Any) -> Any:
        params, slots, key, total = carry
        x, y = (a.at[lax.dynamic_slice_in_dim(order, i * size, size)].get(mode="promise_in_bounds") for a in data)

        def loss(params: Params) -> Any:
            logits = model(params, x, jax.random.fold_in(key, i))
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        value, grads = jax.value_and_grad(loss)(params)
        updates, slots = optimizer.update(grads, slots)
        return optax.apply_updates(params, updates), slots, key, total + value

    def epoch(carry: Any, data: Any, order: Any, steps: Any) -> Any:
        return lax.fori_loop(0, steps, lambda i, carry: step(carry, data, order, i), carry)

    return jax.jit(step, donate_argnums=0), jax.jit(epoch, donate_argnums=0)


def epoch_of(name: str, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, size: int) -> Callable[..., float]:
    """An epoch; returns the mean loss."""
    optimizer = optax.adam(1e-3, eps=1e-7)
    step, epoch = trainer(name, size, optimizer)
    params = [jnp.asarray(w) for w in weights]
    kept = [params, optimizer.init(params)]
    data, steps, rng = (jax.device_put(x), jax.device_put(y)), len(x) // size, np.random.default_rng(0)

    def run(shuffle: bool = True) -> float:
        rows = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        order = jax.device_put(rows.astype(np.int32))
        carry = (*kept, jax.random.key(int(rng.integers(1 << 30))), jnp.zeros(()))
        if name in LOOPED:
            carry = epoch(carry, data, order, np.int32(steps))
        else:
            for i in range(steps):
                carry = step(carry, data, order, np.int32(i))
        kept[:] = carry[:2]
        return float(carry[3]) / steps

    return run
