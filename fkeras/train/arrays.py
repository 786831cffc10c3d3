"""Data in memory: what users pass to `fit`, as arrays of one length, checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import config
from ..graph import is_symbol
from ..reading import is_read

ALIGNMENT = 64  # bytes
MUCH = 1 << 26  # bytes of data from which on room for more rows is a sixteenth at most


@dataclasses.dataclass(eq=False)
class Rows:
    """x, labels and weights with one row per example, on the host.

    x: a nest of arrays. y, weight: a list with an entry for each output (None where there is none), or None.
    """

    x: Any
    y: list[Any] | None
    weight: list[Any] | None
    count: int

    @property
    def first(self) -> Rows:
        """Rows like all others: these."""
        return self

    def parts(self) -> tuple[Any, Any, Any]:
        """The data as a batch: (x, y, weight)."""
        return self.x, self.y, self.weight

    def batch(self, size: int | None, steps: int | None = None) -> int:
        """How many rows a batch has: `size` if that was said, or so many that `steps` of them are all, or 32."""
        return size or (-(-self.count // steps) if steps else 32)

    def room(self) -> int:
        """How many rows the arrays of the data get on the device: as many as other data of about this length."""
        power = next_power(self.count)
        large = sum(a.nbytes for a in jax.tree.leaves(self.parts())) / self.count * power > MUCH
        grain = max(power // 16, 1) if large else power
        return -(-self.count // grain) * grain

    def on_device(self) -> tuple[Any, Any, Any]:
        """The data as a batch on the device, with room for more rows, so that few programs serve all lengths."""
        return jax.tree.map(lambda a: put_with_room(a, self.room()), self.parts())

    def select(self, which: Any) -> Rows:
        """Some of the rows."""
        x, y, weight = jax.tree.map(lambda a: a[which], self.parts())
        return Rows(x, y, weight, len(range(self.count)[which]) if isinstance(which, slice) else len(which))


def next_power(n: int) -> int:
    """The least power of two that is not smaller.

    >>> next_power(5), next_power(8)
    (8, 8)
    """
    return 1 << (n - 1).bit_length()


def put_with_room(a: Any, rows: int, filled: int = 0) -> Any:
    """An array of the host on the device, with more rows, which nobody reads; one on the device as it is.

    filled: how many rows are read; those that are missing repeat the last one.
    """
    if not isinstance(a, np.ndarray) or len(a) == rows:
        return jax.device_put(a)
    roomy = aligned((rows, *a.shape[1:]), a.dtype)
    roomy[: len(a)] = a
    roomy[len(a) : filled] = a[-1:]
    return jax.device_put(roomy, may_alias=True)  # nobody else holds it: a CPU need not copy it again


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array, not filled, that begins where XLA lets its own begin."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def as_numbers(name: str, value: Any) -> Any:
    """One array of numbers, of the types that JAX computes with by default; refuses everything else."""
    if is_symbol(value):
        raise TypeError(f"{name} is a symbol, a value that does not exist yet; pass arrays of data.")
    if type(value).__module__.split(".")[0] in ("pandas", "polars"):
        value = value.to_numpy()
        value = value[:, None] if value.ndim == 1 else value
    if type(value).__module__.split(".")[0] == "torch":
        value = value.detach().cpu().numpy()
    array: Any = value if isinstance(value, (np.ndarray, jax.Array)) else as_array(name, value)
    if array.dtype == object or (array.dtype.kind in "USOMmV" and array.dtype != jnp.bfloat16):
        raise ValueError(f"{name} {kind_of(array)}")
    if array.dtype.kind == "c":
        raise ValueError(
            f"{name} is complex ({array.dtype}); layers compute with real numbers. Pass its real and imaginary parts "
            "as two features."
        )
    if array.ndim == 0:
        raise ValueError(f"{name} is the single number {array}; data has one row per example: give it a first axis.")
    wide = {np.dtype("float64"): config.floatx(), np.dtype("int64"): "int32", np.dtype("uint64"): "uint32"}
    if array.dtype in wide and not (jax.config.jax_enable_x64 and config.floatx() == "float64"):  # type: ignore[attr-defined]
        check_range(name, array)
        with np.errstate(over="ignore"):  # what becomes infinite is refused by `check_finite`
            array = array.astype(wide[array.dtype])
    return array


RAGGED = "holds rows of different lengths: make them one length, with fkeras.utils.pad_sequences for example."


def as_array(name: str, value: Any) -> np.ndarray:
    """What NumPy makes of lists of numbers and of objects that know how to be arrays."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} {RAGGED}" if "inhomogeneous" in str(error) else f"{name} cannot become an array: {error}"
        ) from None


