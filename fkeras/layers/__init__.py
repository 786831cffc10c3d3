"""The layers, by family."""

from .activation import ELU, Activation, ActivityRegularization, LeakyReLU, PReLU, ReLU, Softmax
from .core import Dense, EinsumDense, Identity, Masking
from ..layer import Layer
from .embedding import Embedding, ReversibleEmbedding
from .input import Input, InputLayer
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells
from .wrappers import Bidirectional, TimeDistributed, Wrapper
from .merging import (
    Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract,
    add, average, concatenate, dot, maximum, minimum, multiply, subtract,
)  # fmt: skip
from .regularization import AlphaDropout, Dropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from .reshaping import Flatten, Permute, RepeatVector, Reshape
