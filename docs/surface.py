"""Writes docs/SURFACE.md: every public name of Keras, and what stands in its place here.

    python docs/surface.py            writes the table, from both packages as they are installed
    python docs/surface.py --check    says instead whether the table is up to date

A name is *equal* if its arguments are: names, places, defaults. What differs is found out and said; what that does
not show is said in DIFFERENT, and why a name is absent in ABSENT, both by patterns of names.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import inspect
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "jax"
import keras

import fkeras

HERE = Path(__file__).with_name("SURFACE.md")
EQUAL, DIFFERS, MISSING = "equal", "differs", "absent"
QUANTIZED = 'there are no quantized layers; `dtype="mixed_bfloat16"` computes in fewer bits'
PURE = "nothing is kept in scopes: `layer.apply(params, state, x)` is pure"
LATER = "not there yet"

ABSENT = {  # why a name is not there: the first pattern that fits
    "*Quantiz*": QUANTIZED,
    "keras.quantizers.*": QUANTIZED,
    "keras.dtype_policies.*": QUANTIZED,
    "*.StatelessScope": PURE,
    "*.SymbolicScope": PURE,
    "keras.Function": "a graph of operations is a `Model`",
    "keras.device": "`jax.default_device` and `jax.device_put` say where arrays are",
    "keras.name_scope": "names are given by containers, not by scopes",
    "*.RematScope": "`jax.checkpoint` takes any pure `apply`",
    "*.remat": "`jax.checkpoint` takes any pure `apply`",
    "keras.config.enable_unsafe_deserialization": "refused: `load_model(path, safe_mode=False)` says it of one file",
    "keras.export.ExportArchive": "it writes SavedModels for TensorFlow; `jax.export` takes any pure `apply`",
    "keras.distribution.*": f"{LATER}: `jax.sharding` places arrays, the pure `apply` runs under it as it is",
    "keras.visualization.*": f"{LATER}: pictures of boxes and masks",
    "*_keras_object": f"{LATER}: the old form of configs; `fkeras.saving` reads both",
}

DIFFERENT = {  # what the arguments do not show
    "keras.layers.TFSMLayer": "refused: a SavedModel runs in TensorFlow alone",
    "keras.layers.TorchModuleWrapper": "refused: a module of torch computes outside of JAX",
}
ON_INSTANCES = {"kernel", "embeddings", "dtype", "dtype_policy", "parameters"}  # not on the class here
OF_EVERY_LAYER = {"name", "trainable", "dtype", "activity_regularizer", "autocast"}


class Row(NamedTuple):
    """One public name of Keras."""

    module: str
    name: str
    status: str
    words: str


# --- walking ----------------------------------------------------------------------------------------


def modules() -> dict[str, ModuleType]:
    """The public modules of Keras by name."""
    found: dict[str, ModuleType] = {}

    def visit(name: str, module: ModuleType) -> None:
        found[name] = module
        for key, value in sorted(vars(module).items()):
            inner = f"{name}.{key}"
            public = not key.startswith("_") and key != "src"
            if public and isinstance(value, ModuleType) and value.__name__ == inner and inner not in found:
                visit(inner, value)

    visit("keras", keras)
    return found


def names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public names of a module that are no modules, and what they stand for."""
    for name in sorted(n for n in dir(module) if not n.startswith("_")):
        value = getattr(module, name)
        if not isinstance(value, ModuleType):
            yield name, value


def ours(module: str, name: str) -> Any:
    """What stands for a name of Keras here; None if nothing does. Raises ImportError where that is said."""
    owner: Any = fkeras
    for part in module.split(".")[1:]:
        owner = getattr(owner, part, None)
        if owner is None:
            return None
    if isinstance(owner, ModuleType) and not hasattr(owner, name):
        try:
            return importlib.import_module(f"{owner.__name__}.{name}")
        except ModuleNotFoundError:
            return None
    return getattr(owner, name, None)


def rows() -> list[Row]:
    """A row for every public name."""
    return [row_of(module, n, value) for module, found in modules().items() for n, value in names(found)]


def row_of(module: str, name: str, theirs: Any) -> Row:
    """What is there for one name."""
    full = f"{module}.{name}"
    try:
        mine = ours(module, name)
    except ImportError as error:  # a module that says itself why the name is not there
        said = str(error).partition(": ")[2].replace("|", "\\|")
        return Row(module, name, MISSING, known(ABSENT, full) or said)
    if mine is None:
        return Row(module, name, MISSING, known(ABSENT, full) or LATER)
    said = [*differences(theirs, mine), *filter(None, [known(DIFFERENT, full)])]
    return Row(module, name, DIFFERS if said else EQUAL, "; ".join(said))


def known(table: dict[str, str], name: str) -> str | None:
    """The words of the first pattern that a name fits."""
    return next((words for pattern, words in table.items() if fnmatch.fnmatchcase(name, pattern)), None)


# --- comparing --------------------------------------------------------------------------------------