def kind_of(array: np.ndarray) -> str:
    """What is wrong with an array that is not made of numbers."""
    if array.dtype != object:
        found = {"U": "strings", "S": "bytes", "M": "dates", "m": "time spans"}.get(
            array.dtype.kind, f"{array.dtype} records"
        )
        return f"holds {found}, not numbers. Turn them into numbers first (StringLookup, TextVectorization, ...)."
    if array.ndim == 0:
        return f"is a {type(array.item()).__name__}, not an array of numbers."
    inner = {type(v).__name__ for v in array.ravel()[:100]}
    if inner & {"list", "tuple", "ndarray"}:
        return RAGGED
    return f"holds objects ({', '.join(sorted(inner))}), not numbers. Make them numbers first, by astype('float32')."


def check_range(name: str, array: np.ndarray) -> None:
    """Refuses integers that 32 bits cannot hold."""
    if array.dtype.kind in "iu" and array.size:
        limit = np.iinfo("int32" if array.dtype.kind == "i" else "uint32")
        low, high = array.min(), array.max()
        if low < limit.min or high > limit.max:
            raise ValueError(
                f"{name} holds integers from {low} to {high}; JAX computes with 32 bits unless jax_enable_x64 is set."
            )


def check_finite(name: str, array: Any) -> None:
    """Refuses NaN and infinity, and says where the first one is."""
    if not jnp.issubdtype(array.dtype, jnp.floating) or not array.size:
        return
    host = np.asarray(array)
    with np.errstate(over="ignore", invalid="ignore"):
        if host.dtype.kind == "f" and np.isfinite(squares(host)):
            return
    bad = ~np.isfinite(host.astype(np.float32) if host.dtype.kind != "f" else host)
    if bad.any():
        row = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise ValueError(
            f"{name} holds {int(bad.sum())} values that are NaN or infinite in {array.dtype}, "
            f"the first in row {row[0]} (index {tuple(map(int, row))}). "
            "Remove or replace them: one is enough to spoil every weight."
        )


def squares(array: np.ndarray) -> Any:
    """The sum of all squares, or of all numbers where that is faster: finite only if every number is."""
    if array.dtype in (np.float32, np.float64) and array.flags.c_contiguous:
        return np.dot(row := array.reshape(-1), row)
    return array.sum()


