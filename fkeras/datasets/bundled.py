"""Small tables that scikit-learn carries: no download."""

from __future__ import annotations

from typing import Any

import numpy as np

from .source import Split


def table(name: str, test_size: float, seed: int, labels: str) -> Split:
    """A table of scikit-learn, shuffled and divided; raises ImportError, with what to install, if it is missing."""
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError(f"The data set {name} comes with scikit-learn: pip install scikit-learn.") from None
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = x[order].astype("float32"), y[order].astype(labels)
    at = round(len(y) * (1 - test_size))
    return (x[:at], y[:at]), (x[at:], y[at:])


def loader(name: str, shapes: str, source: str, labels: str = "int32") -> Any:
    """The function `load_data` of a table."""

    def load_data(test_size: float = 0.2, seed: int = 0) -> Split:
        return table(name, test_size, seed, labels)

    load_data.__doc__ = (
        f"((x_train, y_train), (x_test, y_test)), shuffled.\n\n    Shapes: {shapes}\n\n    Source: {source}\n"
    )
    return load_data
