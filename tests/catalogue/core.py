"""Core layers, embeddings, activations, reshaping."""

from jax import numpy as jnp

from fkeras import layers as L
from fkeras import registry

from .row import Ids, Row, Steps


@registry.register_keras_serializable("catalogue")
def halved(x):
    """What the Lambda of the catalogue does."""
    return x / 2


@registry.register_keras_serializable("catalogue")
def wave(x):
    """An activation that no table knows."""
    return jnp.sin(x)


ADAPTER = {"bfloat16": "an adapter is float32 under every policy"}

ROWS = {
    "dense": Row(lambda: L.Dense(3, "tanh", kernel_regularizer="l2", activity_regularizer="l2"), (2, 5)),
    "dense_no_bias_rank_3": Row(
        lambda: L.Dense(3, use_bias=False, kernel_constraint="max_norm"), (2, 4, 5), unknown=(0, 1)
    ),
    "dense_custom_activation": Row(lambda: L.Dense(3, wave), Steps((2, 4, 5)), unknown=(0, 1)),
    "dense_lora": Row(lambda: L.Dense(3, lora_rank=2, lora_alpha=4.0), (2, 5), but=ADAPTER),
    "einsum_dense": Row(lambda: L.EinsumDense("abc,cde->abde", (None, 3, 2), "gelu", "de"), (2, 4, 5), unknown=(0, 1)),
    "einsum_dense_dots": Row(
        lambda: L.EinsumDense("...x,xy->...y", 3, bias_axes="y", lora_rank=1), (2, 4, 5), unknown=(0, 1), but=ADAPTER
    ),
    "embedding": Row(lambda: L.Embedding(7, 3, embeddings_regularizer="l2"), Ids((2, 5), 7), unknown=(0, 1)),
    "embedding_mask_zero": Row(lambda: L.Embedding(7, 3, mask_zero=True), Ids((2, 5), 7), unknown=(0, 1)),
    "embedding_lora": Row(lambda: L.Embedding(7, 3, lora_rank=2), Ids((2, 5), 7), but=ADAPTER),
    "reversible_embedding": Row(lambda: L.ReversibleEmbedding(7, 3, mask_zero=True), Ids((2, 5), 7)),
    "reversed_embedding": Row(
        lambda: L.ReversibleEmbedding(7, 3, False, logit_soft_cap=3.0), (2, 5, 3), kwargs={"reverse": True}
    ),
    "identity": Row(lambda: L.Identity(), Steps((2, 4, 3)), unknown=(0, 1)),
    "masking": Row(lambda: L.Masking(0.5), (2, 4, 3), unknown=(0, 1)),
    "lambda": Row(lambda: L.Lambda(halved), (2, 3)),
    "activation": Row(lambda: L.Activation("softplus"), (2, 3)),
    "relu": Row(lambda: L.ReLU(6.0, 0.1, 0.5), (2, 3), smooth=False),
    "leaky_relu": Row(lambda: L.LeakyReLU(0.2), (2, 3), smooth=False),
    "elu": Row(lambda: L.ELU(), (2, 3), smooth=False),
    "prelu": Row(lambda: L.PReLU("ones", shared_axes=[1]), (2, 4, 3), smooth=False),
    "softmax": Row(lambda: L.Softmax([1, 2]), (2, 4, 3), unknown=(0, 1)),
    "activity_regularization": Row(lambda: L.ActivityRegularization(0.1, 0.2), Steps((2, 4, 3))),
    "flatten": Row(lambda: L.Flatten(), (2, 4, 3), unknown=(0, 1)),
    "flatten_channels_first": Row(lambda: L.Flatten("channels_first"), (2, 4, 3, 2)),
    "reshape": Row(lambda: L.Reshape((-1, 2)), (2, 4, 3), unknown=(0, 1)),
    "permute": Row(lambda: L.Permute((2, 1)), (2, 4, 3), unknown=(0, 1)),
    "repeat_vector": Row(lambda: L.RepeatVector(3), (2, 4)),
    "locally_connected_1d": Row(lambda: L.LocallyConnected1D(3, 2, activation="tanh"), (2, 5, 4)),
    "locally_connected_1d_sparse": Row(lambda: L.LocallyConnected1D(3, 2, 2, "same", implementation=3), (2, 5, 4)),
    "locally_connected_2d": Row(
        lambda: L.LocallyConnected2D(2, (2, 3), padding="same", implementation=2), (2, 4, 5, 2)
    ),
}
