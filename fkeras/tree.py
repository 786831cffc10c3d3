"""Nests of lists, tuples, named tuples, deques and dicts: walked, flattened, mapped.

Unlike in `jax.tree`, None is a leaf here, and so is every object that is no container of Python's.

>>> map_structure(lambda v: 2 * v, {"a": 1, "b": [2, (3,)]})
{'a': 2, 'b': [4, (6,)]}
"""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested",
    "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]  # fmt: skip

DICTS = (dict, collections.OrderedDict, collections.defaultdict)
Path = tuple[Any, ...]


class MAP_TO_NONE:
    """What a function returns to `traverse` to put None in the place of a part."""


class Parts(NamedTuple):
    """A container taken apart."""

    keys: list[Any]
    values: list[Any]
    rebuild: Callable[[list[Any]], Any]


def parts(x: Any) -> Parts | None:
    """The keys and values of a container, and how to make another one of new values; None for a leaf.

    >>> parts({"b": 1, "a": 2})[:2], parts(3)
    ((['a', 'b'], [2, 1]), None)
    """
    kind = type(x)
    if kind in DICTS:
        keys = list(x) if kind is collections.OrderedDict else _sorted(x)
        return Parts(keys, [x[k] for k in keys], lambda values: _dict_like(x, dict(zip(keys, values, strict=True))))
    if kind in (list, tuple):
        return Parts(list(range(len(x))), list(x), kind)
    if kind is collections.deque:
        return Parts(list(range(len(x))), list(x), lambda values: collections.deque(values, x.maxlen))
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return Parts(list(range(len(x))), list(x), lambda values: kind(*values))
    return None


def _sorted(keys: Any) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:  # keys of several types
        return sorted(keys, key=lambda k: (type(k).__name__, str(k)))


def _dict_like(x: Any, values: dict[Any, Any]) -> Any:
    """A dict of the same type, with its keys in the same order."""
    ordered = {k: values[k] for k in x}
    return type(x)(x.default_factory, ordered) if type(x) is collections.defaultdict else type(x)(ordered)


def is_nested(structure: Any) -> bool:
    """Whether this is a container.

    >>> is_nested([]), is_nested(None)
    (True, False)
    """
    return parts(structure) is not None


def _walk(x: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    inner = parts(x)
    if inner is None:
        yield path, x
        return
    for key, value in zip(inner.keys, inner.values, strict=True):
        yield from _walk(value, (*path, key))


def flatten(structure: Any) -> list[Any]:
    """The leaves, those of a dict in the order of its sorted keys.

    >>> flatten({"b": [1, None], "a": 0})
    [0, 1, None]
    """
    return [leaf for _, leaf in _walk(structure)]


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """The leaves with the keys and indices that lead to them.

    >>> flatten_with_path([{"a": 42}])
    [((0, 'a'), 42)]
    """
    return list(_walk(structure))


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The structure with other leaves; inverts `flatten`.

    Raises ValueError unless there are as many as it has leaves.

    >>> pack_sequence_as({"b": 0, "a": [0]}, [1, 2])
    {'b': 2, 'a': [1]}
    """
    leaves = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(leaves) != wanted:
        raise ValueError(f"The structure {structure!r} has {wanted} leaves; received {len(leaves)}.")
    queue = iter(leaves)
    return map_structure(lambda _: next(queue), structure)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The structure with every part replaced by what `func` returns for it, if that is not None.

    top_down: a part comes before what is in it, and a replaced one is not entered; else after it.
    A `func` that returns MAP_TO_NONE puts None there.

    >>> traverse(lambda x: tuple(x) if isinstance(x, list) else None, [1, [2]], top_down=False)
    (1, (2,))
    """

    def inside(x: Any) -> Any:
        inner = parts(x)
        return x if inner is None else inner.rebuild([traverse(func, v, top_down) for v in inner.values])

    entered = structure if top_down else inside(structure)
    found = func(entered)
    if found is None:
        return inside(structure) if top_down else entered
    return None if found is MAP_TO_NONE or isinstance(found, MAP_TO_NONE) else found


def _mismatch(a: Any, b: Any) -> ValueError:
    return ValueError(f"The structures do not have the same nesting: {a!r} and {b!r}.")


def _aligned(x: Any, others: tuple[Any, ...]) -> tuple[Parts, list[Parts]]:
    """A container and others of the same kind and keys, all with their values in the order of the first."""
    own, rest = parts(x), [parts(o) for o in others]
    assert own is not None
    aligned = []
    for other, inner in zip(others, rest, strict=True):
        same = type(other) is type(x) or (type(x) in DICTS and type(other) in DICTS)
        if inner is None or not same or set(map(repr, inner.keys)) != set(map(repr, own.keys)):
            raise _mismatch(x, other)
        values = [other[k] for k in own.keys] if type(x) in DICTS else inner.values
        aligned.append(Parts(own.keys, values, inner.rebuild))
    return own, aligned


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """`func` of the leaves that stand at the same place of the structures.

    none_is_leaf: False leaves None where it stands.
    Raises TypeError for a `func` that cannot be called, ValueError for structures that differ, or none.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    if not callable(func):
        raise TypeError(f"map_structure maps a function; received {func!r}.")
    if not structures:
        raise ValueError("map_structure needs at least one structure.")
    first, *others = structures
    if not is_nested(first):
        if any(is_nested(o) for o in others):
            raise _mismatch(*structures[:2])
        if not none_is_leaf and first is None:
            return None
        return func(*structures)
    own, rest = _aligned(first, tuple(others))
    columns = zip(own.values, *[r.values for r in rest], strict=True)
    return own.rebuild([map_structure(func, *column, none_is_leaf=none_is_leaf) for column in columns])


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """`func` of what stands in the structures at the places of the leaves of a shallower one.

    Raises ValueError for structures that are shallower still, or none.

    >>> map_structure_up_to([0, 0], len, [[1, 1], [2, 2, 2]])
    [2, 3]
    """
    if not structures:
        raise ValueError("map_structure_up_to needs at least one structure.")
    if not is_nested(shallow_structure):
        return func(*structures)
    own, rest = _aligned(shallow_structure, structures)
    columns = zip(own.values, *[r.values for r in rest], strict=True)
    return own.rebuild([map_structure_up_to(shallow, func, *column) for shallow, *column in columns])


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raises ValueError unless the same containers stand at the same places; dicts of any type are the same.

    >>> assert_same_structure([(0, 1)], [(2, 3)])
    """
    if check_types is not None:
        hint = "" if check_types else " For a looser check use assert_same_paths."
        warnings.warn(f"check_types has no effect; leave it out.{hint}", DeprecationWarning, stacklevel=2)
    map_structure(lambda *_: None, a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raises ValueError unless the same keys and indices lead to the leaves of both.

    >>> assert_same_paths([0, 1], (2, 3))
    """
    one, two = ({path for path, _ in _walk(x)} for x in (a, b))
    if one != two:
        only = [sorted(paths, key=str) for paths in (one - two, two - one)]
        raise ValueError(f"The paths differ: {only[0]} only in the first, {only[1]} only in the second.")


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples for lists.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """`func` of every shape in the structure: a list or tuple of ints and Nones.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(1,), (2, 2)]})
    {'a': 2, 'b': [1, 2]}
    """
    if isinstance(structure, (list, tuple)) and all(isinstance(n, int) or n is None for n in structure):
        return func(structure)
    inner = parts(structure)
    return func(structure) if inner is None else inner.rebuild([map_shape_structure(func, v) for v in inner.values])
