"""The functions that neural networks are made of.

>>> softmax([0.0, 0.0]).tolist()
[0.5, 0.5]
"""

from . import activation, attention, blocks, convolution, crossentropy, ctc, encoding, normalization, signals
from .activation import *
from .attention import *
from .blocks import *
from .convolution import *
from .crossentropy import *
from .ctc import *
from .encoding import *
from .normalization import *
from .signals import *

__all__: list[str] = []
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += blocks.__all__
__all__ += convolution.__all__
__all__ += crossentropy.__all__
__all__ += ctc.__all__
__all__ += encoding.__all__
__all__ += normalization.__all__
__all__ += signals.__all__
