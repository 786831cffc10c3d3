"""Models as estimators of scikit-learn, which is loaded when one is fitted."""

from .learners import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
