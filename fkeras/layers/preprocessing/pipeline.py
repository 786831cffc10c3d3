"""`Pipeline`: preprocessing layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import graph, random, registry
from ...layer import Layer
from ...masking import Masked
from ...reading import is_text
from ...spec import Spec
from .host import HostLayer


class Pipeline(HostLayer):
    """Layers one after the other, for the preparation of data.

    Shapes: those of the first layer -> those of the last.

    Called on data it runs as in training, unless it is told training=False: what draws at random, draws.
    Layers that read text come first; in a model the whole of such a pipeline runs on the host.

    >>> from fkeras.layers import Rescaling, TextVectorization
    >>> Pipeline([Rescaling(2.0), Rescaling(1.0, offset=-1.0)])(np.array([1.0, 2.0])).tolist()
    [1.0, 3.0]
    >>> Pipeline([TextVectorization(vocabulary=["a", "b"], output_mode="count"), Rescaling(0.5)])(["a b b"]).tolist()
    [[0.0, 0.5, 1.0]]
    """

    layers: Any
    supports_masking = True

    follows = {"name": "layers"}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._face.filled = False
        self.layers = list(self.layers)
        strangers = [x for x in self.layers if not isinstance(x, Layer)]
        if strangers or not self.layers:
            raise ValueError(f"Pipeline takes a list of layers; got {strangers or self.layers}.")

    def seats(self) -> Iterator[tuple[str, Any]]:
        """(name among the children, layer) of each layer; one that stands here twice has one name."""
        names = {id(layer): name for name, layer in self.children.items()}
        return ((names[id(layer)], layer) for layer in self.layers)

    def on_host(self, *inputs: Any) -> bool:
        """Whether the input is text."""
        return is_text(inputs[0])

    def init(self, rng: Any, *inputs: Any, **kwargs: Any) -> Any:
        """(rng, *specs or data) -> (params, state)."""
        params: dict[str, Any] = {}
        state: dict[str, Any] = {}
        (x,) = inputs
        for name, layer in self.seats():
            p, s = layer.init(random.fold(rng, name), x)
            params, state = {**params, **({name: p} if p else {})}, {**state, **({name: s} if s else {})}
            x = layer.output_spec(x)
        return params, state

    def call(self, x: Any, *, params: Any, state: Any, rng: Any, training: bool, mask: Any) -> Any:
        state = dict(state)
        x = x if mask is None else Masked(x, mask)
        for name, layer in self.seats():
            key = None if rng is None else random.fold(rng, name)
            x, new = layer.apply(params.get(name, {}), state.get(name, {}), x, rng=key, training=training)
            if new:
                state[name] = new
        return x, state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the layers have put a mask on what they put out, if there is one."""

    def made(self, x: Any) -> Spec:
        """The spec of what the last layer makes."""
        for layer in self.layers:
            x = layer.output_spec(x)
        return x

    def read(self, *inputs: Any, **kwargs: Any) -> Any:
        """The outputs for text, as arrays of NumPy."""
        (x,) = self.columns(inputs)
        for layer in self.layers:
            x = layer.read(x) if isinstance(layer, HostLayer) and layer.on_host(x) else np.asarray(layer(x, **kwargs))
        return x

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """On symbols: records a node. On data: computes, as in training."""
        if not graph.symbols((args, kwargs)) and self._face.scope is None and not self.on_host(*args):
            kwargs = {"training": True, **kwargs}
        return super().__call__(*args, **kwargs)

    @property
    def takes_text(self) -> bool:  # type: ignore[override]
        """Whether its first layer reads text."""
        return any(layer.takes_text for layer in self.layers[:1])

    def fingerprint_parts(self) -> Any:
        """What tells this pipeline from others in a compiled program."""
        return [name for name, _ in self.seats()], self.layers

    def get_config(self) -> dict[str, Any]:
        """The layers as JSON-able values."""
        return {"layers": registry.serialize(self.layers), "name": self.name}
