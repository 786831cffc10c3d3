"""Recurrent layers, their cells, and layers around layers."""

from fkeras.layer import Layer
from fkeras.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM1D,
    ConvLSTM2D,
    ConvLSTM3D,
    Dense,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)

from .row import Row, Steps

STEPS = (2, 3, 4)
BACK = {"go_backwards": True, "return_sequences": True}


class Leaky(Layer):
    """A cell as a Keras user writes it, with a loss and a count of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs, states):
        y = 0.5 * states[0] + inputs @ self.kernel
        self.count.assign_add(1.0)
        return y, [y]


ROWS = {
    "simple_rnn": Row(
        lambda: SimpleRNN(3, activity_regularizer="l2", recurrent_regularizer="l2"), STEPS, unknown=(0, 1)
    ),
    "simple_rnn_backwards_masked": Row(
        lambda: SimpleRNN(3, **BACK, dropout=0.3, recurrent_dropout=0.2), Steps(STEPS), unknown=(0, 1)
    ),
    "lstm": Row(lambda: LSTM(3, kernel_regularizer="l2"), STEPS, unknown=(0, 1)),
    "lstm_states": Row(
        lambda: LSTM(3, return_state=True, return_sequences=True),
        STEPS,
        kwargs={"initial_state": [(2, 3), (2, 3)]},
        unknown=(0,),
    ),
    "lstm_masked": Row(lambda: LSTM(3, zero_output_for_mask=True, return_sequences=True), Steps(STEPS), unknown=(0, 1)),
    "lstm_dropout": Row(
        lambda: LSTM(3, dropout=0.2, recurrent_dropout=0.3, use_bias=False, seed=1), STEPS, unknown=(0, 1)
    ),
    "lstm_unrolled": Row(lambda: LSTM(3, unroll=True, dropout=0.2), STEPS),
    "lstm_stateful": Row(
        lambda: LSTM(3, stateful=True, unit_forget_bias=False, return_sequences=True), STEPS, unknown=(1,)
    ),
    "gru": Row(lambda: GRU(3, bias_initializer="ones"), STEPS, unknown=(0, 1)),
    "gru_backwards_masked": Row(lambda: GRU(3, **BACK, dropout=0.3), Steps(STEPS), unknown=(0, 1)),
    "gru_reset_before": Row(lambda: GRU(3, reset_after=False, return_state=True), Steps(STEPS), unknown=(0, 1)),
    "rnn_stack": Row(
        lambda: RNN([LSTMCell(2, dropout=0.2), GRUCell(3), SimpleRNNCell(2)], return_state=True),
        Steps(STEPS),
        unknown=(0, 1),
    ),
    "rnn_users_cell": Row(lambda: RNN(Leaky(3), return_sequences=True), Steps(STEPS), unknown=(0, 1)),
    "rnn_stack_of_users_cells": Row(
        lambda: RNN([Leaky(3), LSTMCell(2), Leaky(2)], stateful=True, return_sequences=True), STEPS, unknown=(1,)
    ),
    "lstm_cell": Row(lambda: LSTMCell(3), (2, 4), [(2, 3), (2, 3)]),
    "gru_cell": Row(lambda: GRUCell(3, dropout=0.4, recurrent_dropout=0.3), (2, 4), [(2, 3)]),
    "simple_rnn_cell": Row(lambda: SimpleRNNCell(3, "relu", seed=2, dropout=0.3), (2, 4), (2, 3), smooth=False),
    "stacked_rnn_cells": Row(lambda: StackedRNNCells([LSTMCell(2), GRUCell(3)]), (2, 4), [[(2, 2), (2, 2)], [(2, 3)]]),
    "conv_lstm1d": Row(
        lambda: ConvLSTM1D(2, 2, dropout=0.3, recurrent_dropout=0.2, seed=1), (2, 3, 4, 2), unknown=(0, 1)
    ),
    "conv_lstm2d_masked": Row(
        lambda: ConvLSTM2D(2, 2, padding="same", return_sequences=True), Steps((2, 3, 4, 3, 1)), unknown=(0, 1)
    ),
    "conv_lstm2d_first": Row(
        lambda: ConvLSTM2D(2, 2, strides=2, data_format="channels_first", return_state=True), (2, 3, 1, 4, 4)
    ),
    "conv_lstm3d": Row(lambda: ConvLSTM3D(1, 2), (2, 2, 3, 3, 3, 1)),
    "bidirectional": Row(lambda: Bidirectional(LSTM(3, return_sequences=True)), Steps(STEPS), unknown=(0, 1)),
    "bidirectional_apart": Row(
        lambda: Bidirectional(GRU(3, return_state=True, dropout=0.3), merge_mode=None), STEPS, unknown=(0, 1)
    ),
    "bidirectional_states": Row(
        lambda: Bidirectional(SimpleRNN(3), "mul", backward_layer=SimpleRNN(3, "sigmoid", go_backwards=True)),
        STEPS,
        kwargs={"initial_state": [(2, 3), (2, 3)]},
    ),
    "time_distributed": Row(
        lambda: TimeDistributed(Dense(3, "tanh", activity_regularizer="l2")), Steps(STEPS), unknown=(0, 1)
    ),
    "time_distributed_lstm": Row(lambda: TimeDistributed(LSTM(3, dropout=0.2, seed=1)), (2, 3, 4, 2), unknown=(0, 1)),
}
