"""`keras.wrappers.scikit_learn` of Keras 1 and 2: estimators over a function that builds a model."""

from __future__ import annotations

import copy
import inspect
from typing import Any, ClassVar

import numpy as np

from ..utils.numbers import to_categorical
from ..wrappers.estimator import Estimator
from .telling import tell

FITTING = "batch_size epochs nb_epoch verbose callbacks validation_split validation_data shuffle class_weight".split()


class BuildsModel(Estimator):
    """An estimator that builds its model when it is fitted.

    build_fn: a function that returns a compiled model; its arguments are parameters, as are those of `fit`.
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any):
        tell(f"keras.wrappers.scikit_learn.{type(self).__name__}", "write fkeras.wrappers.SKLearn...(model) today.")
        self.build_fn, self.sk_params = build_fn, sk_params
        known = {*FITTING, *inspect.signature(self.builder()).parameters}
        if wrong := sorted(set(sk_params) - known):
            raise ValueError(f"{wrong[0]} is not a legal parameter; those are {', '.join(sorted(known))}.")

    def builder(self) -> Any:
        """The function that makes the model."""
        return self if self.build_fn is None else self.build_fn

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {**copy.copy(self.sk_params), "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Sets parameters."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def __sklearn_clone__(self) -> Any:
        return type(self)(self.build_fn, **self.sk_params)

    def chosen(self, names: Any) -> dict[str, Any]:
        """The parameters among some names."""
        return {k: v for k, v in self.sk_params.items() if k in names}

    def fitting(self) -> dict[str, Any]:
        """The parameters that are arguments of `fit`."""
        found = self.chosen(FITTING)
        epochs = found.pop("nb_epoch", None)
        return found if epochs is None else {"epochs": epochs, **found}

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Builds the model and trains it; returns the history."""
        build = self.builder()
        self.model = self.model_ = build(**self.chosen(inspect.signature(build).parameters))
        self.history = self.model.fit(np.asarray(x), self.labels(np.asarray(y)), **{**self.fitting(), **kwargs})
        return self.history

    def labels(self, y: np.ndarray) -> np.ndarray:
        """The labels as the model is to see them."""
        return y

    def outputs(self, x: Any, **kwargs: Any) -> np.ndarray:
        """What the model makes of the data."""
        self.require_fitted()
        return np.asarray(self.model.predict(np.asarray(x), **{**self.chosen(["batch_size", "verbose"]), **kwargs}))


class KerasClassifier(BuildsModel):
    """A classifier over a function that builds a model: `KerasClassifier(build, epochs=10, batch_size=32)`."""

    role: ClassVar[str] = "classifier"

    def labels(self, y: np.ndarray) -> np.ndarray:
        """Class numbers, one-hot if the loss asks for it."""
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
            return y
        self.classes_, numbers = np.unique(y.reshape(-1), return_inverse=True)
        one_hot = getattr(self.model.loss, "name", getattr(self.model.loss, "__name__", self.model.loss))
        return to_categorical(numbers, len(self.classes_)) if one_hot == "categorical_crossentropy" else numbers

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The likeliest label of each row."""
        found = self.outputs(x, **kwargs)
        return self.classes_[found.argmax(-1) if found.shape[-1] > 1 else (found[:, 0] > 0.5).astype(int)]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probability of each class."""
        found = self.outputs(x, **kwargs)
        return found if found.shape[-1] > 1 else np.hstack([1 - found, found])

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The share of rows with the right label."""
        y = np.asarray(y)
        return float(
            np.mean(self.predict(x, **kwargs) == (y.argmax(-1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()))
        )


class KerasRegressor(BuildsModel):
    """A regressor over a function that builds a model."""

    role: ClassVar[str] = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs of the model."""
        return np.squeeze(self.outputs(x, **kwargs), -1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The loss, negated, so that more is better."""
        found = self.model.evaluate(
            np.asarray(x), np.asarray(y), **{"verbose": 0, **self.chosen(["batch_size"]), **kwargs}
        )
        return -float(found[0] if isinstance(found, list) else found)
