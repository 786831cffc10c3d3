"""Branches, loops and maps whose course is decided while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ... import graph, recording
from ...masking import value_of
from ...variable import Variable
from ..operation import operation

__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop",
]  # fmt: skip


def _plain(tree: Any) -> Any:
    """The nest with arrays for variables and masked values."""
    return jax.tree.map(
        lambda x: value_of(x.value if isinstance(x, Variable) else x), tree,
        is_leaf=lambda x: isinstance(x, Variable) or hasattr(x, "mask"),
    )  # fmt: skip


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` if `pred` holds, else `false_fn()`; both give the same shapes.

    If `pred` is a symbol, or the functions use symbols, both are computed and one is chosen.

    >>> cond(jnp.array(True), lambda: jnp.ones(()), lambda: jnp.zeros(())).item()
    1.0
    """
    if recording.symbol_in((pred,)) is None:
        pred = jnp.asarray(pred) if not isinstance(pred, bool) else pred
        if recording.symbol_in((true_fn, false_fn)) is None and not _uses_symbols(true_fn, false_fn):
            return jax.lax.cond(pred, true_fn, false_fn)
    return jax.tree.map(lambda t, f: _choose(pred, t, f), true_fn(), false_fn(), is_leaf=graph.is_symbol)


def _uses_symbols(*functions: Callable[..., Any]) -> bool:
    """Whether a function holds on to symbols."""
    cells = [cell.cell_contents for f in functions for cell in getattr(f, "__closure__", None) or ()]
    return recording.symbol_in(cells) is not None


@operation(name="Where", module="keras.src.ops.numpy", key="where_all")
def _choose(condition: Any, x1: Any, x2: Any) -> jax.Array:
    return jnp.where(jnp.asarray(condition), jnp.asarray(x1), jnp.asarray(x2))


@operation()
def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """`branches[index](*operands)`; all give the same shapes. An index out of range is moved to the nearest.

    >>> switch(1, [lambda x: x, lambda x: 10 * x], jnp.array(2)).item()
    20
    """
    return jax.lax.switch(jnp.asarray(index), branches, *_plain(operands))


@operation("cond", "body", "maximum_iterations")
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """`loop_vars = body(*loop_vars)` for as long as `cond(*loop_vars)` holds.

    Shapes: any -> same. loop_vars: one value, or a tuple or list of them, returned as a tuple.
    maximum_iterations: how often at most.

    >>> while_loop(lambda i: i < 5, lambda i: i + 2, 0).item()
    6
    """
    several = isinstance(loop_vars, (tuple, list))
    start = tuple(_plain(loop_vars)) if several else (_plain(loop_vars),)
    most = jnp.iinfo("int32").max if maximum_iterations is None else maximum_iterations

    def goes_on(carry: Any) -> Any:
        i, values = carry
        return cond(*values) if maximum_iterations is None else cond(*values) & (i < most)

    def step(carry: Any) -> Any:
        i, values = carry
        out = body(*values)
        return i + 1, tuple(out) if several else (out,)

    _, values = jax.lax.while_loop(goes_on, step, (0, start))
    return values if several else values[0]


@operation("lower", "upper", "body_fun")
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """`value = body_fun(i, value)` for i from `lower` to `upper`, which is left out. Shapes: any -> same.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0).item()
    6
    """
    return jax.lax.fori_loop(lower, upper, body_fun, _plain(init_val))


@operation("length", "reverse", "unroll")
def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """`carry, y = f(carry, x)` for each x along the first axis: (last carry, all y).

    Shapes: (c...), (n, x...) -> (c...), (n, y...). length: how many steps, if `xs` is None.
    Raises ValueError unless `unroll` is a bool or a positive integer.

    >>> total, running = scan(lambda c, x: (c + x, c + x), 0, jnp.arange(4))
    >>> total.item(), running.tolist()
    (6, [0, 1, 3, 6])
    """
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan: unroll must be True, False or a positive integer; received {unroll!r}.")
    return jax.lax.scan(f, _plain(init), _plain(xs), length, reverse, unroll)


@operation("reverse", "axis")
def associative_scan(f: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All running results of an associative `f(a, b)` along `axis`, in log(n) steps. Shapes: any -> same.

    >>> associative_scan(lambda a, b: a + b, jnp.arange(4)).tolist()
    [0, 1, 3, 6]
    """
    return jax.lax.associative_scan(f, _plain(elems), reverse, axis)


@operation()
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f(x)` for each x along the first axis, one after the other. Shapes: (n, x...) -> (n, y...).

    >>> map(lambda x: x * x, jnp.arange(3)).tolist()
    [0, 1, 4]
    """
    return jax.lax.map(f, _plain(xs))


@operation("function")
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`function(x)` for each x along the first axis, all at once. Shapes: (n, x...) -> (n, y...).

    >>> vectorized_map(lambda x: x * x, jnp.arange(3)).tolist()
    [0, 1, 4]
    """
    return jax.vmap(function)(_plain(elements))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function that returns its value and its own gradient, as a function of the gradient above.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x * x, lambda above: jnp.minimum(above, 1.0)
    >>> jax.grad(lambda x: 5 * clipped(x))(3.0).item()
    1.0
    """
    with_gradient = jax.custom_gradient(f)
    return lambda *args, **kwargs: with_gradient(*_plain(args), **_plain(kwargs))
