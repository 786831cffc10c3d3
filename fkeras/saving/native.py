"""`.keras` files: a zip archive, or a folder, of a config, values and assets."""

from __future__ import annotations

import datetime
import io
import json
import os
import tempfile
import warnings
import zipfile
from typing import Any

import numpy as np

from .. import atomic
from . import config, upgrade, values
from .archive import ASSETS, CONFIG, METADATA, WEIGHTS, Archive, Folder, check_name
from .errors import DamagedFileError
from .hdf5 import File
from .parse import parse
from .store import Entry, Source, write
from .walk import saveables

KERAS = "3.15.1"  # the version of Keras whose format this is
VERSION = 1


def save(model: Any, target: Any, zipped: bool = True) -> None:
    """Writes a model to a path, a folder (`zipped=False`) or a file object."""
    members = {METADATA: metadata(model), CONFIG: config.to_json(model).encode(), WEIGHTS: weights(model)}
    members.update(assets(model))
    if not zipped:
        return save_folder(os.fspath(target), members)
    if hasattr(target, "write"):
        return pack(target, members)
    with atomic.writing(target) as temporary, open(temporary, "wb") as file:
        pack(file, members)


def pack(file: Any, members: dict[str, bytes]) -> None:
    """Writes the archive."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def save_folder(path: str, members: dict[str, bytes]) -> None:
    """Writes the members as files; the config, which makes the folder a model, last."""
    for name in sorted(members, key=lambda n: n == CONFIG):
        whole = os.path.join(path, *name.split("/"))
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        atomic.write_bytes(whole, members[name])


def metadata(model: Any) -> bytes:
    """When and by what the file was written; and where the model's randomness is, so that training can go on."""
    own = {"format": VERSION, "key": [int(w) for w in vars(model)["_key"]], "step": int(model._steps)}
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return json.dumps({"keras_version": KERAS, "date_saved": date, "fkeras": own}).encode()


def weights(model: Any) -> bytes:
    """The values, as the bytes of an HDF5 file."""
    if not model._face.filled and model._known_specs() is None:
        warnings.warn(
            f"{model!r} has no weights yet, so none are saved. Call it on data first, or build it.", stacklevel=5
        )
        entries = {"": Entry(model.name)}
    else:
        entries = values.collect(model)
    file = io.BytesIO()
    write(file, entries)
    return file.getvalue()


def assets(model: Any) -> dict[str, bytes]:
    """What objects with a `save_assets` keep beside arrays, by the name of the member."""
    found: dict[str, bytes] = {}
    for path, part in saveables(model):
        if not hasattr(part, "save_assets"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            part.save_assets(folder)
            for inner, _, files in os.walk(folder):
                for name in files:
                    whole = os.path.join(inner, name)
                    where = os.path.relpath(whole, folder).replace(os.sep, "/")
                    with open(whole, "rb") as file:
                        found["/".join(filter(None, (ASSETS, path, where)))] = file.read()
    return found


# --- reading -----------------------------------------------------------------------------------------


def load(
    target: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a path, a folder or a file object.

    Raises UnsafeModelError, DamagedFileError, ValueError.
    """
    archive = opened(target)
    try:
        place = archive.place
        told = told_by(archive)
        spec = parse(archive.read(CONFIG), f"{place}, {CONFIG}")
        if is_old(told):
            spec = upgrade.upgraded(spec)
            if "hard_sigmoid" not in (custom_objects or {}):
                upgrade.tell_of_changes(spec)
        model = config.build(spec, f"{place}, {CONFIG}", custom_objects, compile, safe_mode)
        source = Source([File(archive.read(WEIGHTS), f"{place}, {WEIGHTS}")], f"{place}, {WEIGHTS}")
        if source.paths() or model._face.specs is not None or model._known_specs() is not None:
            with config.translated(place):
                values.load(model, source)
        load_assets(model, archive)
    finally:
        archive.close()
    resume(model, told)
    return model


def opened(target: Any) -> Archive | Folder:
    """The archive or folder of a model."""
    if hasattr(target, "read"):
        return Archive(target, getattr(target, "name", "the file"))
    path = os.fspath(target)
    return Folder(path) if os.path.isdir(path) else Archive(path, path)


def told_by(archive: Archive | Folder) -> dict[str, Any]:
    """The metadata; refuses versions that are not known here."""
    if METADATA not in archive:
        return {}
    place = f"{archive.place}, {METADATA}"
    told = parse(archive.read(METADATA), place)
    if not isinstance(told, dict):
        raise DamagedFileError("it holds no metadata", place)
    version = str(told.get("keras_version", KERAS))
    if version.split(".")[0] not in ("2", "3"):
        raise DamagedFileError(f"it was written by Keras {version}, which is not known here", place)
    own = told.get("fkeras")
    if isinstance(own, dict) and own.get("format", VERSION) != VERSION:
        raise DamagedFileError(f"it has format {own.get('format')}, which is newer than this fkeras", place)
    return told


def is_old(told: dict[str, Any]) -> bool:
    """Whether a file was written by Keras 2."""
    return str(told.get("keras_version", KERAS)).startswith("2.")


def resume(model: Any, told: dict[str, Any]) -> None:
    """Sets the model's randomness to where it was; a file of Keras does not tell."""
    own = told.get("fkeras")
    key, step = (own.get("key"), own.get("step")) if isinstance(own, dict) else (None, None)
    if isinstance(key, list) and len(key) == 2 and all(type(w) is int and 0 <= w < 1 << 32 for w in key):
        object.__setattr__(model, "_key", np.asarray(key, np.uint32))
    if type(step) is int and 0 <= step < 1 << 31:
        object.__setattr__(model, "_steps", step)


def load_assets(model: Any, archive: Archive | Folder) -> None:
    """Gives objects with a `load_assets` a folder of their own with what the archive holds for them."""
    names = [n for n in archive if n.startswith(f"{ASSETS}/") and not n.endswith("/")]
    for path, part in saveables(model) if names else ():
        if not hasattr(part, "load_assets"):
            continue
        stem = f"{ASSETS}/{path}/" if path else f"{ASSETS}/"
        with tempfile.TemporaryDirectory() as folder:
            for name in (n for n in names if n.startswith(stem)):
                check_name(name, archive.place)
                whole = os.path.join(folder, *name.removeprefix(stem).split("/"))
                os.makedirs(os.path.dirname(whole), exist_ok=True)
                with open(whole, "wb") as file:
                    file.write(archive.read(name))
            part.load_assets(folder)
