"""Checkpoints by Orbax: written in the background, read back into the model."""

from __future__ import annotations

import sys

import jax
import numpy as np
import pytest

import fkeras
from fkeras import callbacks, layers


def small():
    model = fkeras.Sequential(
        [layers.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model, np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


def test_without_orbax_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "orbax", None)
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match="pip install orbax-checkpoint"):
        callbacks.OrbaxCheckpoint(tmp_path)


@pytest.mark.parametrize("background", [True, False])
def test_what_was_saved_comes_back(tmp_path, background):
    pytest.importorskip("orbax.checkpoint")
    model, x, y = small()
    kept = callbacks.OrbaxCheckpoint(tmp_path, save_on_background=background, max_to_keep=2)
    model.fit(x, y, 4, 3, verbose=0, callbacks=[kept])
    weights, remembered = model.get_weights(), jax.tree.map(np.asarray, model.optimizer.state)
    assert kept.manager.all_steps() == [1, 2]
    model.fit(x, y, 4, 2, verbose=0)
    assert kept.restore() == 2
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(np.asarray, model.optimizer.state), remembered)
    with pytest.raises(FileNotFoundError, match="no checkpoint 7"):
        kept.restore(7)


def test_batches_and_the_best(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    model, x, y = small()
    kept = callbacks.OrbaxCheckpoint(tmp_path / "a", save_freq=3, max_to_keep=None, save_weights_only=True)
    model.fit(x, y, 2, 2, verbose=0, callbacks=[kept])  # 4 batches an epoch
    assert list(kept.manager.all_steps()) == [3, 6]
    best = callbacks.OrbaxCheckpoint(tmp_path / "b", save_best_only=True, monitor="told", mode="max", max_to_keep=None)
    tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(told=[1, 0, 2][epoch]))
    model.fit(x, y, 2, 3, verbose=0, callbacks=[tell, best])
    assert list(best.manager.all_steps()) == [0, 2]
