"""What every test starts from: Keras on JAX as the oracle, JAX on the CPU, defaults put back."""

from __future__ import annotations

import os
import signal

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports keras
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jax
import numpy as np
import pytest

from fkeras import config

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as for what a shell runs in the background: tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("fkeras", deadline=None, max_examples=20, derandomize=True, database=None)
hypothesis.settings.load_profile("fkeras")


@pytest.fixture
def key() -> jax.Array:
    """A random key."""
    return jax.random.key(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A source of test data that leaves NumPy's global generator alone."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def defaults():
    """Puts the process-wide defaults (floatx, epsilon, image layout, ...) back after each test."""
    saved = dict(config._defaults)
    yield
    config._defaults.update(saved)
