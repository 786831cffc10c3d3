"""The old `.h5` format of Keras: whole models, or weights, in one HDF5 file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import atomic, facade, losses, storey
from ..optimizers import Optimizer
from ..train.optimizing import align
from . import config, older, upgrade, values
from .errors import DamagedFileError
from .hdf5 import Dataset, File, Group, open_file
from .native import KERAS
from .parse import parse
from .store import BFLOAT16, Ready, Source, Store

HEADER = 64512  # bytes that fit into one attribute


# --- reading ------------------------------------------------------------------------------------


def load(path: str, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """The model in an `.h5` file.

    Raises UnsafeModelError, DamagedFileError, ValueError.
    """
    file = open_file(path)
    told = file.root.attrs.get("model_config")
    if not isinstance(told, str):
        raise DamagedFileError("it holds no model_config; weights alone are loaded with model.load_weights", path)
    place = f"{path}, model_config"
    told = upgrade.upgraded(parse(told, place))
    if is_old(file) and "hard_sigmoid" not in (custom_objects or {}):
        upgrade.tell_of_changes(told)
    model = config.build(told, place, custom_objects, compile=False, safe_mode=safe_mode)
    with config.translated(path):
        load_group(model, group_of(file, "model_weights"), file, skip_mismatch=False, by_name=False)
    if compile:
        restore_training(model, file, custom_objects)
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Gives a model the weights in an `.h5` file: layer by layer in order, or by their names.

    Raises UnsafeModelError, DamagedFileError, ValueError; then nothing has changed.
    """
    file = open_file(path)
    root = file.root
    if "layer_names" not in root.attrs and "layer_names0" not in root.attrs and "model_weights" in root.items:
        root = group_of(file, "model_weights")
    load_group(model, root, file, skip_mismatch, by_name)


def load_group(model: Any, group: Group, file: File, skip_mismatch: bool, by_name: bool) -> None:
    """Gives a model the weights in a group."""
    source = Source([file], file.place)
    with storey.holding(storey.runs(model)), values.unchanged_on_error(model):
        if by_name or skip_mismatch:
            facade.ensure(model)
        else:
            values.fill_abstractly(model)
        pairs = list((named if by_name else ordered)(model, group, file))
        if is_old(file):
            pairs = [(layer, targets, in_todays_form(layer, targets, store, file)) for layer, targets, store in pairs]
        chosen: list[tuple[storey.Weight, np.ndarray]] = []
        for layer, targets, store in pairs:
            fits = check(layer, targets, store, file, skip_mismatch)
            chosen += [(t, store) for t, store in fits]
        for target, value in chosen:
            target.value = value() if callable(value) else value
        values.complete(model, source)


def check(layer: Any, targets: list[Any], store: Any, file: File, skip_mismatch: bool) -> list[tuple[Any, Any]]:
    """The weights of a layer, each with a function that reads its value; what does not fit is refused or left out."""
    keys = list(store)
    said = f"{file.place}: {layer!r} ({layer.name!r})"
    if len(keys) != len(targets):
        complaint = f"{said} has {len(targets)} weights, the file holds {len(keys)} for it."
        if not skip_mismatch:
            raise ValueError(f"{complaint} Nothing was loaded.")
        warnings.warn(f"{complaint} They keep the values they had.", stacklevel=6)
        return []
    fits = []
    for target, key in zip(targets, keys, strict=True):
        if tuple(target.shape) == store.shape(key):
            fits.append((target, lambda key=key: store[key]))
            continue
        complaint = f"{said}: its {target.key} has shape {tuple(target.shape)}, the file's {key!r} {store.shape(key)}."
        if not skip_mismatch:
            raise ValueError(f"{complaint} Nothing was loaded.")
        warnings.warn(f"{complaint} It keeps the value it had.", stacklevel=6)
    return fits


def in_todays_form(layer: Any, targets: list[Any], store: Any, file: File) -> Any:
    """The values of a layer in a file of Keras 1 or 2, as the layer has them today."""
    first = str(file.root.attrs.get("keras_version", "1")).startswith("1")
    if not first and [store.shape(key) for key in store] == [tuple(t.shape) for t in targets]:
        return store
    try:
        return Ready(older.today(layer, [store[key] for key in store], first))
    except (ValueError, IndexError):  # they are not what the layer had in any version
        return store


