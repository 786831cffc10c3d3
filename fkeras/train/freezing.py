"""What training moves: the layers that are trainable now; if none is left, those that were in `compile`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import jax

from .. import compiled, facade, storey

Flags = list[tuple[Any, bool]]


def flags(model: Any) -> Flags:
    """Each layer of a model, with whether it is trainable."""
    return [(part, part.trainable) for part in storey.subtree(model)]


def put(found: Flags) -> None:
    """Sets the flags of layers, of each by itself."""
    for part, flag in found:
        object.__setattr__(part, "trainable", flag)
    compiled.changes[0] += 1


@contextlib.contextmanager
def as_compiled(model: Any) -> Iterator[None]:
    """While training: a model that was frozen as a whole after `compile` is trained as it was compiled, with a warning.

    So the discriminator of a GAN learns that is compiled, then frozen for the sake of the generator.
    A model of which some part is trainable is left as it is, and its flags of now count.
    """
    if moves(model) or not model.weights:
        yield
        return
    now, then = flags(model), model._compiled.flags
    put(then)
    try:
        if not moves(model):
            warnings.warn(f"Nothing in {model.name!r} is trainable: training changes no weights.", stacklevel=5)
        else:
            warnings.warn(
                f"{model.name!r} was frozen as a whole after compile(), which would leave nothing to train; what was "
                "trainable when it was compiled is trained, as in Keras 2. To leave it frozen, call compile() again.",
                stacklevel=5,
            )
        yield
    finally:
        told = {id(part): flag for part, flag in then}  # what a callback has set since stays
        put([(part, flag) for part, flag in now if part.trainable == told.get(id(part), part.trainable)])


def moves(model: Any) -> bool:
    """Whether a gradient is taken of any weight."""
    params, _ = facade.gather(model)
    return any(jax.tree.leaves(model.trainable_mask(params)))


__all__ = ["as_compiled", "flags"]
