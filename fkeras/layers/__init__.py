"""The layers, by family."""

from .core import Dense
from .input import Input, InputLayer