def ordered(model: Any, group: Group, file: File) -> Iterator[tuple[Any, list[Any], Store]]:
    """(layer, weights, values), the layers with weights taken in order."""
    layers = [layer for layer in model.layers if weights_of(layer)]
    stores = [(name, store_of(group, name, file)) for name in names_of(group, "layer_names", file)]
    stores = [(name, store) for name, store in stores if len(store)]
    if len(layers) != len(stores):
        raise ValueError(
            f"{file.place}: the model has {len(layers)} layers with weights ({', '.join(x.name for x in layers)}), the "
            f"file {len(stores)} ({', '.join(n for n, _ in stores)}). Nothing was loaded."
        )
    yield from ((layer, weights_of(layer), store) for layer, (_, store) in zip(layers, stores, strict=True))
    yield from top(model, group, file)


def named(model: Any, group: Group, file: File) -> Iterator[tuple[Any, list[Any], Store]]:
    """(layer, weights, values) of the layers whose names are in the file."""
    known = names_of(group, "layer_names", file)
    for layer in model.layers:
        if layer.name in known:
            yield layer, weights_of(layer), store_of(group, layer.name, file)
    yield from top(model, group, file)


def top(model: Any, group: Group, file: File) -> Iterator[tuple[Any, list[Any], Store]]:
    """The weights that a model has itself, outside its layers."""
    if "top_level_model_weights" in group.items:
        yield model, own_weights(model), store_of(group, "top_level_model_weights", file)


def weights_of(layer: Any) -> list[storey.Weight]:
    """The weights of a layer in the order of this format: trained ones, then the others."""
    return [*layer.trainable_weights, *layer.non_trainable_weights] if layer._face.filled or layer.children else []


def own_weights(model: Any) -> list[storey.Weight]:
    """The weights of a model that belong to none of its layers, trained ones first."""
    own = [w for w in storey.handles(model) if w.layer is model]
    return sorted(own, key=lambda w: not storey.is_trained(w))


def store_of(group: Group, name: str, file: File) -> Store:
    """The values of a layer, in order."""
    layer = group.items.get(name)
    if not isinstance(layer, Group):
        raise DamagedFileError(f"the layer {name!r} is missing in it", file.place)
    found: dict[str, Dataset] = {}
    for weight in names_of(layer, "weight_names", file):
        dataset = layer.find(weight)
        if not isinstance(dataset, Dataset):
            raise DamagedFileError(f"the weight {weight!r} of {name!r} is missing in it", file.place)
        found[weight] = dataset
    return Store(found)


