"""What `fit` and its kin are given, as data that they know: rows in memory, or a stream of batches."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any

import jax
import numpy as np

from .. import compiled, facade, spec, storey
from ..data import Source, source_for
from ..data.rows import are_large, split_rows
from ..layer import Layer
from ..masking import value_of
from . import arrays
from .arrays import Rows
from .checks import validation_parts
from .fitting import Plan
from .hooks import overrides
from .objective import Objective, outputs_of
from .streaming import Stream

Data = Rows | Stream


def data_for(
    model: Any, x: Any, y: Any = None, weight: Any = None, batch_size: int | None = None,
    steps: int | None = None, *, class_weight: Any = None, needs_labels: bool = False, shuffle: bool = False,
    budget: int | None = None,
) -> Data:  # fmt: skip
    """The data, checked against the model as far as it is here already; a stream wants to be closed.

    steps: how many batches make a pass over arrays, if no batch_size is given.
    class_weight: for the batches of a stream; rows are weighed by whoever splits them.
    budget: how many batches are wanted, if that is known.
    """
    source = source_for(x, y, weight, batch_size, steps)
    if source is None:
        return rows_for(model, x, y, weight, needs_labels)

    def read(x: Any, y: Any = None, weight: Any = None) -> Rows:
        rows = rows_for(model, x, y, weight, needs_labels)
        return rows if class_weight is None else weighed(model, rows, class_weight)

    return stream_of(model, source, read, shuffle, budget)


def stream_of(model: Any, source: Source, read: Any, shuffle: bool, budget: int | None) -> Stream:
    """The batches of a source, for a model."""
    if source.steps == math.inf and budget is None:
        raise ValueError(
            f"{source.what} has no end: say how much of it is wanted, by steps_per_epoch= (fit), validation_steps= or "
            "steps= (evaluate, predict)."
        )
    seed = np.asarray(jax.random.key_data(model.base_key())) if shuffle else None
    return Stream(source, read, seed, int(model._steps), budget)


def inputs_for(model: Any, x: Any, batch_size: int | None = None, steps: int | None = None) -> Data:
    """The inputs for `predict`; labels and weights that a source brings along are left alone."""
    source = source_for(x, batch_size=batch_size, steps=steps)
    if source is None:
        return rows_for(model, x)
    return stream_of(model, source, lambda x, *rest: rows_for(model, x), False, steps)


def data_of_fit(
    model: Any, given: tuple[Any, Any, Any], batch_size: int | None, validation_data: Any, split: float,
    class_weight: Any, plan: Plan, held: contextlib.ExitStack,
) -> tuple[Data, Data | None]:  # fmt: skip
    """(training data, validation data). What must be closed in the end is held."""
    parts, validation = given, None
    if split and validation_data is None and are_large(given):
        parts, validation_data = split_rows(given, split)
    data = data_for(
        model, *parts, batch_size=batch_size, steps=plan.steps_per_epoch,
        shuffle=plan.shuffle, budget=plan.wanted, class_weight=class_weight, needs_labels=True,
    )  # fmt: skip
    hold(held, data)
    if isinstance(data, Rows) and batch_size is not None and batch_size > data.count:
        raise ValueError(
            f"batch_size={batch_size} is larger than the data, which is {data.count} rows: an epoch would never fill "
            f"one batch. Give batch_size={data.count} or less, or leave it out."
        )
    if split and validation_data is None:
        if isinstance(data, Stream):
            raise ValueError("validation_split is for arrays; beside another source pass one more, validation_data=.")
        data, validation = arrays.split_validation(data, split)
    if class_weight is not None and isinstance(data, Rows):
        data = weighed(model, data, class_weight)
    if validation_data is not None:
        validation = hold(held, validation_for(model, validation_data, plan))
    return data, validation


def hold(held: contextlib.ExitStack, data: Data) -> Data:
    """The data, which is closed together with what is held."""
    if isinstance(data, Stream):
        held.callback(data.close)
    return data


def validation_for(model: Any, given: Any, plan: Plan) -> Data:
    """What `validation_data` holds; what is wrong with it is said of it."""
    try:
        source = None if isinstance(given, (tuple, list)) else source_for(given)
        if source is not None:
            read = functools.partial(rows_for, model, needs_labels=True)
            times = sum(map(plan.validates, range(plan.initial_epoch, plan.epochs))) if source.once else 1
            return stream_of(model, source, read, False, plan.validation_steps and plan.validation_steps * times)
        x, y, weight = (*validation_parts(given), None)[:3]
        size = plan.validation_batch_size if are_large((x, y, weight)) else None
        steps = plan.validation_steps
        data = data_for(model, x, y, weight, size, steps, needs_labels=True, budget=steps)
        if is_callable(model):
            output_specs(model, data.first.x)
        return data
    except (ValueError, TypeError) as error:
        raise type(error)(f"validation_data: {error}") from error


def rows_for(model: Any, x: Any, y: Any = None, weight: Any = None, needs_labels: bool = False) -> Rows:
    """The data, checked against the model; makes the model's values if it has none yet."""
    if x is None:
        raise ValueError("x is missing: pass the inputs.")
    outputs = getattr(getattr(model, "_network", None), "outputs", None)
    (x,) = model._read_text((x,))
    rows = arrays.gather_rows(x, y, weight, sorted(outputs) if isinstance(outputs, dict) else model.output_names)
    meet(model, rows.x)
    if needs_labels and rows.y is None and model.loss is not None:
        raise ValueError("y is missing: a loss compares outputs with labels; pass y, or compile without a loss.")
    model.check_inputs(rows.x)
    return rows


