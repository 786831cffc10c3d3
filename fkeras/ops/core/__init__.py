"""Arrays and the flow of control."""

from . import arrays, control
from .arrays import *
from .control import *

__all__: list[str] = []
__all__ += arrays.__all__
__all__ += control.__all__
