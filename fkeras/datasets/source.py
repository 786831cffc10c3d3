"""Where the files of data sets come from: a path that is given, the cache, or the address that Keras uses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..utils.download import cache, get_file

HOSTS = {
    "google": "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "toronto": "https://www.cs.toronto.edu/~kriz",
}
Split = tuple[tuple[Any, Any], tuple[Any, Any]]


def fetch(
    host: str,
    name: str,
    digest: str | None = None,
    path: Any = None,
    folder: str = "datasets",
    as_name: str | None = None,
) -> str:
    """The path of a file, or of the folder that an archive is unpacked to.

    path: a file of one's own, used as it is; or a name in the cache; None for the usual name.
    as_name: the name in the cache of an archive, which is unpacked.

    Raises OSError, saying what to do, if it is neither in the cache nor can be downloaded.
    """
    given = None if path is None else os.path.expanduser(os.fspath(path))
    if given is not None and (os.path.dirname(given) or os.path.exists(given)):
        if not os.path.exists(given):
            raise FileNotFoundError(f"path={path!r}: there is no such file.")
        return given
    origin = f"{HOSTS[host]}/{name}"
    try:
        return get_file(
            as_name or given or name, origin, file_hash=digest, cache_subdir=folder, extract=as_name is not None
        )  # fmt: skip
    except OSError as error:
        refuse(error, origin, os.path.join(cache(None), folder))


def refuse(error: OSError, origin: str, folder: str) -> NoReturn:
    """Says what to do where there is no network."""
    raise OSError(
        f"{error} Without a network: load {origin} elsewhere, and pass path=... or put the file into {folder}."
    ) from error


def shuffled(*columns: Any, seed: int) -> list[Any]:
    """Columns of the same length in the order that Keras gives them."""
    order = np.arange(len(columns[0]))
    np.random.RandomState(seed).shuffle(order)
    return [column[order] for column in columns]


def cut(columns: Sequence[Any], share: float) -> Split:
    """((x_train, y_train), (x_test, y_test)), with a share for the test."""
    if not 0 <= share < 1:
        raise ValueError(f"test_split must be at least 0 and below 1; got {share!r}.")
    at = int(len(columns[0]) * (1 - share))
    x, y = columns
    return (x[:at], y[:at]), (x[at:], y[at:])
