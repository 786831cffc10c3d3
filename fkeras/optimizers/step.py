"""One update of an optimizer, in the order of Keras: accumulate, clip, decay, rule, moving average."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .. import stream
from . import binding
from .leaves import Row
from .shared import Numbers


class Step:
    """One update in the making: the new state, and the updates so far."""

    def __init__(self, optimizer: Any, params: Row, state: dict[str, Any]):
        self.optimizer, self.params, self.old, self.state = optimizer, params, state, dict(state)
        every = optimizer.gradient_accumulation_steps
        self.count = state["iterations"] // every if every else state["iterations"]
        self.updates: list[Any] = []

    def take(self, grads: list[Any]) -> None:
        """Clips, decays, and applies the rule to every leaf."""
        self.updates, changed = self.moves(grads)
        self.state.update(changed)

    def moves(self, grads: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """(updates, changed entries of the state)."""
        opt, params = self.optimizer, self.params
        rate = opt.rate_at(self.old)
        grads = opt.clip(grads)
        decays = [
            self.decayed(g, p, leaf, rate) for g, p, leaf in zip(grads, params.values, params.leaves, strict=True)
        ]
        now = [p if d is None else p + d for p, d in zip(params.values, decays, strict=True)]
        if opt.is_custom:
            moves, changed = binding.run(opt, params._replace(values=now), grads, self.old, rate)
        else:
            moves, changed = self.ruled(grads, now, rate)
        pairs = zip(moves, decays, strict=True)
        return [m if d is None else m + d for m, d in pairs], changed

    def decayed(self, g: Any, p: Any, leaf: Any, rate: Any) -> Any:
        """What weight decay takes off a parameter, or None."""
        if g is None or (decay := self.optimizer.decay(leaf)) is None:
            return None
        return -p * (jnp.asarray(decay, p.dtype) * rate.astype(p.dtype))

    def ruled(self, grads: list[Any], values: list[Any], rate: Any) -> tuple[list[Any], dict[str, Any]]:
        """The rule, leaf by leaf."""
        opt, params = self.optimizer, self.params
        extras = opt.advance({k: self.old[k] for k in opt.extras(params)}, self.count + 1)
        numbers = Numbers(lambda lr, t: opt.shared(lr, t, **extras), rate, self.count + 1)
        slots = {n: params.pick(tree) for n, tree in self.old["slots"].items()}
        moves: list[Any] = []
        for i, (g, p) in enumerate(zip(grads, values, strict=True)):
            if g is None:
                moves.append(jnp.zeros_like(p))
                continue
            kept = {n: s[i] for n, s in slots.items() if s[i] is not None}
            move, new = opt.rule(g.astype(p.dtype), p, kept, numbers(p.dtype))
            moves.append(move)
            for n, value in new.items():
                slots[n][i] = value
        return moves, {"slots": {n: params.tree(s) for n, s in slots.items()}, **extras}

    def accumulate(self, grads: list[Any]) -> None:
        """Adds to the sum of gradients; takes a step with their mean in every n-th update."""
        every, params = self.optimizer.gradient_accumulation_steps, self.params
        assert every
        sums = params.pick(self.old["gradient_accumulator"])
        total = [g if g is None else (g + a).astype(a.dtype) for g, a in zip(grads, sums, strict=True)]
        mean = [g if g is None else g / every for g in total]
        changing = ["variables" if self.optimizer.is_custom else "slots", *self.optimizer.extras(params)]
        cleared = [a if g is None else jnp.zeros_like(a) for g, a in zip(grads, sums, strict=True)]
        kept = [a if g is None else g for g, a in zip(total, sums, strict=True)]
        self.updates, changed, sums = jax.lax.cond(
            is_due(self.old["iterations"], every),
            lambda: (*self.moves(mean), cleared),
            lambda: ([jnp.zeros_like(p) for p in params.values], {k: self.old[k] for k in changing}, kept),
        )
        self.state.update(changed, gradient_accumulator=params.tree(sums))

    def average(self) -> None:
        """Moves the average of the weights on, and the weights to it where that is due."""
        opt, params = self.optimizer, self.params
        momentum = jnp.where(self.count == 0, 0.0, opt.ema_momentum)
        averages = params.pick(self.old["average"])
        for i, (p, average) in enumerate(zip(params.values, averages, strict=True)):
            if average is not None:
                m = momentum.astype(p.dtype)
                averages[i] = m * average + (1 - m) * (p + self.updates[i])
                if opt.ema_overwrite_frequency:
                    due = is_due(self.count, opt.ema_overwrite_frequency)
                    self.updates[i] = jnp.where(due, averages[i] - p, self.updates[i])
        self.state["average"] = params.tree(averages)

    def overwrite(self, grads: list[Any]) -> None:
        """Sets the variables whose gradient is their new value (float8 scales)."""
        every, params = self.optimizer.gradient_accumulation_steps, self.params
        for i, (g, p) in enumerate(zip(grads, params.values, strict=True)):
            if g is not None and not every:
                self.updates[i] = g.astype(p.dtype) - p
            elif g is not None:
                sums = params.pick(self.state["gradient_accumulator"])
                peak, due = jnp.maximum(g.astype(p.dtype), sums[i]), is_due(self.old["iterations"], every)
                self.updates[i] = jnp.where(due, peak - p, 0)
                sums[i] = jnp.where(due, 0, peak)
                self.state["gradient_accumulator"] = params.tree(sums)


def zeros(p: Any) -> jax.Array:
    """Zeros like a parameter, strongly typed; outside of jit by NumPy, which compiles no program for each shape."""
    if isinstance(p, Tracer) or getattr(p, "committed", False) or stream.tracing():
        return jnp.zeros_like(p, dtype=p.dtype)
    return stream.put(np.zeros(p.shape, p.dtype))


def is_due(count: Any, every: int) -> Any:
    """Whether the step after `count` others is an `every`-th."""
    return (count + 1) % every == 0


def overwritten(leaf: Any) -> bool:
    """Whether the gradient of a variable is its new value."""
    return getattr(leaf, "overwrite_with_gradient", False)
