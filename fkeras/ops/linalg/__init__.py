"""Linear algebra.

>>> det([[2.0, 0.0], [0.0, 3.0]]).item()
6.0
"""

from . import matrices
from .matrices import *

__all__: list[str] = []
__all__ += matrices.__all__
