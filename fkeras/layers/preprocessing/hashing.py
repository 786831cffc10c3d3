"""Features as hashes: `Hashing` and `HashedCrossing`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ... import config
from ...reading import as_bytes, encoded, is_text
from ...spec import Spec
from ..settings import check_choice, check_positive
from . import fingerprints
from .decimal import hash_decimals
from .host import MODES, HostLayer, encode, encoded_shape, needs_host
from .wide import Wide


def as_key(layer: Any, salt: Any) -> list[int] | None:
    """A salt as the two words of a key, or None."""
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2 and all(isinstance(s, (int, np.integer)) for s in salt):
        return [int(s) for s in salt]
    raise ValueError(f"{type(layer).__name__}: salt must be a whole number, or two of them; got {salt!r}.")


def buckets(x: Any, count: int, key: Sequence[int] | None) -> Any:
    """A number from 0 to count - 1 for each string, or whole number as it is written; on the host or on the device."""
    if isinstance(x, np.ndarray):
        flat = x.ravel().tolist()
        if not is_text(x):
            flat = list(map(str, flat))
        elif not all(isinstance(t, (str, bytes)) for t in flat):
            encoded(flat)  # raises TypeError
        places = {t: i for i, t in enumerate(dict.fromkeys(flat))}
        order = np.fromiter(map(places.__getitem__, flat), np.int64, len(flat))
        hashes = fingerprints.hash_strings(encoded(list(places)), key) % np.uint64(count)
        return hashes.astype(np.int64)[order].reshape(x.shape)
    return (hash_decimals(x, key) % count).astype(jnp.int32)


class Hashing(HostLayer):
    """Strings and whole numbers as numbers of bins: FarmHash64(text) mod num_bins, as TensorFlow computes it.

    Shapes: (batch, ...) -> (batch, ...) for `"int"`;  (batch, steps) -> (batch, num_bins) for the others.

    mask_value: a value that gets bin 0, which nothing else gets then.
    salt: a whole number, or two: the key of SipHash64, which is used instead.
    output_mode: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`.

    A whole number is hashed as it is written in decimals, inside compiled programs as well.
    Text is hashed on the host. Floats are cut to whole numbers first.

    Source: https://github.com/google/farmhash

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel().tolist()
    [1, 0, 1, 1, 2]
    >>> Hashing(num_bins=3, salt=[133, 137])([0, 1, 2, 3, 4]).tolist()
    [1, 1, 2, 0, 1]
    """

    num_bins: int
    mask_value: Any = None
    salt: Any = None
    output_mode: str = "int"
    sparse: bool = False
    dtype: Any = dataclasses.field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        self.dtype = self.dtype or ("int64" if self.output_mode == "int" else config.floatx())
        super().__post_init__()
        check_positive(self, "num_bins")
        check_choice(self, "output_mode", MODES)
        self.refuse_sparse()
        self.salt = as_key(self, self.salt)
        self.autocast = False
        if self.output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(f"Hashing: dtype must be 'int32' or 'int64' if output_mode is 'int'; got {self.dtype!r}.")

    def on_host(self, *inputs: Any) -> bool:
        """Whether the inputs are text, or whole numbers of more than 32 bits."""
        return needs_host(inputs)

    def made(self, x: Any) -> Spec:
        """The spec of the bins."""
        dtype = jax.dtypes.canonicalize_dtype(self.dtype)
        return Spec(
            x.shape if self.output_mode == "int" else encoded_shape(x.shape, self.output_mode, self.num_bins), dtype
        )

    def call(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray) and jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.int32)
        masks = self.mask_value is not None and self.num_bins > 1
        bins = buckets(x, self.num_bins - masks, self.salt)
        if masks:
            mask = self.mask_value
            if isinstance(x, np.ndarray) and is_text(x):
                (mask,) = as_bytes(np.asarray(mask))
                same = np.reshape([t == mask for t in as_bytes(x)], x.shape)
                bins = np.where(same, 0, bins + 1)
            else:
                bins = jnp.where(x == mask, 0, bins + 1)
        return encode(jnp.asarray(bins), self.output_mode, self.num_bins, self.dtype)

    def fingerprint_parts(self) -> Any:
        """Its settings: the compiled program hashes whole numbers."""
        return self.num_bins, self.mask_value, self.salt, self.output_mode, self.dtype


class HashedCrossing(HostLayer):
    """Several features as one: a hash of their values together, mod num_bins, as TensorFlow computes it.

    Shapes: two or more inputs, in a list, of one shape (), (batch,) or (batch, 1) -> that shape for
        `"int"`, (batch, num_bins) for `"one_hot"`.

    Text is crossed on the host; whole numbers alone, inside compiled programs as well.

    >>> HashedCrossing(num_bins=5)((np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102]))).tolist()
    [1, 4, 1, 1, 3]
    """

    num_bins: int
    output_mode: str = "int"
    sparse: bool = False
    _: dataclasses.KW_ONLY
    name: str | None = None
    dtype: Any = None

    follows = {"name": "sparse", "dtype": "name"}
    several: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.dtype = self.dtype or ("int64" if self.output_mode == "int" else None)
        super().__post_init__()
        check_positive(self, "num_bins")
        check_choice(self, "output_mode", ("int", "one_hot"))
        self.refuse_sparse()
        self.autocast = False

    def on_host(self, *inputs: Any) -> bool:
        """Whether an input is text, or holds whole numbers of more than 32 bits."""
        return needs_host(inputs)

    def made(self, xs: Any) -> Spec:
        """The spec of the bins."""
        self._check(xs)
        shape = xs[0].shape if self.output_mode == "int" else encoded_shape(xs[0].shape, "one_hot", self.num_bins)
        return Spec(shape, jax.dtypes.canonicalize_dtype(self.dtype))

    def _check(self, xs: Any) -> None:
        if not isinstance(xs, (list, tuple)) or len(xs) < 2:
            raise ValueError(f"{self!r} takes a list or tuple of two inputs or more; got {xs!r}.")
        shapes = [tuple(x.shape) for x in xs]
        if len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1) or any(s != shapes[0] for s in shapes):
            raise ValueError(
                f"{self!r} takes inputs of one shape: (), (batch,) or (batch, 1); got {', '.join(map(str, shapes))}."
            )
        for x in xs:
            if not is_text(x) and not jnp.issubdtype(x.dtype, jnp.integer):
                raise ValueError(f"{self!r} takes text and whole numbers; got an array of {x.dtype}.")

    def call(self, xs: Any) -> Any:
        self._check(xs)
        if needs_host(xs) or all(isinstance(x, np.ndarray) for x in xs):
            total: Any = np.full(np.shape(xs[0]), fingerprints.CROSS, np.uint64).ravel()
            for x in map(np.asarray, xs):
                words = (
                    fingerprints.hash_strings(as_bytes(x)) if is_text(x) else x.ravel().astype(np.int64).view(np.uint64)
                )
                total = fingerprints.concatenate(total, words)
            bins = (total % np.uint64(self.num_bins)).astype(np.int64).reshape(np.shape(xs[0]))
        else:
            total = Wide.of(fingerprints.CROSS)
            for x in xs:
                total = fingerprints.concatenate(total, Wide.signed(x))
            bins = total % self.num_bins
        return encode(jnp.asarray(bins), self.output_mode, self.num_bins, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {n: getattr(self, n) for n in ("num_bins", "output_mode", "sparse", "name", "dtype")}

    def fingerprint_parts(self) -> Any:
        """Its settings: the compiled program crosses whole numbers."""
        return self.num_bins, self.output_mode, self.dtype
