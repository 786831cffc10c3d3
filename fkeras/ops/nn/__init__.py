"""The functions that neural networks are made of.

>>> softmax([0.0, 0.0]).tolist()
[0.5, 0.5]
"""

from . import activation, encoding
from .activation import *
from .encoding import *

__all__: list[str] = []
__all__ += activation.__all__
__all__ += encoding.__all__
