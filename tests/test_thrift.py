"""What makes training slow, counted instead of timed: dispatches, copies of the data, buffers that are not given up."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest

from fkeras import Sequential, config
from fkeras.callbacks import EarlyStopping, LambdaCallback
from fkeras.layers import BatchNormalization, Dense, Input
from fkeras.train.arrays import Rows
from fkeras.train.session import Session

X = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
Y = X[:, :1]


@pytest.fixture
def model():
    model = Sequential([Input((4,)), Dense(3, "relu"), BatchNormalization(), Dense(1)])
    model.compile("adam", "mse", steps_per_execution="auto")
    model.fit(X, Y, batch_size=2, verbose=0)  # compiles
    return model


@pytest.fixture
def counts(monkeypatch):
    """How often programs were dispatched, and data put on the device."""
    found = {"dispatches": 0, "copies": 0}

    def counted(cls, method, what):
        original = getattr(cls, method)

        def run(self, *args):
            found[what] += 1
            return original(self, *args)

        monkeypatch.setattr(cls, method, run)

    counted(Session, "dispatch", "dispatches")
    counted(Rows, "on_device", "copies")
    return found


def test_an_epoch_is_a_few_dispatches(model, counts):
    model.fit(X, Y, batch_size=2, epochs=3, verbose=0, callbacks=[EarlyStopping("loss", patience=9)])
    assert counts["dispatches"] < 60  # of 600 steps, while they grow in length; one by one they would be 600
    assert counts["copies"] == 1  # not one for each epoch


def test_hooks_for_batches_cost_single_dispatches(model, counts):
    seen = []
    told = LambdaCallback(on_train_batch_end=lambda i, _: seen.append(i))
    model.fit(X, Y, batch_size=40, verbose=0, callbacks=[told])
    assert counts["dispatches"] == 10 and seen == list(range(10))


def test_a_dispatch_gives_up_the_old_values(model, monkeypatch):
    dispatch, old = Session.dispatch, []

    def watched(self, *args):
        before = [x for x in jax.tree.leaves((self.ts.params, self.ts.opt_state)) if isinstance(x, jax.Array)]
        found = dispatch(self, *args)
        old.append([x.is_deleted() for x in before])
        return found

    monkeypatch.setattr(Session, "dispatch", watched)
    model.fit(X, Y, batch_size=100, verbose=0)
    assert old and all(map(all, old))


COUNTED = """
import threading, jax, fkeras, numpy as np
model = fkeras.Sequential([fkeras.Input((4,)), fkeras.layers.Dense(3, "relu"), fkeras.layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
where = []
tell = lambda event, *_, **__: event.endswith("backend_compile_duration") and where.append(threading.current_thread())
jax.monitoring.register_event_duration_secs_listener(tell)
for _ in range(2):
    model.fit(np.ones((21, 4)), np.ones((21, 1)), batch_size=4, validation_split=0.5, verbose=0)
    print(len(where), sum(thread is not threading.main_thread() for thread in where))
"""


def test_programs_are_few_and_compiled_once():
    """Two copies, the loop of steps, and ahead: the last batch, two of validation, results. Nothing for weights."""
    said = subprocess.run([sys.executable, "-c", COUNTED], check=True, capture_output=True, text=True).stdout
    (first, ahead), again = (tuple(map(int, line.split())) for line in said.splitlines())
    assert again == (first, ahead)
    assert first <= 8 and 0 < ahead <= 5


CODE = """
import sys, fkeras, numpy as np
fkeras.config.keep_compiled(sys.argv[1])
model = fkeras.Sequential([fkeras.Input((4,)), fkeras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
"""


@pytest.mark.slow
def test_programs_are_kept_on_disk(tmp_path):
    names = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], check=True)
        names.append({p.name for p in tmp_path.iterdir() if p.name.endswith("-cache")})
    assert names[0] and names[0] == names[1]  # the second process compiled nothing new


def test_kept_programs_have_a_place(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    try:
        folder = config.keep_compiled()
        assert folder == str(tmp_path / "programs") == jax.config.jax_compilation_cache_dir
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
