"""The classes of `classification`: crossentropies, divergence and hinges with a reduction."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import classification as functions
from .loss import FunctionLoss
from .reduction import Reduction


class BinaryCrossentropy(FunctionLoss, fn=functions.binary_crossentropy):
    """Crossentropy of yes-or-no labels, see `binary_crossentropy`.

    >>> BinaryCrossentropy(from_logits=True)([[0.0, 1.0]], [[0.0, 0.0]])
    Array(0.6931472, dtype=float32)
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "binary_crossentropy"
    dtype: Any = None


class BinaryFocalCrossentropy(FunctionLoss, fn=functions.binary_focal_crossentropy):
    """Binary crossentropy that cares less for what is already right, see `binary_focal_crossentropy`.

    >>> BinaryFocalCrossentropy(gamma=0.0)([[1.0]], [[0.5]])
    Array(0.6931472, dtype=float32)
    """

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "binary_focal_crossentropy"
    dtype: Any = None


class CategoricalCrossentropy(FunctionLoss, fn=functions.categorical_crossentropy):
    """Crossentropy of one-hot (or soft) labels, see `categorical_crossentropy`.

    >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(0.6931472, dtype=float32)
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "categorical_crossentropy"
    dtype: Any = None


class CategoricalFocalCrossentropy(FunctionLoss, fn=functions.categorical_focal_crossentropy):
    """Categorical crossentropy that cares less for what is already right, see `categorical_focal_crossentropy`.

    >>> CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0)([[0.0, 1.0]], [[0.5, 0.5]])
    Array(0.6931472, dtype=float32)
    """

    alpha: Any = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "categorical_focal_crossentropy"
    dtype: Any = None


class SparseCategoricalCrossentropy(FunctionLoss, fn=functions.sparse_categorical_crossentropy):
    """Crossentropy of integer labels, see `sparse_categorical_crossentropy`.

    >>> SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], [[0.5, 0.5], [0.1, 0.9]])
    Array(0.6931472, dtype=float32)
    """

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: Reduction = "sum_over_batch_size"
    axis: int = dataclasses.field(default=-1, metadata={"config": False})
    name: str | None = "sparse_categorical_crossentropy"
    dtype: Any = None


class CategoricalGeneralizedCrossEntropy(FunctionLoss, fn=functions.categorical_generalized_cross_entropy):
    """A crossentropy that stands noisy integer labels, see `categorical_generalized_cross_entropy`.

    Raises ValueError unless `0 < q < 1`.

    >>> CategoricalGeneralizedCrossEntropy(q=0.5)([1], [[0.75, 0.25]])
    Array(1., dtype=float32)
    """

    q: float = 0.5
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "categorical_generalized_cross_entropy"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy needs 0 < q < 1, not q={self.q!r}.")


class KLDivergence(FunctionLoss, fn=functions.kl_divergence):
    """The divergence of predicted from given probabilities, see `kl_divergence`.

    >>> KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]])
    Array(0., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "kl_divergence"
    dtype: Any = None


class Hinge(FunctionLoss, fn=functions.hinge):
    """The hinge loss of labels -1 and 1 (or 0 and 1), see `hinge`.

    >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(1., dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "hinge"
    dtype: Any = None


class SquaredHinge(FunctionLoss, fn=functions.squared_hinge):
    """The squared hinge loss of labels -1 and 1 (or 0 and 1), see `squared_hinge`.

    >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
    Array(1.25, dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "squared_hinge"
    dtype: Any = None


class CategoricalHinge(FunctionLoss, fn=functions.categorical_hinge):
    """The margin between the right class and the best wrong one, see `categorical_hinge`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
    Array(0.75, dtype=float32)
    """

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "categorical_hinge"
    dtype: Any = None
