"""Runs the layers of a model that live on the host, where text is."""

from __future__ import annotations

from typing import Any

from ..layer import shown
from ..reading import as_data
from ..spec import Spec, leaves
from .container import Container


def on_host(layer: Any, args: Any, kwargs: Any) -> Any:
    """What comes of text on the host: the outputs of a layer; of a model the inputs that its compiled part takes.

    Raises ValueError for a layer that computes with numbers.
    """
    if isinstance(layer, Container):
        return layer._read_text(args)
    if not layer.takes_text:
        raise ValueError(
            f"{layer!r} computes with numbers, and would get text. Put a layer that reads text in front of it: "
            "TextVectorization, StringLookup, Hashing."
        )
    abstract = any(isinstance(x, Spec) for x in leaves(args))
    return layer.output_spec(*args, **kwargs) if abstract else layer.read(*args, **kwargs)


def fit_rank(x: Any, want: Spec, owner: str, name: str) -> Any:
    """A raw input with the rank of its spec: an axis of size 1 at the end may be missing or be too many."""
    x = as_data(x)
    if not isinstance(x, Spec):
        if len(x.shape) == want.ndim + 1 and x.shape[-1] == 1:
            x = x.reshape(x.shape[:-1])
        elif len(x.shape) == want.ndim - 1 and want.shape[-1] == 1:
            x = x.reshape((*x.shape, 1))
    fits = len(x.shape) == want.ndim and all(
        w is None or not isinstance(d, int) or d == w for d, w in zip(x.shape[1:], want.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(f"{owner}: {name!r} expects shape {shown(want.shape)}; got {shown(x.shape)}.")
    return x
