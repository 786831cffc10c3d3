"""`save_model`, `load_model`, `save_weights`, `load_weights`: chooses the format by the name of the file."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from .. import atomic
from . import legacy, native, shards, values
from .archive import WEIGHTS, Archive
from .errors import DamagedFileError
from .hdf5 import File, open_file
from .store import Source, write

OLD = (".h5", ".hdf5")


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, *, include_optimizer: bool = True
) -> None:
    """Saves a model: layers, weights, how it was compiled, what the optimizer remembers.

    filepath: `.keras` (a zip archive), `.h5` (the old format), a folder with `zipped=False`, or a file object.
    overwrite: False asks before a file is replaced, or raises FileExistsError where nobody can be asked.
    include_optimizer: False leaves the optimizer out of an `.h5` file.

    The file is written beside its place and renamed, so that it is whole or not there.

    >>> import tempfile, os
    >>> from fkeras import Sequential, layers
    >>> path = os.path.join(tempfile.mkdtemp(), "m.keras")
    >>> save_model(Sequential([layers.Input((2,)), layers.Dense(1)]), path)
    >>> load_model(path).count_params()
    3
    """
    if hasattr(filepath, "write"):
        return native.save(model, filepath)
    path = local(filepath)
    if zipped is False and path.endswith(".keras"):
        raise ValueError(f"With zipped=False a folder is written, whose name does not end in .keras; got {path!r}.")
    if zipped is not False and not path.endswith((".keras", *OLD)):
        raise ValueError(
            f"The file must end in .keras, or in .h5 for the old format; got {path!r}. With zipped=False a folder is "
            "written. To export for serving use model.export."
        )
    if not may_write(path, overwrite):
        return
    if zipped is False:
        native.save(model, path, zipped=False)
    elif path.endswith(".keras"):
        native.save(model, path)
    else:
        legacy.save(model, path, include_optimizer)


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a file that `save_model` or Keras has written.

    filepath: a `.keras` file or folder, an `.h5` file, or a file object with a `.keras` archive.
    custom_objects: classes and functions of yours that the file names. A Lambda layer whose code is in the
        file gets the function that stands here under the layer's name.
    compile: False leaves the model uncompiled.
    safe_mode: False runs the code of Lambda layers that the file holds: for a file whose maker you trust as you trust
        the programs that you run. Nothing else changes by it, and no global switch does the same.

    Nothing else in a file is executed, imported, or written to the disk. Weights are read only after all their
    shapes were compared with those of the layers.

    Raises UnsafeModelError (a ValueError) for a file that asks for more, DamagedFileError (a ValueError)
    for one that is cut short or changed, FileNotFoundError.
    """
    if hasattr(filepath, "read"):
        return native.load(filepath, custom_objects, compile, safe_mode)
    path = there(local(filepath))
    if path.endswith(OLD):
        return legacy.load(path, custom_objects, compile, safe_mode)
    if os.path.isdir(path) or path.endswith(".keras"):
        return native.load(path, custom_objects, compile, safe_mode)
    raise ValueError(f"A model is loaded from a .keras file or folder, or an .h5 file; got {path!r}.")


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    *,
    objects_to_skip: Any = None,
) -> None:
    """Saves the weights of a model, and what its optimizer remembers.

    filepath: ends in `.weights.h5`; in `.weights.json` if there are to be several files; other `.h5` and
        `.hdf5` files get the old format, without the optimizer.
    max_shard_size: the size of one of them, in GB.
    objects_to_skip: layers to leave out.
    """
    path = local(filepath)
    if path.endswith(OLD) and not path.endswith(".weights.h5") and max_shard_size is objects_to_skip is None:
        warnings.warn(f"{path!r} gets the old format of Keras 2; today's ends in .weights.h5.", stacklevel=4)
        return legacy.save_weights(model, path) if may_write(path, overwrite) else None
    ends = (".weights.h5",) if max_shard_size is None else (".weights.json", ".weights.h5")
    if not path.endswith(ends):
        raise ValueError(
            f"The file must end in {ends[0]}{'' if max_shard_size is None else ', since max_shard_size is given'}; "
            f"got {path!r}."
        )
    if not may_write(path, overwrite):
        return
    entries = values.collect(model, objects_to_skip or ())
    if max_shard_size is not None:
        return shards.save(path, entries, max_shard_size)
    with atomic.writing(path) as temporary:
        write(temporary, entries)


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, *, objects_to_skip: Any = None, by_name: bool | None = None
) -> None:
    """Gives a model the weights in a file: all of them, or none and an error.

    filepath: `.weights.h5`, `.weights.json`, `.keras`, or `.h5` in the old format.
    skip_mismatch: leave the layers that do not fit as they are, with a warning.
    objects_to_skip: layers to leave as they are.
    by_name: match layers by their names; for the old `.h5` only.

    Raises UnsafeModelError, DamagedFileError, ValueError, FileNotFoundError.
    """
    path = local(filepath)
    old = path.endswith(OLD) and not path.endswith(".weights.h5")
    if by_name is not None and not old:
        raise ValueError(f"by_name is for the old .h5 files only; got {path!r}.")
    if objects_to_skip is not None and not path.endswith((".weights.h5", ".weights.json")):
        raise ValueError(f"objects_to_skip is for .weights.h5 files only; got {path!r}.")
    if os.path.exists(path) or not path.endswith(".json"):
        there(path)
    if old:
        return legacy.load_weights(model, path, skip_mismatch, bool(by_name))
    values.load(model, source_of(path), skip_mismatch, objects_to_skip or ())


def source_of(path: str) -> Source:
    """The weights in a file, or in several that belong together."""
    if path.endswith(".weights.json"):
        return shards.load(path)
    if path.endswith(".weights.h5"):
        return Source([open_file(path)], path)
    if not path.endswith(".keras"):
        raise ValueError(
            f"Weights are loaded from .weights.h5, .weights.json, .keras, or from .h5 in the old format; got {path!r}."
        )
    archive = native.opened(path)
    try:
        if WEIGHTS not in archive and isinstance(archive, Archive):
            raise DamagedFileError(f"it holds no {WEIGHTS}", path)
        return Source([File(archive.read(WEIGHTS), f"{path}, {WEIGHTS}")], f"{path}, {WEIGHTS}")
    finally:
        archive.close()


def local(path: Any) -> str:
    """A path on this machine."""
    path = os.fspath(path)
    if "://" in path:
        raise ValueError(f"{path!r} is not on this machine: copy the file here first, or pass an open file object.")
    return path


def there(path: str) -> str:
    """A path, where an ordinary file or a folder lies: a pipe or a device could block for ever."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file {path!r}.")
    if not os.path.isfile(path) and not os.path.isdir(path):
        raise DamagedFileError("it is no ordinary file", path)
    if os.path.isfile(os.path.join(path, "saved_model.pb")):
        raise DamagedFileError(
            "it is a SavedModel, which only TensorFlow runs. Save the model as .keras where TensorFlow is", path
        )
    return path


def may_write(path: str, overwrite: bool) -> bool:
    """Whether a file may be written: it is not there, or may be replaced, or the user says so."""
    if overwrite or not os.path.exists(path):
        return True
    if not sys.stdin or not sys.stdin.isatty():
        raise FileExistsError(f"{path!r} exists, and overwrite=False.")
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {path} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"
