"""Rows per second of text becoming numbers: TextVectorization, StringLookup, Hashing, Tokenizer.

Beside Keras' own Tokenizer, and beside Keras' layers where TensorFlow, which they need, is installed.
What is printed is the median of a few rounds, after one that warms up.

    python benchmarks/text.py [--rows 20000] [--rounds 3]
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.legacy.preprocessing.text import Tokenizer as KerasTokenizer

import fkeras
from fkeras.preprocessing.text import Tokenizer

WORDS = 100  # in a text


def texts(rows: int) -> np.ndarray:
    """Texts of words whose frequencies are Zipf's."""
    rng = np.random.default_rng(0)
    known = np.array(["".join(rng.choice(list("abcdefghij"), rng.integers(2, 9))) for _ in range(20_000)])
    return np.array([" ".join(known[(rng.zipf(1.3, WORDS) - 1) % len(known)]) + "." for _ in range(rows)], object)


def tasks(k: Any, tokenizer: Any, x: np.ndarray) -> dict[str, tuple[Callable[[], Any], int]]:
    """{name: (what is measured, rows)}, with the layers of `k`."""
    found: dict[str, tuple[Callable[[], Any], int]] = {}
    if k is fkeras or importlib.util.find_spec("tensorflow"):
        read = k.layers.TextVectorization(20_000, output_sequence_length=WORDS)
        bag = k.layers.TextVectorization(1_000, output_mode="tf_idf")
        words = np.array(" ".join(x).split())
        look, hashed = k.layers.StringLookup(max_tokens=10_000), k.layers.Hashing(1_000)
        found = {
            "TextVectorization.adapt": (lambda: read.adapt(x), len(x)),
            "TextVectorization int": (lambda: np.asarray(read(x)), len(x)),
            "TextVectorization.adapt tf_idf": (lambda: bag.adapt(x[:2_000]), len(x[:2_000])),
            "TextVectorization tf_idf": (lambda: np.asarray(bag(x[:2_000])), len(x[:2_000])),
            "StringLookup.adapt": (lambda: look.adapt(words), len(words)),
            "StringLookup": (lambda: np.asarray(look(words)), len(words)),
            "Hashing": (lambda: np.asarray(hashed(words)), len(words)),
        }
    one = tokenizer(20_000)
    found["Tokenizer.fit_on_texts"] = (lambda: one.fit_on_texts(x), len(x))
    found["Tokenizer.texts_to_sequences"] = (lambda: one.texts_to_sequences(x), len(x))
    return found


def rate(run: Callable[[], Any], rows: int, rounds: int) -> float:
    """Rows per second, the median."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return rows / statistics.median(times)


def main() -> None:
    """Prints a line for each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    x = texts(told.rows)
    theirs = tasks(keras, KerasTokenizer, x)
    print(f"{'rows per second':32s}{'fkeras':>14s}{'Keras':>14s}")
    for name, (run, rows) in tasks(fkeras, Tokenizer, x).items():
        other = f"{rate(*theirs[name], told.rounds):14,.0f}" if name in theirs else f"{'-':>14s}"
        print(f"{name:32s}{rate(run, rows, told.rounds):14,.0f}{other}")


if __name__ == "__main__":
    main()
