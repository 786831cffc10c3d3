"""506 suburbs of Boston in the 1970s: 13 features, and the median price of a house.

One of the features was built on the assumption that people pay to live apart from others by skin color; that is
why other libraries have dropped the set. `california_housing` serves as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .source import Split, cut, fetch, shuffled

DIGEST = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path: Any = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (n, 13) float64; y (n,) float64, thousands of dollars.

    path: a name in the cache, or a file of one's own. test_split: the share of the test. seed: of the order.

    Source: Harrison & Rubinfeld 1978, http://lib.stat.cmu.edu/datasets/boston
    """
    cut((np.zeros(1),) * 2, test_split)
    with np.load(fetch("google", "boston_housing.npz", DIGEST, path), allow_pickle=False) as file:
        return cut(shuffled(file["x"], file["y"], seed=seed), test_split)
