"""Names that Keras 1 and 2 had in modules that are still there."""

from __future__ import annotations

from typing import Any

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


PARALLEL = (
    "models run on all devices of a data-parallel distribution: "
    "fkeras.distribution.set_distribution(fkeras.distribution.DataParallel()) before the model is made."
)
GRAPH = "write Model(inputs, outputs); the functional form replaced Graph in 2016."
R, C = regularizers, constraints

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
    },
    "utils": {
        "plot": renamed("plot", plot_model, "plot_model"),
        "multi_gpu_model": gone("multi_gpu_model", PARALLEL), "Policy": DTypePolicy,
    },
}  # fmt: skip

# names in strings: compile(loss="cosine_proximity")
OLD_LOSSES = {
    "cosine_proximity": losses.cosine_similarity, "cosine": losses.cosine_similarity,
    "kullback_leibler_divergence": losses.kl_divergence, "logcosh": losses.log_cosh,
}  # fmt: skip
STRINGS = ((losses.KIND, OLD_LOSSES), (metrics.KIND, OLD_LOSSES))
