"""What scikit-learn asks of an estimator: parameters by name, tags, copies. Without inheriting, for it loads late."""

from __future__ import annotations

from typing import Any, ClassVar


class Estimator:
    """Parameters are attributes; those are named by `names`.

    >>> class Plain(Estimator):
    ...     def __init__(self, rate=1.0):
    ...         self.rate = rate
    ...     def names(self):
    ...         return ["rate"]
    >>> Plain(2.0).get_params(), Plain().set_params(rate=3.0).rate
    ({'rate': 2.0}, 3.0)
    """

    role: ClassVar[str] = "regressor"  # "classifier", "regressor" or "transformer"

    def names(self) -> list[str]:
        """The names of the parameters."""
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in self.names()}

    def set_params(self, **params: Any) -> Any:
        """Sets parameters; raises ValueError for names that are none."""
        for name, value in params.items():
            if name not in self.names():
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self.names())}.")
            setattr(self, name, value)
        return self

    def set_fit_request(self, **requests: Any) -> Any:
        """Which arguments of `fit` searches and pipelines are to pass on: `set_fit_request(sample_weight=True)`.

        Raises RuntimeError unless scikit-learn was told `set_config(enable_metadata_routing=True)`.
        """
        from sklearn import get_config
        from sklearn.utils.metadata_routing import MetadataRequest

        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError("set_fit_request needs sklearn.set_config(enable_metadata_routing=True).")
        self._metadata_request = MetadataRequest(owner=self)
        for param, alias in requests.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    def get_metadata_routing(self) -> Any:
        """What was requested."""
        from sklearn.utils.metadata_routing import MetadataRequest

        return vars(self).get("_metadata_request") or MetadataRequest(owner=self)

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags, TransformerTags

        learns = self.role in ("classifier", "regressor")
        return Tags(
            estimator_type=self.role if learns else None,  # type: ignore[arg-type]
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(poor_score=True) if self.role == "classifier" else None,
            regressor_tags=RegressorTags(poor_score=True) if self.role == "regressor" else None,
            transformer_tags=TransformerTags(preserves_dtype=[]) if self.role == "transformer" else None,
            input_tags=InputTags(),
            non_deterministic=True,
        )

    def require_fitted(self) -> None:
        """Raises NotFittedError before `fit`."""
        from sklearn.exceptions import NotFittedError

        if "model_" not in vars(self):
            raise NotFittedError(f"{type(self).__name__} is not fitted yet: call fit(X, y) first.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_params().items())})"


def require_sklearn(name: str) -> None:
    """Raises ImportError, with what to install, where scikit-learn is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ImportError(f"{name} needs scikit-learn: pip install scikit-learn.") from None
