"""Image augmentation beside Keras on JAX: `ImageDataGenerator`, and layers in a compiled program.

The same images, settings and seeds. The two take turns; what is printed is the median time of a batch, and
how many times as long Keras takes.

    python benchmarks/augment.py [--rounds 5]
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
import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as Theirs

import fkeras
from fkeras.preprocessing.image import ImageDataGenerator as Ours

RNG = np.random.default_rng(0)
SETTINGS = {
    "rotation_range": 20, "width_shift_range": 0.1, "height_shift_range": 0.1, "zoom_range": 0.2,
    "horizontal_flip": True, "rescale": 1 / 255,
}  # fmt: skip
BATCHES = {"32 x 224 x 224 x 3": (32, 224, 224, 3), "128 x 32 x 32 x 3": (128, 32, 32, 3)}


def flow(generator: Any, x: np.ndarray) -> Callable[[], Any]:
    batches = generator(**SETTINGS).flow(x, batch_size=len(x), seed=0)
    return lambda: next(batches)


def layers(k: Any) -> list[Any]:
    L = k.layers
    return [
        L.RandomFlip("horizontal", seed=1), L.RandomRotation(0.05, seed=2), L.RandomZoom(0.2, seed=3),
        L.RandomContrast(0.2, seed=4), L.RandomBrightness(0.1, seed=5),
    ]  # fmt: skip


def program_of_ours(x: np.ndarray) -> Callable[[], Any]:
    model = fkeras.Sequential(layers(fkeras))
    params, state = model.init(jax.random.key(0), x)
    step = jax.jit(lambda state, x: model.apply(params, state, x, training=True))
    return lambda: jax.block_until_ready(step(state, x))


def program_of_keras(x: np.ndarray) -> Callable[[], Any]:
    model = keras.Sequential(layers(keras))
    model.build(x.shape)
    kept = [v.value for v in model.non_trainable_variables]
    step = jax.jit(lambda kept, x: model.stateless_call([], kept, x, training=True))
    return lambda: jax.block_until_ready(step(kept, x))


def median(run: Callable[[], Any]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{platform.machine()}, {os.cpu_count()} cores, JAX {jax.__version__} on {jax.default_backend()}")
    for size, shape in BATCHES.items():
        x = RNG.uniform(0, 255, shape).astype("float32")
        for what, pair in (
            ("ImageDataGenerator", (flow(Ours, x), flow(Theirs, x))),
            ("five layers, compiled", (program_of_ours(x), program_of_keras(x))),
        ):
            for run in pair:
                run()
            turns = [[median(run) for run in pair] for _ in range(rounds)]
            ours, theirs = (statistics.median(t) for t in zip(*turns, strict=True))
            said = f"fkeras {1e3 * ours:8.1f} ms   Keras {1e3 * theirs:8.1f} ms   x {theirs / ours:.1f}"
            print(f"{what:22} {size:20} {said}")


if __name__ == "__main__":
    main()
