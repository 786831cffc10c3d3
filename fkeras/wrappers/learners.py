"""Classifier, regressor and transformer over a compiled model."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from ..models import Model, clone_model
from .estimator import Estimator, require_sklearn


def copied(model: Any) -> Any:
    """A copy of a compiled model with new values; it is trained as the model is told to be."""
    twin = clone_model(model)
    told = model._compiled
    if told is None:
        return twin
    optimizer = model.optimizer
    fresh = type(optimizer).from_config(optimizer.get_config()) if hasattr(optimizer, "get_config") else optimizer
    twin.compile(fresh, told.loss, told.loss_weights, copy.deepcopy(told.metrics), copy.deepcopy(told.weighted_metrics))
    return twin


class Learner(Estimator):
    """What the three have in common.

    model: a compiled model, of which each fit trains a copy; or a function (X, y, **model_kwargs) that makes one.
    warm_start: whether a further fit goes on with the fitted model.
    model_kwargs: further arguments of the function; fit_kwargs: arguments of the model's `fit`.
    """

    def __init__(self, model: Any, warm_start: bool = False, model_kwargs: Any = None, fit_kwargs: Any = None):
        require_sklearn(type(self).__name__)
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def names(self) -> list[str]:
        """The names of the parameters."""
        return ["model", "warm_start", "model_kwargs", "fit_kwargs"]

    def __sklearn_clone__(self) -> Any:
        twin = type(self)(**self.get_params())
        if "_metadata_request" in vars(self):
            twin._metadata_request = copy.deepcopy(self._metadata_request)
        return twin

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Trains a model on the data; kwargs go to its `fit`."""
        from sklearn.utils.multiclass import type_of_target
        from sklearn.utils.validation import validate_data

        X, y = validate_data(self, X, y, allow_nd=True, multi_output=True)
        type_of_target(y, raise_unknown=True)
        target = self.target(np.asarray(y))
        model = self.model_ if self.warm_start and "model_" in vars(self) else self.make(X, target)
        if not model.compiled or not model.loss:
            raise RuntimeError(f"{type(self).__name__}: compile the model with an optimizer and a loss first.")
        self.history_ = model.fit(X, target, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def make(self, X: Any, y: Any) -> Any:
        """A new model for this data."""
        return (
            copied(self.model) if isinstance(self.model, Model) else self.model(X=X, y=y, **(self.model_kwargs or {}))
        )

    def target(self, y: np.ndarray) -> np.ndarray:
        """The labels as the model is to see them."""
        self._ndim = y.ndim
        return y[:, None] if y.ndim == 1 else y

    def outputs(self, X: Any) -> np.ndarray:
        """What the model makes of the data."""
        from sklearn.utils.validation import validate_data

        self.require_fitted()
        X = validate_data(self, X, reset=False, allow_nd=True)
        return np.asarray(self.model_.predict(X, **self._quiet()))

    def _quiet(self) -> dict[str, Any]:
        return {"verbose": self.fit_kwargs["verbose"]} if self.fit_kwargs and "verbose" in self.fit_kwargs else {}


class SKLearnClassifier(Learner):
    """A model as a classifier of scikit-learn; the labels may be of any kind, the model sees them one-hot.

    model, warm_start, model_kwargs, fit_kwargs: see `Learner`.

    >>> from fkeras import layers, models
    >>> model = models.Sequential([layers.Dense(2, "softmax", input_shape=(3,))])
    >>> model.compile("adam", "categorical_crossentropy")
    >>> found = SKLearnClassifier(model, fit_kwargs={"verbose": 0}).fit(np.eye(3), ["a", "b", "a"])
    >>> found.classes_.tolist(), found.predict(np.eye(3)).shape
    (['a', 'b'], (3,))
    """

    role: ClassVar[str] = "classifier"

    def target(self, y: np.ndarray) -> np.ndarray:
        """The labels one-hot; raises ValueError where they are no classes, or a single one."""
        from sklearn.utils.multiclass import type_of_target

        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self._ndim = y.ndim
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return (y.reshape(-1, 1) == self.classes_).astype("float32")

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each row."""
        found = self.outputs(X)
        chosen = found.argmax(-1) if found.shape[-1] > 1 else (found[..., 0] > 0.5).astype(int)
        return self.classes_[chosen].reshape((-1, 1)[: self._ndim])

    def decision_function(self, X: Any) -> np.ndarray:
        """The outputs of the model."""
        return self.outputs(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows with the right label."""
        return float(np.average(np.asarray(y).reshape(-1) == self.predict(X).reshape(-1), weights=sample_weight))


class SKLearnRegressor(Learner):
    """A model as a regressor of scikit-learn.

    model, warm_start, model_kwargs, fit_kwargs: see `Learner`.
    """

    role: ClassVar[str] = "regressor"

    def predict(self, X: Any) -> np.ndarray:
        """The outputs of the model."""
        found = self.outputs(X)
        return found[:, 0] if self._ndim == 1 and found.ndim == 2 else found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², the share of the variance that is explained."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))


class SKLearnTransformer(Learner):
    """A model as a transformer of scikit-learn: its outputs are features.

    model, warm_start, model_kwargs, fit_kwargs: see `Learner`.
    """

    role: ClassVar[str] = "transformer"

    def transform(self, X: Any) -> np.ndarray:
        """The outputs of the model."""
        return self.outputs(X)

    def fit_transform(self, X: Any, y: Any, **kwargs: Any) -> np.ndarray:
        """`fit`, then `transform`."""
        return self.fit(X, y, **kwargs).transform(X)
