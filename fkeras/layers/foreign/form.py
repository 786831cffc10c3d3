"""Any pytree of values as a flat dict of arrays, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Leaf(NamedTuple):
    """Where a leaf of the pytree is: an array under a name, or a thing that is no array and stays as it is.

    impl: of a typed random key, which is kept as its words.
    """

    name: str | None
    static: Any = None
    impl: Any = None


class Form:
    """What makes a pytree again of a flat dict; it is derived from settings and never saved.

    >>> form = Form()
    >>> flat = form.take_apart({"b": [jnp.ones(2), "relu"], "w/x": 1.0})
    >>> list(flat), form.put_together(flat)["b"][1]
    (['b.0', 'w.x'], 'relu')
    """

    def __init__(self) -> None:
        self.treedef: Any = None
        self.leaves: list[Leaf] = []

    def take_apart(self, tree: Any, taken: Any = ()) -> dict[str, Any]:
        """{name: array} of a first pytree; names the other dict does not have."""
        found, self.treedef = jax.tree_util.tree_flatten_with_path(tree)
        self.leaves, named = [], {}
        for path, leaf in found:
            if not isinstance(leaf, (bool, int, float)) and not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
                self.leaves.append(Leaf(None, leaf))
                continue
            stem = (
                ".".join(_word(part) for part in path).replace("/", ".").replace(".~.", ".").removesuffix(".value")
                or "value"
            )
            name = next(n for i in range(len(named) + 2) if (n := f"{stem}_{i}" if i else stem) not in {*named, *taken})
            self.leaves.append(Leaf(name, None, jax.random.key_impl(leaf) if _is_key(leaf) else None))
            named[name] = _plain(leaf)
        return named

    def flat(self, tree: Any) -> dict[str, Any] | None:
        """{name: array} of a later pytree; None if it has another form."""
        leaves, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            return None
        pairs = zip(self.leaves, leaves, strict=True)
        return {form.name: _plain(leaf) for form, leaf in pairs if form.name is not None}

    def put_together(self, named: dict[str, Any]) -> Any:
        """The pytree with these arrays."""

        def leaf(form: Leaf) -> Any:
            if form.name is None:
                return form.static
            value = named[form.name]
            return value if form.impl is None else jax.random.wrap_key_data(value, impl=form.impl)

        return self.treedef.unflatten([leaf(form) for form in self.leaves])


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    """A leaf as an array of numbers."""
    return jax.random.key_data(leaf) if _is_key(leaf) else np.asarray(leaf) if np.isscalar(leaf) else leaf


def _word(part: Any) -> str:
    """One step of a path into a pytree."""
    return str(next((getattr(part, n) for n in ("key", "idx", "name") if hasattr(part, n)), part))
