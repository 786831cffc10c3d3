"""Functions of arrays under Keras' names; on symbols, each records itself in their graph.

>>> mean([0.0, 1.0]).item()
0.5
"""

from . import core, einops, image, linalg, math, nn, numpy
from .core import *
from .einops import *
from .linalg import *
from .math import *
from .nn import *
from .numpy import *
