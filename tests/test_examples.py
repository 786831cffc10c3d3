"""Every program in examples/ runs; FKERAS_SHORT=1 asks it for a small part of its work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if not path.name.startswith("_"))

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    env = {**os.environ, "FKERAS_SHORT": "1", "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(path)]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"{path.name}\n{run.stdout[-4000:]}\n{run.stderr[-4000:]}"
    assert run.stdout.strip(), f"{path.name} printed nothing"
    assert "Traceback" not in run.stderr, run.stderr[-4000:]
