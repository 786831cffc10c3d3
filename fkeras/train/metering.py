"""Metrics that objects hold, inside pure steps: their variables come in and go out as lists of values."""

from __future__ import annotations

import copy
from typing import Any

import jax.numpy as jnp

from .. import binding
from ..metrics.bind import bind
from .hooks import unmasked
from .step import rows_of


def metered(model: Any, values: Any) -> Any:
    """A throw-away copy of a model whose metrics hold these values."""
    values, replaced = list(values), {}
    for metric in model.metrics:
        count = len(metric.variables)
        replaced[id(metric)] = bind(metric, values[:count])
        values = values[count:]
    net = copy.copy(model)
    for name, value in vars(model).items():
        object.__setattr__(net, name, binding.swap(value, replaced))
    if net._objective is not None:
        objective = copy.copy(net._objective)
        objective.measures = [(i, replaced.get(id(m), m), w, n) for i, m, w, n in objective.measures]
        object.__setattr__(net, "_objective", objective)
    vars(net).pop("_measured", None)
    return net


def measure(
    model: Any, values: Any, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, masked: bool = False
) -> tuple[dict[str, Any], list[Any]]:
    """(logs, the metrics' variables) after one more batch. masked: see `Objective.update`."""
    net = metered(model, values)
    tracker = vars(net).get("_loss_tracker")
    if tracker is not None and any(metric is tracker for metric in net.metrics):
        tracker.update_state(loss, sample_weight=jnp.asarray(rows_of(x), jnp.float32))
    plain = unmasked(net, y_pred)
    if not masked:
        vars(net).pop("_masked")
    logs = net.compute_metrics(x, y, plain, sample_weight)
    return logs, [v.value for v in net.metrics_variables]
