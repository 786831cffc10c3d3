"""The functions of `keras.backend` of Keras 1 and 2, on arrays and on symbols: `from fkeras import backend as K`."""

from ...layers.merging import batch_dot
from . import arrays, drawing, gradients, images, loops, losses, values
from .arrays import *
from .drawing import *
from .gradients import *
from .images import *
from .loops import *
from .losses import *
from .values import *
