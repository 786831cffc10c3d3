"""20,640 districts of California in 1990: 8 features, and the median price of a house."""

from __future__ import annotations

from typing import Any

import numpy as np

from .source import Split, cut, fetch, shuffled

DIGEST = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
ROWS = {"small": 600, "large": None}


def load_data(
    version: str = "large", path: Any = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Split:
    """((x_train, y_train), (x_test, y_test)).

    Shapes: x (n, 8) float32; y (n,) float32, dollars.

    version: "large", or "small" for the first 600 districts.
    path: a name in the cache, or a file of one's own. test_split: the share of the test. seed: of the order.

    Source: Pace & Barry 1997, https://doi.org/10.1016/S0167-7152(96)00140-X
    """
    if version not in ROWS:
        raise ValueError(f"version must be 'small' or 'large'; got {version!r}.")
    cut((np.zeros(1),) * 2, test_split)
    with np.load(fetch("google", "california_housing.npz", DIGEST, path), allow_pickle=False) as file:
        columns = [file[name][: ROWS[version]] for name in ("x", "y")]
    return cut(shuffled(*columns, seed=seed), test_split)
