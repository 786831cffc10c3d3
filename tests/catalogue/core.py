"""Core layers."""

from fkeras.layers import Dense

from .row import Row

ROWS = {
    "dense": Row(lambda: Dense(3, "tanh", kernel_regularizer="l2", activity_regularizer="l2"), (2, 5)),
    "dense_no_bias_rank_3": Row(lambda: Dense(3, use_bias=False), (2, 4, 5), unknown=(0, 1)),
}
