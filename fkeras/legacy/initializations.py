"""`keras.initializations` of Keras 1: functions of a shape, which make the weights of a layer of one's own.

    self.W = initializations.get("glorot_uniform")((n, m), name="W")
    self.trainable_weights = [self.W]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import initializers
from ..variable import Variable
from .telling import tell

ONE_BY_ONE = (
    "glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal one ones orthogonal"
    " uniform zero zeros"
)
SCALES = {"uniform": ("minval", "maxval"), "normal": ("stddev",), "identity": ("gain",), "orthogonal": ("gain",)}
Draw = Callable[..., Variable]


def get(identifier: Any) -> Draw:
    """The function (shape, name) -> variable of an initializer; its value is drawn when it is read.

    >>> get("zero")((2, 3), name="W").shape
    (2, 3)
    """
    return drawing(identifier) if isinstance(identifier, (str, dict)) else identifier


def drawing(name: Any) -> Draw:
    """The function of an initializer by its name."""

    def draw(shape: Any, scale: float | None = None, name: str | None = None, **old: Any) -> Variable:
        tell("initializations", "write add_weight(shape=..., initializer=..., name=...) in build.")
        found = initializers.get(kind)
        return Variable(found if scale is None else found.replace(**scaled(kind, scale)), tuple(shape), name=name)

    kind = name
    if isinstance(name, str):
        draw.__name__ = name
    return draw


def scaled(kind: str, scale: float) -> dict[str, float]:
    """The settings of today that the scale of an initializer stands for."""
    if kind not in SCALES:
        raise TypeError(f"initializations.{kind} has no scale; uniform, normal, identity and orthogonal have one.")
    return {name: -scale if name == "minval" else scale for name in SCALES[kind]}


globals().update({name: drawing(name) for name in ONE_BY_ONE.split()})
