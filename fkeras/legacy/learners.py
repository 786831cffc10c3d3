"""`keras.wrappers.scikit_learn` of Keras 1 and 2: estimators over a function that builds a model."""

from __future__ import annotations

import copy
import inspect
from typing import Any, ClassVar

import numpy as np

from .. import optimizers, random
from ..utils.numbers import to_categorical
from ..wrappers.estimator import Estimator
from .telling import tell

FITTING = "batch_size epochs nb_epoch verbose callbacks validation_split validation_data shuffle class_weight".split()
COMPILING = ("optimizer", "loss", "metrics")  # what scikeras compiles a model with that comes to it uncompiled
ROUTES = ("model__", "fit__", "predict__", "optimizer__")


class BuildsModel(Estimator):
    """An estimator that builds its model when it is fitted.

    build_fn: a function that returns a compiled model; its arguments are parameters, as are those of `fit`.
    model: the same function under the name that scikeras has for it. Then `fit` returns the estimator, parameters may
        be routed (`model__units=4`, `fit__epochs=2`, `optimizer__learning_rate=0.1`), a model that comes uncompiled is
        compiled with `optimizer`, `loss` and `metrics`, and `random_state` fixes the seed.
    """

    def __init__(self, *args: Any, build_fn: Any = None, model: Any = None, **sk_params: Any):
        name = type(self).__name__
        tell(f"keras.wrappers.scikit_learn.{name}", "write fkeras.wrappers.SKLearn...(model) today.")
        if len(args) > 1 or len([f for f in (*args, build_fn, model) if f is not None]) > 1:
            raise TypeError(f"{name} takes one function that builds a model; name its parameters: epochs=10, ...")
        self.routes = model is not None
        self.build_fn = model if self.routes else args[0] if args else build_fn
        self.sk_params: dict[str, Any] = {}
        self.put(sk_params)

    def builder(self) -> Any:
        """The function that makes the model."""
        return self if self.build_fn is None else self.build_fn

    def put(self, params: dict[str, Any]) -> None:
        """Sets parameters; refuses those that nobody takes."""
        known = {*FITTING, *inspect.signature(self.builder()).parameters}
        known |= {*COMPILING, "random_state"} if self.routes else set()
        for name in sorted(params):
            if name not in known and not (self.routes and name.startswith(ROUTES)):
                raise ValueError(f"{name} is not a legal parameter; those are {', '.join(sorted(known))}.")
        self.sk_params.update(params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {**copy.copy(self.sk_params), "model" if self.routes else "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Sets parameters."""
        self.build_fn = params.pop("model" if self.routes else "build_fn", self.build_fn)
        self.put(params)
        return self

    def __sklearn_clone__(self) -> Any:
        return type(self)(**self.get_params())

    def chosen(self, names: Any, route: str = "") -> dict[str, Any]:
        """The parameters among some names, and those with a route."""
        routed = {k.removeprefix(route): v for k, v in self.sk_params.items() if route and k.startswith(route)}
        return {**{k: v for k, v in self.sk_params.items() if k in names}, **routed}

    def fitting(self) -> dict[str, Any]:
        """The parameters that are arguments of `fit`."""
        found = self.chosen(FITTING, "fit__")
        epochs = found.pop("nb_epoch", None)
        return found if epochs is None else {"epochs": epochs, **found}

    def made(self, x: np.ndarray, y: np.ndarray) -> Any:
        """A new model for this data."""
        build = self.builder()
        names = inspect.signature(build).parameters
        if (seed := self.sk_params.get("random_state")) is not None:
            random.set_random_seed(int(seed))
        told = self.chosen(COMPILING)
        kind, given = told.get("optimizer", "rmsprop"), self.chosen((), "optimizer__")
        if given or isinstance(kind, type):
            kind = kind() if isinstance(kind, type) else optimizers.get(kind)
            told["optimizer"] = type(kind).from_config({**kind.get_config(), **given})
        seen = {"n_features_in_": x.shape[-1], "X_shape_": x.shape, "n_classes_": len(np.unique(y)), "n_outputs_": 1}
        context = {k: v for k, v in {"meta": seen, "compile_kwargs": told}.items() if self.routes and k in names}
        model = build(**{**context, **self.chosen(names, "model__")})
        if self.routes and not model.compiled:
            model.compile(**told)
        return model

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Builds the model and trains it; returns the history, or the estimator if it is used as that of scikeras."""
        x, y = np.asarray(x), np.asarray(y)
        self.n_features_in_ = x.shape[-1]
        self.model = self.model_ = self.made(x, y)
        self.history = self.model.fit(x, self.labels(y), **{**self.fitting(), **kwargs})
        self.history_ = self.history.history
        return self if self.routes else self.history

    def labels(self, y: np.ndarray) -> np.ndarray:
        """The labels as the model is to see them."""
        return y

    def outputs(self, x: Any, **kwargs: Any) -> np.ndarray:
        """What the model makes of the data."""
        self.require_fitted()
        told = self.chosen(["batch_size", "verbose"], "predict__")
        return np.asarray(self.model.predict(np.asarray(x), **{**told, **kwargs}))


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
        """The loss, negated, so that more is better; R² as scikeras has it."""
        if self.routes:
            from sklearn.metrics import r2_score

            return float(r2_score(y, self.predict(x, **kwargs)))
        found = self.model.evaluate(
            np.asarray(x), np.asarray(y), **{"verbose": 0, **self.chosen(["batch_size"]), **kwargs}
        )
        return -float(found[0] if isinstance(found, list) else found)
