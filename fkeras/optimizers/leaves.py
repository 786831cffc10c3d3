"""Parameters as a row of leaves: their paths, and the order in which Keras lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax


class Leaf(NamedTuple):
    """What an optimizer may know of one parameter beside its value; a `Variable` says the same of itself."""

    path: str
    shape: tuple[int, ...]
    dtype: Any
    overwrite_with_gradient = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Row(NamedTuple):
    """The leaves of a tree of parameters: values, how to put them back, what is known of each."""

    values: list[Any]
    treedef: Any
    leaves: list[Any]

    def pick(self, tree: Any) -> list[Any]:
        """The parts of another tree of this form, one for each leaf; None where it has a hole."""
        return self.treedef.flatten_up_to(tree)

    def tree(self, values: list[Any]) -> Any:
        """The tree with these leaves; None makes a hole."""
        return self.treedef.unflatten(values)


def row(params: Any, leaves: list[Any] | None = None) -> Row:
    """Takes a tree apart.

    leaves: what is known of each leaf, where the tree does not say it (a list of values of variables).

    >>> import jax.numpy as jnp
    >>> [leaf.path for leaf in row({"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}).leaves]
    ['dense/bias', 'dense/kernel']
    """
    if leaves is not None:
        values, treedef = jax.tree.flatten(params)
        return Row(values, treedef, leaves)
    found, treedef = jax.tree_util.tree_flatten_with_path(params)
    known = [Leaf(jax.tree_util.keystr(p, simple=True, separator="/"), tuple(v.shape), v.dtype) for p, v in found]
    return Row([v for _, v in found], treedef, known)


def insertion_order(params: Any) -> list[int]:
    """The leaves' positions in the order in which dicts were filled; JAX itself sorts their keys.

    >>> insertion_order({"kernel": 0.0, "bias": {"b": 0.0, "a": 0.0}})
    [2, 1, 0]
    """
    treedef = jax.tree.structure(params)
    return list(walk(params, treedef.unflatten(range(treedef.num_leaves))))


def walk(tree: Any, numbers: Any) -> Any:
    """The leaves of `numbers` in the order of `tree`."""
    if isinstance(tree, Mapping):
        for key in tree:
            yield from walk(tree[key], numbers[key])
    elif type(tree) in (list, tuple):
        for part, inner in zip(tree, numbers, strict=True):
            yield from walk(part, inner)
    else:
        yield from jax.tree.leaves(numbers)
