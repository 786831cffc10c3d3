"""`fit` beside Keras on JAX, and beside a loop that dispatches one jitted step per batch.

The same model, data, optimizer and batches; whole epochs through the public face, shuffled, after a
first epoch that compiles. The three take turns; what is printed is the median, and its ratio
to fkeras.

    python benchmarks/run.py [workload ...] [--rounds 5]
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax

import fkeras

RNG = np.random.default_rng(0)


def mlp(k: Any) -> Any:
    return k.Sequential([k.Input((100,)), k.layers.Dense(32, "relu"), k.layers.Dense(10, "softmax")])


def cnn(k: Any) -> Any:
    layers = k.layers
    return k.Sequential([
        k.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, "softmax"),
    ])  # fmt: skip


def lstm(k: Any) -> Any:
    return k.Sequential([k.Input((100, 32)), k.layers.LSTM(256), k.layers.Dense(10, "softmax")])


WORKLOADS = {  # name: (model, shape of one example, batch size, steps in an epoch)
    "mlp": (mlp, (100,), 32, 1000),
    "cnn": (cnn, (28, 28, 1), 128, 8),
    "lstm": (lstm, (100, 32), 64, 4),
}


def by_face(k: Any, make: Callable[[Any], Any], x: np.ndarray, y: np.ndarray, size: int) -> Callable[[], None]:
    """An epoch of `fit`."""
    model = make(k)
    model.compile(k.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return lambda: model.fit(x, y, batch_size=size, epochs=1, verbose=0)


def by_hand(make: Callable[[Any], Any], x: np.ndarray, y: np.ndarray, size: int) -> Callable[[], None]:
    """An epoch of one jitted step over the pair and optax, dispatched once for each batch: what most people write."""
    model, optimizer = make(fkeras), optax.adam(1e-3)
    params, state = model.init(jax.random.key(0), x[:size])
    data = jnp.asarray(x), jnp.asarray(y)

    def loss(params: Any, x: Any, y: Any) -> Any:
        predicted = jnp.clip(model.apply(params, state, x, training=True)[0], 1e-7, 1)
        return -jnp.mean(jnp.log(jnp.take_along_axis(predicted, y[:, None], 1)))

    @jax.jit
    def step(params: Any, slots: Any, rows: Any) -> Any:
        updates, slots = optimizer.update(jax.grad(loss)(params, data[0][rows], data[1][rows]), slots)
        return optax.apply_updates(params, updates), slots

    kept = [params, optimizer.init(params)]

    def epoch() -> None:
        order = np.random.default_rng(0).permutation(len(x)).reshape(-1, size)
        for rows in order:
            kept[:] = step(*kept, rows)
        jax.block_until_ready(kept)

    return epoch


def measure(name: str, rounds: int) -> dict[str, float]:
    """Median microseconds per step of each, in turns."""
    make, shape, size, steps = WORKLOADS[name]
    x = RNG.normal(size=(size * steps, *shape)).astype("float32")
    y = RNG.integers(0, 10, size * steps).astype("int32")
    epochs = {
        "fkeras": by_face(fkeras, make, x, y, size),
        "a jitted step": by_hand(make, x, y, size),
        "keras": by_face(keras, make, x, y, size),
    }
    times: dict[str, list[float]] = {who: [] for who in epochs}
    for turn in range(rounds + 1):
        for who, epoch in epochs.items():
            began = time.perf_counter()
            epoch()
            if turn:  # the first one compiles
                times[who].append((time.perf_counter() - began) / steps * 1e6)
    return {who: statistics.median(ts) for who, ts in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    versions = f"jax {jax.__version__}, keras {keras.__version__}"
    print(f"{versions}, {platform.machine()}, {os.cpu_count()} cores; microseconds per step, medians")
    for name in told.workloads:
        found = measure(name, told.rounds)
        row = "   ".join(f"{who} {us:,.0f} (x{us / found['fkeras']:.2f})" for who, us in found.items())
        print(f"{name:6} {row}", flush=True)


if __name__ == "__main__":
    main()
