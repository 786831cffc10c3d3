"""Attention."""

from fkeras.layers import AdditiveAttention, Attention, GroupQueryAttention, MultiHeadAttention

from .row import Row, Steps

QV = [(2, 3, 4), (2, 5, 4)]

ROWS = {
    "attention": Row(lambda: Attention(True, dropout=0.2), QV, unknown=(0, 1)),
    "attention_masked": Row(
        lambda: Attention(score_mode="concat", dropout=0.2, seed=1),
        [Steps((2, 3, 4)), Steps((2, 5, 2)), (2, 5, 4)],
        kwargs={"return_attention_scores": True},
    ),
    "additive_attention": Row(
        lambda: AdditiveAttention(dropout=0.2), QV, kwargs={"use_causal_mask": True}, unknown=(0, 1)
    ),
    "multi_head_attention": Row(lambda: MultiHeadAttention(2, 3, use_gate=True), *QV, unknown=(0, 1)),
    "multi_head_attention_masked": Row(
        lambda: MultiHeadAttention(2, 3, 2, dropout=0.2, activity_regularizer="l2", sliding_window=3),
        Steps((2, 4, 3)),
        Steps((2, 4, 3)),
        kwargs={"use_causal_mask": True, "return_attention_scores": True},
    ),
    "multi_head_attention_axes": Row(
        lambda: MultiHeadAttention(2, 3, output_shape=(2, 2), attention_axes=(1, 2), kernel_regularizer="l2"),
        (2, 2, 3, 4),
        (2, 3, 2, 4),
    ),
    "group_query_attention": Row(
        lambda: GroupQueryAttention(3, 4, 2, activity_regularizer="l2"), *QV, kwargs={"use_causal_mask": True}
    ),
    "group_query_attention_masked": Row(
        lambda: GroupQueryAttention(3, 4, 1, dropout=0.2, seed=2, use_gate=True), Steps((2, 4, 3)), Steps((2, 4, 3))
    ),
}
