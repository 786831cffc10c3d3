"""fkeras: the Keras people know, made of pure JAX functions.

A layer is its settings plus a pair of pure functions:

    params, state = layer.init(rng, *specs)
    y, state      = layer.apply(params, state, *inputs, rng=None, training=False)

Above it stands the face of Keras: `Sequential`, `Model`, `compile`, `fit`, `predict`.
"""

import sys

from . import (
    absent,
    activations,
    applications,
    backend,
    callbacks,
    compat,
    config,
    constraints,
    data,
    datasets,
    distillation,
    distribution,
    dtype_policies,
    initializers,
    layers,
    legacy,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    train,
    tree,
    utils,
    visualization,
    wrappers,
)
from .initializers import Initializer
from .input_spec import InputSpec
from .layer import Layer
from .layers.input import Input, KerasTensor
from .losses import Loss
from .masking import Masked
from .metrics import Metric
from .models import Functional, Model, Sequential
from .ops.operation import Operation
from .optimizers import Optimizer
from .policies import DTypePolicy, FloatDTypePolicy, dtype_policy, set_dtype_policy
from .regularizers import Regularizer
from .scopes import Function, RematScope, StatelessScope, SymbolicScope, device, name_scope, remat
from .spec import Spec
from .train import ensemble, sweep
from .variable import Variable

config.dtype_policy, config.set_dtype_policy = dtype_policy, set_dtype_policy  # type: ignore[attr-defined]

for _name in absent.MODULES:
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = absent.Absent(f"{__name__}.{_name}")
legacy.open_doors(__name__)

__version__ = "0.1.0"


def version() -> str:
    """The version of fkeras."""
    return __version__
