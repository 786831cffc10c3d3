"""Gradient steps of models whose class writes a part of the step itself. Pure."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import optax

from .. import binding
from ..auxiliary import aux_loss, clear_aux_loss
from ..layer import penalty
from ..optimizers import Optimizer
from . import step
from .hooks import as_tuple, handed, lost, overrides
from .metering import metered
from .objective import Objective
from .step import Step, TrainState, join, project, rows_of, same_types, split


def minimize(model: Any, optimizer: Any, ts: TrainState, loss: Any) -> tuple[TrainState, dict[str, Any]]:
    """(train_state, logs) after a step down a loss, or after one down the loss of each of several sublayers."""
    key = jax.random.fold_in(ts.rng, ts.step)
    mask = model.trainable_mask(ts.params)
    losses = loss if isinstance(loss, dict) else {None: loss}
    check_parts(model, optimizer, losses, mask)
    chosen, _ = split(mask, ts.params)
    grads, state, logs = jax.tree.map(lambda _: None, chosen), ts.state, {}
    for i, (part, one) in enumerate(losses.items()):
        moved = mask if part is None else {n: v if n == part else none_of(v) for n, v in mask.items()}
        state, told, found = gradient(
            model, optimizer, one, moved, ts._replace(state=state), jax.random.fold_in(key, i)
        )
        grads = join(found, grads)
        logs |= {"loss" if part is None else f"{part}_loss": told[0], **told[1]}
    updates, opt_state = optimizer.update(grads, ts.opt_state, chosen)
    params = project(model, mask, optax.apply_updates(chosen, updates), split(mask, ts.params)[1])
    ts = ts._replace(params=params, state=same_types(state, ts.state), opt_state=opt_state)
    return ts._replace(rng=jax.random.fold_in(ts.rng, 0)), logs  # another one in the same step draws anew


def none_of(mask: Any) -> Any:
    """A mask like another one in which nothing is chosen."""
    return jax.tree.map(lambda _: False, mask)


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


def make_step(model: Any, objective: Objective, optimizer: Any, guard: bool = False, tally: Any = None) -> Step:
    """The step that `fit` takes, with the `compute_loss` of the model's class if it has one.

    tally: counts on the variables of the metrics that the model holds; they are then brought along.
    """
    own = overrides(model, "compute_loss")
    forward = forward_of(model, objective, optimizer, tally is not None) if own else None
    return step.make_step(model, objective, optimizer, guard=guard, forward=forward, tally=tally)


def forward_of(model: Any, objective: Objective, optimizer: Any, brings: bool) -> Any:
    """The way forward of a step whose loss the model's class computes."""
    scale = getattr(optimizer, "scale_loss", None)

    def forward(chosen: Any, rest: Any, ts: TrainState, rng: Any, batch: Any) -> Any:
        values = ts.metrics["variables"] if brings else None
        found, state = computed(model, objective, join(chosen, rest), ts.state, batch, rng, True, values)
        total, y_pred, parts = found
        return (total if scale is None else scale(total, ts.opt_state)), (state, y_pred, total, parts)

    return forward


def computed(
    model: Any, objective: Objective, params: Any, state: Any, batch: Any, rng: Any, training: bool, values: Any
) -> Any:
    """((loss, outputs, parts), state) of a batch, by the `compute_loss` of the model's class.

    values: of the variables of the metrics that the model holds, which the loss may update: parts are then
        their new values. If None, parts are the losses of the outputs.
    """
    x, y, weight = (*as_tuple(handed(batch, objective)), None, None)[:3]

    def run(net: Any) -> Any:
        y_pred = net(x)
        if values is not None:
            net = metered(net, values)
        total = jnp.asarray(lost(net, x, y, y_pred, weight, training), jnp.float32)
        if values is not None:
            return total, y_pred, [v.value for v in net.metrics_variables]
        return total, y_pred, objective(batch[1], y_pred, batch[2])[1] if objective.several else []

    return binding.within(model, params, clear_aux_loss(state), run, rng, training)


def make_test(model: Any, objective: Objective, tally: Any = None) -> Any:
    """test(params, state, accs, batch, rng) -> (accs, state), with the hooks of the model's class."""

    def count(accs: Any, total: Any, parts: Any, y_pred: Any, batch: Any) -> Any:
        return objective.update(accs, total, parts, rows_of(batch[0]), batch[1], y_pred, batch[2], masked=True)

    def test(params: Any, state: Any, accs: Any, batch: Any, rng: Any = None) -> Any:
        values = None if tally is None else accs["variables"]
        (total, y_pred, parts), state = computed(model, objective, params, state, batch, rng, False, values)
        return (tally or count)(accs, total, parts, y_pred, batch), state

    return test
