"""`AddLoss`: a symbol of the graph that joins the loss."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ..layer import Layer


class AddLoss(Layer):
    """The first input as it is; the mean of the second joins the loss. `model.add_loss(symbol)` makes it.

    Shapes: any, any -> that of the first.

    >>> import jax
    >>> layer = AddLoss()
    >>> params, state = layer.init(jax.random.key(0), jnp.ones(2), jnp.ones(3))
    >>> layer.apply(params, state, jnp.ones(2), jnp.array([1.0, 2.0, 6.0]))[1]["aux_loss"].tolist()
    3.0
    """

    supports_masking = True

    def state_shapes(self, x: Any, loss: Any) -> dict[str, Any]:
        return {"aux_loss": ()}

    def call(self, x: Any, loss: Any, *, state: Any) -> Any:
        return x, {**state, "aux_loss": state["aux_loss"] + jnp.mean(loss).astype(jnp.float32)}
