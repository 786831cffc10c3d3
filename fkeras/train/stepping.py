"""`Stepping`: the parts of a training step that the class of a model may write itself.

In order of what they take over: `compute_metrics`, `compute_loss`, `train_step` (and
`test_step`, `predict_step`). A `train_step` has one of two forms, told by the name of
its first argument:

    def train_step(self, train_state, batch):    # pure: one TrainState in, one out
        return train_state, logs

    def train_step(self, state, data):           # that of Keras on JAX: four lists of arrays
        trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables = state
        return logs, state

Either runs inside the compiled loop of many steps.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import binding, metrics, storey
from ..masking import value_of
from . import descent
from .hooks import lost, overrides
from .metering import measure, metered
from .objective import Objective, outputs_of
from .step import TrainState, as_list, resolve, rows_of, unpack


class Stepping:
    """The hooks of a step, with what they do unless a subclass says otherwise."""

    # --- loss and metrics ----------------------------------------------------------------------

    def compute_loss(
        self: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss to minimise: what `compile` was told, and the losses of layers and regularizers.

        A subclass may override it; layers that it calls on `self` then compute with the values of the step.
        """
        return self.objective(y, y_pred, sample_weight) + sum(self.losses)

    def objective(self: Any, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        """The loss that `compile` was told, for labels and outputs; 0 if it was told none."""
        if self.loss is None:
            return jnp.zeros((), jnp.float32)
        y_pred = vars(self).get("_masked", {}).get(id(y_pred), y_pred)
        found = self._objective or self._resolved(y, y_pred)
        return found(as_list(y, found), y_pred, as_list(sample_weight, found))[0]

    def _resolved(self: Any, y: Any, y_pred: Any) -> Objective:
        """The compiled losses and metrics for labels and outputs like these."""
        told = self._compiled
        names = sorted(y_pred) if isinstance(y_pred, dict) else self.output_names or None
        labels = as_list(y, resolve(told.loss, None, y, y_pred, names))
        return Objective(
            told.loss, labels, outputs_of(y_pred), names, told.loss_weights, told.metrics, told.weighted_metrics
        )

    def compute_metrics(self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the compiled metrics, and returns all results by name. A subclass may add its own."""
        found = self._objective
        if found is not None and found.measures:
            y_pred = vars(self).get("_masked", {}).get(id(y_pred), y_pred)
            labels, outputs, weights = as_list(y, found), outputs_of(y_pred), as_list(sample_weight, found)
            for i, metric, weighted, _ in found.measures:
                given = {"sample_weight": weights[i]} if weighted and weights is not None else {}
                output = outputs[i] if metric.supports_masking else value_of(outputs[i])
                metric.update_state(labels[i], output, **given)
        return self.get_metrics_result()

    @property
    def metrics(self: Any) -> list[Any]:
        """The mean of the loss, the compiled metrics once they are known, and those in attributes of the model."""
        found = self._own_metrics()
        return found if self._compiled is None else [self._tracker(), *self._measures(), *found]

    def _tracker(self: Any) -> Any:
        if vars(self).get("_loss_tracker") is None:  # private copies leave it behind
            vars(self)["_loss_tracker"] = metrics.Mean(name="loss")
        return vars(self)["_loss_tracker"]

    def _measures(self: Any) -> list[Any]:
        return [] if self._objective is None else [metric for _, metric, _, _ in self._objective.measures]

    def _own_metrics(self: Any) -> list[Any]:
        """The metrics that attributes hold, those of layers last."""
        found: dict[int, Any] = {}
        for part in storey.subtree(self):
            for name, value in vars(part).items():
                if name not in ("_loss_tracker", "_objective"):
                    for metric in value if isinstance(value, list) else [value]:
                        if isinstance(metric, metrics.Metric):
                            found.setdefault(id(metric), metric)
        return list(found.values())

    @property
    def metrics_variables(self: Any) -> list[Any]:
        """The variables of all metrics, in order."""
        return [v for metric in self.metrics for v in metric.variables]

    def get_metrics_result(self: Any) -> dict[str, Any]:
        """What the metrics hold, by name; after `fit` and `evaluate` what these have measured last."""
        if (last := vars(self).get("_measured")) is not None:
            return {**{n: last[n] for n in self.metrics_names if n in last}, **last}
        names = {id(m): name for _, m, _, name in self._objective.measures} if self._objective is not None else {}
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {names.get(id(metric), metric.name): value})
        return results

    def reset_metrics(self: Any) -> None:
        """Sets all metrics back to where they begin."""
        vars(self).pop("_measured", None)
        for metric in self.metrics:
            metric.reset_state()

    # --- steps in the form of Keras on JAX -------------------------------------------------------

    def stateless_compute_loss(
        self: Any, trainable_variables: Any, non_trainable_variables: Any, metrics_variables: Any, x: Any = None,
        y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True,
    ) -> Any:  # fmt: skip
        """(loss, (trainable, non-trainable, metrics' variables)): `compute_loss` with these values; changes nothing."""
        params, state = storey.from_lists(self, trainable_variables, non_trainable_variables)

        def run(net: Any) -> Any:
            if not overrides(self, "compute_loss"):
                return lost(net, x, y, y_pred, sample_weight, training), metrics_variables
            net = metered(net, metrics_variables)
            loss = lost(net, x, y, y_pred, sample_weight, training)
            return loss, [v.value for v in net.metrics_variables]

        state = storey.merged(storey.gather(self)[1], state)
        (loss, measured), state = binding.within(self, params, state, run, training=training)
        return loss, (trainable_variables, storey.as_lists(self, (params, state))[1], measured)

    def compute_loss_and_updates(
        self: Any, trainable_variables: Any, non_trainable_variables: Any, metrics_variables: Any, x: Any, y: Any,
        sample_weight: Any, training: bool = False, optimizer_variables: Any = None,
    ) -> Any:  # fmt: skip
        """(loss to differentiate, (loss, y_pred, non-trainable variables, metrics' variables)); changes nothing."""
        y_pred, others, _ = self.stateless_call(
            trainable_variables, non_trainable_variables, x, return_losses=True, training=training
        )
        loss, (_, others, metrics_variables) = self.stateless_compute_loss(
            trainable_variables, others, metrics_variables, x=x, y=y, y_pred=y_pred, sample_weight=sample_weight,
            training=training,
        )  # fmt: skip
        scaled = loss
        if training and optimizer_variables is not None and hasattr(self.optimizer, "scale_loss"):
            scaled = self.optimizer.scale_loss(loss, self.optimizer.from_list(optimizer_variables))
        return scaled, (loss, y_pred, others, metrics_variables)

    def train_step(self: Any, state: Any, data: Any) -> Any:
        """(logs, state) after a step, in the form of Keras on JAX; for a form of our own see `minimize` and `step`."""
        trainable, others, optimizer_variables, measured = state
        x, y, sample_weight = unpack(data)
        grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (_, aux), grads = grad(
            trainable, others, measured, x, y, sample_weight, training=True, optimizer_variables=optimizer_variables
        )
        loss, y_pred, others, measured = aux
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trainable)
        logs, measured = measure(self, measured, loss, x, y, y_pred, sample_weight)
        return logs, (trainable, others, optimizer_variables, measured)

    def test_step(self: Any, state: Any, data: Any) -> Any:
        """(logs, state) after a batch is measured, in the form of Keras on JAX."""
        trainable, others, measured = state
        x, y, sample_weight = unpack(data)
        _, aux = self.compute_loss_and_updates(trainable, others, measured, x, y, sample_weight, training=False)
        loss, y_pred, others, measured = aux
        logs, measured = measure(self, measured, loss, x, y, y_pred, sample_weight, masked=True)
        return logs, (trainable, others, measured)

    def predict_step(self: Any, state: Any, data: Any) -> Any:
        """(outputs, non-trainable variables) for a batch, in the form of Keras on JAX."""
        trainable, others = state
        return self.stateless_call(trainable, others, unpack(data)[0], training=False)

    # --- steps in the pure form ------------------------------------------------------------------

    def minimize(self: Any, train_state: TrainState, loss: Any) -> tuple[TrainState, dict[str, Any]]:
        """One step of the optimizer down a loss: (train_state, logs), pure.

        loss: a function of `net`, this model holding the values of the step: `net(x)` and its layers
            may be called. It returns a scalar, or a scalar and a dict of more logs; penalties and
            added losses come on top. A second argument called `rng` gets a random key.
            Or a dict of such functions, by sublayer: each moves the params of that sublayer alone,
            all from the same point, as in a game of two networks.

        >>> import fkeras
        >>> class Line(fkeras.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = fkeras.layers.Dense(1)
        ...     def call(self, x):
        ...         return self.dense(x)
        ...     def train_step(self, train_state, batch):
        ...         x, y = batch
        ...         return self.minimize(train_state, lambda net: jnp.mean((net(x) - y) ** 2))
        >>> line, x = Line(), jnp.ones((8, 2))
        >>> line.compile(fkeras.optimizers.SGD(0.1))
        >>> losses = line.fit(x, x[:, :1], epochs=20, verbose=0).history["loss"]
        >>> losses[-1] < 1e-3
        True
        """
        if not isinstance(train_state, TrainState):
            raise TypeError(
                f"minimize takes the TrainState that train_step(self, train_state, batch) is given; got a "
                f"{type(train_state).__name__}. A train_step whose first argument has another name than train_state "
                "gets lists of arrays, as in Keras on JAX."
            )
        return descent.minimize(self, self.optimizer, train_state, loss)

    def step(self: Any, train_state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]:
        """The step that `fit` takes by itself, in the pure form: (train_state, {}); the compiled metrics count on."""
        new = descent.make_step(self, self._objective, self.optimizer)(train_state, batch)
        return new._replace(metrics={**train_state.metrics, **new.metrics}), {}

    def measure(self: Any, train_state: TrainState, y: Any, y_pred: Any, sample_weight: Any = None) -> TrainState:
        """The state with one more batch in the compiled metrics; for a `train_step` that calls no `step`."""
        found = self._objective
        labels, weights = as_list(y, found), as_list(sample_weight, found)
        accs = {n: a for n, a in train_state.metrics.items() if n not in found.loss_names}
        new = found.update(accs, 0.0, [0.0] * len(found.loss_names), rows_of(y_pred), labels, y_pred, weights)
        return train_state._replace(metrics={**train_state.metrics, **new})
