"""How long does a step of `fit` take?

Whole epochs through the public face, shuffled, with default settings and the progress bar on a terminal, beside Keras
on JAX, the loop that PyTorch's users write, and training by hand in JAX. All begin with the same weights; the losses of
a first epoch in the same order are compared before anything is timed (with dropout they only come close).

    python benchmarks/fit.py [workload ...] [--rounds 3]
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import argparse
from collections.abc import Callable
from typing import Any

import by_hand
import keras
import numpy as np
from contest import begin_table, compete, is_there, on_a_terminal, row
from workloads import WORKLOADS, Workload

import fkeras

NAMES = ("fkeras", "Keras", "PyTorch", "by hand in JAX")


def by_face(k: Any, workload: Workload, weights: Any, x: np.ndarray, y: np.ndarray) -> Callable[..., float]:
    """An epoch of `fit`."""
    model = workload.model(k)
    model.set_weights(weights)
    told = workload.fitted(k, x, y)

    def epoch(**how: Any) -> float:
        with on_a_terminal():
            return model.fit(x, y, batch_size=workload.batch, **told, **how).history["loss"][0]

    return epoch


def contestants(name: str) -> dict[str, Callable[..., float]]:
    """Who runs this workload."""
    workload = WORKLOADS[name]
    x, y = workload.data()
    weights = workload.model(fkeras).get_weights()
    found = {"fkeras": by_face(fkeras, workload, weights, x, y), "Keras": by_face(keras, workload, weights, x, y)}
    if is_there("torch"):
        import torch_models

        if name in torch_models.MODELS:
            found["PyTorch"] = torch_models.epoch_of(name, weights, x, y, workload.batch)
    if name in by_hand.MODELS:
        found["by hand in JAX"] = by_hand.epoch_of(name, weights, x, y, workload.batch)
    return found


def check_losses(name: str, losses: dict[str, float]) -> None:
    """Refuses to time what does not compute the same."""
    apart = 0.05 if "dropout" in name else 1e-3
    if max(losses.values()) - min(losses.values()) > apart:
        raise SystemExit(f"{name}: the losses of the first epoch differ: {losses}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    begin_table("µs per step of `fit`", NAMES)
    for name in told.workloads:
        racers = contestants(name)
        check_losses(name, {who: epoch(shuffle=False) for who, epoch in racers.items()})
        row(name, compete(racers, told.rounds, per=WORKLOADS[name].steps), NAMES)


if __name__ == "__main__":
    main()
