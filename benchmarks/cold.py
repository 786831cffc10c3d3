"""How long from the start of a process to the end of a first epoch, and how much memory does it take?

Each contestant is a process of its own, measured from outside; they take turns. Then the memory of fkeras alone over
many epochs and predictions.

    python benchmarks/cold.py [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from contest import begin_table, is_there, row

NAMES = ("fkeras", "Keras", "PyTorch", "by hand in JAX")
HERE = Path(__file__).parent
FACE = """
import sys; sys.path.insert(0, {here!r})
import {module} as k
from workloads import WORKLOADS
w = WORKLOADS[{name!r}]
x, y = w.data()
w.model(k).fit(x, y, batch_size=w.batch, verbose=0)
"""
HAND = """
import sys; sys.path.insert(0, {here!r})
import numpy as np
import {module}
from workloads import WORKLOADS
w = WORKLOADS[{name!r}]
x, y = w.data()
shapes, rng = {shapes!r}, np.random.default_rng(0)
weights = [0.05 * rng.normal(size=s).astype("float32") for s in shapes]
{module}.epoch_of({name!r}, weights, x, y, w.batch)()
"""
DEEP = """
import {module} as k
L = k.layers
model = k.Sequential([k.Input((32, 32, 3))] + [L.Conv2D(16, 3, padding="same", activation="relu") for _ in range(60)])
model.add(L.GlobalAveragePooling2D())
assert len(model.get_weights()) == 120
"""
GROWTH = """
import os, resource
import numpy as np, fkeras
model = fkeras.Sequential([fkeras.Input((100,)), fkeras.layers.Dense(32, "relu"), fkeras.layers.Dense(1)])
model.compile("adam", "mse")
x = np.zeros((320, 100), "float32")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
run = lambda n: ([model.fit(x, x[:, :1], epochs=n, verbose=0)], [model.predict(x, verbose=0) for _ in range(n)])
run(50); before = peak(); run(1000)
print(f"{before:.0f} {peak():.0f}")
"""


def run(code: str) -> tuple[float, float]:
    """(seconds, MiB at most) of a process."""
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled to bytecode
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("a contestant failed")
    return time.perf_counter() - began, used.ru_maxrss / 1024


def shapes_of(name: str) -> list[tuple[int, ...]]:
    from workloads import WORKLOADS

    import fkeras

    return [w.shape for w in WORKLOADS[name].model(fkeras).get_weights()]


def compare(codes: dict[str, str], rounds: int) -> tuple[dict[str, object], dict[str, object]]:
    """(seconds, MiB), each name -> (least, median, most)."""
    found: dict[str, list[tuple[float, float]]] = {who: [] for who in codes}
    for _ in range(rounds):
        for who, code in codes.items():
            found[who].append(run(code))

    def spread(values: list[float]) -> tuple[float, float, float]:
        return min(values), statistics.median(values), max(values)

    return tuple({who: spread([f[i] for f in fs]) for who, fs in found.items()} for i in (0, 1))  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    begin_table("seconds, MiB", NAMES)
    for name in ("MLP", "LSTM"):
        told = {"here": str(HERE), "name": name, "shapes": shapes_of(name)}
        codes = {"fkeras": FACE.format(module="fkeras", **told), "Keras": FACE.format(module="keras", **told)}
        codes["by hand in JAX"] = HAND.format(module="by_hand", **told)
        if is_there("torch"):
            codes["PyTorch"] = HAND.format(module="torch_models", **told)
        seconds, memory = compare(codes, rounds)
        row(f"a process with one epoch, {name}: s", seconds, NAMES, 1)
        row(f"the same: MiB at most, {name}", memory, NAMES)
    seconds, _ = compare({"fkeras": DEEP.format(module="fkeras"), "Keras": DEEP.format(module="keras")}, rounds)
    row("a process that builds 60 convolutions: s", seconds, NAMES, 1)
    before, after = subprocess.check_output([sys.executable, "-c", GROWTH], text=True).split()
    print(f"\nPeak memory after 50 epochs and predictions {before} MiB, after 1,000 more {after} MiB.")


if __name__ == "__main__":
    main()
