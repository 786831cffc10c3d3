"""Gradient steps of models whose class writes a part of the step itself. Pure."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .. import binding
from ..facade import aux_loss, clear_aux_loss
from ..layer import penalty
from ..optimizers import Optimizer
from .objective import Objective
from .step import Step, TrainState, join, project, same_types, split


def minimize(model: Any, optimizer: Any, ts: TrainState, loss: Any) -> tuple[TrainState, dict[str, Any]]:
    """(train_state, logs) after a step down a loss, or after one down the loss of each of several sublayers."""
    key = jax.random.fold_in(ts.rng, ts.step)
    mask = model.trainable_mask(ts.params)
    losses = loss if isinstance(loss, dict) else {None: loss}
    check_parts(model, optimizer, losses, mask)
    chosen, _ = split(mask, ts.params)
    grads, state, logs = jax.tree.map(lambda _: None, chosen), ts.state, {}
    for i, (part, one) in enumerate(losses.items()):
        moved = mask if part is None else {n: jax.tree.map(lambda m, n=n: m and n == part, v) for n, v in mask.items()}
        state, told, found = gradient(
            model, optimizer, one, moved, ts._replace(state=state), jax.random.fold_in(key, i)
        )
        grads = join(found, grads)
        logs |= {"loss" if part is None else f"{part}_loss": told[0], **told[1]}
    updates, opt_state = optimizer.update(grads, ts.opt_state, chosen)
    params = project(model, mask, optax.apply_updates(chosen, updates), split(mask, ts.params)[1])
    ts = ts._replace(params=params, state=same_types(state, ts.state), opt_state=opt_state)
    return ts._replace(rng=jax.random.fold_in(ts.rng, 0)), logs  # another one in the same step draws anew


def gradient(model: Any, optimizer: Any, loss: Any, moved: Any, ts: TrainState, key: Any) -> tuple[Any, Any, Any]:
    """(state, (loss, logs), gradient with holes) of one loss, with respect to the params that `moved` names."""
    scale = getattr(optimizer, "scale_loss", None)
    given = {"rng": jax.random.fold_in(key, 1)} if "rng" in inspect.signature(loss).parameters else {}

    def forward(chosen: Any, rest: Any) -> Any:
        params = join(chosen, rest)
        out, state = binding.within(
            model, params, clear_aux_loss(ts.state), lambda net: loss(net, **given), key, training=True
        )
        value, logs = out if isinstance(out, tuple) else (out, {})
        check_loss(value, logs)
        total = value + penalty(model, params) + aux_loss(state)
        return (total if scale is None else scale(total, ts.opt_state)), (state, total, logs)

    (_, (state, total, logs)), grads = jax.value_and_grad(forward, has_aux=True)(*split(moved, ts.params))
    return state, (total, logs), grads


def check_parts(model: Any, optimizer: Any, losses: Any, mask: Any) -> None:
    """Refuses losses for what is no part of a model, and an optimizer that needs a gradient for every param."""
    if list(losses) == [None]:
        return
    if unknown := [part for part in losses if part not in mask]:
        raise ValueError(
            f"minimize got a loss for {unknown[0]!r}; {model.name!r} has the sublayers {', '.join(mask)} with params."
        )
    left = [n for n, part in mask.items() if n not in losses and any(jax.tree.leaves(part))]
    if left and not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"minimize got no loss for {', '.join(left)}; an optimizer that leaves some params alone is one of "
            "fkeras.optimizers, or give each a loss."
        )


def check_loss(value: Any, logs: Any) -> None:
    """Refuses what is no loss, and logs that are no dict."""
    if jnp.shape(value):
        raise ValueError(f"A loss is a scalar; minimize got one of shape {jnp.shape(value)}. Take its mean.")
    if not isinstance(logs, dict):
        raise TypeError(f"A loss returns a scalar, or a scalar and a dict of logs; got a {type(logs).__name__}.")


def make_step(model: Any, objective: Objective, optimizer: Any) -> Step:
    raise NotImplementedError
