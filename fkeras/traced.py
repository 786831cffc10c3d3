"""Settings that JAX traces: numbers that a program takes as arguments, as those of a sweep.

They cannot be checked, nor decide anything; what depends on them is computed for any value.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero


def is_traced(value: Any) -> bool:
    """Whether a number is only known when a program runs."""
    return isinstance(value, Tracer)


def is_zero(tangent: Any) -> bool:
    """Whether a tangent, as `custom_jvp` hands it to a rule with `symbolic_zeros`, is known to be zero."""
    return isinstance(tangent, SymbolicZero)


def is_exactly(value: Any, number: float) -> bool:
    """Whether a setting is this number, and is known to be.

    >>> is_exactly(0.0, 0), is_exactly(0.5, 0)
    (True, False)
    """
    return not isinstance(value, Tracer) and value == number


def as_float(value: Any) -> Any:
    """A setting as a float; one that JAX traces stays as it is."""
    return value if isinstance(value, Tracer) else float(value)


def square_root(value: Any) -> Any:
    """The root of a setting."""
    return jnp.sqrt(value) if isinstance(value, Tracer) else math.sqrt(value)
