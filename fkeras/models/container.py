"""Layers made of layers: one `walk` over the children; init and apply are visitors of it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from typing import Any

import jax

from .. import random, sharing, spec, storey
from ..layer import Layer
from ..masking import Masked, is_masked, values_of

Visit = Callable[[str, Layer, tuple[Any, ...], dict[str, Any]], Any]


def name_children(layers: Iterable[Layer], owner: str) -> dict[str, Layer]:
    """{name: layer}, each layer once; names that were not given are numbered within this container.

    The numbers follow the order in which the layers were made, as in Keras, not that in which they run.
    """
    unique = list({id(layer): layer for layer in layers}.values())
    named: dict[str, Layer] = {}
    for layer in unique:
        if not layer._face.auto_named:
            if str(layer.name) in named:
                raise ValueError(f"{owner} holds two layers named {layer.name!r}; give each a name of its own.")
            named[str(layer.name)] = layer
    keys = {id(layer): name for name, layer in named.items()}
    counts: collections.Counter[str] = collections.Counter()
    made = iter(sorted((x for x in unique if not x._face.adopted), key=lambda x: x._face.born))
    for layer in [x if x._face.adopted else next(made) for x in unique]:
        if id(layer) in keys:
            continue
        stem = str(layer.name)
        name = stem
        while name in named:
            counts[stem] += 1
            name = f"{stem}_{counts[stem]}"
        named[name] = layer
        keys[id(layer)] = name
        if not layer._face.adopted:
            object.__setattr__(layer, "name", name)
            layer._face.adopted = True
    return {keys[id(layer)]: layer for layer in unique}


class Container(Layer):
    """A layer made of layers; params and state are dicts with the children's names.

    A subclass has `_children` and `walk(visit, inputs)`, which calls `visit` for each
    call of a child and passes its outputs on.
    """

    supports_masking = True

    @property
    def walks(self) -> bool:
        """Whether the children are walked; if not, this is a layer with a `call` of its own."""
        return True

    @property
    def children(self) -> dict[str, Layer]:
        """The layers by name, each once."""
        return vars(self).get("_children", {}) if self.walks else super().children

    def walk(self, visit: Visit, inputs: Any) -> Any:
        """Calls `visit(name, child, args, kwargs)` for each call of a child, in order."""
        raise NotImplementedError

    def enter(self, inputs: tuple[Any, ...]) -> Any:
        """Inputs as `walk` expects them: matched, checked and cast."""
        return inputs

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> storey.Values:
        """(rng, *specs or arrays) -> (params, state). Reads shapes only."""
        if not self.walks:
            return super().init(rng, *inputs, **kwargs)
        params: dict[str, Any] = {}
        state: dict[str, Any] = {}
        seen: set[str] = set()

        def visit(name: str, child: Layer, args: Any, kwargs: Any) -> Any:
            if name not in seen:
                seen.add(name)
                p, s = child.init(random.fold(rng, name), *args, **kwargs)
                params.update({name: p} if p else {})
                state.update({name: s} if s else {})

            def run(params: Any, state: Any, rng: Any, args: Any, kwargs: Any) -> Any:
                return child.apply(params, state, *args, rng=rng, **kwargs)[0]

            return spec.infer(run, params.get(name, {}), state.get(name, {}), rng, args, kwargs)

        self.walk(visit, self.enter(inputs))
        return sharing.without_copies(self, params), sharing.without_copies(self, state)

    def apply(
        self,
        params: Any,
        state: Any,
        *inputs: Any,
        rng: Any = None,
        training: bool = False,
        mask: Any = None,
        **kwargs: Any,
    ) -> Any:
        """(params, state, *inputs) -> (outputs, state). Pure."""
        if not self.walks:
            return super().apply(params, state, *inputs, rng=rng, training=training, mask=mask, **kwargs)
        if kwargs:
            raise TypeError(f"{self!r} takes inputs, rng, training and mask; got {', '.join(kwargs)}.")
        params, state = sharing.with_copies(self, params), sharing.with_copies(self, state)
        new = dict(state)
        calls: collections.Counter[str] = collections.Counter()

        def visit(name: str, child: Layer, args: Any, kwargs: Any) -> Any:
            key = None if rng is None else random.fold(rng, name)
            if calls[name] and key is not None:
                key = jax.random.fold_in(key, calls[name])
            calls[name] += 1
            mode = {"training": training, **kwargs}
            y, s = child.apply(params.get(name, {}), new.get(name, {}), *args, rng=key, **mode)
            if s:
                new[name] = s
            return y

        inputs = inputs if mask is None else with_masks(inputs, mask)
        y = self.walk(visit, self.enter(inputs))
        return y, sharing.gathered(self, state, new)

    def _at_edge(self, y: Any) -> Any:
        """Outputs without their masks."""
        return values_of(y)


def with_masks(inputs: tuple[Any, ...], mask: Any) -> tuple[Any, ...]:
    """Inputs that carry an explicit mask (one, or a nest like the first input)."""
    first = inputs[0]
    if isinstance(first, (list, tuple)):
        masks = mask if isinstance(mask, (list, tuple)) else [mask] * len(first)
        first = type(first)(x if m is None else Masked(x, m) for x, m in zip(values_of(first), masks, strict=True))
    elif isinstance(first, dict):
        first = {k: x if mask.get(k) is None else Masked(x, mask[k]) for k, x in values_of(first).items()}
    else:
        first = Masked(first.value if is_masked(first) else first, mask)
    return (first, *inputs[1:])
