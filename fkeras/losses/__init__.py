"""Losses: pure functions of (labels, predictions), and classes that reduce their values.

>>> get("mse")([[0.0, 2.0]], [[1.0, 4.0]])
Array([2.5], dtype=float32)
"""

from __future__ import annotations

import re
from typing import Any

from .. import registry
from .check import check
from .classification import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    hinge,
    kl_divergence,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from .crossentropies import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from .loss import KIND, FunctionLoss, Loss, LossFunctionWrapper, compute_dtype
from .reduction import Reduction, merge_masks, reduce_weighted
from .regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from .segmentation import Dice, Tversky, dice, tversky
from .sequence import CTC, ctc
from .similarity import Circle, circle


def get(identifier: Any) -> Any:
    """The loss that a name, class, config, function or instance stands for; None for None.

    A function's name gives the function, a class' name an instance.

    Raises ValueError for a name that is not known.

    >>> get("CategoricalCrossentropy"), get("mae") is mean_absolute_error
    (CategoricalCrossentropy(), True)
    """
    return KIND.get(identifier)


def serialize(loss: Any) -> Any:
    """The config of a loss; `deserialize` inverts it.

    >>> serialize(Huber())["config"]
    {'name': 'huber_loss', 'reduction': 'sum_over_batch_size'}
    """
    return registry.serialize(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a config (or a name) describes.

    >>> deserialize(serialize(Huber(delta=2.0))).delta
    2.0
    """
    return KIND.get(name, custom_objects)


def is_binary(y_pred: Any) -> bool:
    """Whether predictions have one column, whose values are yes or no."""
    return bool(y_pred.shape) and y_pred.shape[-1] == 1


def is_sparse(y_true: Any, y_pred: Any) -> bool:
    """Whether labels are class numbers for predictions with a column per class."""
    fewer = len(y_true.shape) < len(y_pred.shape)
    return fewer or (bool(y_true.shape) and y_true.shape[-1] == 1 and y_pred.shape[-1] != 1)


def crossentropy_for(y_true: Any, y_pred: Any) -> str:
    """The name of the crossentropy that labels and predictions of these shapes ask for."""
    if is_binary(y_pred):
        return "binary_crossentropy"
    return "sparse_categorical_crossentropy" if is_sparse(y_true, y_pred) else "categorical_crossentropy"


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Loss | None:
    """The `Loss` that `compile(loss=identifier)` means for labels and predictions of these shapes.

    `"crossentropy"` and `"ce"` choose the binary, categorical or sparse one. Functions are wrapped.

    >>> import jax
    >>> y, p = jax.ShapeDtypeStruct((4,), "int32"), jax.ShapeDtypeStruct((4, 3), "float32")
    >>> resolve("ce", y, p).fn is sparse_categorical_crossentropy
    True
    """
    chosen = identifier
    if str(identifier).lower() in ("crossentropy", "ce"):
        chosen = crossentropy_for(y_true, y_pred)
    loss = get(chosen)
    if loss is None or isinstance(loss, Loss):
        return loss
    return LossFunctionWrapper(loss, name=identifier if isinstance(identifier, str) else name_of(loss))


def name_of(obj: Any) -> str:
    """What a function or object is called in logs: its name, in snake case.

    >>> name_of(mean_squared_error), name_of(Huber()), name_of(lambda y, p: p)
    ('mean_squared_error', 'huber_loss', 'lambda')
    """
    name = getattr(obj, "name", None)
    if isinstance(name, str):
        return name
    written = re.sub(r"\W+", "", getattr(obj, "__name__", type(obj).__name__))
    return "_" * (len(written) - len(written.lstrip("_"))) + registry.snake_case(written)
