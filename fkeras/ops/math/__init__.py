"""Functions beyond those of NumPy: special ones, segments, Fourier transforms."""

from . import segment, special, spectral
from .segment import *
from .special import *
from .spectral import *

__all__: list[str] = []
__all__ += segment.__all__
__all__ += special.__all__
__all__ += spectral.__all__
