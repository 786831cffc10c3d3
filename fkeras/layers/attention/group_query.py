"""GroupQueryAttention."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..settings import Constraint, Initializer, Regularizer, check_positive
from .heads import Heads


class GroupQueryAttention(Heads, names=("GroupedQueryAttention",)):
    """Multi-head attention in which groups of query heads share one head of keys and values.

    Shapes: query (b, t, n), value (b, s, m), key (b, s, l) -> (b, t, n), and scores (b, query heads, t, s);
        query (n, query heads, d), key (l, key heads, d), value (m, key heads, d), attention_output (query heads, d, n).

    head_dim: d. num_query_heads: a multiple of num_key_value_heads; with 1 of these it is multi-query attention.
    The other settings, and the arguments of a call, are those of `MultiHeadAttention`.

    Raises ValueError for heads that do not divide, and for inputs that do not go together.
    Source: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245

    >>> import jax.numpy as jnp
    >>> x = jnp.ones((2, 5, 8))
    >>> GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)
    """

    head_dim: int
    num_query_heads: int
    num_key_value_heads: int
    dropout: float = 0.0
    use_bias: bool = True
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

    rank: ClassVar[Any] = 3
    stored_name = "grouped_query_attention"
    stored_as: ClassVar[dict[str, str]] = {
        "query": "_query_dense", "key": "_key_dense", "value": "_value_dense", "gate": "_gate_dense",
        "attention_output": "_output_dense",
    }  # fmt: skip
    config_always = ("activity_regularizer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._face.auto_named and type(self) is GroupQueryAttention:
            object.__setattr__(self, "name", "grouped_query_attention")
        check_positive(self, "head_dim", "num_query_heads", "num_key_value_heads")
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"GroupQueryAttention: num_query_heads={self.num_query_heads} must be a multiple of "
                f"num_key_value_heads={self.num_key_value_heads}."
            )
        self.check_heads()
        self.project_in("query", self.num_query_heads, self.head_dim)
        self.project_in("key", self.num_key_value_heads, self.head_dim)
        if self.use_gate:
            self.project_in("gate", self.num_query_heads, self.head_dim, "sigmoid")
        self.project_in("value", self.num_key_value_heads, self.head_dim)
        self.project_out((None,))

    num_repeats = property(lambda self: self.num_query_heads // self.num_key_value_heads)
