"""Functions of arrays under Keras' names; on symbols, each records itself in their graph.

>>> mean(jnp.arange(4.0)).item()
1.5
"""

import jax.numpy as jnp

from . import core, nn, numpy
from .core import *
from .nn import *
from .numpy import *
