"""Products with a matrix of weights, over the last axes of an array.

The plain form contracts the arrays as they are. Its derivative by the weights sums over several axes at once, and on
CPUs XLA lays out a turned copy of both arrays for that, which costs as much as the product. The tuned form has all
other axes as the rows of one matrix; so have its derivatives.
"""

from __future__ import annotations

import math
import re
from typing import Any

import jax.numpy as jnp

from . import forms


def matmul(x: Any, w: Any) -> Any:
    """`x @ w` for a matrix w, in the form that is fast here.

    Shapes: (..., n), (n, m) -> (..., m).

    >>> matmul(jnp.ones((2, 3, 4)), jnp.ones((4, 5))).shape
    (2, 3, 5)
    """
    return jnp.matmul(x, w) if jnp.ndim(x) < 3 or not forms.are_tuned() else by_rows(x, w, 1)


def einsum(equation: str, x: Any, w: Any) -> Any:
    """`jnp.einsum`, as a product of matrices where the equation is one: "...ab,abcd->...cd", "abc,cd->abd".

    >>> einsum("abc,cde->abde", jnp.ones((2, 3, 4)), jnp.ones((4, 5, 6))).shape
    (2, 3, 5, 6)
    """
    axes = summed(equation) if forms.are_tuned() else 0
    return by_rows(x, w, axes) if axes and jnp.ndim(x) - axes > 1 else jnp.einsum(equation, x, w)


def by_rows(x: Any, w: Any, axes: int) -> Any:
    """The tuned form: the last axes of x meet the first ones of w, all others stay."""
    lead, inner, outer = x.shape[:-axes], math.prod(w.shape[:axes]), w.shape[axes:]
    if x.shape[-axes:] != w.shape[:axes]:
        return jnp.tensordot(x, w, axes)  # which says what is wrong
    y = jnp.matmul(x.reshape(math.prod(lead), inner), w.reshape(inner, math.prod(outer)))
    return y.reshape(*lead, *outer)


def summed(equation: str) -> int:
    """How many axes such a product sums over; 0 for an equation of another form.

    >>> summed("...ab,abcd->...cd"), summed("abc,cd->abd"), summed("ab,cb->ac")
    (2, 1, 0)
    """
    told = equation.replace(" ", "")
    found = re.fullmatch(r"((?:\.\.\.)?[a-zA-Z]*?)([a-zA-Z]+),\2([a-zA-Z]*)->\1\3", told)
    if found is None or len(set(letters := "".join(found.groups()).replace(".", ""))) < len(letters):
        return 0
    return len(found[2])
