"""`compile`, `fit`, `evaluate`, `predict`: a thin shell around pure programs."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import warnings
from typing import Any

from .. import config, losses, metrics, optimizers
from . import fitting, freezing, measuring, predicting, state_tree
from .arrays import Rows
from .callbacks import CallbackList, History, hooks_for
from .checks import (
    check_batch_size,
    check_counts,
    check_frequency,
    check_loss_weights,
    check_names,
    check_steps,
    check_switch,
    is_count,
    known_arguments,
    listed,
    require_compiled,
    require_measure,
)
from .intake import data_for, data_of_fit, hold, inputs_for, objective_for, rows_for, weighed
from .own import own_steps
from .programs import Programs
from .progress import Progress
from .state_tree import assign as assign_tree
from .stepping import Stepping


@dataclasses.dataclass(eq=False)
class Compiled:
    """What `compile` was told."""

    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    steps_per_execution: Any = "auto"
    jit_compile: Any = "auto"
    auto_scale_loss: bool = True
    flags: Any = ()  # the layers of then, with whether they were trainable


def told(setting: str, text: str) -> Any:
    """A property for one of the settings of `compile`, which may be changed later."""

    def get(self: Any) -> Any:
        now = self._compiled or Compiled()
        value = getattr(now, setting)
        return not now.run_eagerly if (setting, value) == ("jit_compile", "auto") else value

    def put(self: Any, value: Any) -> None:
        require_compiled(self, f"Setting {setting}")
        set_plainly(self, _compiled=dataclasses.replace(self._compiled, **{setting: value}))

    return property(get, put, doc=text)


class Trainer(Stepping):
    """The Keras face of training, over the pure functions of `fkeras.train`."""

    optimizer: Any = None
    history: Any = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    _compiled: Compiled | None = None
    _objective: Any = None
    _opt_state: Any = None
    _steps: Any = 0

    @known_arguments
    def compile(
        self: Any,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: Any = "auto",
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how the model is trained; names and settings are checked here.

        optimizer: a name, an object, a config, or any optax transformation.
        loss: a name, a function `(y_true, y_pred)`, an object; for several outputs a list or a dict by output.
        metrics: names, functions, objects; weighted_metrics see the sample weights as well.
        """
        found = optimizers.get(optimizer)
        if found is None:
            raise ValueError("compile needs an optimizer; write compile('adam', loss=...).")
        check_names(loss, losses.KIND, ("crossentropy", "ce"))
        check_loss_weights(loss_weights)
        for given in (metrics, weighted_metrics):
            check_names(given, METRICS, ("accuracy", "acc", "crossentropy", "ce"))
        if steps_per_execution != "auto" and not is_count(steps_per_execution, 1):
            raise ValueError(
                f"steps_per_execution must be a whole number above 0, or 'auto'; got {steps_per_execution!r}."
            )
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and isinstance(found, optimizers.Optimizer):
            found = found if isinstance(found, optimizers.LossScaleOptimizer) else optimizers.LossScaleOptimizer(found)
        set_plainly(
            self,
            optimizer=found,
            _objective=None,
            _opt_state=None,
            stop_training=False,
            _compiled=Compiled(
                loss,
                loss_weights,
                metrics,
                weighted_metrics,
                run_eagerly,
                steps_per_execution,
                jit_compile,
                auto_scale_loss,
                freezing.flags(self),
            ),
        )

    @property
    def compiled(self: Any) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def loss(self: Any) -> Any:
        """The loss given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics_names(self: Any) -> list[str]:
        """The names of what `evaluate` returns, in order."""
        if self._objective is not None:
            return self._objective.metric_names
        given = (
            []
            if self._compiled is None
            else [*listed(self._compiled.metrics), *listed(self._compiled.weighted_metrics)]
        )
        return ["loss", *(m if isinstance(m, str) else losses.name_of(m) for m in given)]

    run_eagerly = told("run_eagerly", "Whether steps run operation by operation, so that `print` and a debugger work.")
    jit_compile = told("jit_compile", "Whether steps are compiled.")
    steps_per_execution = told("steps_per_execution", 'How many steps lie between two hooks for batches, or "auto".')

    def forget_programs(self: Any) -> None:
        """Forgets what was derived from the layers; they have changed."""
        set_plainly(self, _objective=None)

    # --- training ------------------------------------------------------------------------------

    @known_arguments
    def fit(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Trains for some epochs; returns the History.

        x, y, sample_weight: arrays with a row per example; lists or dicts of them for several inputs or outputs.
        x may also be a source of batches (x,), (x, y) or (x, y, sample_weight) of its own size: a generator, a function
        that makes one for each epoch, a `PyDataset`, a DataLoader of torch, a tf.data or grain dataset, anything with
        `__iter__`; or a table of columns, of which y names the one with the labels. `validation_data` may be one, too.
        Sources are read ahead on a thread; of a generator with `steps_per_epoch` no batch more than asked for is
        taken, and one that ends early ends training, with a warning. Large arrays in files (`numpy.memmap`, h5py,
        zarr) are read batch by batch. Without a batch_size, batches have 32 rows, or so many that `steps_per_epoch`
        of them are all.

        The last batch of an epoch may be smaller and counts exactly. If training fails or
        is interrupted, the weights are those of the last finished steps and the history
        that of the finished epochs.

        Raises ValueError for data that does not fit, FloatingPointError when the loss is not finite.
        """
        require_compiled(self, "fit")
        check_counts(epochs=epochs, initial_epoch=initial_epoch)
        check_steps(steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        check_switch(shuffle=shuffle == "batch" or shuffle)  # which Keras 2 said of arrays in files
        epochs = limited(epochs, config.max_epochs(), "epochs")
        size = check_batch_size(batch_size, default=None)
        validation_size = check_batch_size(validation_batch_size, "validation_batch_size", default=size)
        plan = fitting.Plan(
            size,
            epochs,
            initial_epoch,
            steps_per_epoch,
            bool(shuffle),
            verbose,
            validation_steps,
            validation_size,
            check_frequency(validation_freq),
            self._compiled.steps_per_execution,
        )
        with contextlib.ExitStack() as held:
            given = x, y, sample_weight
            data, validation = data_of_fit(
                self, given, batch_size, validation_data, validation_split, class_weight, plan, held
            )
            held.enter_context(freezing.as_compiled(self))
            programs = programs_for(self, objective_for(self, data, validation), self.optimizer, data)
            if validation is not None:
                require_measure(self, "validation_data")
            steps = steps_per_epoch or batches_in(data, size)
            if steps != (fewer := limited(steps, config.max_steps_per_epoch(), "the steps of an epoch")):
                steps, plan = fewer, dataclasses.replace(plan, steps_per_epoch=fewer)
            hooks = hooks_for(callbacks, self, add_history=True, verbose=verbose, epochs=epochs, steps=steps)
            return fitting.fit(self, programs, data, validation, plan, hooks)

    @known_arguments
    def evaluate(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss, or a list of the loss and the metrics (see `metrics_names`), of some data."""
        require_compiled(self, "evaluate")
        check_steps(steps=steps)
        size = check_batch_size(batch_size, default=None)
        with contextlib.ExitStack() as held:
            data = hold(held, data_for(self, x, y, sample_weight, batch_size, steps, needs_labels=True, budget=steps))
            require_measure(self, "evaluate")
            programs = programs_for(self, objective_for(self, data), None, data)
            hooks = hooks_for(callbacks, self, verbose=verbose, epochs=1, steps=steps or batches_in(data, size))
            logs = measuring.evaluate(self, programs, data, size, steps, hooks, verbose)
            return results(logs, return_dict, programs.tested)

    @known_arguments
    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for some data, as NumPy arrays. Safe to call from several threads."""
        check_steps(steps=steps)
        size = check_batch_size(batch_size, default=None)
        if not verbose and steps is None and not callbacks:
            y = predicting.predict_again(self, x, size)
            if y is not None:
                return y
        with contextlib.ExitStack() as held:
            data = hold(held, inputs_for(self, x, batch_size, steps))
            hooks = hooks_for(callbacks, self, verbose=verbose, epochs=1, steps=steps or batches_in(data, size))
            programs, told = programs_for(self), measuring.execution(self)
            bar = Progress(0 if hooks.progbar is not None else verbose, 1, None, "Prediction")
            bar.begin_epoch(0)
            if isinstance(data, Rows):
                size = data.batch(size, steps)
                y = predicting.predict(self, programs, data.x, data.count, size, steps, hooks, told)
                done = math.ceil(data.count / size)
            else:
                y = predicting.predict_stream(self, programs, data, steps, hooks, told)
                done = data.used
            bar.end_epoch(done if steps is None else min(steps, done), {})
            return y

    # --- single batches ------------------------------------------------------------------------

    @known_arguments
    def train_on_batch(
        self: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch; returns its loss, or the loss and the metrics."""
        require_compiled(self, "train_on_batch")
        rows = rows_for(self, x, y, sample_weight, needs_labels=True)
        rows = rows if class_weight is None else weighed(self, rows, class_weight)
        with freezing.as_compiled(self):
            programs = programs_for(self, objective_for(self, rows), self.optimizer, rows)
            return results(fitting.train_on_batch(self, programs, rows), return_dict, programs.trained)

    @known_arguments
    def test_on_batch(self: Any, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss, or the loss and the metrics, of one batch."""
        require_compiled(self, "test_on_batch")
        rows = rows_for(self, x, y, sample_weight, needs_labels=True)
        programs = programs_for(self, objective_for(self, rows), None, rows)
        logs = measuring.evaluate(self, programs, rows, rows.count, None, CallbackList(None, model=self), 0)
        return results(logs, return_dict, programs.tested)

    @known_arguments
    def get_state_tree(self: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All values that the model, its optimizer and its metrics hold, nested by the paths of the variables.

        value_format: "backend_tensor" for arrays of JAX, "numpy_array" for those of NumPy.
        """
        return state_tree.nested(self, value_format)

    def set_state_tree(self: Any, state_tree: dict[str, Any]) -> None:
        """Gives the variables the values of such a tree, or of a part of one."""
        assign_tree(self, state_tree)

    def predict_on_batch(self: Any, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        rows = rows_for(self, x)
        return predicting.predict(
            self, programs_for(self), rows.x, rows.count, rows.count, None, CallbackList(None, model=self)
        )


METRICS = metrics.KIND


def programs_for(model: Any, objective: Any = None, optimizer: Any = None, data: Any = None) -> Programs:
    """The programs of a model; uncompiled if `compile` was told `run_eagerly=True` or `jit_compile=False`."""
    told = model._compiled
    eager = told is not None and (told.run_eagerly or told.jit_compile is False)
    own = None if objective is None else own_steps(model, objective, optimizer, data.first)
    return Programs(model, objective, optimizer, eager, own)


def set_plainly(model: Any, **values: Any) -> None:
    """Sets attributes of the face, which no program depends on."""
    for name, value in values.items():
        object.__setattr__(model, name, value)


def limited(wanted: Any, most: int | None, what: str) -> Any:
    """How many epochs or steps there are, by `fkeras.config`; fewer than wanted are told."""
    if not most or (wanted is not None and wanted <= most):
        return wanted
    warnings.warn(f"fkeras.config limits {what} to {most}.", stacklevel=4)
    return most


def batches_in(data: Any, size: int | None) -> int | None:
    """How many batches a pass over some data has, if that is known."""
    return math.ceil(data.count / data.batch(size)) if isinstance(data, Rows) else data.total


def results(logs: dict[str, Any], return_dict: bool, measured: Any) -> Any:
    """Logs as `evaluate` returns them: a dict, or what was measured in order, alone if it is one."""
    if return_dict:
        return logs
    first = [name for name in measured.metric_names if name in logs]  # not those of metrics that are a dict
    values = [logs[name] for name in (*first, *sorted(set(logs) - set(first)))]
    return values[0] if len(values) == 1 else values


__all__ = ["Compiled", "Trainer"]