def differences(theirs: Any, mine: Any) -> list[str]:
    """How what we have differs from Keras', in words."""
    if inspect.isclass(theirs) != inspect.isclass(mine):
        return [] if callable(theirs) and callable(mine) and same_call(theirs, mine) else [kinds(theirs, mine)]
    if not callable(theirs):
        return [] if type(theirs) is type(mine) else [kinds(theirs, mine)]
    said = arguments(theirs, mine)
    if inspect.isclass(theirs):
        fields = {f.name for f in dataclasses.fields(mine)} if dataclasses.is_dataclass(mine) else set()
        fields |= ON_INSTANCES
        lost = [m for m in vars(theirs) if not m.startswith("_") and not hasattr(mine, m) and m not in fields]
        said += [f"without {', '.join(f'`.{m}`' for m in lost)}"] if lost else []
    return said


def kinds(theirs: Any, mine: Any) -> str:
    """What sort of thing each is."""

    def kind(x: Any) -> str:
        return "a class" if inspect.isclass(x) else "a function" if callable(x) else f"a {type(x).__name__}"

    return f"{kind(mine)}, in Keras {kind(theirs)}"


def same_call(theirs: Any, mine: Any) -> bool:
    """Whether a class and a function are called with the same arguments."""
    return not arguments(theirs, mine)


def arguments(theirs: Any, mine: Any) -> list[str]:
    """How the arguments differ."""
    a, b = parameters(theirs), parameters(mine)
    if a is None or b is None:
        return []
    said = []
    keyword = {n for n, p in b.items() if p.kind is p.KEYWORD_ONLY}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in b.values())
    plain = [n for n, p in a.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    placed = [n for n in plain if a[n].kind is not a[n].KEYWORD_ONLY]
    lacks = [n for n in plain if n not in b and not takes_all]
    if lacks:
        said.append(f"without {', '.join(f'`{n}`' for n in lacks)}")
    here = [n for n, p in b.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    common = [n for n in placed if n in b]
    if by_name := [n for n in common if n in keyword]:
        said.append(f"{', '.join(f'`{n}`' for n in by_name)} by name only")
    elif common != [n for n in here if n in common]:
        said.append(f"in the order {', '.join(f'`{n}`' for n in here)}")
    said += [
        f"`{n}={shown(b[n].default)}`, in Keras `{shown(a[n].default)}`"
        for n in plain
        if n in b and not alike(a[n].default, b[n].default)
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in a.values())
    more = [n for n, p in b.items() if n not in a and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    more = [n for n in more if n not in keyword or not (open_ended or n in OF_EVERY_LAYER)]
    if more:
        said.append(f"takes {', '.join(f'`{n}`' for n in more)} as well")
    return said


def parameters(f: Any) -> dict[str, inspect.Parameter] | None:
    """The arguments of a function, or of a constructor without the instance."""
    try:
        found = dict(inspect.signature(f.__init__ if inspect.isclass(f) else f).parameters)
    except (TypeError, ValueError):
        return None
    if inspect.isclass(f):
        found.pop(next(iter(found), ""), None)
    return {n: p for n, p in found.items() if not n.startswith("_") or p.kind is not p.KEYWORD_ONLY}


def alike(a: Any, b: Any) -> bool:
    """Whether two defaults mean the same."""

    def plain(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return [plain(v) for v in x]
        if isinstance(x, str):
            return x.lower()
        if hasattr(x, "get_config"):
            return type(x).__name__
        return getattr(x, "__name__", x) if callable(x) else x

    a, b = plain(a), plain(b)
    return (type(a) is type(b) and repr(a) == repr(b)) or (isinstance(a, (int, float)) and a == b)


def shown(default: Any) -> str:
    """A default as a word."""
    return "no default" if default is inspect.Parameter.empty else repr(default).replace("|", "\\|")


# --- writing ----------------------------------------------------------------------------------------


def page(found: list[Row]) -> str:
    """The whole table, module by module."""
    total = Counter(row.status for row in found)
    lines = [
        f"# The public names of Keras {keras.__version__}, and what stands for them here",
        "",
        "Written by `docs/surface.py` from both packages; do not edit. *Equal*: the same arguments, in the same "
        "places, with the same defaults.",
        "",
        f"{len(found)} names: {total[EQUAL]} equal, {total[DIFFERS]} with a difference, {total[MISSING]} absent.",
    ]
    for module in dict.fromkeys(row.module for row in found):
        part = [row for row in found if row.module == module]
        count = Counter(row.status for row in part)
        counts = f"{count[EQUAL]} equal, {count[DIFFERS]} with a difference, {count[MISSING]} absent."
        lines += ["", f"## `{module}`", "", counts, ""]
        lines += ["| name | | difference, or reason |", "|---|---|---|"]
        lines += [f"| `{row.name}` | {row.status} | {row.words or '-'} |" for row in part]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the table, or checks it."""
    found = rows()
    text = page(found)
    if "--check" in sys.argv:
        stale = not HERE.exists() or HERE.read_text() != text
        print(f"{HERE.name} is {'out of date: run docs/surface.py' if stale else 'up to date'}.")
        sys.exit(int(stale))
    HERE.write_text(text)
    print(text.splitlines()[4])


if __name__ == "__main__":
    main()
