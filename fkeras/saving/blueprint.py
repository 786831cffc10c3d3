"""Checks what a file describes before anything of it is built.

Every object in a config must be named in a closed table, or be one that the caller has
registered or passed; and it must be of the kind that its place holds: an initializer where
an initializer stands, a function where a function stands. Nothing is imported for it.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable
from typing import Any

from .. import registry
from . import code
from .errors import DamagedFileError, UnsafeModelError

MODEL = ("layer", "model")
SLOTS: dict[str, tuple[str, ...]] = {  # where a setting of this name stands, objects of these kinds stand
    "layer": MODEL, "backward_layer": MODEL, "forward_layer": MODEL, "cell": MODEL,
    "layers": (*MODEL, "operation"), "cells": MODEL,
    "optimizer": ("optimizer",), "inner_optimizer": ("optimizer",), "default_optimizer": ("optimizer",),
    "optimizer_map": ("optimizer",), "learning_rate": ("learning rate schedule",),
    "loss": ("loss",), "metrics": ("metric", "loss"), "weighted_metrics": ("metric", "loss"),
    "dtype": ("policy",), "dtype_policy": ("policy",), "seed": ("seed generator",),
}  # fmt: skip
OUTSIDE = ("vocabulary", "filename", "filepath", "file_path", "path", "directory", "url", "uri", "origin", "cache_dir")
PLAIN = ("__tuple__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__", "__bytes__", "__keras_tensor__")
MOST_STEPS = 10_000  # of a loop that is laid out step by step
MOST = {  # of sizes that programs and tables grow with, along an axis
    "kernel_size": 1 << 16, "output_size": 1 << 16, "tile_grid_size": 1 << 10, "fft_length": 1 << 14,
    "frame_length": 1 << 14, "sequence_length": 1 << 14, "num_mel_bins": 1 << 12,
}  # fmt: skip
MOST_GATES = 1 << 20  # units of an LSTM, whose first bias is made before the file is asked for its shape
DEEPEST_KERNEL = 1 << 10  # of volumes, whose kernels are taken slab by slab
NUMBERS = re.compile(r"(bfloat16|float(16|32|64)|u?int(8|16|32|64)|bool)")
LAMBDA = (
    "Define the function in your program and pass it as custom_objects={{{name!r}: function}}. If you trust who made "
    "the file, load_model(..., safe_mode=False) runs the code of its Lambda layers."
)


def check(config: Any, place: str, safe_mode: bool = True) -> None:
    """Refuses a config that names what no file may name.

    safe_mode: False lets the code of Lambda layers become functions; it stands in for them in the config.
    Call it within `registry.custom_object_scope`, and `registry.closed_tables`.
    Raises UnsafeModelError, DamagedFileError.
    """
    inspector = Inspector(place, safe_mode)
    inspector.value(config, "", None)
    if inspector.unrolled and inspector.longest > MOST_STEPS:
        raise inspector.unsafe(f"a loop of up to {inspector.longest} steps, laid out one by one", inspector.unrolled)


class Inspector:
    """One walk over a config.

    place: the file and its part, as messages call it.
    """

    def __init__(self, place: str, safe_mode: bool = True):
        self.place, self.safe_mode = place, safe_mode
        self.unrolled, self.longest = "", 0  # where a loop is laid out step by step, the largest size that is told

    def at(self, where: str) -> str:
        """The place of a part of the config."""
        return f"{self.place}, at {where}" if where else self.place

    def unsafe(self, what: str, where: str, way_out: str = "") -> UnsafeModelError:
        """The error for what is refused."""
        return UnsafeModelError(what, self.at(where), way_out)

    # --- values ----------------------------------------------------------------------------------

    def value(self, value: Any, where: str, slot: tuple[str, ...] | None, name: str = "") -> None:
        """Checks a value and all that is in it.

        slot: the kinds of objects that may stand here; None for any.
        name: of the setting whose value it is.
        """
        if isinstance(value, dict) and "class_name" in value and "config" in value:
            self.object(value, where, slot, name)
        elif isinstance(value, dict):
            if name == "optimizer_map":
                self.patterns(value, where)
            for key, inner in value.items():
                self.value(
                    inner, f"{where}.{key}".lstrip("."), slot if name in ("loss", "metrics") else kinds(key), key
                )
        elif isinstance(value, list):
            if name in OUTSIDE and all(isinstance(x, (str, int, float)) for x in value):
                return  # the words themselves, not a path
            for i, inner in enumerate(value):
                self.value(inner, f"{where}[{i}]", slot, name)
        elif isinstance(value, str):
            self.text(value, where, slot, name)
        elif isinstance(value, int) and "shape" in where.rpartition(".")[2] + name:
            self.longest = max(self.longest, value)
        if name == "trainable" and not isinstance(value, bool):
            raise DamagedFileError(f"{where} is {value!r}, neither true nor false", self.place)
        if name == "unroll" and value:
            self.unrolled = where
        if name == "n" and isinstance(value, int):
            self.longest = max(self.longest, value)

    def text(self, text: str, where: str, slot: tuple[str, ...] | None, name: str) -> None:
        """Checks a string: it may name an object, and must not point outside the file."""
        if "://" in text or (name in OUTSIDE and text):
            raise self.unsafe(
                f"{name or 'a text'}={text!r}, which points outside the file", where,
                "Set it in your program after loading, or load the weights alone.",
            )  # fmt: skip
        found = registry.lookup_custom(text) if slot else None
        if inspect.isclass(found) and ("activation" in (slot or ()) or not is_of(found, slot)):
            raise self.unsafe(f"the class {text!r} in the place of a {' or '.join(slot or ())}", where)

    def patterns(self, table: dict[str, Any], where: str) -> None:
        """Refuses regular expressions that could take forever."""
        for pattern in table:
            if re.search(r"\)[*+{?]", pattern) or len(re.findall(r"[*+{]", pattern)) > 6 or len(pattern) > 1000:
                raise self.unsafe(f"the pattern {pattern!r}, which may take forever", where)

    # --- objects ---------------------------------------------------------------------------------

    def object(self, config: dict[str, Any], where: str, slot: tuple[str, ...] | None, name: str) -> None:
        """Checks the config of an object."""
        kind, inner = config["class_name"], config["config"]
        if not isinstance(kind, str):
            raise DamagedFileError(f"{where or 'the config'} has a class_name that is no text", self.place)
        for part in ("module", "registered_name", "name"):
            if not isinstance(config.get(part), (str, type(None))):
                raise DamagedFileError(f"{where or 'the config'} has a {part} that is no text", self.place)
        where = f"{where}:{kind}" if where else kind
        if kind in PLAIN:
            return self.plain(kind, inner, where)
        if kind == "__lambda__":
            raise self.unsafe("the code of a lambda", where, LAMBDA.format(name="its layer's name"))
        if kind == "function":
            return self.function(inner, where, slot)
        cls = self.find(config, where, slot)
        if registry.is_builtin(cls) and cls.__name__ == "Lambda":
            self.own_function(inner, where)
        if not isinstance(inner, (dict, list)):
            raise DamagedFileError(f"{where} has settings that are no object", self.place)
        if isinstance(inner, dict):
            self.sizes(cls.__name__, inner, where)
        self.value(inner, where, SLOTS["layers"] if isinstance(inner, list) else None)
        for extra in ("inbound_nodes", "build_config", "compile_config"):
            if config.get(extra) is not None:
                self.value(config[extra], f"{where}.{extra}", None)

    def sizes(self, kind: str, settings: dict[str, Any], where: str) -> None:
        """Refuses sizes by which a layer alone would take all memory, or all time."""
        gates = {"units": MOST_GATES, "filters": MOST_GATES} if "LSTM" in kind else {}
        for name, most in {**MOST, **gates}.items():
            most = DEEPEST_KERNEL if "3D" in kind and name == "kernel_size" else most
            if any(isinstance(n, (int, float)) and n > most for n in leaves(settings.get(name))):
                raise self.unsafe(f"{name}={settings[name]!r}, more than {most} along an axis", where)

    def plain(self, kind: str, inner: Any, where: str) -> None:
        """Checks the config of a value that is no object."""
        if kind not in ("__numpy__", "__tensor__"):
            if not isinstance(inner, dict):
                raise DamagedFileError(f"{where} has no value", self.place)
            return self.value(inner, where, None)
        if not isinstance(inner, dict) or not NUMBERS.fullmatch(str(inner.get("dtype"))):
            raise self.unsafe(f"an array of dtype {inner.get('dtype') if isinstance(inner, dict) else inner!r}", where)
        if not all(isinstance(x, (bool, int, float)) and math.isfinite(x) for x in leaves(inner.get("value"))):
            raise self.unsafe("an array of what are no numbers", where)

    def function(self, name: Any, where: str, slot: tuple[str, ...] | None) -> None:
        """Checks the name of a function."""
        if not isinstance(name, str):
            raise DamagedFileError(f"{where} names a function by what is no text", self.place)
        found = registry.lookup_custom(name)
        tables = [k for n, k in registry.KINDS.items() if n in (slot or ("activation", "loss", "metric"))]
        if found is None and not any(name in t.functions for t in tables):
            raise self.unsafe(
                f"the function {name!r}, which is not known", where,
                f"If it is yours, pass custom_objects={{{name!r}: {name.rpartition('>')[2]}}}, or register it with "
                "fkeras.saving.register_keras_serializable.",
            )  # fmt: skip
        if inspect.isclass(found):
            raise self.unsafe(f"the class {name!r} in the place of a function", where)

    def own_function(self, inner: Any, where: str) -> None:
        """Lets the caller's function stand in for that of a Lambda layer whose code is in the file."""
        if not isinstance(inner, dict):
            return
        for old in ("function_type", "module", "output_shape_type", "output_shape_module"):
            inner.pop(old, None)
        if isinstance(inner.get("function"), str):
            inner["function"] = {"class_name": "function", "config": inner["function"]}
        if not code.is_code(inner.get("function")):
            return
        name = inner.get("name")
        found = registry.lookup_custom(name) if isinstance(name, str) else None
        if found is not None and not inspect.isclass(found):
            inner["function"] = {"class_name": "function", "config": name}
            for more in ("output_shape", "mask"):  # of the code that is not used
                inner[more] = None if code.is_code(inner.get(more)) else inner.get(more)
        elif self.safe_mode:
            raise self.unsafe(f"the code of the Lambda layer {name!r}", where, LAMBDA.format(name=name))
        else:
            self.run(inner, where)

    def run(self, inner: dict[str, Any], where: str) -> None:
        """Makes functions of the code of a Lambda layer, for a caller who trusts the file."""
        for setting in ("function", "output_shape", "mask"):
            if not code.is_code(inner.get(setting)):
                continue
            try:
                inner[setting] = code.function_of(inner[setting], registry.custom_names())
            except ValueError as error:
                way_out = LAMBDA.partition(" If you trust")[0].format(name=inner.get("name"))
                raise self.unsafe(f"the code of a Lambda layer: {error}", where, way_out) from None

    def find(self, config: dict[str, Any], where: str, slot: tuple[str, ...] | None) -> type:
        """The class that a config names, if one of its kind may stand here."""
        try:
            only = registry.KINDS[slot[0]] if slot and len(slot) == 1 and not config.get("module") else None
            cls = registry.find_class(config, only)
        except ValueError as error:
            raise self.unsafe(f"{config['class_name']!r}, which is in no table", where, str(error)) from None
        if not inspect.isclass(cls) or not hasattr(cls, "from_config"):
            raise self.unsafe(f"{config['class_name']!r}, which is no class with a config", where)
        if slot is not None and not is_of(cls, slot):
            raise self.unsafe(f"{cls.__name__!r} in the place of a {' or '.join(slot)}", where)
        return cls


def kinds(setting: str) -> tuple[str, ...] | None:
    """The kinds of objects that may stand where a setting of this name stands; None for any."""
    kind = registry.kind_of(setting)
    return (kind.noun,) if kind is not None else SLOTS.get(setting)


def is_of(cls: type, slot: Iterable[str] | None) -> bool:
    """Whether a class is of one of these kinds; what is not made from a family of ours is the caller's business."""
    kind = getattr(cls, "kind", None)
    if slot is None or kind is None:
        return True
    nouns = {kind.noun, *(k.noun for k in registry.KINDS.values() if cls in k.table.values())}
    if kind.noun == "layer" and "activation" in slot:  # Keras lets a layer stand for an activation
        return True
    return bool(nouns & {*slot, *(("layer",) if "model" in slot else ())})


def leaves(value: Any) -> list[Any]:
    """The numbers in nested lists."""
    found, pending = [], [value]
    while pending:
        here = pending.pop()
        if isinstance(here, list):
            pending.extend(here)
        else:
            found.append(here)
    return found
