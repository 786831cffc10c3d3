"""Embedding: a table of vectors, looked up by whole numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from .. import product
from ..layer import Layer, Shapes
from ..masking import Masked, value_of
from ..spec import Spec
from .lora import LoRA
from .settings import Constraint, Initializer, Regularizer, check_positive, refuse_quantization


class _Table(LoRA, Layer):
    """What the embeddings share."""

    adapted: ClassVar[str] = "embeddings"
    casts_params = False  # the vectors are cast once they are looked up, not the whole table
    config_always = ("activity_regularizer",)
    config_if_set = ("lora_rank", "lora_alpha")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "input_dim", "output_dim")
        refuse_quantization(self)
        self.check_lora()
        self.autocast = False
        self.supports_masking = self.mask_zero  # type: ignore[misc]

    def weight_shapes(self, x: Any) -> Shapes:
        return {"embeddings": (self.input_dim, self.output_dim)}

    def call(self, x: Any, *, params: Any, state: Any) -> Any:
        ids = x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype("int32")
        return jnp.take(self._weight(params, state), ids, axis=0).astype(self.compute_dtype), state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the id is not 0, if `mask_zero`."""
        return inputs != 0 if self.mask_zero else None

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses ids that are not in the table, and floats that are no whole numbers."""
        ids = np.asarray(value_of(inputs[0]))
        wrong = (ids < 0) | (ids >= self.input_dim)
        said = f"ids from 0 to {self.input_dim - 1}; give the layer a larger input_dim, or correct the data"
        if ids.dtype.kind == "f" and not wrong.any():
            wrong, said = ids != np.trunc(ids), "whole numbers; round them first"
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            raise ValueError(f"{self!r} takes {said}. Got {ids[place]} at position {place}.")

    def _known_specs(self) -> Any:
        """The table has one size whatever the inputs are, so it can be made before them."""
        steps = self.input_length if isinstance(self.input_length, int) else None
        return super()._known_specs() or ((Spec((None, steps), "int32"),), {})


class Embedding(_Table):
    """y[i, j] = embeddings[ids[i, j]].

    Shapes: (batch, steps) of ids from 0 up to input_dim -> (batch, steps, output_dim), or any other
        shape of ids;  embeddings (input_dim, output_dim).

    input_dim: how many vectors there are: the largest id, plus 1.
    output_dim: the size of a vector.
    mask_zero: whether the id 0 is padding, which is masked.
    lora_rank, lora_alpha: rank r > 0 freezes the table and trains embeddings + (alpha / r) a @ b
        in its place (Hu et al. 2021, https://arxiv.org/abs/2106.09685).
    weights: the first value of the table, an array or a list of one.
    input_length: (keyword) the number of steps, which old programs give; it may be left out.

    Raises ValueError for ids outside [0, input_dim), and for floats that are no whole numbers,
    wherever the values are known; inside a compiled program such an id gives NaN.

    >>> embed = Embedding(3, 2, weights=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> embed(np.array([[1, 2]])).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """

    input_dim: int
    output_dim: int
    embeddings_initializer: Initializer = "uniform"
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None
    mask_zero: bool = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    quantization_config: Any = None
    input_length: Any = dataclasses.field(default=None, kw_only=True, repr=False, metadata={"config": False})

    follows = {"weights": "mask_zero"}


class ReversibleEmbedding(_Table):
    """An embedding that also maps back: `layer(h, reverse=True)` gives a logit for each id.

    y = embeddings[ids];  reverse: h @ embeddings.T, or h @ reverse_embeddings if `tie_weights` is False.

    Shapes: (batch, steps) -> (batch, steps, output_dim);  reverse: (..., output_dim) -> (..., input_dim).

    tie_weights: whether the way back uses the same table.
    reverse_dtype: the dtype in which the way back is computed.
    logit_soft_cap: logits become cap * tanh(logits / cap), so that none is larger.

    Source: Press & Wolf 2016, https://arxiv.org/abs/1608.05859

    >>> layer = ReversibleEmbedding(10, 4)
    >>> layer(layer(np.array([[1, 2]])), reverse=True).shape
    (1, 2, 10)
    """

    input_dim: int
    output_dim: int
    tie_weights: bool = True
    embeddings_initializer: Initializer = "uniform"
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None
    mask_zero: bool = False
    reverse_dtype: Any = None
    logit_soft_cap: float | None = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    quantization_config: Any = None
    input_length: Any = dataclasses.field(default=None, kw_only=True, repr=False, metadata={"config": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reverse_embeddings_initializer = self.embeddings_initializer

    def weight_shapes(self, x: Any) -> Shapes:
        back = {} if self.tie_weights else {"reverse_embeddings": (self.output_dim, self.input_dim)}
        return {"embeddings": (self.input_dim, self.output_dim), **back}

    def call(self, x: Any, reverse: bool = False, *, params: Any, state: Any) -> Any:
        if not reverse:
            y, state = super().call(x, params=params, state=state)
            return (Masked(y, x != 0) if self.mask_zero else y), state
        to = self.reverse_dtype or self.compute_dtype
        kernel = self._weight(params, state).T if self.tie_weights else params["reverse_embeddings"]
        y, cap = product.matmul(x.astype(to), kernel.astype(to)), self.logit_soft_cap
        return (y if cap is None else jnp.tanh(y / cap) * cap), state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the look-up attaches the mask itself, and the way back has none."""

    def check_inputs(self, *inputs: Any) -> None:
        """Refuses ids that are not in the table; floats are what the way back takes."""
        if not jnp.issubdtype(inputs[0].dtype, jnp.floating):
            super().check_inputs(*inputs)


Embedding.register(ReversibleEmbedding)  # an embedding to isinstance; its settings have an order of their own
