"""Where arguments stand: in a constructor, and in a call, as Keras has them."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any

OFFERED = ("params", "state", "rng", "training", "mask")  # what `call` may ask for beside its inputs
Parameter = inspect.Parameter


def in_order(init: Callable[..., None], follows: dict[str, str]) -> Callable[..., None]:
    """A constructor in which some arguments have a place after another one.

    follows: {argument: the one that it stands behind}; what the constructor does not know is left out, but for
        `weights`, the old argument for first values.

    >>> def init(self, a, b=2, *, name=None):
    ...     pass
    >>> inspect.signature(in_order(init, {"name": "a"}))
    <Signature (self, a, name=None, b=2)>
    """
    known = dict(inspect.signature(init).parameters)
    known.setdefault("weights", Parameter("weights", Parameter.KEYWORD_ONLY, default=None))
    placed = [p for p in known.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    for name, before in follows.items():
        if name in known and before in (p.name for p in placed):
            placed = [p for p in placed if p.name != name]
            behind = [p.name for p in placed].index(before) + 1
            placed.insert(behind, known[name].replace(kind=Parameter.POSITIONAL_OR_KEYWORD))
    taken = {"weights", *(p.name for p in placed)}
    signature = inspect.Signature([*placed, *(p for n, p in known.items() if n not in taken)])

    @functools.wraps(init)
    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs).arguments
        given.pop(placed[0].name)
        weights = given.pop("weights", None)
        init(self, **given)
        if weights is not None:
            self._face.given = weights

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def places_of(call: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names of the arguments of `call` that have a place, those at its beginning that every call has).

    >>> def call(self, query, value, key=None, *, training):
    ...     pass
    >>> places_of(call)
    (('query', 'value', 'key'), ('query', 'value'))
    """
    parameters = list(inspect.signature(call).parameters.values())[1:]
    placed = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return tuple(p.name for p in placed), ()
    needed = [p.name for p in placed[:1]]
    for p in placed[1:]:
        if p.default is not p.empty or p.name in OFFERED:
            break
        needed.append(p.name)
    return tuple(p.name for p in placed), tuple(needed)


def keywords_of(call: Callable[..., Any]) -> frozenset[str] | None:
    """The names that a call knows; None if it takes any."""
    parameters = list(inspect.signature(call).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset((*(p.name for p in parameters), *OFFERED, "inputs"))


def check_names(layer: Any, kwargs: dict[str, Any]) -> None:
    """Refuses arguments of a call that the layer does not know."""
    known = layer._keywords
    if known is None or layer.is_bound or kwargs.keys() <= known:
        return
    wrong = next(n for n in kwargs if n not in known)
    near = difflib.get_close_matches(wrong, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    names = sorted(known - {*OFFERED, "inputs"} | {"training", "mask"})
    raise TypeError(f"{layer!r} has no argument {wrong!r} in its call.{hint} It takes {', '.join(names)}.")


def put_in_place(layer: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a call, with those that every call has in their places, if they were given by name."""
    if not kwargs or len(inputs) >= len(layer._needed):
        return inputs, kwargs
    kwargs = dict(kwargs)
    for i, name in enumerate(layer._needed):
        if i < len(inputs):
            continue
        if i == 0 and name not in kwargs and not layer.is_bound:
            name = "inputs"  # what Keras calls it
        if name not in kwargs:
            break
        inputs = (*inputs, kwargs.pop(name))
    return inputs, kwargs


def give_names(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a call, with `training` and `mask` by name, if they were given by their places in Keras."""
    places = layer._places
    if len(args) <= len(places) or not places or layer.is_bound or not layer._needed:
        return args, kwargs
    names = [n for n in layer.behind if n not in OFFERED or n in layer._wants] or ["training"]
    if len(args) > len(places) + len(names):
        raise TypeError(
            f"{layer!r} takes {len(places)} arguments, {', '.join(places)}, and then {', '.join(names)}; got "
            f"{len(args)} of them."
        )
    named = dict(zip(names, args[len(places) :], strict=False))
    if twice := sorted({*named} & {*kwargs}):
        raise TypeError(f"{layer!r} got {twice[0]!r} twice: by its place and by its name.")
    return args[: len(places)], {**kwargs, **named}
