"""Which parts of a step the class of a model writes itself, and how they are called."""

from __future__ import annotations

import inspect
from typing import Any

from ..masking import values_of
from .objective import Objective

HOOKS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
HOME = __name__.replace("hooks", "stepping")  # where the hooks are that nobody has overridden
FORM = """{name}.{hook} takes (self{given}), the form for TensorFlow or PyTorch. Here nothing is recorded on a tape: a \
step is a pure function of the values that it changes. Write

    def train_step(self, train_state, batch):
        x, y = batch
        def loss(net):
            return net.objective(y, net(x))
        return self.minimize(train_state, loss)

or, as in Keras on JAX, train_step(self, state, data), which returns (logs, state)."""


def overrides(model: Any, hook: str) -> bool:
    """Whether the class of a model writes this hook itself."""
    return getattr(type(model), hook).__module__ != HOME


def form(model: Any, hook: str) -> str | None:
    """The form of a step that the class of a model writes: "pure", "keras", or None if it writes none.

    Raises TypeError for the form of other backends.
    """
    if not overrides(model, hook):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [n for n, p in inspect.signature(getattr(model, hook)).parameters.items() if p.kind in kinds]
    if len(names) != 2:
        given = "".join(f", {n}" for n in names)
        raise TypeError(FORM.format(name=type(model).__name__, hook=hook, given=given))
    return "pure" if names[0] == "train_state" else "keras"


def lost(net: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
    """`compute_loss` of a model, for outputs that may carry masks; a class may leave `training` out."""
    given = {"training": training} if "training" in inspect.signature(net.compute_loss).parameters else {}
    return net.compute_loss(x, y, unmasked(net, y_pred), sample_weight, **given)


def unmasked(net: Any, y_pred: Any) -> Any:
    """Outputs without their masks, which the model remembers for the losses and metrics that it was compiled with."""
    plain = values_of(y_pred)
    object.__setattr__(net, "_masked", {id(plain): y_pred})
    object.__setattr__(net, "_plain", plain)  # so that no other object gets its id
    return plain


def handed(batch: Any, objective: Objective) -> Any:
    """A batch as `fit` was given it: x, (x, y) or (x, y, sample_weight); a list or a dict for several outputs."""
    x, y, weight = batch

    def shaped(values: Any) -> Any:
        if values is None or len(values) == 1:
            return values and values[0]
        return dict(zip(objective.names, values, strict=True)) if objective.named else list(values)

    if y is None:
        return x if weight is None else (x, None, shaped(weight))
    return (x, shaped(y)) if weight is None else (x, shaped(y), shaped(weight))


def as_tuple(batch: Any) -> tuple[Any, ...]:
    """A batch as a tuple."""
    return batch if isinstance(batch, tuple) else (batch,)
