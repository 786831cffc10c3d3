"""Whole scripts in the style of every era of Keras, 2015 to 2025, that are not edited: `compat.install()` runs them."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from fkeras import compat, utils

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
LONG = {  # what takes ten seconds and more
    "keras_1_attention", "keras_1_functional", "keras_1_lstm", "keras_2_generators", "keras_2_policy_gradient",
    "keras_2_seq2seq",
}  # fmt: skip


@pytest.fixture
def installed():
    before = np.random.get_state()
    utils.set_random_seed(0)
    compat.install()
    yield
    compat.uninstall()
    np.random.set_state(before)


@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=[pytest.mark.long] * (p.stem in LONG), id=p.stem) for p in SCRIPTS]
)
@pytest.mark.filterwarnings("ignore::fkeras.legacy.OldSpelling", "ignore:.*old name", "ignore::UserWarning")
def test_script(path, installed):
    for package, needed in (("sklearn", "sklearn"), ("preprocessing.text", "fkeras.preprocessing.text")):
        if package in path.read_text():
            pytest.importorskip(needed)
    names = runpy.run_path(str(path), run_name="__main__")
    assert not any(str(getattr(v, "__module__", "")).startswith("keras.src") for v in names.values())


def test_there_are_twelve_of_them():
    assert len(SCRIPTS) >= 12
