"""Pickled arrays, read without running what a file says: arrays, lists and numbers, nothing else.

Three data sets hold pickles: the batches of CIFAR, and the lists of words in `imdb.npz` and
`reuters.npz`. Whatever else such a file names is refused.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import IO, Any

import numpy as np


def _new_array(kind: Any, shape: Any, dtype: Any) -> np.ndarray:
    """The empty array that a pickled one begins as."""
    return np.ndarray.__new__(np.ndarray, shape, dtype.decode() if isinstance(dtype, bytes) else dtype)


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
}


class Unpickler(pickle.Unpickler):
    """Reads arrays, lists, dicts, strings and numbers; refuses everything else.

    >>> Unpickler(io.BytesIO(pickle.dumps([np.arange(2), {"a": 1.5}]))).load()
    [array([0, 1]), {'a': 1.5}]
    >>> Unpickler(io.BytesIO(pickle.dumps(print))).load()
    Traceback (most recent call last):
    _pickle.UnpicklingError: The file names builtins.print, which no data set holds: it is damaged, or means harm.
    """

    def find_class(self, module: str, name: str) -> Any:
        """One of the few things that an array is made of."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(
                f"The file names {module}.{name}, which no data set holds: it is damaged, or means harm."
            )
        return ALLOWED[module, name]


def read_pickle(path: str) -> Any:
    """What a pickled file holds; text of Python 2 stays bytes."""
    with open(path, "rb") as file:
        return Unpickler(file, encoding="bytes").load()


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name, also those of lists."""
    with zipfile.ZipFile(path) as archive:
        return {n.removesuffix(".npy"): read_npy(io.BytesIO(archive.read(n))) for n in archive.namelist()}


def read_npy(file: IO[bytes]) -> np.ndarray:
    """The array of a .npy file, also one of lists. Raises ValueError if there is another thing in it."""
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError:
        file.seek(0)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    found = Unpickler(file).load() if dtype.hasobject else None
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise ValueError("The file does not hold the array that it says it holds.")
    return found
