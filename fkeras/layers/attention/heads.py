"""What attention with heads has in common: its projections, and the looking of projected steps at each other."""

from __future__ import annotations

import math
import string
from typing import Any

import jax.numpy as jnp

from ... import config, ops, random
from ...layer import Layer, Shapes, shown
from ...spec import SDS, Spec
from ..activation import broadcasts, masked_softmax
from ..core import EinsumDense
from ..regularization import drop
from ..settings import check_rate
from .masks import all_of, causal_mask, window_mask

PROJECTIONS = ("query", "key", "gate", "value", "attention_output")
SHARED = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
    "kernel_constraint", "bias_constraint",
)  # fmt: skip


class _Output(EinsumDense):
    """From heads back to features: those of the query that it is called with beside them, unless it has a shape."""

    def weight_shapes(self, heads: Any, query: Any) -> Shapes:
        sizes = query.shape[-1:] if self.output_shape == (None,) else self.output_shape
        return EinsumDense(self.equation, sizes, bias_axes=self.bias_axes).weight_shapes(heads)

    def call(self, heads: Any, query: Any, *, params: Any, state: Any) -> Any:
        return super().call(heads, params=params, state=state)


class Heads(Layer):
    """The base of the layers that project a query, keys and values, and let the projected steps look at each other.

    A subclass makes its projections in `__post_init__` (`project_in`, `project_out`) and says in `attended(rank)`
    along which axes the steps lie. With `use_gate` the heads are multiplied by a sigmoid of the query.

    Its `call` follows the projections in the order query, key, value; attention; output.
    """

    follows = {"activity_regularizer": "bias_regularizer"}
    behind = ("training", "use_causal_mask")
    supports_masking = True

    # --- projections -----------------------------------------------------------------------------

    def check_heads(self: Any) -> None:
        """Checks the settings that these layers share."""
        check_rate(self, "dropout")
        self.seed = random.check_seed(self.seed)
        if self.sliding_window is not None and (isinstance(self.sliding_window, bool) or self.sliding_window < 1):
            raise ValueError(
                f"{type(self).__name__}: sliding_window must be None or a whole number above 0; got "
                f"{self.sliding_window!r}."
            )
        self.fused = bool(self.flash_attention or config._defaults["flash_attention"])
        if self.fused and self.dropout:
            raise ValueError(f"{type(self).__name__}: flash attention has no dropout; leave one of the two out.")

    def project_in(self, name: str, heads: int, size: int, activation: Any = None) -> None:
        """Makes the projection `name`: (..., n) -> (..., heads, size)."""
        self._project(EinsumDense, name, "...x,xyz->...yz", (heads, size), "yz", activation)

    def project_out(self, shape: tuple[Any, ...]) -> None:
        """Makes the projection from heads to `shape`, (None,) for the features of the query."""
        out = string.ascii_lowercase[: len(shape)]
        self._project(_Output, "attention_output", f"...yz,yz{out}->...{out}", shape, out, None)

    def _project(self: Any, cls: Any, name: str, equation: str, shape: Any, axes: str, activation: Any) -> None:
        layer = cls(
            equation, shape, activation, axes if self.use_bias else None, name=name, dtype=self.dtype_policy,
            trainable=self.trainable, **{n: getattr(self, n) for n in SHARED},
        )  # fmt: skip
        object.__setattr__(self, name, layer)

    @property
    def children(self) -> dict[str, Any]:
        """The projections that there are."""
        return {n: vars(self)[n] for n in PROJECTIONS if n in vars(self)}

    query_dense = property(lambda self: self.query)
    key_dense = property(lambda self: self.key)
    value_dense = property(lambda self: self.value)
    output_dense = property(lambda self: self.attention_output)

    def child_inputs(self: Any, query: Any, value: Any = None, key: Any = None, *_: Any, **__: Any) -> Any:
        """What each projection is initialised with."""
        key = value if key is None else key
        self.check_shapes(query, value, key)
        heads = (*query.shape[:-1], self.query.output_shape[0], self.value.output_shape[1])
        made = Spec(heads, query.dtype) if isinstance(query, Spec) else SDS(heads, query.dtype)
        inputs = {"query": (query,), "key": (key,), "gate": (query,), "value": (value,)}
        return {n: inputs.get(n, (made, query)) for n in self.children}

    def check_shapes(self, query: Any, value: Any, key: Any) -> None:
        """Refuses inputs whose shapes do not go together."""
        if value is None:
            raise ValueError(
                f"{self!r} is called on a query and a value, layer(query, value); for self-attention layer(x, x)."
            )
        q, v, k = query.shape, value.shape, key.shape
        if not len(q) == len(v) == len(k) or v[1:-1] != k[1:-1]:
            raise ValueError(
                f"{self!r}: value and key need the same sizes but for the last, and query as many axes; got query "
                f"{shown(q)}, value {shown(v)}, key {shown(k)}."
            )

    # --- attention -------------------------------------------------------------------------------

    def attended(self, rank: int) -> tuple[int, ...]:
        """The axes of inputs of this rank along which the steps lie."""
        return (1,)

    def call(
        self: Any, query: Any, value: Any, key: Any = None, query_mask: Any = None, value_mask: Any = None,
        key_mask: Any = None, attention_mask: Any = None, return_attention_scores: bool = False, *,
        use_causal_mask: bool = False, params: Any, state: Any, rng: Any, training: bool,
    ) -> Any:  # fmt: skip
        key = value if key is None else key
        self.check_shapes(query, value, key)
        state = dict(state)

        def through(name: str, *inputs: Any) -> Any:
            y, new = self.children[name].apply(params[name], state.get(name, {}), *inputs, training=training)
            state.update({name: new} if new else {})
            return y

        mask = self.allowed(query, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        q, k, v = through("query", query), through("key", key), through("value", value)
        y, scores = self.attend(q, k, v, *mask, rng if training else None, training, return_attention_scores)
        if self.use_gate:
            y = y * through("gate", query)
        y = through("attention_output", y, query)
        return ((y, scores) if return_attention_scores else y), state

    def allowed(
        self: Any, query: Any, key: Any, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any,
        causal: bool,
    ) -> tuple[Any, bool]:  # fmt: skip
        """(mask, causal): which query may look at which key; causal alone needs no array."""
        rows = None if query_mask is None else jnp.asarray(query_mask)[..., None]
        columns = [None if m is None else jnp.asarray(m)[..., None, :] for m in (value_mask, key_mask)]
        given = (rows, *columns, None if attention_mask is None else jnp.asarray(attention_mask))
        self.check_masks(query.shape, key.shape, given)
        only, window = all_of(*given), self.sliding_window
        axes = self.attended(len(query.shape))
        if (causal or window is not None) and len(axes) != 1:
            raise ValueError(
                f"{self!r}: use_causal_mask and sliding_window need steps along one axis; here they lie along {axes}."
            )
        if only is None and window is None:
            return None, causal
        sizes = query.shape[axes[0]], key.shape[axes[0]]
        band = [causal_mask(*sizes)] if causal else []
        band += [] if window is None else [window_mask(*sizes, window)]
        return all_of(only, *band), False

    def check_masks(self: Any, q: Any, k: Any, masks: Any) -> None:
        """Refuses masks that do not go with inputs (batch, steps, features) of these shapes."""
        scores = q[0], self.query.output_shape[0], q[1], k[1]
        for name, mask in zip(("query_mask", "value_mask", "key_mask", "attention_mask"), masks, strict=True):
            fits = scores if mask is None or len(mask.shape) > 3 else (scores[0], *scores[2:])
            if mask is not None and len(q) == 3 and not broadcasts(mask.shape, fits):
                b, t, s = mask.shape[:1], mask.shape[-2:-1], mask.shape[-1:]
                shape = {"query_mask": b + t, "attention_mask": mask.shape}.get(name, b + s)
                raise ValueError(
                    f"{self!r}: {name} has shape {shown(shape)}; the inputs have {shown(q[:2])} steps of the query and "
                    f"{shown(k[:2])} of the value, and an attention_mask is (batch, steps of query, steps of value)."
                )

    def attend(
        self: Any, q: Any, k: Any, v: Any, mask: Any, causal: bool, rng: Any, training: bool, scores: bool
    ) -> tuple[Any, Any]:
        """(heads, scores): projected queries looking at projected keys and values."""
        axes, scale = self.attended(len(q.shape) - 1), 1 / math.sqrt(q.shape[-1])
        if self.fused and scores:
            raise ValueError(f"{self!r}: flash attention does not give its scores; leave one of the two out.")
        if not (self.dropout or scores or len(q.shape) != 4 or q.shape[-1] != v.shape[-1]):
            mask = None if mask is None else _to_rank(mask, 4, 1)
            fused = self.fused
            y = ops.dot_product_attention(q, k, v, mask=mask, scale=scale, is_causal=causal, flash_attention=fused)
            return y, None
        k, v = (_repeated(x, q.shape[-2]) for x in (k, v))
        if causal:
            mask = all_of(mask, causal_mask(q.shape[axes[0]], k.shape[axes[0]]))
        product, combination = equations(len(q.shape), axes)
        logits = jnp.einsum(product, q * jnp.asarray(scale, q.dtype), k)
        mask = None if mask is None else _to_rank(mask, len(logits.shape), len(axes))
        weights = masked_softmax(logits, mask, tuple(range(-len(axes), 0)))
        kept = drop(self, weights, self.dropout, rng) if training else weights
        return jnp.einsum(combination, kept, v), weights


def equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """(product, combination) for projected inputs (batch, ..., heads, size) whose steps lie along `axes`.

    product: queries and keys to scores (batch, other axes, heads, steps of queries, steps of keys).
    combination: scores and values to heads.

    >>> equations(4, (1,))
    ('abcd,aecd->acbe', 'acbe,aecd->abcd')
    """
    q = string.ascii_lowercase[:rank]
    fresh = iter(string.ascii_lowercase[rank:])
    k = "".join(next(fresh) if i in axes else name for i, name in enumerate(q))
    scores = "".join(name for i, name in enumerate(q[:-1]) if i not in axes)
    scores += "".join(q[i] for i in axes) + "".join(k[i] for i in axes)
    return f"{q},{k}->{scores}", f"{scores},{k}->{q}"


def _to_rank(mask: Any, rank: int, axes: int) -> Any:
    """A mask with axes of size 1 for those that it lacks, in front of its steps."""
    for _ in range(rank - mask.ndim):
        mask = jnp.expand_dims(mask, -2 * axes - 1)
    return mask


def _repeated(x: Any, heads: int) -> Any:
    """Keys or values, each head as often as queries share it."""
    return x if x.shape[-2] == heads else jnp.repeat(x, heads // x.shape[-2], -2)
