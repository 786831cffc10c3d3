"""Shapes before values: `Spec`, and `infer`, the only shape function there is."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

SDS = jax.ShapeDtypeStruct
Shape = tuple[Any, ...]

# Sizes that are tried for unknown axes: rich in divisors, so that splits and reshapes go through, and in no common
# ratio, so that no quotient of two unknown sizes looks known. Then one for all, for axes that must agree.
APART = [24 * n for n in range(2, 18)], [24 * n for n in range(19, 50, 2)]
ALIKE = [240] * 16, [720] * 16


class Text:
    """The dtype of text, which lives on the host and which no array of JAX can have."""

    name = "string"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text)

    def __hash__(self) -> int:
        return hash(Text)

    def __repr__(self) -> str:
        return self.name


TEXT = Text()


def is_text_dtype(dtype: Any) -> bool:
    """Whether a dtype, or the name of one, is that of text: strings, bytes, or objects of NumPy."""
    return isinstance(dtype, Text) or dtype in ("string", str) or getattr(dtype, "kind", "") in ("O", "U", "S", "T")


class Spec:
    """A shape in which a dimension may be None, and a dtype. A leaf to `jax.tree`.

    >>> Spec((None, 3))
    Spec(?, 3; float32)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any, dtype: Any = "float32"):
        self.shape: Shape = tuple(shape)
        self.dtype: Any = TEXT if is_text_dtype(dtype) else jnp.dtype(dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def fingerprint_parts(self) -> Any:
        """What tells this spec from others."""
        return self.shape, self.dtype

    def __repr__(self) -> str:
        return f"Spec({', '.join('?' if d is None else str(d) for d in self.shape)}; {self.dtype})"


def of(x: Any) -> Spec:
    """The spec of an array, a tracer, a ShapeDtypeStruct or a Spec; sizes that are no numbers become None."""
    return Spec((d if isinstance(d, int) else None for d in x.shape), x.dtype)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nest; specs are leaves."""
    return jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, Spec))


def is_abstractable(x: Any) -> bool:
    """Whether `x` is a leaf that stands for an array."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def key_spec() -> SDS:
    """The spec of a random key; making it runs nothing."""
    return _key_spec()


@functools.cache
def _key_spec() -> SDS:
    return jax.eval_shape(lambda: jax.random.key(0))


def _symbols(count: int) -> tuple[Any, ...]:
    """One symbolic size for each axis that can be unknown; the same ones inside another inference as outside."""
    return _sizes(max(count, 6))[:count]


@functools.cache
def _sizes(count: int) -> tuple[Any, ...]:
    names = [f"d{i}" for i in range(count)]
    return tuple(export.symbolic_shape(", ".join(names), constraints=[f"{n} >= 2" for n in names]))


def infer(f: Callable[..., Any], *args: Any) -> Any:
    """Specs of the outputs of `f(*args)`, with nothing computed.

    Every leaf of `args` that has a shape and a dtype is abstract, everything else, and
    text, is passed as it is. An unknown dimension (None) becomes a symbolic size, one for each
    axis; where arithmetic on symbols is undecidable, two trials with numbers decide
    which output dimensions are unknown.
    """
    leaves, treedef = jax.tree.flatten(args, is_leaf=lambda x: isinstance(x, Spec))
    holes = [is_abstractable(x) and not is_text_dtype(x.dtype) for x in leaves]
    unknown = max((x.ndim for x in leaves if is_abstractable(x) and None in x.shape), default=0)

    def shapes(sizes: Any) -> Any:
        def known(x: Any) -> Any:
            if not isinstance(x, Spec):
                return x
            shape = tuple(sizes[i] if d is None else d for i, d in enumerate(x.shape))
            return Spec(shape, x.dtype) if x.dtype == TEXT else SDS(shape, x.dtype)

        def run(*abstract: Any) -> Any:
            given = iter(abstract)
            return f(*treedef.unflatten([next(given) if h else known(x) for x, h in zip(leaves, holes, strict=True)]))

        return jax.eval_shape(run, *[known(x) for x, h in zip(leaves, holes, strict=True) if h])

    if not unknown:
        return jax.tree.map(of, shapes(()))
    try:
        return jax.tree.map(of, shapes(_symbols(unknown)))
    except Exception as error:
        if not _undecided(error):
            raise
    try:
        one, two = (shapes(sizes) for sizes in APART)
    except Exception:
        one, two = (shapes(sizes) for sizes in ALIKE)
    return jax.tree.map(
        lambda a, b: Spec((d if d == e else None for d, e in zip(a.shape, b.shape, strict=True)), a.dtype), one, two
    )


def _undecided(error: Exception) -> bool:
    """Whether an error comes from a size that is a symbol rather than a number."""
    text = f"{type(error).__name__} {error}"
    return bool(re.search(r"InconclusiveDimension|symbolic|_DimExpr|\bd\d\b", text))
