"""The functions of NumPy, as Keras has them.

>>> mean([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
[2.0, 3.0]
"""

from . import creation, elementwise, joining, products, reduction, selection, shaping
from .creation import *
from .elementwise import *
from .joining import *
from .products import *
from .reduction import *
from .selection import *
from .shaping import *

__all__: list[str] = []
__all__ += creation.__all__
__all__ += elementwise.__all__
__all__ += joining.__all__
__all__ += products.__all__
__all__ += reduction.__all__
__all__ += selection.__all__
__all__ += shaping.__all__
