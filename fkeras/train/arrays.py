"""Data in memory: what users pass to `fit`, as arrays of one length, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..graph import is_symbol


@dataclasses.dataclass(eq=False)
class Rows:
    """x, labels and weights with one row per example, on the host.

    x: a nest of arrays. y, weight: a list with an entry for each output (None where there is none), or None.
    """

    x: Any
    y: list[Any] | None
    weight: list[Any] | None
    count: int

    def parts(self) -> tuple[Any, Any, Any]:
        """The data as a batch: (x, y, weight)."""
        return self.x, self.y, self.weight

    def select(self, which: Any) -> Rows:
        """Some of the rows."""
        x, y, weight = jax.tree.map(lambda a: a[which], self.parts())
        return Rows(x, y, weight, len(range(self.count)[which]) if isinstance(which, slice) else len(which))


def as_numbers(name: str, value: Any) -> Any:
    """One array of numbers, of the types that JAX computes with by default; refuses everything else."""
    if is_symbol(value):
        raise TypeError(f"{name} is a symbol, a value that does not exist yet; pass arrays of data.")
    if type(value).__module__.split(".")[0] in ("pandas", "polars"):
        value = value.to_numpy()
        value = value[:, None] if value.ndim == 1 else value
    if type(value).__module__.split(".")[0] == "torch":
        value = value.detach().cpu().numpy()
    array = value if isinstance(value, (np.ndarray, jax.Array)) else np.asarray(value)
    if array.dtype == object or array.dtype.kind in "USOMmV" and array.dtype != jnp.bfloat16:
        raise ValueError(f"{name} holds {kind_of(array)}, not numbers. Turn it into numbers first (pad_sequences, TextVectorization, StringLookup, ...).")
    if array.dtype.kind == "c":
        raise ValueError(f"{name} is complex ({array.dtype}); layers compute with real numbers. Pass its real and imaginary parts as two features.")
    if array.ndim == 0:
        raise ValueError(f"{name} is the single number {array}; data has one row per example: give it a first axis.")
    wide = {np.dtype("float64"): config.floatx(), np.dtype("int64"): "int32", np.dtype("uint64"): "uint32"}
    if array.dtype in wide and not (jax.config.jax_enable_x64 and config.floatx() == "float64"):  # type: ignore[attr-defined]
        check_range(name, array)
        array = array.astype(wide[array.dtype])
    return array


def kind_of(array: np.ndarray) -> str:
    """What an array that is not made of numbers is made of."""
    if array.dtype != object:
        return {"U": "strings", "S": "bytes", "M": "dates", "m": "time spans"}.get(array.dtype.kind, f"{array.dtype} records")
    inner = {type(v).__name__ for v in array.ravel()[:100]}
    ragged = inner & {"list", "tuple", "ndarray"}
    return "rows of different lengths" if ragged else f"objects ({', '.join(sorted(inner))})"


def check_range(name: str, array: np.ndarray) -> None:
    """Refuses integers that 32 bits cannot hold."""
    if array.dtype.kind in "iu" and array.size:
        limit = np.iinfo("int32" if array.dtype.kind == "i" else "uint32")
        low, high = array.min(), array.max()
        if low < limit.min or high > limit.max:
            raise ValueError(f"{name} holds integers from {low} to {high}; JAX computes with 32 bits unless jax_enable_x64 is set.")


def check_finite(name: str, array: Any) -> None:
    """Refuses NaN and infinity, and says where the first one is."""
    if not jnp.issubdtype(array.dtype, jnp.floating) or not array.size:
        return
    host = np.asarray(array)
    with np.errstate(over="ignore", invalid="ignore"):
        if host.dtype.kind == "f" and np.isfinite(host.sum()):  # a sum is finite only if every number is
            return
    bad = ~np.isfinite(host.astype(np.float32) if host.dtype.kind != "f" else host)
    if bad.any():
        row = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are NaN or infinite, the first in row {row[0]} (index {tuple(map(int, row))}). "
            "Remove or replace them: one is enough to spoil every weight."
        )


def names_of(what: str, tree: Any) -> list[str]:
    """A name for each array of a nest, for messages."""
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    return [f"{what}{path}" for path in paths]


def standardize(what: str, tree: Any) -> Any:
    """A nest of what can be read as arrays, as arrays. A list of numbers is one array, a list of arrays several."""
    if isinstance(tree, dict):
        return {k: standardize(f"{what}[{k!r}]", v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)) and len(tree) and all(hasattr(v, "shape") and getattr(v, "ndim", 0) for v in tree):
        return [as_numbers(f"{what}[{i}]", v) for i, v in enumerate(tree)]
    return as_numbers(what, tree)


def gather_rows(x: Any, y: Any = None, weight: Any = None, names: Sequence[str] = ()) -> Rows:
    """x, y and sample weights of one length, checked; raises ValueError for what does not fit."""
    x = standardize("x", x)
    y = None if y is None else by_output("y", y, names)
    weight = None if weight is None else by_output("sample_weight", weight, names)
    if y is not None and weight is not None:
        weight = weight * len(y) if len(weight) == 1 else weight
    lengths: dict[str, int] = {}
    for what, tree in (("x", x), ("y", y), ("sample_weight", weight)):
        for name, leaf in zip(names_of(what, tree), jax.tree.leaves(tree), strict=True):
            lengths[name] = leaf.shape[0]
            check_finite(name, leaf)
    if len(set(lengths.values())) > 1:
        raise ValueError(f"All arrays need one row per example, but their lengths differ: {', '.join(f'{k}: {v}' for k, v in lengths.items())}.")
    count = next(iter(lengths.values()), 0)
    if not count:
        raise ValueError(f"The data is empty: {', '.join(f'{k} has {v} rows' for k, v in lengths.items()) or 'x holds no arrays'}.")
    return Rows(x, y, weight, count)


def by_output(what: str, tree: Any, names: Sequence[str]) -> list[Any]:
    """Labels or weights as a list with one entry for each output."""
    if isinstance(tree, dict):
        if names and (unknown := [k for k in tree if k not in names]):
            raise ValueError(f"{what} has entries for {unknown}, which are no outputs; the outputs are {', '.join(names)}.")
        return [None if tree.get(n) is None else as_numbers(f"{what}[{n!r}]", tree[n]) for n in (names or sorted(tree))]
    several = isinstance(tree, (list, tuple)) and len(names) > 1
    if several and len(tree) == len(names):
        return [None if v is None else as_numbers(f"{what}[{i}]", v) for i, v in enumerate(tree)]
    if isinstance(tree, (list, tuple)) and len(tree) == 1 and getattr(tree[0], "ndim", 0):
        return [as_numbers(f"{what}[0]", tree[0])]
    if several and what == "y":
        raise ValueError(f"y has {len(tree)} entries, the model has {len(names)} outputs: {', '.join(names)}. Give one array for each.")
    return [as_numbers(what, tree)]


def split_validation(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """(training rows, validation rows): the last rows validate, as in Keras; nothing is shuffled first."""
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must be a number between 0 and 1; got {fraction!r}.")
    cut = int(np.floor(rows.count * (1 - fraction)))
    if cut == 0 or cut == rows.count:
        raise ValueError(f"validation_split={fraction} of {rows.count} rows leaves {cut} for training and {rows.count - cut} for validation.")
    return rows.select(slice(0, cut)), rows.select(slice(cut, rows.count))


def weigh_classes(rows: Rows, class_weight: dict[int, float]) -> Rows:
    """The rows with a weight for each, from the weight of its class."""
    if rows.weight is not None:
        raise ValueError("class_weight and sample_weight cannot be given together: multiply them yourself into sample_weight.")
    if rows.y is None or len(rows.y) != 1:
        raise ValueError("class_weight is for models with a single output and labels; for several outputs pass sample_weight.")
    y = np.asarray(rows.y[0])
    classes = np.argmax(y, -1) if y.ndim > 1 and y.shape[-1] > 1 else np.rint(y.reshape(len(y), -1)[:, 0]).astype(int)
    if classes.ndim != 1:
        raise ValueError(f"class_weight needs one class per row; y has shape {y.shape}.")
    weights = np.ones(len(classes), config.floatx())
    for label, weight in class_weight.items():
        weights[classes == int(label)] = weight
    return Rows(rows.x, rows.y, [weights], rows.count)
