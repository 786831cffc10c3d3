"""`Objective`: what a training run minimises and measures, output by output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import losses, metrics, registry, spec
from ..masking import is_masked, value_of


def outputs_of(y_pred: Any) -> list[Any]:
    """The outputs of a model as a list; masks stay on."""
    return jax.tree.leaves(y_pred, is_leaf=lambda v: is_masked(v) or isinstance(v, spec.Spec))


class Objective:
    """Losses and metrics, resolved for outputs and labels of known shapes. Pure once made.

    loss: a name, a function, a Loss; for several outputs a list, or a dict by output name.
        One loss for several outputs serves each. None for an output leaves it out.
    y, y_pred: specs of labels (None where there are none) and outputs, one for each output.
    names: the names of the outputs.

    Raises ValueError for names that no output has, and where a list has another length.
    """

    def __init__(
        self, loss: Any, y: Sequence[Any], y_pred: Sequence[Any], names: Sequence[str] | None = None,
        loss_weights: Any = None, measured: Any = None, weighted: Any = None,
    ):  # fmt: skip
        self.names = list(names or [f"output_{i}" for i in range(len(y_pred))])
        self.outputs, self.named = list(y_pred), False  # whether labels come in a dict
        pairs = list(zip(y, y_pred, strict=True))
        chosen = self.spread("loss", loss, True)
        if missing := [
            n
            for n, l, t in zip(self.names, chosen, y, strict=True)
            if l is not None and t is None and any(v is not None for v in y)
        ]:
            raise ValueError(
                f"y has no labels for the output {missing[0]!r}, which has a loss. Pass them, or give loss= None for "
                "this output."
            )
        self.losses = [None if t is None else losses.resolve(l, t, p) for l, (t, p) in zip(chosen, pairs, strict=True)]
        self.weights = self.spread("loss_weights", loss_weights)
        self.measures = unique([
            *self.measured("metrics", measured, pairs, False),
            *self.measured("weighted_metrics", weighted, pairs, True),
        ], self.names)  # fmt: skip
        self.several = sum(l is not None for l in self.losses) > 1

    def spread(self, what: str, given: Any, broadcast: bool = False) -> list[Any]:
        """One entry for each output, from one for all, a list, or a dict by name."""
        n = len(self.names)
        if isinstance(given, dict) and not registry.is_config(given):
            if unknown := [k for k in given if k not in self.names]:
                raise registry.unknown(f"output in {what}=", unknown[0], self.names)
            return [given.get(name) for name in self.names]
        if isinstance(given, (list, tuple)):
            if len(given) != n and not (n == 1 and what != "loss"):
                raise ValueError(
                    f"{what}= has {len(given)} entries, the model has {n} outputs: {', '.join(self.names)}."
                )
            return list(given)
        return [given] * n if broadcast or n == 1 else [None] * n if given is None else [given] * n

    def measured(self, what: str, given: Any, pairs: list[Any], weighted: bool) -> list[tuple[int, Any, bool, str]]:
        """(output, metric, weighted?, name in the logs) for each metric."""
        if given is None:
            return []
        n = len(self.names)
        if n == 1 and not isinstance(given, dict):
            given = given if isinstance(given, (list, tuple)) else [given]
            given = given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
            columns = [given]
        else:
            columns = self.spread(what, given)
        found: list[tuple[int, Any, bool, str]] = []
        for i, column in enumerate(columns):
            for metric in [] if column is None else column if isinstance(column, (list, tuple)) else [column]:
                y, y_pred = pairs[i]
                if metric is None or y is None:
                    continue
                resolved = metrics.resolve(metric, y, y_pred)
                found.append((i, resolved, weighted, resolved.name if n == 1 else f"{self.names[i]}_{resolved.name}"))
        return found

    # --- the loss --------------------------------------------------------------------------------

    def __call__(self, y: Sequence[Any], y_pred: Any, weight: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        """(weighted sum of the losses, the loss of each output that has one): float32 scalars."""
        outputs = outputs_of(y_pred)
        parts = []
        total: Any = jnp.zeros((), jnp.float32)
        for i, loss in enumerate(self.losses):
            if loss is None:
                continue
            value = loss(y[i], outputs[i], sample_weight=None if weight is None else weight[i])
            value = jnp.asarray(value, jnp.float32)
            if value.ndim:
                value = jnp.mean(value)
            parts.append(value)
            total = total + (value if self.weights[i] is None else value * self.weights[i])
        return total, parts

    def check(self, y: Sequence[Any], y_pred: Sequence[Any]) -> None:
        """Refuses labels that do not fit the losses, in plain words."""
        for loss, labels, predicted in zip(self.losses, y, y_pred, strict=True):
            if loss is not None and labels is not None:
                losses.check(loss, labels, predicted)

    # --- what is measured --------------------------------------------------------------------------

    @property
    def loss_names(self) -> list[str]:
        """The names in the logs of the total and, if there are several, of each output's loss."""
        parts = [f"{n}_loss" for n, l in zip(self.names, self.losses, strict=True) if l is not None]
        return ["loss", *(parts if self.several else [])]

    @property
    def metric_names(self) -> list[str]:
        """All names in the logs: losses first; metrics as they were given, those of several outputs by name."""
        names = [name for *_, name in self.measures]
        return [*self.loss_names, *(names if len(self.names) == 1 else sorted(names))]

    def start(self, y: Sequence[Any], y_pred: Sequence[Any]) -> dict[str, Any]:
        """The accumulators before any data, by name."""
        accs: dict[str, Any] = {name: MEAN.init() for name in self.loss_names}
        for i, metric, _, name in self.measures:
            accs[name] = metric.init(y[i], y_pred[i]) if metric.needs_shapes else metric.init()
        return accs

    def update(
        self, accs: Any, total: Any, parts: Sequence[Any], rows: Any, y: Sequence[Any], y_pred: Any, weight: Any,
        masked: bool = False,
    ) -> Any:  # fmt: skip
        """The accumulators with one more batch in them; what was not started is not measured.

        masked: whether metrics leave out what the masks of the outputs do: with Keras on JAX they do so
            in evaluation, and not in training, where losses alone see the masks.
        """
        values = [total, *parts] if self.several else [total]
        new = {
            n: MEAN.update(accs[n], v, sample_weight=jnp.asarray(rows, jnp.float32))
            for n, v in zip(self.loss_names, values, strict=True)
            if n in accs
        }
        outputs = outputs_of(y_pred)
        for i, metric, weighted, name in self.measures:
            if name not in accs:
                continue
            given = {"sample_weight": weight[i]} if weighted and weight is not None and weight[i] is not None else {}
            if masked and is_masked(outputs[i]) and metric.supports_masking:
                given["mask"] = outputs[i].mask
            new[name] = metric.update(accs[name], y[i], value_of(outputs[i]), **given)
        return new

    def compute(self, accs: Any) -> dict[str, Any]:
        """What has been measured, by name; what was not started is left out."""
        logs = {n: MEAN.compute(accs[n]) for n in self.loss_names if n in accs}
        return {**logs, **{name: metric.compute(accs[name]) for _, metric, _, name in self.measures if name in accs}}

    def fingerprint_parts(self) -> Any:
        """What tells this objective from others."""
        return self.names, self.losses, self.weights, [(i, m, w, n) for i, m, w, n in self.measures]


class _Mean:
    """The mean of a loss over all rows, made on first use: nothing of JAX runs at import."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(metrics.Mean(), name)


MEAN = _Mean()


def unique(found: list[tuple[int, Any, bool, str]], outputs: list[str]) -> list[tuple[int, Any, bool, str]]:
    """The same, with Keras' names for what is measured twice: `weighted_accuracy`, `accuracy_1`."""
    counts: dict[str, int] = {}
    out = []
    for i, metric, weighted, name in found:
        if name in counts and weighted:
            name = f"{outputs[i]}_weighted_{metric.name}" if len(outputs) > 1 else f"weighted_{metric.name}"
        number = counts.get(name, 0)
        counts[name] = number + 1
        out.append((i, metric, weighted, f"{name}_{number}" if number else name))
    return out
