"""Names that Keras 1 and 2 had in modules that are still there."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from .. import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from ..policies import DTypePolicy
from ..utils.plotting import plot_model
from . import layers as old
from .telling import gone, tell


def renamed(name: str, target: Any, today: str) -> Any:
    """A function under an old name."""

    def call(*args: Any, **kwargs: Any) -> Any:
        tell(name, f"write {today}.")
        return target(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"The old name of `{today}`."
    return call


def WeightRegularizer(l1: float = 0.0, l2: float = 0.0) -> Any:
    """`L1L2(l1, l2)`.

    >>> WeightRegularizer(l2=0.5)
    L1L2(l2=0.5)
    """
    tell("WeightRegularizer", "write L1L2(l1=..., l2=...).")
    return regularizers.L1L2(l1, l2)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> Any:
    """`L1L2(l1, l2)`.

    >>> l1l2()
    L1L2(l1=0.01, l2=0.01)
    """
    tell("l1l2", "write L1L2(l1=..., l2=...).")
    return regularizers.L1L2(l1, l2)


def activity(name: str, of: Any) -> Any:
    """A regularizer that Keras 1 knew a second time, for activities."""
    return renamed(name, of, f"activity_regularizer={of.__name__}(...)")


def slice_arrays(arrays: Any, start: Any = None, stop: Any = None) -> Any:
    """Rows of an array or of each in a list: from start to stop, or those that a list names.

    >>> slice_arrays([[1, 2, 3], [4, 5, 6]], 0, 2)
    [[1, 2], [4, 5]]
    """
    tell("slice_arrays", "write x[start:stop].")
    rows = slice(start, stop) if start is None or isinstance(start, int) else start
    return [x[rows] for x in arrays] if isinstance(arrays, (list, tuple)) else arrays[rows]


def probas_to_classes(y_pred: Any) -> Any:
    """The class of each row: the largest number, or whether the only one is above one half.

    >>> probas_to_classes(np.array([[0.2, 0.8], [0.6, 0.4]])).tolist()
    [1, 0]
    """
    tell("probas_to_classes", "write y.argmax(-1), or (y > 0.5).astype('int32').")
    y_pred = np.asarray(y_pred)
    one = y_pred.ndim < 2 or y_pred.shape[1] == 1
    return (y_pred.reshape(-1) > 0.5).astype("int32") if one else y_pred.argmax(1)


def accuracy(p: Any, y: Any) -> float:
    """The share of equal numbers.

    >>> accuracy([1, 2], [1, 3])
    0.5
    """
    tell("accuracy", "write np.mean(p == y).")
    return float(np.mean(np.asarray(p) == np.asarray(y)))


PARALLEL = (
    "models run on all devices of a data-parallel distribution: "
    "fkeras.distribution.set_distribution(fkeras.distribution.DataParallel()) before the model is made."
)
GRAPH = "write Model(inputs, outputs); the functional form replaced Graph in 2016."
R, C = regularizers, constraints
SMALL = {
    name.lower(): renamed(name.lower(), getattr(optimizers, name), f"{name}(...)")
    for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")
}

NAMES: dict[str, dict[str, Any]] = {
    "layers": {
        "Convolution2D": old.Convolution2D, "Convolution3D": old.Convolution3D, "Merge": old.Merge,
        "SeparableConvolution2D": old.SeparableConvolution2D,
        "AtrousConvolution1D": old.AtrousConvolution1D, "AtrousConvolution2D": old.AtrousConvolution2D,
        "Deconvolution2D": old.Deconvolution2D, "Deconvolution3D": old.Deconvolution3D, "CuDNNLSTM": old.CuDNNLSTM,
        "CuDNNGRU": old.CuDNNGRU, "TimeDistributedDense": old.TimeDistributedDense, "MaxoutDense": old.MaxoutDense,
        "ThresholdedReLU": old.ThresholdedReLU, "Highway": old.Highway, "Recurrent": layers.RNN, **old.ABSENT,
    },
    "models": {
        "Graph": gone("Graph", GRAPH), "model_from_yaml": gone("model_from_yaml", "write model_from_json."),
        "slice_X": slice_arrays,
        "model_from_config": renamed("model_from_config", layers.deserialize, "models.Model.from_config(config)"),
    },
    "regularizers": {
        "WeightRegularizer": WeightRegularizer, "l1l2": l1l2, "activity_l1": activity("activity_l1", R.L1),
        "activity_l2": activity("activity_l2", R.L2), "activity_l1l2": activity("activity_l1l2", R.L1L2),
        "ActivityRegularizer": activity("ActivityRegularizer", R.L1L2),
    },
    "constraints": {
        "maxnorm": renamed("maxnorm", C.MaxNorm, "max_norm"), "nonneg": renamed("nonneg", C.NonNeg, "non_neg"),
        "unitnorm": renamed("unitnorm", C.UnitNorm, "unit_norm"),
    },
    "initializers": {
        "normal": initializers.RandomNormal, "uniform": initializers.RandomUniform, "zero": initializers.Zeros,
        "one": initializers.Ones,
    },
    "losses": {
        "cosine": losses.cosine_similarity, "cosine_proximity": losses.cosine_similarity,
        "kullback_leibler_divergence": losses.kl_divergence, "logcosh": losses.log_cosh, **losses.KIND.functions,
    },
    "metrics": {"cosine_proximity": metrics.CosineSimilarity, **losses.KIND.functions},
    "optimizers": {
        name: getattr(optimizers.schedules, name)
        for name in ("CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "PiecewiseConstantDecay",
                     "PolynomialDecay", "InverseTimeDecay")
    } | SMALL,
    "utils": {
        "probas_to_classes": probas_to_classes, "categorical_probas_to_classes": probas_to_classes,
        "accuracy": accuracy, "slice_arrays": slice_arrays, "slice_X": slice_arrays,
        "plot": renamed("plot", plot_model, "plot_model"),
        "multi_gpu_model": gone("multi_gpu_model", PARALLEL), "Policy": DTypePolicy,
    },
}  # fmt: skip

class Called(types.ModuleType):
    """A module of today whose name was that of a function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return SMALL[self.__name__.rpartition(".")[2]](*args, **kwargs)


for _name in SMALL:
    if isinstance(_module := vars(optimizers).get(_name), types.ModuleType):
        _module.__class__ = Called

# names in strings: compile(loss="cosine_proximity")
OLD_LOSSES = {
    "cosine_proximity": losses.cosine_similarity, "cosine": losses.cosine_similarity,
    "kullback_leibler_divergence": losses.kl_divergence, "logcosh": losses.log_cosh,
}  # fmt: skip
STRINGS = ((losses.KIND, OLD_LOSSES), (metrics.KIND, OLD_LOSSES))
