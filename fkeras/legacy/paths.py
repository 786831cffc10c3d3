"""Modules of Keras 1 and 2 that are no longer there: each shows what its names are called today."""

from __future__ import annotations

import sys
import types
from typing import Any

from .telling import tell

LAYERS = (
    "core convolutional pooling local recurrent convolutional_recurrent cudnn_recurrent embeddings merge"
    " advanced_activations normalization noise wrappers containers experimental experimental.preprocessing"
    " preprocessing attention"
)
UTILS = (
    "np_utils generic_utils data_utils vis_utils visualize_util io_utils layer_utils conv_utils test_utils"
    " training_utils multi_gpu_utils all_utils tf_utils losses_utils metrics_utils"
)
ENGINE = "topology base_layer input_layer network training training_utils sequential functional saving input_spec"

# path -> the modules in which its names are looked for, in order
PATHS: dict[str, str] = {
    **{f"layers.{name}": "layers" for name in LAYERS.split()},
    **{f"utils.{name}": "utils models layers preprocessing.image preprocessing.sequence" for name in UTILS.split()},
    **{f"engine.{name}": "layers models utils saving" for name in ENGINE.split()},
    "engine": "layers models utils",
    "objectives": "losses",
    "initializations": "legacy.initializations",
    "datasets.data_utils": "utils",
    "optimizers.experimental": "optimizers",
    "optimizer_v1": "optimizers",
    "optimizer_v2": "optimizers",
    "experimental": "optimizers optimizers.schedules",
    "models.experimental": "models",
    "backend.common": "backend",
    "backend.tensorflow_backend": "backend",
    "backend.theano_backend": "backend",
    "mixed_precision.experimental": "mixed_precision",
    "wrappers.scikit_learn": "legacy.learners",
}


class OldPath(types.ModuleType):
    """A module that is no longer there; its names are found where they are today."""

    def __init__(self, root: str, path: str, sources: str):
        super().__init__(f"{root}.{path}", f"The old path `{path}`: see {' and '.join(sources.split())}.")
        self.__dict__.update(_root=root, _path=path, _sources=sources.split(), __path__=[])

    def _modules(self) -> list[types.ModuleType]:
        names = [f"{self._root}.{source}" for source in self._sources]
        return [sys.modules[name] for name in names if name in sys.modules]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        if name == "__all__":
            found = [n for m in self._modules() for n in getattr(m, "__all__", dir(m))]
            return list(dict.fromkeys(n for n in found if not n.startswith("_")))
        for module in self._modules():
            found = getattr(module, name, None)
            if found is not None:
                tell(f"keras.{self._path}", f"`{name}` is in {module.__name__} today.")
                return found
        raise AttributeError(f"{self.__name__} has no {name!r}; looked in {', '.join(self._sources)}.")

    def __dir__(self) -> list[str]:
        return self.__getattr__("__all__")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`merge` was a function as well as a module."""
        return getattr(self, self._path.rpartition(".")[2])(*args, **kwargs)


def fall_back(module: types.ModuleType, names: dict[str, Any], sources: tuple[types.ModuleType, ...] = ()) -> None:
    """Lets a module also know old names: from a table, then from other modules, then as it did before."""
    before = vars(module).get("__getattr__")

    def find(name: str) -> Any:
        if name in names:
            return names[name]
        if name == "__all__" and names:  # `from keras.layers import *`
            return [*(n for n in vars(module) if not n.startswith("_")), *names]
        if not name.startswith("_"):
            for source in sources:
                if hasattr(source, name):
                    return getattr(source, name)
        if before is not None:
            return before(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    vars(module)["__getattr__"] = find


def lay(root: str) -> None:
    """Puts the old paths below a package; where a module of today has the path, it learns the old names."""
    for path, sources in sorted(PATHS.items()):
        full = f"{root}.{path}"
        if full in sys.modules:
            fall_back(sys.modules[full], {}, tuple(sys.modules[f"{root}.{s}"] for s in sources.split()[:1]))
            continue
        sys.modules[full] = module = OldPath(root, path, sources)
        parent, _, name = full.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent])[name] = module
