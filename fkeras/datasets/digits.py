"""1,797 handwritten digits of 8x8 pixels, which scikit-learn carries: no download."""

from __future__ import annotations

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def load_data(test_size: float = 0.2, seed: int = 0) -> tuple[Pair, Pair]:
    """((x_train, y_train), (x_test, y_test)), shuffled.

    Shapes: x (n, 8, 8) float32 in [0, 1]; y (n,) int32 in [0, 10).

    Raises ImportError, with what to install, if scikit-learn is missing.
    Source: UCI, Optical Recognition of Handwritten Digits (Alpaydin & Kaynak 1998).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError("The digits come with scikit-learn: pip install scikit-learn.") from None
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    x, y = (images[order] / 16).reshape(-1, 8, 8).astype("float32"), labels[order].astype("int32")
    cut = round(len(y) * (1 - test_size))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
