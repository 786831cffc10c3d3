"""The shell of `predict`: rows in, rows out, few programs for many sizes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, facade, placement, random, registry, storey
from .arrays import check_finite, next_power, put_with_room
from .callbacks import CallbackList
from .programs import Programs
from .streaming import PACK_BATCHES, Stream

LIMIT = 1 << 28  # bytes of inputs that one dispatch may hold on the device
SMALL = 1 << 20  # bytes that are not worth a program of their own


@compiled.fact
def mixes_rows(model: Any) -> bool:
    """Whether an output row may depend on other rows, so that a batch must not be padded."""
    return any(
        not registry.is_builtin(type(p))
        or getattr(p, "holds_user_code", False)
        or getattr(p, "stateful", False)
        or getattr(p, "mixes_rows", False)
        for p in storey.subtree(model)
    )


def fill_up(x: Any, count: int) -> Any:
    """The rows of x, with the last one repeated until there are `count`."""
    return jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[-1:], count - len(a), 0)]) if len(a) < count else a, x)


def predict(
    model: Any, programs: Programs, x: Any, count: int, size: int, steps: int | None, hooks: CallbackList, told: int = 1
) -> Any:
    """The outputs for all rows, on the host; hooks for batches are told of `told` batches at once."""
    if steps is not None:
        count = min(count, steps * size)
        x = jax.tree.map(lambda a: a[:count], x)
    object.__setattr__(model, "stop_predicting", False)
    hooks.on_predict_begin()
    params, state = facade.gather(model)
    draws = facade.draws_at_rest(model)
    if draws or mixes_rows(model) or hooks.wants("predict"):
        y = one_by_one(model, programs, params, state, x, count, size, hooks, draws, told)
    elif count <= size:
        run = programs.predict()
        y, _ = run(params, state, fill_up(x, next_power(count)))
        y = jax.tree.map(lambda v: np.asarray(v)[:count], y)
        if isinstance(x, np.ndarray) and facade.depends_on_shape_alone(model, x):
            compiled.remember(model, "predict", x, run, programs.turn)
    else:
        y = in_bulk(programs, params, state, x, count, size)
    hooks.on_predict_end()
    return y


def predict_again(model: Any, x: Any, size: int | None) -> Any:
    """The outputs for one batch, if `predict` met its like before; None if not."""
    run = compiled.remembered(model, "predict", x)
    if run is None or not len(x) <= (size or 32) or placement.key() is not None:
        return None
    check_finite("x", x)
    object.__setattr__(model, "stop_predicting", False)
    params, state = facade.gather(model)
    y, _ = run(params, state, fill_up(x, next_power(len(x))))
    return jax.tree.map(lambda v: np.asarray(v)[: len(x)], y)


def predict_stream(
    model: Any, programs: Programs, stream: Stream, steps: int | None, hooks: CallbackList, told: int = 1
) -> Any:
    """The outputs for the batches of a stream, on the host; hooks for batches are told of `told` batches at once."""
    object.__setattr__(model, "stop_predicting", False)
    hooks.on_predict_begin()
    params, state = facade.gather(model)
    draws = facade.draws_at_rest(model)
    singly = draws or mixes_rows(model) or hooks.wants("predict")
    parts: list[Any] = []
    done, limit = 0, math.inf if steps is None else steps
    stream.begin(0)
    while done < limit and stream.more() and not model.stop_predicting:
        first, last, new = done, min(done + told, limit) if singly else limit, len(parts)
        if singly:
            hooks.on_predict_batch_begin(first)
        while done < last and stream.more():
            window = stream.window(1 if singly else int(min(last - done, PACK_BATCHES)))
            x, place = window.data[0], slice(window.row, window.row + window.many * window.size)
            if singly or window.alone:
                x = jax.tree.map(lambda a, place=place: a[place], x)
                y, state = programs.predict()(params, state, x, random.next_key() if draws else None)
            else:
                y = programs.predict_many(window.size)(params, state, x, np.int32(window.start + window.many))
                y = jax.tree.map(lambda v, place=place: v[place], jax.tree.map(np.asarray, y))
            parts.append(jax.tree.map(np.asarray, y))
            done += window.many
        if singly:
            hooks.on_predict_batch_end(first + told - 1, {"outputs": joined(parts[new:])})
    if done < limit < math.inf and not model.stop_predicting:
        warnings.warn(f"The data ends after {done} of {limit} steps of prediction.", stacklevel=4)
    stream.end()
    hooks.on_predict_end()
    if any(getattr(p, "stateful", False) for p in storey.subtree(model)):
        storey.scatter(model, (params, state))
    return joined(parts)


def joined(parts: list[Any]) -> Any:
    """Nests of arrays, one behind the other."""
    return jax.tree.map(lambda *vs: np.concatenate(vs), *parts)


def one_by_one(
    model: Any,
    programs: Programs,
    params: Any,
    state: Any,
    x: Any,
    count: int,
    size: int,
    hooks: CallbackList,
    draws: bool,
    told: int,
) -> Any:
    """Each batch by itself, at its own size; hooks are told of `told` batches at once."""
    parts: list[Any] = []
    batches = -(-count // size)
    for first in range(0, batches, told):
        hooks.on_predict_batch_begin(first)
        for i in range(first, min(first + told, batches)):
            batch = jax.tree.map(lambda a, i=i: jnp.asarray(a[i * size : (i + 1) * size]), x)
            y, state = programs.predict()(params, state, batch, random.next_key() if draws else None)
            parts.append(jax.tree.map(np.asarray, y))
        new = parts[first:]
        hooks.on_predict_batch_end(first + told - 1, {"outputs": jax.tree.map(lambda *vs: np.concatenate(vs), *new)})
        if model.stop_predicting:
            break
    if any(getattr(p, "stateful", False) for p in storey.subtree(model)):
        storey.scatter(model, (params, state))
    return jax.tree.map(lambda *vs: np.concatenate(vs), *parts)


def in_bulk(programs: Programs, params: Any, state: Any, x: Any, count: int, size: int) -> Any:
    """All batches in a few dispatches; the capacity is a power of two, so few programs serve all sizes."""
    bytes_per_batch = max(1, sum(a.nbytes // max(count, 1) for a in jax.tree.leaves(x)) * size)
    most = max(1, next_power(LIMIT // bytes_per_batch) // 2)
    batches = -(-count // size)
    least = 4 if 4 * bytes_per_batch < SMALL else 1
    capacity = min(max(next_power(batches), least), most)
    run = programs.predict_many(size)
    parts = []
    for first in range(0, batches, capacity):
        chunk = jax.tree.map(lambda a, first=first: a[first * size : (first + capacity) * size], x)
        rows = min(capacity * size, count - first * size)
        steps = -(-rows // size)
        chunk = jax.tree.map(lambda a, steps=steps: put_with_room(a, capacity * size, steps * size), chunk)
        y = run(params, state, chunk, np.int32(steps))
        parts.append(jax.tree.map(lambda v, rows=rows: np.asarray(v)[:rows], y))
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *vs: np.concatenate(vs), *parts)
