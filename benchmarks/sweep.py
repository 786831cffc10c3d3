"""How long do 64 small trainings take: one `fkeras.sweep`, or 64 times `fit`?

    python benchmarks/sweep.py [--rounds 2]
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import argparse
from typing import Any

import keras
import numpy as np
from contest import S, begin_table, compete, row

import fkeras

NAMES = ("fkeras.sweep", "64 fits of fkeras", "64 fits of Keras")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(1000, 20)).astype("float32"), RNG.integers(0, 3, 1000).astype("int32")
RATES = [10 ** (-1 - 3 * i / 15) for i in range(16)]
HOW = {"batch_size": 32, "epochs": 10, "verbose": 0}


def build(k: Any, learning_rate: float) -> Any:
    L = k.layers
    model = k.Sequential([k.Input((20,)), L.Dense(32, activation="relu"), L.Dense(3, activation="softmax")])
    model.compile(k.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def one_by_one(k: Any) -> None:
    for rate in RATES:
        for _ in range(4):
            build(k, rate).fit(X, Y, **HOW)


def at_once() -> None:
    fkeras.sweep(lambda learning_rate: build(fkeras, learning_rate), {"learning_rate": RATES}, seeds=4).fit(X, Y, **HOW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    found = compete({"fkeras.sweep": at_once, "64 fits of fkeras": lambda: one_by_one(fkeras)}, rounds, unit=S)
    once = {"64 fits of Keras": lambda: one_by_one(keras)}
    begin_table("seconds", NAMES)
    row("64 MLPs, 10 epochs of 1,000 rows", found | compete(once, 1, unit=S), NAMES, 1)


if __name__ == "__main__":
    main()
