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
import types
from collections.abc import Sequence
from typing import Any

from . import legacy, ops, random
from .utils.session import is_keras_tensor

PREFIXES = ("tensorflow.python.keras", "tensorflow.keras", "tf_keras", "keras.src", "keras")  # longest first

FUNCTIONS = (
    "abs add argmax argmin cast clip_by_value=clip concat=concatenate convert_to_tensor cos cumsum divide equal exp"
    " expand_dims eye gather=take greater less log=log matmul maximum minimum multiply ones ones_like one_hot pow=power"
    " range=arange reduce_all=all reduce_any=any reduce_max=max reduce_mean=mean reduce_min=min reduce_prod=prod"
    " reduce_sum=sum repeat reshape reverse=flip round shape sigmoid sign sin split sqrt square squeeze stack"
    " stop_gradient subtract tanh tensordot tile transpose unstack where zeros zeros_like"
)
NN = (
    "elu gelu leaky_relu log_softmax relu relu6 selu sigmoid silu softmax softplus softsign swish=silu tanh"
    " l2_normalize=normalize"
)
TYPES = "bfloat16 bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 string"
SAYINGS = {
    "GradientTape": "take jax.grad of a function of params: fkeras.train, or model.apply(params, state, x).",
    "Session": "there are no sessions.",
    "data": "fit takes arrays, generators and the data sources of fkeras.",
}


def named(table: str, home: Any) -> dict[str, Any]:
    """The functions that a table of `old=today` names."""
    pairs = (entry.partition("=") for entry in table.split())
    return {old: getattr(home, today or old) for old, _, today in pairs}


class StandIn(types.ModuleType):
    """A module that knows some names, and says of the others where they are."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        said = SAYINGS.get(name, "use fkeras.ops, jax.numpy or NumPy, or install TensorFlow.")
        raise AttributeError(f"{self.__name__}.{name} is not here: fkeras stands in for tensorflow.keras only; {said}")


def tensorflow() -> StandIn:
    """The stand-in for TensorFlow."""
    module = StandIn("tensorflow", "A few functions of TensorFlow by their names, over fkeras.")
    draw = StandIn("tensorflow.random")
    vars(draw).update(
        set_seed=random.set_random_seed, normal=random.normal, uniform=random.uniform,
        truncated_normal=random.truncated_normal,
    )  # fmt: skip
    nn, math_ = StandIn("tensorflow.nn"), StandIn("tensorflow.math")
    vars(nn).update(named(NN, ops))
    vars(math_).update(named(FUNCTIONS, ops))
    compat = StandIn("tensorflow.compat")
    config = StandIn("tensorflow.config")
    vars(config).update(list_physical_devices=lambda kind=None: [])
    vars(module).update(
        named(FUNCTIONS, ops), random=draw, nn=nn, math=math_, compat=compat, config=config, __version__="2.0+fkeras",
        constant=legacy.backend.constant, function=plain, is_tensor=is_keras_tensor, executing_eagerly=lambda: True,
        set_random_seed=random.set_random_seed, **{t: t for t in TYPES.split()},
        keras=sys.modules[__package__ or "fkeras"], __path__=[],
    )  # fmt: skip
    return module


def plain(function: Any = None, **settings: Any) -> Any:
    """`tf.function`: the function as it is; models compile their own programs."""
    return (lambda f: f) if function is None else function


def counterpart(name: str) -> str | None:
    """The module of fkeras that an import by another name means, or None."""
    for prefix in PREFIXES:
        if name == prefix or name.startswith(f"{prefix}."):
            return f"{__package__}{name[len(prefix) :]}"
    return None


def loaded(name: str) -> Any:
    """A module of fkeras; raises ModuleNotFoundError if there is none."""
    if name not in sys.modules:
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            raise ModuleNotFoundError(f"No module named {name!r}: {error}", name=name) from None
    if name not in sys.modules:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return sys.modules[name]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers imports by other names with modules of fkeras."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if counterpart(fullname) is None and fullname not in ("tensorflow", "tensorflow.python"):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        name = counterpart(spec.name)
        module = tensorflow() if name is None else loaded(name)
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
