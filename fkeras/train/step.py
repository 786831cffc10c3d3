"""Training as pure functions: one step, one epoch, one run. No model object is changed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .. import lending, logits, spec
from ..auxiliary import aux_loss, clear_aux_loss
from ..layer import penalty
from ..layer import project as project_params
from ..optimizers import LossScaleOptimizer
from .objective import MEAN, Objective, outputs_of


class TrainState(NamedTuple):
    """Everything that a training run changes, as one pytree: save it, vmap it, resume from it.

    params, state: of the model.  opt_state: of the optimizer.
    metrics: accumulators by name, started anew by each epoch.
    rng: the key of the run; each step folds its number into it.
    step: how many steps were taken.
    """

    params: Any
    state: Any
    opt_state: Any
    metrics: Any
    rng: Any
    step: Any


Step = Callable[[TrainState, Any], TrainState]


def split(mask: Any, tree: Any) -> tuple[Any, Any]:
    """(chosen, rest): two nests of one form, with None in the holes.

    >>> split({"a": True, "b": False}, {"a": 1, "b": 2})
    ({'a': 1, 'b': None}, {'a': None, 'b': 2})
    """
    chosen = jax.tree.map(lambda m, x: x if m else None, mask, tree)
    return chosen, jax.tree.map(lambda m, x: None if m else x, mask, tree)


def join(chosen: Any, rest: Any) -> Any:
    """The nest of which `split` made two."""
    return jax.tree.map(lambda a, b: b if a is None else a, chosen, rest, is_leaf=lambda x: x is None)


def resolve(loss: Any, metrics: Any, y: Any, y_pred: Any, names: Any = None) -> Objective:
    """An Objective as it is; anything else that names a loss as one for labels and outputs of these shapes.

    names: of the outputs, for labels and losses in dicts; the keys of outputs that are a dict.
    """
    if isinstance(loss, Objective):
        return loss
    outputs = outputs_of(y_pred)
    names = sorted(y_pred) if isinstance(y_pred, dict) else names or None
    if isinstance(y, dict):
        labels = [y.get(n) for n in names or y]
    else:
        labels = list(y) if isinstance(y, (list, tuple)) and len(outputs) > 1 else [y]
    if len(labels) != len(outputs):
        told = f" ({', '.join(names)})" if names else ""
        raise ValueError(f"The model has {len(outputs)} outputs{told}, y {len(labels)} entries; give one each.")
    return Objective(loss, labels, outputs, names, measured=metrics)


def create(model: Any, optimizer: Any, rng: Any, *specs: Any, values: Any = None) -> TrainState:
    """The state before the first step: (model, optimizer, rng, specs of the inputs) -> TrainState.

    values: (params, state) to begin with; drawn from `rng` if None.

    Its `metrics` hold the mean loss alone; start others with `Objective.start`.
    """
    init_rng, rng = jax.random.split(rng)
    params, state = model.init(init_rng, *specs) if values is None else values
    chosen, _ = split(model.trainable_mask(params), params)
    return TrainState(params, state, optimizer.init(chosen), {"loss": MEAN.init()}, rng, jnp.zeros((), jnp.int32))


def logs(ts: TrainState) -> dict[str, Any]:
    """The means over all rows that a TrainState has gathered, by name."""
    return {name: MEAN.compute(acc) for name, acc in ts.metrics.items()}


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch that may lack the later ones."""
    if not isinstance(batch, tuple):
        return batch, None, None
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


def rows_of(x: Any) -> int:
    """The number of examples in a batch."""
    leaves = [v for v in jax.tree.leaves(x) if hasattr(v, "shape") and v.shape]
    return leaves[0].shape[0]


def make_step(
    model: Any, loss: Any, optimizer: Any, metrics: Any = None, guard: bool = False, *, forward: Any = None,
    tally: Any = None, lend: lending.Lender = lending.nothing,
) -> Step:  # fmt: skip
    """step(train_state, batch) -> train_state, pure: jit, vmap, scan or grad it.

    model: any layer. loss: a name, a function `(y, y_pred)`, a Loss or an Objective.
    optimizer: any optax transformation, or one of `fkeras.optimizers`.
    batch: (x, y) or (x, y, sample_weight).
    guard: a batch whose loss or gradient is not finite changes nothing, `step` does not advance.
    forward: (params that are trained, the others, train_state, rng, batch) -> (loss to differentiate,
        (state, y_pred, loss, loss of each output)), in the place of what follows from the model and the loss.
    tally: (metrics, loss, loss of each output, y_pred, batch) -> metrics, in the place of what follows from `metrics`.
    lend: lends the values to user functions that read weights of layers by themselves.

    >>> import fkeras
    >>> model = fkeras.layers.Dense(1)
    >>> x, y = jnp.ones((4, 2)), jnp.ones((4, 1))
    >>> ts = create(model, optax.sgd(0.1), jax.random.key(0), x)
    >>> step = jax.jit(make_step(model, "mse", optax.sgd(0.1)))
    >>> int(step(ts, (x, y)).step)
    1
    """
    scale = getattr(optimizer, "scale_loss", None)
    names = getattr(model, "output_names", None)

    def go_forward(chosen: Any, rest: Any, ts: TrainState, rng: Any, batch: Any) -> Any:
        x, y, weight = unpack(batch)
        params = join(chosen, rest)
        with lend((params, ts.state), x, rng, True), logits.remembered():
            y_pred, state = model.apply(params, clear_aux_loss(ts.state), x, rng=rng, training=True)
            objective = resolve(loss, metrics, y, y_pred, names)
            total, parts = objective(as_list(y, objective), y_pred, as_list(weight, objective))
        total = total + penalty(model, params) + aux_loss(state)
        return (total if scale is None else scale(total, ts.opt_state)), (state, y_pred, total, parts)

    def count(accs: Any, total: Any, parts: Any, y_pred: Any, batch: Any) -> Any:
        x, y, weight = unpack(batch)
        objective = resolve(loss, metrics, y, y_pred, names)
        y, weight = as_list(y, objective), as_list(weight, objective)
        return objective.update(accs, total, parts, rows_of(x), y, y_pred, weight)

    def step(ts: TrainState, batch: Any) -> TrainState:
        rng = jax.random.fold_in(ts.rng, ts.step)
        mask = model.trainable_mask(ts.params)
        chosen, rest = split(mask, ts.params)
        grad = jax.value_and_grad(forward or go_forward, has_aux=True)
        (_, (state, y_pred, total, parts)), grads = grad(chosen, rest, ts, rng, batch)

        def advance(ts: TrainState) -> TrainState:
            updates, opt_state = optimizer.update(grads, ts.opt_state, chosen)
            params = project(model, mask, optax.apply_updates(chosen, updates), rest)
            with lend((ts.params, ts.state), unpack(batch)[0], rng, True):
                accs = (tally or count)(ts.metrics, total, parts, y_pred, batch)
            return TrainState(params, same_types(state, ts.state), opt_state, accs, ts.rng, ts.step + 1)

        if not guard:
            return advance(ts)
        healthy = jnp.isfinite(total) if tolerates(optimizer, ts.opt_state) else is_finite((total, grads))
        return jax.lax.cond(healthy, advance, lambda ts: ts, ts)

    return step


