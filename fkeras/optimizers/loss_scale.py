"""A loss scale that finds itself, for training in float16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from ..variable import Variable
from .leaves import row
from .optimizer import COMMON, OPTIMIZER, Optimizer
from .places import Place


class LossScaleOptimizer(Optimizer, arguments=("inner_optimizer", "initial_scale", "dynamic_growth_steps", "name")):
    """Multiplies the loss by a scale, divides the gradients by it, and leaves `inner_optimizer` the step.

    A step with a gradient that is not finite is skipped and halves the scale; after
    `dynamic_growth_steps` good steps the scale doubles.

    Shapes: any tree of params and one of gradients like it.
    Take gradients of `scale_loss(loss, opt_state)`. The inner optimizer's own `loss_scale_factor`
        is set to None, as in Keras, since gradients are not to be scaled twice.
    Raises TypeError for an inner optimizer that is none.

    >>> opt = LossScaleOptimizer("sgd", initial_scale=4.0)
    >>> p = jnp.ones(1)
    >>> updates, state = opt.update(jnp.array([jnp.inf]), opt.init(p), p)
    >>> updates.tolist(), state["dynamic_scale"].item()
    ([0.0], 2.0)
    """

    inner_optimizer: Any = None
    initial_scale: float = 2.0**15
    dynamic_growth_steps: int = 2000
    _rate = 0.0

    def __post_init__(self) -> None:
        self.inner_optimizer = OPTIMIZER.get(self.inner_optimizer)
        if not isinstance(self.inner_optimizer, Optimizer):
            raise TypeError(f"LossScaleOptimizer needs an optimizer inside; received {self.inner_optimizer!r}.")
        super().__post_init__()
        self.require("initial_scale", "> 0", lambda v: v > 0)
        self.require("dynamic_growth_steps", "an integer >= 1", lambda v: v >= 1)
        self.inner_optimizer.loss_scale_factor = None

    # --- the pair ----------------------------------------------------------------------------------

    def init(self, params: Any, leaves: list[Any] | None = None) -> dict[str, Any]:
        return {**self.begin(row(params, leaves)), "inner": self.inner_optimizer.init(params, leaves)}

    def begin(self, params: Any) -> dict[str, Any]:
        scale = jnp.asarray(self.initial_scale, jnp.float32)
        return {**super().begin(params), "step_counter": jnp.zeros((), jnp.int32), "dynamic_scale": scale}

    def update(
        self, grads: Any, opt_state: Any, params: Any = None, leaves: list[Any] | None = None
    ) -> tuple[Any, Any]:
        if params is None:
            raise ValueError(f"{self!r}: update needs the parameters: update(grads, opt_state, params).")
        parts = row(params, leaves)
        gs, scale = self.check(parts.pick(grads), parts), opt_state["dynamic_scale"]
        finite = jnp.all(jnp.array([jnp.all(jnp.isfinite(g)) for g in gs if g is not None]))
        kept = [getattr(leaf, "overwrite_with_gradient", False) for leaf in parts.leaves]
        gs = [g if g is None or k else g / scale.astype(g.dtype) for g, k in zip(gs, kept, strict=True)]
        gs = [g if g is None else jnp.where(finite, g, 0) for g in gs]  # so that no NaN enters a derivative
        updates, inner = self.inner_optimizer.update(parts.tree(gs), opt_state["inner"], params, leaves)
        grown = opt_state["step_counter"] == self.dynamic_growth_steps - 1
        return jax.tree.map(lambda u: jnp.where(finite, u, 0), updates), {
            **opt_state,
            "inner": jax.tree.map(lambda new, old: jnp.where(finite, new, old), inner, opt_state["inner"]),
            "step_counter": jnp.where(finite & ~grown, opt_state["step_counter"] + 1, 0),
            "dynamic_scale": scale * jnp.where(finite, jnp.where(grown, 2.0, 1.0), 0.5),
        }

    def finalize(self, params: Any, opt_state: Any, leaves: list[Any] | None = None) -> Any:
        return self.inner_optimizer.finalize(params, opt_state["inner"], leaves)

    def scale_loss(self, loss: Any, opt_state: Any = None) -> Any:
        state = self.state if opt_state is None else opt_state
        return loss * (self.initial_scale if state is None else state["dynamic_scale"])

    def skeleton(self) -> Any:
        twin = super().skeleton()
        vars(twin)["inner_optimizer"] = self.inner_optimizer.skeleton()
        return twin

    # --- the face ----------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer; settable."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def _inner(self) -> list[Any]:
        return [self.inner_optimizer]

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def state(self) -> Any:
        return {**self._box, "inner": self.inner_optimizer.state} if self.built else None

    @state.setter
    def state(self, state: Any) -> None:
        self.inner_optimizer.state = None if state is None else state["inner"]
        self._box = {k: v for k, v in (state or {}).items() if k != "inner"}
        self.built = state is not None

    def build(self, variables: Any) -> None:
        if any(isinstance(v, Variable) for v in variables):
            self.inner_optimizer.build(variables)
        super().build(variables)

    def prepare(self, params: Any) -> None:
        self.inner_optimizer.prepare(params)
        super().prepare(params)

    def places(self) -> Iterator[Place]:
        yield from (p for p in super().places() if p.keys != ("inner",))
        yield from (Place(("inner", *p.keys), p.index, p.path) for p in self.inner_optimizer.places())

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        if not config.get("dynamic", True):
            raise ValueError("LossScaleOptimizer has no dynamic=False: set loss_scale_factor on the inner optimizer.")
        old = {k: v for k, v in config.items() if k in COMMON and k != "name"}
        for name, value in old.items():  # older files hold the defaults of all settings
            if value != getattr(Optimizer, name):
                raise ValueError(f"LossScaleOptimizer has no {name}: set {name}={value!r} on the inner optimizer.")
        return super().from_config({k: v for k, v in config.items() if k not in (*old, "dynamic")}, custom_objects)
