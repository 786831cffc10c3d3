"""Attention and AdditiveAttention: one score for each pair of a query and a key."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from ... import random
from ...layer import Layer, Shapes, shown
from ..activation import broadcasts
from ..regularization import drop
from ..settings import check_choice, check_rate
from .masks import causal_mask


class Attention(Layer):
    """y = softmax(q kᵀ) v, for inputs [q, v] (then k = v) or [q, v, k].

    Shapes: [(b, t, n), (b, s, m), (b, s, n)] -> (b, t, m), and scores (b, t, s);  scale (), concat_score_weight ().

    use_scale: a trained factor of the scores.
    score_mode: "dot" for q·k, or "concat" for w sum(tanh(scale (q + k))).
    dropout: probability, while training, that a weight of the softmax is dropped.
    seed: an integer makes the draws of every run the same, and those of Keras.

    A call takes `return_attention_scores=True` for (y, softmax), `use_causal_mask=True` to hide from step i all
    steps j > i, and `mask=[query_mask, value_mask]`, by default the masks that come with the inputs: a masked query
    gives zeros, a masked value is not looked at. A mask of the keys has no effect.

    Raises ValueError unless inputs and masks are lists of 2 or 3.
    Source: Luong et al. 2015, https://arxiv.org/abs/1508.04025

    >>> q, v = jnp.zeros((1, 1, 2)), jnp.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> Attention()([q, v]).tolist()
    [[[2.0, 3.0]]]
    """

    use_scale: bool = False
    score_mode: str = "dot"
    dropout: float = 0.0
    seed: int | None = None

    supports_masking = True
    behind = ("mask", "training", "return_attention_scores", "use_causal_mask")
    scale_initializer = "ones"
    concat_score_weight_initializer = "ones"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "score_mode", ("dot", "concat"))
        check_rate(self, "dropout")
        self.seed = random.check_seed(self.seed)

    def param_shapes(self, inputs: Any) -> Shapes:
        self.check_lists(inputs)
        scale = {"scale": ()} if self.use_scale else {}
        return {**scale, "concat_score_weight": ()} if self.score_mode == "concat" else scale

    def check_lists(self, inputs: Any, mask: Any = None) -> None:
        """Refuses inputs that are no list of 2 or 3, sizes that do not go together, and masks that are no list."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            got = f"{len(inputs)} of them" if isinstance(inputs, (list, tuple)) else type(inputs).__name__
            raise ValueError(f"{self!r} is called on a list, [query, value] or [query, value, key]; got {got}.")
        if mask is not None and (not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{self!r} takes its mask as a list, [query_mask, value_mask], with None where there is none; got "
                f"{type(mask).__name__}."
            )
        q, k, v = (x.shape for x in (inputs[0], inputs[-1], inputs[1]))
        if q[-1] != k[-1] or k[-2] != v[-2]:
            raise ValueError(
                f"{self!r}: query and key need the same size of features, key and value the same number of steps; "
                f"got query {shown(q)}, key {shown(k)}, value {shown(v)}."
            )
        for name, m, x in zip(("query_mask", "value_mask"), mask or (), (q, v), strict=False):
            if m is not None and not broadcasts(m.shape, x[:-1]):
                raise ValueError(f"{self!r}: {name} must have shape {shown(x[:-1])}; got {shown(m.shape)}.")

    def call(
        self, inputs: Any, *, params: Any, rng: Any, training: bool, mask: Any,
        return_attention_scores: bool = False, use_causal_mask: bool = False,
    ) -> Any:  # fmt: skip
        self.check_lists(inputs, mask)
        query, value, key = inputs[0], inputs[1], inputs[-1]
        seen, known = mask[:2] if mask else (None, None)
        scores = self.scores(query, key, params)
        allowed = None if known is None else jnp.asarray(known, bool)[..., None, :]
        if use_causal_mask:
            causal = causal_mask(*scores.shape[-2:])
            allowed = causal if allowed is None else allowed & causal
        if allowed is not None:
            scores = jnp.where(allowed, scores, scores - (65504.0 if scores.dtype == jnp.float16 else 1e9))
        weights = jax.nn.softmax(scores, -1)
        if training:
            weights = drop(self, weights, self.dropout, rng)
        y = weights @ value
        if seen is not None:
            y = jnp.where(jnp.asarray(seen, bool)[..., None], y, 0)
        return (y, weights) if return_attention_scores else y

    def scores(self, query: Any, key: Any, params: Any) -> Any:
        """How much each query asks for each key: (b, t, s)."""
        scale = params.get("scale", 1)
        if self.score_mode == "dot":
            return query @ jnp.swapaxes(key, -2, -1) * scale
        summed = jnp.tanh(scale * (query[..., :, None, :] + key[..., None, :, :]))
        return params["concat_score_weight"] * jnp.sum(summed, -1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the queries."""
        return previous_mask[0] if previous_mask else None


class AdditiveAttention(Attention):
    """y = softmax(sum(scale * tanh(q + k))) v, for inputs [q, v] (then k = v) or [q, v, k].

    Shapes: [(b, t, n), (b, s, m), (b, s, n)] -> (b, t, m), and scores (b, t, s);  scale (n,).

    use_scale: trained factors, one for each feature.
    dropout, seed, and the arguments of a call: as in `Attention`.

    Raises ValueError unless inputs and masks are lists of 2 or 3.
    Source: Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473

    >>> q, v = jnp.zeros((1, 1, 2)), jnp.array([[[1.0, 2.0], [1.0, 2.0]]])
    >>> AdditiveAttention()([q, v]).tolist()
    [[[1.0, 2.0]]]
    """

    use_scale: bool = True
    score_mode: str = dataclasses.field(default="dot", init=False, repr=False)  # type: ignore[misc]
    dropout: float = 0.0
    seed: int | None = dataclasses.field(default=None, kw_only=True)

    scale_initializer = "glorot_uniform"

    def param_shapes(self, inputs: Any) -> Shapes:
        self.check_lists(inputs)
        return {"scale": inputs[0].shape[-1:]} if self.use_scale else {}

    def scores(self, query: Any, key: Any, params: Any) -> Any:
        """How much each query asks for each key: (b, t, s)."""
        return jnp.sum(params.get("scale", 1) * jnp.tanh(query[..., :, None, :] + key[..., None, :, :]), -1)