def is_finite(tree: Any) -> Any:
    """Whether every number is finite: 0 times it is 0 then, and NaN otherwise. One fast pass."""
    return sum(jnp.sum(x * 0) for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)) == 0


def tolerates(optimizer: Any, opt_state: Any) -> bool:
    """Whether an optimizer skips gradients that are not finite by itself."""

    def skips(x: Any) -> bool:
        return isinstance(x, optax.ApplyIfFiniteState)

    return isinstance(optimizer, LossScaleOptimizer) or any(map(skips, jax.tree.leaves(opt_state, is_leaf=skips)))


def as_list(y: Any, objective: Objective) -> Any:
    """Labels or weights as a list with one entry for each output."""
    if y is None:
        return None
    if isinstance(y, (list, tuple)) and len(y) == len(objective.names):
        return list(y)
    if isinstance(y, dict):
        return [y.get(n) for n in objective.names]
    return [y]


def project(model: Any, mask: Any, chosen: Any, rest: Any) -> Any:
    """Params after a step: the constraints hold for those that were trained."""
    projected = project_params(model, join(chosen, rest))
    return jax.tree.map(lambda m, new, old: new if m else old, mask, projected, join(chosen, rest))


def same_types(new: Any, old: Any) -> Any:
    """A state with the dtypes it had, so that loops can carry it."""
    return jax.tree.map(lambda n, o: jnp.asarray(n, o.dtype), new, old)


def make_epoch(step: Step) -> Callable[[TrainState, Any], TrainState]:
    """epoch(train_state, batches) -> train_state: one `lax.scan` over batches stacked along a first axis."""

    def epoch(ts: TrainState, batches: Any) -> TrainState:
        return jax.lax.scan(lambda ts, batch: (step(ts, batch), None), ts, batches)[0]

    return epoch


def make_fit(step: Step, batch_size: int, epochs: int, shuffle: bool = True) -> Callable[[TrainState, Any], TrainState]:
    """fit(train_state, data) -> train_state: a whole training run as one pure function.

    data: a nest of arrays with one row per example, as in a batch. Rows that do not fill a
    last batch are left out of an epoch; with `shuffle` they are others each time.
    """

    def fit(ts: TrainState, data: Any) -> TrainState:
        data = jax.tree.map(jnp.asarray, data)
        rows = rows_of(unpack(data)[0])
        steps = rows // batch_size
        if not steps:
            raise ValueError(f"make_fit: a batch of {batch_size} is larger than the data of {rows} rows.")

        def one(ts: TrainState, epoch: Any) -> tuple[TrainState, None]:
            order = (
                jax.random.permutation(jax.random.fold_in(jax.random.fold_in(ts.rng, 2**31 - 1), epoch), rows)
                if shuffle
                else jnp.arange(rows)
            )
            batches = jax.tree.map(
                lambda a: a[order[: steps * batch_size]].reshape(steps, batch_size, *a.shape[1:]), data
            )
            return make_epoch(step)(ts, batches), None

        return jax.lax.scan(one, ts, jnp.arange(epochs))[0]

    return fit


def evaluator(model: Any, objective: Objective, lend: lending.Lender = lending.nothing) -> Callable[..., Any]:
    """test(params, state, accs, batch, rng=None) -> (accs, state): one batch measured. lend: see `make_step`."""

    def test(params: Any, state: Any, accs: Any, batch: Any, rng: Any = None) -> Any:
        x, y, weight = unpack(batch)
        with lend((params, state), x, rng, False), logits.remembered():
            y_pred, state = model.apply(params, clear_aux_loss(state), x, rng=rng, training=False)
            y, weight = as_list(y, objective), as_list(weight, objective)
            total, parts = objective(y, y_pred, weight)
            total = total + penalty(model, params) + aux_loss(state)
            return objective.update(accs, total, parts, rows_of(x), y, y_pred, weight, masked=True), state

    return test


def specs_like(tree: Any, rows: Any = None) -> Any:
    """Specs of a nest of arrays, with another number of rows."""
    return jax.tree.map(lambda a: spec.Spec((rows, *a.shape[1:]), a.dtype), tree)
