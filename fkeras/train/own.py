"""Steps that the class of a model writes itself, as the programs of `fit` run them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, facade, sharing, storey
from ..metrics.bind import trial
from ..optimizers import Optimizer
from . import descent
from .hooks import HOOKS, as_tuple, form, handed, overrides
from .metering import measure
from .objective import MEAN, Objective
from .step import Step, TrainState, is_finite, project, rows_of, same_types, split

ORDER = "{name}.{hook} must return ({expected}); it returned ({got}). {hint}"


class Tally:
    """What the steps of a class measure, where that is not what `compile` was told.

    trace: () -> (accumulators before any data, names in the logs). compute: accumulators -> logs.
    """

    def __init__(self, trace: Callable[[], Any], compute: Callable[[Any], Any]):
        self.trace, self.compute = trace, compute
        self.metric_names: list[str] = []

    def fresh(self) -> Any:
        """The accumulators before any data."""
        accs, self.metric_names = self.trace()
        return accs


class Keys:
    """Random keys for the calls of one step, one after the other."""

    def __init__(self, key: Any):
        self.key, self.count = key, 0

    def __call__(self) -> Any:
        self.count += 1
        return jax.random.fold_in(self.key, self.count)


class Listed:
    """An optimizer over lists of arrays, in the order of the model's trainable variables."""

    def __init__(self, optimizer: Any, model: Any, treedef: Any):
        self.optimizer, self.model, self.treedef = optimizer, model, treedef

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def from_list(self, optimizer_variables: Any) -> Any:
        """The `opt_state` in a list of arrays."""
        return self.treedef.unflatten(optimizer_variables)

    def stateless_apply(self, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
        """(trainable_variables, optimizer_variables) after a step; constraints hold."""
        model, state = self.model, self.model.values[1]
        others = storey.as_lists(model, self.model.values)[1]
        params, moves = (
            sharing.without_copies(model, storey.from_lists(model, given, others)[0])
            for given in (trainable_variables, grads)
        )
        mask = model.trainable_mask(params)
        (chosen, rest), (moves, _) = split(mask, params), split(mask, moves)
        updates, opt_state = self.optimizer.update(moves, self.from_list(optimizer_variables), chosen)
        new = jax.tree.map(jnp.add, chosen, updates)
        params = project(model, mask, new, rest)
        return storey.as_lists(model, (params, state))[0], jax.tree.leaves(opt_state)


class OwnSteps:
    """The steps of one model, as programs; `fit` asks for them where the class writes any of the hooks."""

    def __init__(self, model: Any, objective: Objective, optimizer: Any, rows: Any):
        self.model, self.objective, self.rows = model, objective, rows
        self.optimizer = optimizer.skeleton() if isinstance(optimizer, Optimizer) else optimizer
        self.forms = {hook: form(model, hook) for hook in HOOKS[:3]}
        self.hooked = {hook: overrides(model, hook) for hook in HOOKS[3:]}
        self.lock = threading.RLock()
        self.kept: set[str] = set()  # metrics of `compile` that a pure step counts on
        self.twin = self._twin()
        tracks = self.hooked["compute_loss"] and bool(self.twin._own_metrics())
        self.meters = self.hooked["compute_metrics"] or tracks  # whether metrics that the model holds count
        self.trained = self._tally("train_step", self._train_inner)
        self.tested = self._tally("test_step", self._test_inner)

    def _twin(self) -> Any:
        """A private copy of the model whose values are zeros, for steps to be traced on."""
        twin = compiled.skeleton(self.model)
        values = facade.gather(self.model)
        storey.scatter(twin, jax.tree.map(lambda v: np.zeros(v.shape, v.dtype), values))
        vars(twin).update(_compiled=self.model._compiled, _objective=self.objective, optimizer=self.optimizer)
        for _, metric, _, _ in self.objective.measures:
            if metric.needs_shapes:
                i = next(i for i, m, _, _ in self.objective.measures if m is metric)
                trial(metric, self.rows.y[i], self.objective.outputs[i])
        return twin

    # --- what is measured ------------------------------------------------------------------------

    def _tally(self, hook: str, inner: Any) -> Any:
        if self.forms[hook] == "keras" or (self.forms[hook] is None and self.meters):
            return Tally(lambda: self._trace_listed(inner), lambda accs: accs["logs"])
        if self.forms[hook] == "pure":
            return Tally(lambda: self._trace_pure(inner), self._compute_pure)
        return self.objective

    def _specs(self, measured: Any) -> tuple[TrainState, Any]:
        """A TrainState and a batch, of shapes alone."""
        params, state = facade.gather(self.model)
        chosen, _ = split(self.model.trainable_mask(params), params)
        opt_state = {} if self.optimizer is None else jax.eval_shape(self.optimizer.init, chosen)
        ts = TrainState(params, state, opt_state, measured, jax.random.key(0), jnp.zeros((), jnp.int32))
        return jax.tree.map(lambda v: jax.ShapeDtypeStruct(v.shape, v.dtype), (ts, self.rows.parts()))

    def _names(self, inner: Any, measured: Any) -> dict[str, Any]:
        """The logs of a step as shapes, in the order in which it makes them."""
        order: list[str] = []

        def run(ts: TrainState, batch: Any) -> Any:
            logs = inner(ts, batch)[1]
            order[:] = list(logs)
            return logs

        found = jax.eval_shape(run, *self._specs(measured))
        return {n: found[n] for n in order}

    def _in_order(self, logs: Any) -> list[str]:
        """The names of logs as `evaluate` lists them: those of the metrics first, then the others."""
        first = [metric.name for metric in self.twin.metrics if metric.name in logs]
        return [*first, *sorted(n for n in logs if n not in first)]

    def _trace_listed(self, inner: Any) -> Any:
        start = {"variables": [v for m in self.twin.metrics for v in m.stateless_reset_state()], "logs": {}}
        told = self._names(inner, start)
        return {**start, "logs": {n: np.zeros(s.shape, s.dtype) for n, s in told.items()}}, self._in_order(told)

    def _trace_pure(self, inner: Any) -> Any:
        labels = self.rows.y or [None] * len(self.objective.outputs)
        start = self.objective.start(labels, self.objective.outputs)
        told = self._names(inner, start)
        own = {n: MEAN.init() for n in told}
        kept = {n: a for n, a in start.items() if n in self.kept and n not in own}
        return {**kept, **own}, list(dict.fromkeys([*kept, *own]))

    def _compute_pure(self, accs: Any) -> Any:
        kept = {n: a for n, a in accs.items() if n in self.kept}
        return {**{n: MEAN.compute(a) for n, a in accs.items() if n not in kept}, **self.objective.compute(kept)}

    def _count(self, ts: TrainState, new: TrainState, logs: Any, rows: Any) -> dict[str, Any]:
        """The accumulators of a pure step: those that it has brought on, and the means of its logs."""
        brought = {n: a for n, a in new.metrics.items() if n in ts.metrics and n not in logs}
        moved = {n for n, a in brought.items() if any(map(differs, jax.tree.leaves(a), jax.tree.leaves(ts.metrics[n])))}
        self.kept |= moved
        rows = jnp.asarray(rows, jnp.float32)
        means = {n: MEAN.update(ts.metrics[n], v, sample_weight=rows) for n, v in logs.items() if n in ts.metrics}
        return {**{n: a for n, a in brought.items() if n in self.kept}, **means}

    # --- steps -----------------------------------------------------------------------------------

    def make_step(self) -> Step:
        """(ts, batch) -> ts; a batch after which a number is not finite changes nothing."""
        if self.forms["train_step"] is None:
            return descent.make_step(self.twin, self.objective, self.optimizer, guard=True, tally=self._metered())

        def step(ts: TrainState, batch: Any) -> TrainState:
            new, logs = self._train_inner(ts, batch)
            return jax.lax.cond(is_finite((logs, new.params)), lambda: new, lambda: ts)

        return step

    def _train_inner(self, ts: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]:
        """(ts, logs) after one step."""
        if self.forms["train_step"] is None:
            new = descent.make_step(self.twin, self.objective, self.optimizer, tally=self._metered())(ts, batch)
            return new, new.metrics["logs"]
        key = jax.random.fold_in(ts.rng, ts.step)
        if self.forms["train_step"] == "keras":
            leaves, treedef = jax.tree.flatten(ts.opt_state)
            lists = storey.as_lists(self.twin, (ts.params, ts.state))
            state = (*lists, leaves, ts.metrics["variables"])
            logs, new = self._run("train_step", state, batch, key, Listed(self.optimizer, self.twin, treedef))
            params, others = self._values(ts, *new[:2])
            opt_state = same_types(treedef.unflatten(new[2]), ts.opt_state)
            accs = {"variables": same_types(list(new[3]), ts.metrics["variables"]), "logs": logs}
            return TrainState(params, others, opt_state, accs, ts.rng, ts.step + 1), logs
        new, logs = self._run("train_step", ts, batch, key, self.optimizer)
        accs = self._count(ts, new, logs, rows_of(batch[0]))
        state = same_types(new.state, ts.state)
        return TrainState(new.params, state, new.opt_state, accs, ts.rng, ts.step + 1), logs

    def make_test(self) -> Any:
        """(params, state, accs, batch, rng) -> (accs, state)."""
        if self.forms["test_step"] is None:
            return descent.make_test(self.twin, self.objective, self._metered(masked=True))

        def test(params: Any, state: Any, accs: Any, batch: Any, rng: Any = None) -> Any:
            key = jax.random.key(0) if rng is None else rng
            new, _ = self._test_inner(TrainState(params, state, {}, accs, key, jnp.zeros((), jnp.int32)), batch)
            return new.metrics, new.state

        return test

    def _test_inner(self, ts: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]:
        """(ts, logs) after one batch is measured; the optimizer has no say."""
        if self.forms["test_step"] is None:
            accs, state = self.make_test()(ts.params, ts.state, ts.metrics, batch, ts.rng)
            return ts._replace(metrics=accs, state=state), accs["logs"]
        if self.forms["test_step"] == "keras":
            lists = storey.as_lists(self.twin, (ts.params, ts.state))
            state = (*lists, ts.metrics["variables"])
            logs, new = self._run("test_step", state, batch, ts.rng, self.optimizer)
            accs = {"variables": same_types(list(new[2]), ts.metrics["variables"]), "logs": logs}
            return ts._replace(state=self._values(ts, new[0], new[1])[1], metrics=accs), logs
        new, logs = self._run("test_step", ts, batch, ts.rng, self.optimizer)
        return ts._replace(
            state=same_types(new.state, ts.state), metrics=self._count(ts, new, logs, rows_of(batch[0]))
        ), logs

    def make_predict(self) -> Any:
        """(params, state, x, rng) -> (outputs, state)."""

        def run(params: Any, state: Any, x: Any, rng: Any = None) -> Any:
            key = jax.random.key(0) if rng is None else rng
            ts = TrainState(params, state, {}, {}, key, jnp.zeros((), jnp.int32))
            with self.lock:
                given = ts if self.forms["predict_step"] == "pure" else storey.as_lists(self.twin, (params, state))
                out = self._traced(key, self.optimizer, lambda: self.twin.predict_step(given, x))
            if self.forms["predict_step"] == "pure":
                return out, state
            y, others = out
            return y, self._values(ts, given[0], others)[1]

        return run

    # --- a hook called -----------------------------------------------------------------------------

    def _metered(self, masked: bool = False) -> Any:
        """What counts in the place of the objective, if the model holds metrics that its hooks use."""
        if not self.meters:
            return None

        def tally(accs: Any, total: Any, parts: Any, y_pred: Any, batch: Any) -> Any:
            x, y, weight = (*as_tuple(handed(batch, self.objective)), None, None)[:3]
            values = parts if self.hooked["compute_loss"] else accs["variables"]
            logs, values = measure(self.twin, values, total, x, y, y_pred, weight, masked)
            return {"variables": same_types(values, accs["variables"]), "logs": flat(logs)}

        return tally

    def _values(self, ts: TrainState, trainable: Any, others: Any) -> Any:
        """(params, state) from lists, in the form of a TrainState."""
        params, state = storey.from_lists(self.twin, trainable, others)
        params, state = sharing.without_copies(self.twin, params), sharing.without_copies(self.twin, state)
        return same_types(params, ts.params), same_types(storey.merged(ts.state, state), ts.state)

    def _traced(self, key: Any, optimizer: Any, run: Any) -> Any:
        """Calls a hook of the private copy, whose calls get their random keys from one."""
        with self.lock:
            keys = Keys(key)
            for part in storey.subtree(self.twin):
                part._face.keys = keys
            vars(self.twin).update(optimizer=optimizer)
            try:
                return run()
            finally:
                for part in storey.subtree(self.twin):
                    part._face.keys = None

    def _run(self, hook: str, state: Any, batch: Any, key: Any, optimizer: Any) -> Any:
        """What a hook returns, checked."""
        data = handed(batch, self.objective)
        out = self._traced(key, optimizer, lambda: getattr(self.twin, hook)(state, data))
        pure = self.forms[hook] == "pure"
        parts = out if isinstance(out, tuple) and len(out) == 2 else (out,)
        new, logs = (parts[0], parts[-1]) if pure else (parts[-1], parts[0])
        right = isinstance(new, TrainState) if pure else isinstance(new, (tuple, list)) and len(new) == len(state)
        if right and not pure and not isinstance(logs, dict) and len(parts) == 2:  # Keras then asks the metrics
            logs = self._measured(list(new[-1]))
        if len(parts) != 2 or not right or not isinstance(logs, dict):
            expected = "train_state, logs" if pure else "logs, state"
            hint = "The name of its first argument, `train_state` or another, tells which form it has."
            got = ", ".join(type(p).__name__ for p in parts)
            raise TypeError(
                ORDER.format(name=type(self.twin).__name__, hook=hook, expected=expected, got=got, hint=hint)
            )
        return (new, flat(logs)) if pure else (flat(logs), new)

    def _measured(self, variables: list[Any]) -> dict[str, Any]:
        """What the metrics make of their variables."""
        logs = {}
        for metric in self.twin.metrics:
            own, variables = variables[: len(metric.variables)], variables[len(metric.variables) :]
            logs[metric.name] = metric.stateless_result(own)
        return logs


def own_steps(model: Any, objective: Objective, optimizer: Any, rows: Any) -> OwnSteps | None:
    """The steps of a model whose class writes any; None for all others."""
    if not any(overrides(model, hook) for hook in HOOKS):
        return None
    return OwnSteps(model, objective, optimizer, rows)


def predicting_itself(model: Any) -> Any:
    """(params, state, x, rng) -> (outputs, state) of a model whose class writes `predict_step`; None for others."""
    if not overrides(model, "predict_step"):
        return None
    return OwnSteps(model, Objective(None, [], []), None, None).make_predict()


def differs(a: Any, b: Any) -> bool:
    """Whether two are not one and the same."""
    return a is not b


def flat(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs without dicts in them, as arrays."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        found.update(flat(value) if isinstance(value, dict) else {name: jnp.asarray(getattr(value, "value", value))})
    return found
