"""`import fkeras` is light: it loads JAX and optax, little else, and starts nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What may be loaded beside the standard library. The last row is what JAX itself loads where it finds it.
ALLOWED = {"fkeras", "jax", "jaxlib", "numpy", "ml_dtypes", "opt_einsum", "optax", "absl", "typing_extensions"}
ALLOWED |= {"cloudpickle", "colorama", "etils", "importlib_resources", "pygments", "zipp"}
HEAVY = "h5py rich matplotlib sklearn scipy keras tensorflow torch PIL pandas chex flax orbax pytest hypothesis IPython"
MOST_STDLIB = 40  # standard modules that fkeras may load beyond those of JAX, optax and NumPy

PROBE = """
import json, sys
import jax, numpy, optax
before = set(sys.modules)
import fkeras
after = set(sys.modules)
from jax._src import xla_bridge
print(json.dumps({
    "loaded": sorted(after),
    "added": sorted(after - before),
    "started": xla_bridge.backends_are_initialized(),
    "x64": jax.config.jax_enable_x64,
    "live": len(jax.live_arrays()) if xla_bridge.backends_are_initialized() else 0,
}))
"""


@pytest.fixture(scope="module")
def probe() -> dict:
    """What a fresh interpreter holds after `import fkeras`."""
    run = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def tops(names: list[str]) -> set[str]:
    """The top-level packages of modules."""
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", HEAVY.split())
def test_heavy_packages_load_when_first_used(probe, package):
    assert package not in tops(probe["loaded"])


def test_fkeras_adds_only_itself_and_a_little_of_the_standard_library(probe):
    stdlib = set(sys.stdlib_module_names)
    foreign = {name for name in tops(probe["added"]) if name not in stdlib and not name.startswith("_")}
    assert foreign <= ALLOWED, f"import fkeras pulls in {sorted(foreign - ALLOWED)}"
    others = [m for m in probe["added"] if m.partition(".")[0] not in ("fkeras", "jax")]
    assert len(others) <= MOST_STDLIB, f"{len(others)} modules: {others}"
    late = [m for m in probe["added"] if m.startswith("jax.")]
    assert len(late) <= MOST_STDLIB, f"{len(late)} modules of JAX that `import jax` itself leaves out: {late}"


def test_import_starts_no_device_and_makes_no_array(probe):
    assert not probe["started"], "a JAX backend was started: an array was made, or a function compiled, at import"
    assert probe["live"] == 0


def test_import_leaves_the_settings_of_jax_alone(probe):
    assert probe["x64"] is False
