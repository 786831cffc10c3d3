"""Metrics: pure triples `(init, update, compute)` with Keras' stateful face.

>>> metric = get("accuracy")
>>> metric.compute(metric.update(metric.init(), [1, 2], [1, 3]))
Array(0.5, dtype=float32)
"""

from __future__ import annotations

from typing import Any

from .. import losses, registry
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from .accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from .correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    R2Score,
    concordance_correlation,
    pearson_correlation,
)
from .curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from .errors import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from .fscore import F1Score, FBetaScore
from .iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from .mean import Mean, MeanMetricWrapper, Sum
from .metric import KIND, Metric


def get(identifier: Any) -> Any:
    """The metric that a name, class, config, function or instance stands for; None for None.

    A name gives an instance.

    Raises ValueError for a name that is not known.

    >>> get("mse"), get("AUC")
    (MeanSquaredError(), AUC())
    """
    return KIND.get(identifier)


def serialize(metric: Any) -> Any:
    """The config of a metric; `deserialize` inverts it.

    >>> serialize(Mean())["config"]
    {'name': 'mean', 'dtype': 'float32'}
    """
    return registry.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config (or a name) describes.

    >>> deserialize(serialize(TopKCategoricalAccuracy(k=3))).k
    3
    """
    return KIND.get(config, custom_objects)


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The `Metric` that `compile(metrics=[identifier])` means for labels and predictions of these shapes.

    `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` choose the binary, categorical or
    sparse one. Functions are wrapped. A name that was given becomes the metric's name.

    Raises ValueError for None and for names that are not known.

    >>> import jax
    >>> y, p = jax.ShapeDtypeStruct((4,), "int32"), jax.ShapeDtypeStruct((4, 3), "float32")
    >>> resolve("acc", y, p), resolve("acc", y, p).name
    (SparseCategoricalAccuracy(name='acc'), 'acc')
    """
    if identifier is None:
        raise ValueError("None is no metric; give a name, a function or a Metric.")
    name = str(identifier) if isinstance(identifier, str) else None
    if name is not None and name.lower() in ("accuracy", "acc"):
        kinds = (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
        return kinds[0 if losses.is_binary(y_pred) else 1 if losses.is_sparse(y_true, y_pred) else 2](name=name)
    if name is not None and name.lower() in ("crossentropy", "ce"):
        metric = get(losses.crossentropy_for(y_true, y_pred))
    else:
        metric = get(identifier)
    if not isinstance(metric, Metric):
        return MeanMetricWrapper(metric, name=name or losses.name_of(metric))
    if name is not None:
        metric.name = name
    return metric
