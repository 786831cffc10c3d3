"""Scripts of 2015 to 2020: what Keras 1 and 2 called differently, in one place.

Arguments (`arguments`, `rules`), layers (`layers`), names (`names`), modules (`paths`), methods of models
(`training`), functions of the backend (`backend`). Each old spelling warns once and tells today's; the
rest of the package knows nothing of them. Defaults are those of Keras 3, also where an old script does
not say: the inner activation of a LSTM was a hard sigmoid once.

>>> from fkeras.layers import Dense, LSTM
>>> Dense(output_dim=3, init="he_normal", bias=False)
Dense(units=3, use_bias=False, kernel_initializer=HeNormal())
>>> LSTM(4, dropout_W=0.2, dropout_U=0.1)
LSTM(units=4, dropout=0.2, recurrent_dropout=0.1)
"""

from __future__ import annotations

import sys
from typing import Any

from .. import registry
from ..facade import Facade
from ..models import Model
from ..train.trainer import Trainer
from . import arguments, backend, graph_loss, initializations, learners, names, paths, rules, saving, training, weights
from .hdf5 import HDF5Matrix
from .telling import OldSpelling, gone, tell

__all__ = ["OldSpelling", "gone", "open_doors", "tell"]


def open_doors(root: str) -> None:
    """Lets the package called `root` understand the old spellings. Done once, when it is loaded."""
    if arguments.read in registry.readers:
        return
    registry.readers.append(arguments.read)
    for cls, methods in training.METHODS.items():
        for name, method in methods:
            if name not in vars(cls):
                setattr(cls, name, method)
    weights.open_doors()
    Facade.add_loss = training.with_inputs(Facade.add_loss)  # type: ignore[method-assign]
    Facade.__getattr__ = training.with_shapes(Facade.__getattr__)  # type: ignore[method-assign]
    Model.save_weights = training.in_old_files(Model.save_weights)  # type: ignore[method-assign]
    Trainer.compile = graph_loss.looking(Trainer.compile)  # type: ignore[method-assign]
    for cls in training.PLAIN:
        cls.__init__ = training.reading(cls)  # type: ignore[misc]
    for kind, strings in names.STRINGS:
        for name, found in strings.items():
            kind.table.setdefault(name, found)
    paths.lay(root)
    for path, table in names.NAMES.items():
        module: Any = sys.modules[f"{root}.{path}" if path else root]
        paths.fall_back(module, table)
    for name in ("Convolution2D", "Convolution3D", "SeparableConvolution2D"):
        setattr(sys.modules[f"{root}.layers"], name, names.NAMES["layers"][name])
    vars(sys.modules[f"{root}.layers.merge"])["merge"] = names.old.merge
    paths.fall_back(sys.modules[f"{root}.backend"], {}, (backend,))
    paths.fall_back(sys.modules[f"{root}.utils.io_utils"], {"HDF5Matrix": HDF5Matrix})