def names_of(what: str, tree: Any) -> list[str]:
    """A name for each array of a nest, for messages."""
    if isinstance(tree, list) and len(tree) == 1:
        tree = tree[0]
    return [f"{what}{jax.tree_util.keystr(path)}" for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def standardize(what: str, tree: Any) -> Any:
    """A nest of what can be read as arrays, as arrays. A list of numbers is one array, a list of arrays several."""
    if is_read(tree):  # made on the host, of text
        return jax.tree.map(lambda v: as_numbers(what, v), tree)
    if isinstance(tree, Mapping):
        return {k: standardize(f"{what}[{k!r}]", v) for k, v in tree.items()}
    if (
        isinstance(tree, (list, tuple))
        and len(tree)
        and all(is_read(v) or (hasattr(v, "shape") and getattr(v, "ndim", 0)) for v in tree)
    ):
        return [standardize(f"{what}[{i}]", v) for i, v in enumerate(tree)]
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
        told = [f"{k}: {v}" for k, v in lengths.items()]
        told, many = (told, False) if len(told) <= 8 else ([*told[:4], "...", told[-1]], isinstance(x, list))
        hint = (
            f" A list of {len(x)} arrays stands for as many inputs; np.stack(x) makes them rows of one." if many else ""
        )
        raise ValueError(f"All arrays need one row per example, but their lengths differ: {', '.join(told)}.{hint}")
    count = next(iter(lengths.values()), 0)
    if not count:
        raise ValueError(
            f"The data is empty: {', '.join(f'{k} has {v} rows' for k, v in lengths.items()) or 'x holds no arrays'}."
        )
    return Rows(x, y, weight, count)


def by_output(what: str, tree: Any, names: Sequence[str]) -> list[Any]:
    """Labels or weights as a list with one entry for each output."""
    if isinstance(tree, Mapping):
        if names and (unknown := [k for k in tree if k not in names]):
            raise ValueError(
                f"{what} has entries for {unknown}, which are no outputs; the outputs are {', '.join(names)}."
            )
        return [None if tree.get(n) is None else as_numbers(f"{what}[{n!r}]", tree[n]) for n in (names or sorted(tree))]
    several = isinstance(tree, (list, tuple)) and len(names) > 1
    if several and len(tree) == len(names):
        return [None if v is None else as_numbers(f"{what}[{i}]", v) for i, v in enumerate(tree)]
    if isinstance(tree, (list, tuple)) and len(tree) == 1 and getattr(tree[0], "ndim", 0):
        return [as_numbers(f"{what}[0]", tree[0])]
    if several and what == "y":
        raise ValueError(
            f"y has {len(tree)} entries, the model has {len(names)} outputs: {', '.join(names)}. Give one array for "
            "each."
        )
    return [as_numbers(what, tree)]


def split_validation(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """(training rows, validation rows): the last rows validate, as in Keras; nothing is shuffled first."""
    if isinstance(fraction, bool) or not isinstance(fraction, (float, np.floating)) or not 0 < fraction < 1:
        raise ValueError(f"validation_split must be a number between 0 and 1; got {fraction!r}.")
    cut = int(np.floor(rows.count * (1 - fraction)))
    if cut == 0 or cut == rows.count:
        raise ValueError(
            f"validation_split={fraction} of {rows.count} rows leaves {cut} for training and {rows.count - cut} for "
            "validation."
        )
    return rows.select(slice(0, cut)), rows.select(slice(cut, rows.count))


def weigh_classes(rows: Rows, class_weight: Any, count: int | None = None) -> Rows:
    """The rows with a weight for each, from the weight of its class; classes that have none weigh 1."""
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight is a dict {{class: weight}}, {{0: 1.0, 1: 2.5}} for example; got {class_weight!r}."
        )
    if rows.weight is not None:
        raise ValueError(
            "class_weight and sample_weight cannot be given together: multiply them yourself into sample_weight."
        )
    if rows.y is None or len(rows.y) != 1:
        raise ValueError(
            "class_weight is for models with a single output and labels; for several outputs pass sample_weight."
        )
    classes = classes_of(np.asarray(rows.y[0]))
    weights = np.ones(classes.shape, config.floatx())
    for label, weight in class_weight.items():
        if (
            not isinstance(label, (int, np.integer))
            or not isinstance(weight, (int, float, np.number))
            or not np.isfinite(weight)
        ):
            raise ValueError(
                f"class_weight has an entry {label!r}: {weight!r}; a class is a whole number, a weight a finite number."
            )
        if count is not None and not 0 <= label < count:
            raise ValueError(f"class_weight has an entry for class {label}; the classes are 0 to {count - 1}.")
        weights[classes == int(label)] = weight
    return Rows(rows.x, rows.y, [weights], rows.count)


def classes_of(y: np.ndarray) -> np.ndarray:
    """The class number of each row, from class numbers or one-hot rows."""
    if y.ndim > 1 and y.shape[-1] > 1:
        y = np.argmax(y, -1)
    elif y.ndim > 1:
        y = y[..., 0]
    if y.ndim != 1:
        raise ValueError(f"class_weight needs one class per row; y holds {y.shape} of them.")
    if (y != np.rint(y)).any():
        raise ValueError("class_weight needs class numbers in y; some values are not whole.")
    return y.astype(int)
