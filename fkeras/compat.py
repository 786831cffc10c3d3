"""`import keras` and `from tensorflow import keras` mean fkeras, in scripts that cannot be edited.

>>> install()
>>> from keras.layers import Dense
>>> from tensorflow.keras.models import Sequential
>>> Dense.__module__, Sequential.__module__
('fkeras.layers.core', 'fkeras.models.sequential')
>>> uninstall()

What is called `tensorflow` beside `tensorflow.keras` is the real package where it is installed and was
loaded before; else a stand-in that knows a few functions of arrays and says so of the rest.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

from .legacy.tensorflow import StandIn, tensorflow

PREFIXES = ("tensorflow.python.keras", "tensorflow.keras", "tf_keras", "keras.src", "keras")  # longest first

def counterpart(name: str) -> str | None:
    """The module of fkeras that an import by another name means, or None."""
    for prefix in PREFIXES:
        if name == prefix or name.startswith(f"{prefix}."):
            return f"{__package__}{name[len(prefix) :]}"
    return None


def inner(name: str) -> Any:
    """A module in the stand-in for TensorFlow, or None."""
    found: Any = sys.modules.get("tensorflow")
    for part in name.split(".")[1:]:
        found = vars(found).get(part) if isinstance(found, StandIn) else None
    return found if isinstance(found, StandIn) and name != "tensorflow" else None


def loaded(name: str) -> Any:
    """A module of fkeras; raises ModuleNotFoundError if there is none."""
    if name not in sys.modules:
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            said = error if type(error) is ImportError else "fkeras has nothing there."
            raise ModuleNotFoundError(f"No module named {name!r}: {said}", name=name) from None
    if name not in sys.modules:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return sys.modules[name]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers imports by other names with modules of fkeras."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if counterpart(fullname) is None and fullname != "tensorflow" and inner(fullname) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        name = counterpart(spec.name)
        found = loaded(name) if name is not None else inner(spec.name)
        module = tensorflow(sys.modules[__package__ or "fkeras"]) if found is None else found
        spec.loader_state = vars(module).get("__spec__")
        return module

    def exec_module(self, module: Any) -> None:
        """Nothing: the module is loaded. Its spec is put back, which the import system has replaced."""
        module.__spec__ = getattr(module.__spec__, "loader_state", None) or module.__spec__


_finder: Finder | None = None
_before: dict[str, Any] = {}


def is_covered(name: str) -> bool:
    """Whether a module's name is one that `install` gives a meaning."""
    return counterpart(name) is not None or name.partition(".")[0] == "tensorflow"


def install() -> None:
    """From here on `keras`, `tf_keras` and `tensorflow.keras` are fkeras. `uninstall` takes it back."""
    global _finder
    if _finder is not None:
        return
    _finder = Finder()
    real = sys.modules.get("tensorflow")
    for name in [n for n in sys.modules if counterpart(n) is not None]:
        _before[name] = sys.modules.pop(name)
    if real is not None:
        _before["tensorflow"], _before["tensorflow.keras"] = real, vars(real).get("keras")
        vars(real)["keras"] = sys.modules[__package__ or "fkeras"]
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """The names mean again what they meant before `install`."""
    global _finder
    if _finder is None:
        return
    sys.meta_path.remove(_finder)
    _finder = None
    real = _before.pop("tensorflow", None)
    for name in [n for n in sys.modules if is_covered(n) and (real is None or counterpart(n) is not None)]:
        del sys.modules[name]
    keras = _before.pop("tensorflow.keras", None)
    if real is not None:
        vars(real)["keras"] = keras
    sys.modules.update(_before)
    _before.clear()
