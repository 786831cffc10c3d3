"""MultiHeadAttention."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..settings import Constraint, Initializer, Regularizer, check_positive
from .heads import Heads


class MultiHeadAttention(Heads):
    """y = concat(softmax(q_h k_hᵀ / sqrt(d)) v_h) W, with heads h that are projections of query, key and value.

    Shapes: query (b, t, n), value (b, s, m), key (b, s, l) -> (b, t, n), and scores (b, heads, t, s);
        query (n, heads, d), key (l, heads, d), value (m, heads, e), attention_output (heads, e, n), and their biases.

    num_heads, key_dim, value_dim: the heads, d, and e (d for None).
    output_shape: sizes of y in the place of n.
    attention_axes: the axes of the steps, for inputs with more of them; None for all but batch and features.
    sliding_window: w lets step i see the steps j with |i - j| < w.
    flash_attention: True for the fused kernel of cuDNN, or an error where there is none.
    use_gate: multiplies the heads by a sigmoid of a projection of the query (https://arxiv.org/abs/2505.06708).
    seed: an integer makes the draws of dropout the same in every run, and those of Keras.

    A call takes `attention_mask` (b, t, s) or what broadcasts to it, `use_causal_mask=True` to hide from step i all
    steps j > i, `return_attention_scores=True` for (y, scores), and `query_mask`, `value_mask`, `key_mask`, by
    default the masks that come with the inputs.

    Raises ValueError for inputs that do not go together.
    Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

    >>> import jax.numpy as jnp
    >>> x = jnp.ones((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True).shape
    (2, 5, 8)
    """

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    dropout: float = 0.0
    use_bias: bool = True
    output_shape: Any = None
    attention_axes: Any = None
    sliding_window: int | None = None
    flash_attention: bool | None = dataclasses.field(default=None, metadata={"config": False})
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    use_gate: bool = False
    seed: int | None = None

    rank: ClassVar[Any] = (2, None)
    stored_as: ClassVar[dict[str, str]] = {
        "query": "query_dense", "key": "key_dense", "value": "value_dense", "gate": "_gate_dense",
        "attention_output": "output_dense",
    }  # fmt: skip
    config_always = ("activity_regularizer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_dim = self.value_dim or self.key_dim
        check_positive(self, "num_heads", "key_dim", "value_dim")
        self.check_heads()
        shape, axes = self.output_shape, self.attention_axes
        self.output_shape = _as_tuple(self, "output_shape") if shape else shape
        self.attention_axes = _as_tuple(self, "attention_axes") if axes is not None else None
        self.project_in("query", self.num_heads, self.key_dim)
        self.project_in("key", self.num_heads, self.key_dim)
        if self.use_gate:
            self.project_in("gate", self.num_heads, self.value_dim, "sigmoid")
        self.project_in("value", self.num_heads, self.value_dim)
        self.project_out(self.output_shape or (None,))

    def attended(self, rank: int) -> tuple[int, ...]:
        """The axes of inputs of this rank along which the steps lie."""
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        axes = tuple(a if a >= 0 else rank + a for a in self.attention_axes)
        if not all(0 < a < rank - 1 for a in axes):
            raise ValueError(
                f"{self!r}: attention_axes must lie between the batch (0) and the features ({rank - 1}) of inputs with "
                f"{rank} axes."
            )
        return axes

    def _activity(self, y: Any) -> Any:
        return 0.0  # the projections are penalised, each by itself


def _as_tuple(layer: Any, name: str) -> tuple[int, ...]:
    """A setting that is one whole number or several, as a tuple."""
    value = getattr(layer, name)
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(hasattr(v, "__index__") for v in values):
        raise ValueError(f"{type(layer).__name__}: {name} must be a whole number or a list of them; got {value!r}.")
    return values
