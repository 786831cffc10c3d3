"""How long do `predict`, `evaluate` and `model(x)` take?

Beside Keras on JAX, PyTorch, and a bare call of what `jax.jit` compiles of the same `apply`; for 10,000 rows beside one
jitted step, dispatched for each batch.

    python benchmarks/predict.py [--rounds 5]
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import argparse
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
from contest import begin_table, compete, is_there, row
from workloads import WORKLOADS

import fkeras

NAMES = ("fkeras", "Keras", "PyTorch", "jax.jit")
CALLS, ROWS, BATCH = 20, 10_000, 128


def many(call: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(CALLS):
            call()

    return run


def compiled(model: Any) -> Callable[[Any], np.ndarray]:
    """The model's own function, compiled, from NumPy to NumPy."""
    params, state = model.values
    run = jax.jit(lambda params, x: model.apply(params, state, x)[0])
    return lambda x: np.asarray(run(params, x))


def in_torch(name: str, weights: Any) -> Callable[[Any], Any] | None:
    if not is_there("torch"):
        return None
    import torch
    import torch_models

    model = torch_models.MODELS[name](iter(weights)).eval()

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        return torch.softmax(model(torch.from_numpy(x)), -1).numpy()

    return run


def in_batches(run: Callable[[Any], Any], x: np.ndarray) -> Callable[[], Any]:
    return lambda: np.concatenate([run(x[i : i + BATCH]) for i in range(0, len(x), BATCH)])


def models(name: str) -> tuple[Any, Any, Any, Any]:
    """(ours, Keras', jitted, PyTorch's), with the same weights."""
    ours, theirs = WORKLOADS[name].model(fkeras), WORKLOADS[name].model(keras)
    theirs.set_weights(ours.get_weights())
    return ours, theirs, compiled(ours), in_torch(name, ours.get_weights())


def of_one_row(name: str, rounds: int) -> None:
    ours, theirs, jitted, torch = models(name)
    x, _ = WORKLOADS[name].data(1)
    extra = {"PyTorch": many(lambda: torch(x))} if torch else {}
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    calls = {"fkeras": many(lambda: ours.predict(x, verbose=0)), "jax.jit": many(lambda: jitted(x)), **extra}
    calls["Keras"] = many(lambda: theirs.predict(x, verbose=0))
    row(f"predict, 1 row, {name}", compete(calls, rounds, per=CALLS), NAMES)
    calls |= {"fkeras": many(lambda: np.asarray(ours(x))), "Keras": lambda: np.asarray(theirs(x))}
    found = compete({who: call for who, call in calls.items() if who != "Keras"}, rounds, per=CALLS)
    row(f"model(x), 1 row, {name}", found | compete({"Keras": calls["Keras"]}, 2), NAMES)


def of_many_rows(name: str, rounds: int, rows: int) -> None:
    ours, theirs, jitted, torch = models(name)
    x, y = WORKLOADS[name].data(rows)
    extra = {"PyTorch": in_batches(torch, x)} if torch else {}
    calls = {
        "fkeras": lambda: ours.predict(x, batch_size=BATCH, verbose=0),
        "Keras": lambda: theirs.predict(x, batch_size=BATCH, verbose=0),
        "jax.jit": in_batches(jitted, x), **extra,
    }  # fmt: skip
    row(f"predict, {rows:,} rows, {name}", compete(calls, rounds), NAMES)
    calls = {
        "fkeras": lambda: ours.evaluate(x, y, batch_size=BATCH, verbose=0),
        "Keras": lambda: theirs.evaluate(x, y, batch_size=BATCH, verbose=0),
    }
    row(f"evaluate, {rows:,} rows, {name}", compete(calls, rounds), NAMES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    begin_table("µs per call", NAMES)
    for name in ("MLP", "LSTM"):
        of_one_row(name, rounds)
    of_many_rows("MLP", rounds, ROWS)
    of_many_rows("CNN", 3, ROWS)


if __name__ == "__main__":
    main()
