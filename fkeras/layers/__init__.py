"""The layers, by family."""

from .core import Dense, EinsumDense, Identity, Masking
from .input import Input, InputLayer
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells
from .wrappers import Bidirectional, TimeDistributed, Wrapper