def names_of(group: Group, attribute: str, file: File) -> list[str]:
    """A list of names, which may be spread over several attributes."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while (more := f"{attribute}{len(parts)}") in group.attrs and attribute not in group.attrs:
        parts.append(group.attrs[more])
    found: list[str] = []
    for part in parts:
        if isinstance(part, np.ndarray) and part.size == 0:
            continue
        if not isinstance(part, list) or not all(isinstance(n, str) for n in part):
            raise DamagedFileError(f"its {attribute} are no names", file.place)
        found.extend(part)
    return found


def group_of(file: File, name: str) -> Group:
    """A group that must be there."""
    group = file.root.items.get(name)
    if not isinstance(group, Group):
        raise DamagedFileError(f"it holds no {name}", file.place)
    return group


def restore_training(model: Any, file: File, custom_objects: dict[str, Any] | None) -> None:
    """Compiles a model as the file tells, and gives its optimizer what it remembered."""
    told = file.root.attrs.get("training_config")
    if not isinstance(told, str):
        warnings.warn(
            f"{file.place} does not tell how the model was trained, so it is not compiled: call compile().",
            stacklevel=4,
        )
        return
    place = f"{file.place}, training_config"
    training = upgrade.upgraded(parse(told, place))
    with config.reading(place, custom_objects):
        config.blueprint.check(training, place)
        model.compile_from_config(training)
    if "optimizer_weights" in file.root.items and isinstance(model.optimizer, Optimizer):
        store = store_of(file.root, "optimizer_weights", file)
        renamed = Store({str(i): d for i, d in enumerate(store.datasets.values())})
        names = list(store.datasets) if is_old(file) else ()
        with values.unchanged_on_error(model):
            values.load_one_optimizer(model, model.optimizer, renamed, file.place, names)


def is_old(file: File) -> bool:
    """Whether a file was written by Keras 1 or 2."""
    version = file.root.attrs.get("keras_version", "1")
    return str(version).split(".")[0] in ("1", "2")


# --- writing ---------------------------------------------------------------------------------------


def save(model: Any, path: str, include_optimizer: bool = True) -> None:
    """Writes a model to an `.h5` file."""
    import h5py

    told = json.loads(config.to_json(model))
    training = told.pop("compile_config", None)
    with atomic.writing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(keras_version=KERAS, backend="jax")
        file.attrs["model_config"] = json.dumps({k: told[k] for k in ("class_name", "config")})
        write_weights(file.create_group("model_weights"), model)
        if include_optimizer and training:
            optimizer = training.pop("optimizer")
            training["loss"] = full_names(training["loss"])
            training["optimizer_config"] = {k: optimizer[k] for k in ("class_name", "config")}
            file.attrs["training_config"] = json.dumps(training)
            align(model.optimizer, model)
            kept = [(v.path, np.asarray(v.value)) for v in model.optimizer.variables]
            write_arrays(file.create_group("optimizer_weights"), kept)


def save_weights(model: Any, path: str) -> None:
    """Writes the weights of a model to an `.h5` file."""
    import h5py

    with atomic.writing(path) as temporary, h5py.File(temporary, "w") as file:
        write_weights(file, model)


def full_names(loss: Any) -> Any:
    """Losses under their full names, the only ones that Keras finds in this format."""
    if isinstance(loss, str):
        return getattr(losses.KIND.functions.get(loss), "__name__", loss)
    if isinstance(loss, list):
        return [full_names(x) for x in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {k: full_names(x) for k, x in loss.items()}
    return loss


def write_weights(group: Any, model: Any) -> None:
    """Writes the weights of a model, layer by layer."""
    facade.ensure(model)
    layers = [x for x in model.layers if getattr(type(x).kind, "noun", "") != "operation"]
    write_names(group, "layer_names", [x.name for x in layers])
    group.attrs.update(backend="jax", keras_version=KERAS)
    for layer in sorted(layers, key=lambda x: x.name):
        paths = {
            (id(p), k): "/".join((model.name, layer.name, *path))
            for p, k, path in reversed(list(storey.entries(layer)))
        }
        arrays = [(paths[id(w.layer), w.key], np.asarray(w.value)) for w in weights_of(layer)]
        write_arrays(group.create_group(layer.name), arrays)
    own = [(f"{model.name}/{w.key}", np.asarray(w.value)) for w in own_weights(model)]
    write_arrays(group.create_group("top_level_model_weights"), own)


def write_arrays(group: Any, arrays: list[tuple[str, np.ndarray]]) -> None:
    """Writes arrays under their names, and the list of these in order."""
    write_names(group, "weight_names", [name for name, _ in arrays])
    for name, array in arrays:
        if array.dtype == BFLOAT16:
            raise ValueError(f"The old .h5 format knows no bfloat16, the dtype of {name!r}: save to a .keras file.")
        group.create_dataset(name, data=array)


def write_names(group: Any, attribute: str, names: list[str]) -> None:
    """Writes a list of names, over several attributes if it is long."""
    raw = [n.encode() for n in names]
    width = max(map(len, raw), default=1)
    size = max(1, HEADER // width)
    if len(raw) <= size:
        group.attrs[attribute] = np.asarray(raw) if raw else []
        return
    for i, start in enumerate(range(0, len(raw), size)):
        group.attrs[f"{attribute}{i}"] = np.asarray(raw[start : start + size])