def specs_of_rows(x: Any) -> Any:
    """The specs of data, for any number of rows."""
    return jax.tree.map(lambda a: spec.Spec((None, *a.shape[1:]), a.dtype), x)


def weighed(model: Any, rows: Rows, class_weight: Any) -> Rows:
    """The rows with the weights of their classes, which must be among those of the output."""
    shape = value_of(output_specs(model, rows.x)[0]).shape
    return arrays.weigh_classes(rows, class_weight, shape[-1] if len(shape) > 1 and shape[-1] != 1 else None)


def meet(model: Any, x: Any) -> None:
    """Shows a model the shape of its data, so that it has values."""
    if model._face.filled:
        return
    if not is_callable(model):  # its parts are called by its own steps
        for part in model.children.values():
            facade.ensure(part)
        storey.scatter(model, storey.gather(model))
    else:
        known = model._known_specs() is not None
        facade.ensure(model, None if known else (specs_of_rows(x),), {})


def is_callable(model: Any) -> bool:
    """Whether a model is a graph or has a `call`."""
    return getattr(model, "walks", False) or type(model).call is not Layer.call


def output_specs(model: Any, x: Any) -> list[Any]:
    """The specs of the outputs for data like x, in a list."""
    return outputs_of(output_structure(model, x))


def output_structure(model: Any, x: Any) -> Any:
    """The specs of the outputs for data like x, in the nest that the model makes."""
    known = model._known_specs()
    specs = specs_of_rows(x) if known is None else known[0][0]
    key = ("outputs", compiled.fingerprint(model), str(specs))
    return compiled.program(key, lambda: model.output_spec(specs))


def objective_for(model: Any, data: Data, validation: Data | None = None) -> Objective:
    """The losses and metrics, resolved for this data, and the labels checked against them."""
    rows, told = data.first, model._compiled
    objective = objective_of(model, output_structure(model, rows.x) if is_callable(model) else [], rows.y)
    own = any(overrides(model, hook) for hook in ("train_step", "compute_loss"))
    if told.loss is None and rows.y is not None and not own and not has_own_losses(model):
        raise ValueError(
            "The model was compiled without a loss, so there is nothing to minimise: compile(optimizer, loss='mse'), "
            "for example."
        )
    for given in (data, validation) if is_callable(model) else ():
        if given is not None:
            check_labels(model, objective, given.first)
        if isinstance(given, Stream):
            given.check = functools.partial(check_labels, model, objective)
    object.__setattr__(model, "_objective", objective)
    return objective


def objective_of(model: Any, structure: Any, y: Any) -> Objective:
    """What `compile` was told to minimise and to measure, for outputs of these specs and these labels."""
    outputs = [value_of(o) for o in outputs_of(structure)]
    names = sorted(structure) if isinstance(structure, dict) else model.output_names or None
    labels = y if y is not None and structure != [] else [None] * len(outputs)
    if len(labels) != len(outputs):
        raise ValueError(f"y has {len(labels)} entries, the model has {len(outputs)} outputs. Give one array for each.")
    told = model._compiled
    objective = Objective(told.loss, labels, outputs, names, told.loss_weights, told.metrics, told.weighted_metrics)
    objective.named = isinstance(structure, dict)
    return objective


def check_labels(model: Any, objective: Objective, rows: Rows) -> None:
    """Refuses labels that do not fit the losses."""
    if rows.y is not None:
        objective.check(rows.y, [value_of(o) for o in output_specs(model, rows.x)])


def has_own_losses(model: Any) -> bool:
    """Whether layers bring a loss of their own (add_loss, activity regularizers)."""
    state = model.values[1]
    return any(getattr(path[-1], "key", None) == "aux_loss" for path, _ in jax.tree_util.tree_leaves_with_path(state))
