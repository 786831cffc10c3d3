"""A cheaper derivative of the loop, for cells that know the slopes of their step.

Differentiating `loop.run` as it is makes the backward loop sum up the gradient of the
recurrent weights step by step. Here the loop notes the slopes of each step, and the
tangent is another loop, linear, in which only the carry moves on: what weights and inputs
contribute is one product for all steps, before it. Transposed, that is one product for
each gradient, after the loop. It is an ordinary JVP rule, so `jvp`, `vjp`, `vmap`,
`checkpoint` and derivatives of derivatives all work.

A cell whose step is step(carry, z) = act(mix(z, inner(h))), h = carry[0], offers

    recur(params, h)            the product with the recurrent weights
    inner(params, h)            the same, with a bias if it has one
    mix(z, r)                   what goes into the activations, any nest; linear, z may be None for zero
    slopes(a, carry)            next carry, and the slopes of it
    tangent(slopes, dcarry, da) how the next carry moves; linear in the last two

and its output is h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ... import activations, registry
from ...traced import is_zero
from . import loop
from .cell import Carry, Values

ELEMENTWISE = frozenset(
    vars(activations)[name]
    for name in (
        *("linear", "tanh", "sigmoid", "hard_tanh", "hard_sigmoid", "relu", "relu6", "leaky_relu"),
        *("elu", "selu", "celu", "gelu", "silu", "softplus", "softsign", "exponential"),
    )
)


PARTS = ("step", "recur", "inner", "mix", "slopes", "tangent")


def fits(cell: Any, params: Values) -> bool:
    """Whether this derivative is that of the cell, in a call with these params."""
    if not hasattr(cell, "slopes") or "recurrent_keep" in params or not getattr(cell, "reset_after", True):
        return False
    users = any(name in vars(c) for c in type(cell).__mro__ if not registry.is_builtin(c) for name in PARTS)
    acts = {cell.activation, getattr(cell, "recurrent_activation", cell.activation)}
    return not users and acts <= ELEMENTWISE


def run(cell: Any, params: Values, xs: Any, carry: Carry, mask: Any, how: loop.How) -> tuple[Any, Carry]:
    """(outputs, last carry): `loop.run` with another derivative."""

    @jax.custom_jvp
    def forward(params: Values, xs: Any, carry: Carry, mask: Any) -> Any:
        return loop.run(cell, params, {}, xs, carry, mask, how)[:2]

    def rule(primals: Any, tangents: Any) -> Any:
        params, xs, carry, mask = primals

        def note(carry: Carry, now: Any) -> Any:
            x, keep = now
            new, slopes = cell.slopes(cell.mix(cell.feed(params, x), cell.inner(params, carry[0])), carry)
            new = new if keep is None else loop.choose(keep, new, carry)
            return new, (carry[0], slopes, new[0] if how.every else None)

        def move(moved: Carry, now: Any) -> Any:
            da, slopes, keep = now
            inner = cell.mix(None, cell.recur(params, moved[0]))
            new = cell.tangent(slopes, moved, inner if da is None else jax.tree.map(jnp.add, da, inner))
            new = new if keep is None else loop.choose(keep, new, moved)
            return new, new[0] if how.every else None

        last, (before, slopes, hs) = how.scan(note, carry, (xs, mask))
        merge, apart = (lambda a: a, lambda a: a) if "keep" in params else as_one_axis(xs.shape[:2])
        x, dx, h = merge(xs), tangents[1] if is_zero(tangents[1]) else merge(tangents[1]), merge(before)
        da = along(lambda p, x: cell.mix(cell.feed(p, x), cell.inner(p, h)), (params, x), (tangents[0], dx))
        da = jax.tree.map(apart, da)
        dcarry = [jnp.zeros_like(c) if is_zero(d) else d for c, d in zip(carry, tangents[2], strict=True)]
        dlast, dhs = how.scan(move, dcarry, (da, slopes, mask))
        return (outputs(hs, last, mask, how), last), (outputs(dhs, dlast, mask, how), dlast)

    forward.defjvp(rule, symbolic_zeros=True)
    return forward(params, xs, carry, mask)


def as_one_axis(sizes: tuple[Any, Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What makes the axes of steps and examples one, and two again: XLA sums over one without a copy.

    (Not where the params hold masks of dropout, "keep", which are those of one step.)
    """
    steps, batch = sizes
    merge = lambda a: a.reshape(steps * batch, *a.shape[2:])  # noqa: E731
    return merge, lambda a: a.reshape(steps, batch, *a.shape[1:])


def outputs(hs: Any, last: Carry, mask: Any, how: loop.How) -> Any:
    """What the loop returns, from all h or from the last carry."""
    y, keep = (hs, mask) if how.every else (last[0], None if mask is None else mask[0 if how.backwards else -1])
    y = loop.choose(keep, y, jnp.zeros_like(y)) if how.zeros and keep is not None else y
    return y[::-1] if how.every and how.backwards else y


def along(f: Any, primals: Any, tangents: Any) -> Any:
    """The derivative of f along the tangents that are not zero, or None if all are."""
    values, tree = jax.tree.flatten(primals)
    moves = tree.flatten_up_to(tangents)
    moving = [i for i, d in enumerate(moves) if not is_zero(d)]

    def g(*some: Any) -> Any:
        given = dict(zip(moving, some, strict=True))
        return f(*tree.unflatten([given.get(i, v) for i, v in enumerate(values)]))

    return jax.jvp(g, [values[i] for i in moving], [moves[i] for i in moving])[1] if moving else None


def slope(f: Any, x: Any) -> tuple[Any, Any]:
    """(f(x), f'(x)) of a function that works element by element."""
    return jax.jvp(f, (x,), (jnp.ones_like(x),))
