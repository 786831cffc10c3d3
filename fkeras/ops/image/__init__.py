"""Functions of images.

>>> resize([[[1.0]]], (2, 2)).shape
(2, 2, 1)
"""

from . import color, filters, frames, geometry
from .color import *
from .filters import *
from .frames import *
from .geometry import *

__all__: list[str] = []
__all__ += color.__all__
__all__ += filters.__all__
__all__ += frames.__all__
__all__ += geometry.__all__
