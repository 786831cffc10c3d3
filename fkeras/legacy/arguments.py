"""The arguments of Keras 1 and 2 in the spelling of today: tables, and the one reader of them.

An argument is read as an old one only where a class or a method does not know it, and only if
what the table calls it today is an argument there. Defaults are today's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import registry
from .telling import tell

# old -> today's names; the first that the class knows
RENAMED = {
    "output_dim": "units", "nb_filter": "filters", "filter_length": "kernel_size",
    "init": "kernel_initializer embeddings_initializer alpha_initializer depthwise_initializer",
    "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer embeddings_regularizer depthwise_regularizer",
    "U_regularizer": "recurrent_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint embeddings_constraint depthwise_constraint",
    "U_constraint": "recurrent_constraint", "b_constraint": "bias_constraint",
    "beta_init": "beta_initializer", "gamma_init": "gamma_initializer",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "bias": "use_bias",
    "border_mode": "padding", "subsample": "strides", "subsample_length": "strides", "stride": "strides",
    "pool_length": "pool_size", "atrous_rate": "dilation_rate", "dim_ordering": "data_format",
    "p": "rate", "sigma": "stddev", "length": "size", "dims": "target_shape", "concat_axis": "axis", "dot_axes": "axes",
    "input": "inputs", "output": "outputs", "m": "max_value", "l": "l1 l2", "scale": "stddev",
    "nb_epoch": "epochs", "nb_epochs": "epochs", "nb_steps": "steps",
    "nb_words": "num_words",
}  # fmt: skip

LAYOUT = {"th": "channels_first", "tf": "channels_last", "default": None}
VALUES: dict[str, Callable[[Any], Any]] = {
    "dim_ordering": lambda v: LAYOUT.get(v, v),
    "border_mode": lambda v: "same" if v == "half" else v,
}

# arguments that have lost their meaning: (classes or methods, arguments, what is said)
NO_RECURRENT = "how a recurrence is computed is chosen by itself."
NO_WORKERS = "data is read by the source itself; leave it out."
MEANINGLESS = (
    ("SimpleRNN LSTM GRU RNN ConvLSTM2D SimpleRNNCell", "consume_less implementation", NO_RECURRENT),
    ("fit evaluate predict", "workers use_multiprocessing max_queue_size max_q_size nb_worker pickle_safe", NO_WORKERS),
    ("compile", "class_mode theano_mode distribute experimental_run_tf_function", "it has no meaning any more."),
    ("compile", "sample_weight_mode", "the shape of sample_weight says it: (batch,), or (batch, steps)."),
    ("BatchNormalization", "fused virtual_batch_size adjustment", "there is one way to compute it."),
    ("load_data", "test_split", "the files are divided already."),
    ("Nadam", "schedule_decay", "the momentum follows the schedule of the paper."),
    ("Conv2DTranspose Conv3DTranspose", "output_shape", "it follows from strides and padding; see output_padding."),
    ("LocallyConnected1D LocallyConnected2D Conv1D Conv2D Conv3D Dense", "input_length", "give input_shape."),
)
DROPPED = {(c, a): said for classes, names, said in MEANINGLESS for c in classes.split() for a in names.split()}

# arguments that no longer work: said, not ignored
MODE = "only mode=0 is there: statistics of the batch for each feature. For mode=1 use LayerNormalization."
REFUSED = {
    ("BatchNormalization", "mode"): (0, MODE),
    ("LSTM", "time_major"): (False, "transpose the inputs to (batch, steps, features)."),
    ("GRU", "time_major"): (False, "transpose the inputs to (batch, steps, features)."),
    ("SimpleRNN", "time_major"): (False, "transpose the inputs to (batch, steps, features)."),
    ("compile", "target_tensors"): (None, "pass the labels to fit, as arrays."),
    ("compile", "options"): (None, "it belongs to another framework."),
    ("compile", "run_metadata"): (None, "it belongs to another framework."),
    ("ModelCheckpoint", "period"): (1, "write save_freq='epoch', or a number of steps."),
    ("Dot", "output_shape"): (None, "it is found out by itself."),
}


def lineage(target: Any) -> list[str]:
    """The names under which the tables may speak of a class or a method: its own and those of its bases."""
    if not inspect.isclass(target):
        return [target.__name__]
    return [c.__name__ for c in target.__mro__ if registry.is_builtin(c)]


def known_to(target: Any) -> set[str]:
    """The arguments that a class or a method has today, those of its bases included."""
    if not inspect.isclass(target):
        return set(inspect.signature(target).parameters) - {"self"}
    bases = [c for c in target.__mro__ if registry.is_builtin(c) or c is target]
    return {n for c in bases for n in registry.arguments_of(c).parameters} - {"self"}


def read(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> registry.Arguments:
    """The arguments of a call in the spelling of today; what no table knows stays as it is."""
    own = known_to(target)
    if kwargs.keys() <= own:
        return args, kwargs
    names = lineage(target)
    kwargs, given = dict(kwargs), set(kwargs)
    for special in SPECIAL:
        if given & special.reads and (name := next((n for n in names if n in special.classes), None)):
            args, kwargs = special(target, name, args, kwargs)
    for old in [k for k in kwargs if k not in own]:
        translate(names, own, old, kwargs)
    return args, kwargs


def translate(names: list[str], own: set[str], old: str, kwargs: dict[str, Any]) -> None:
    """Puts one argument into today's spelling, in place."""
    for name in names:
        if (name, old) in DROPPED:
            tell(f"{name}({old}=...)", DROPPED[name, old])
            del kwargs[old]
            return
        if (name, old) in REFUSED:
            value, said = REFUSED[name, old]
            if kwargs.pop(old) != value:
                raise ValueError(f"{name}: {old} is not supported; {said}")
            return
    new = next((n for n in RENAMED.get(old, "").split() if n in own), None)
    if new is None:
        return
    if new in kwargs:
        raise TypeError(f"{names[0]}: give {new} or {old}, not both.")
    value = kwargs.pop(old)
    kwargs[new] = VALUES.get(old, lambda v: v)(value)
    shown = repr(kwargs[new]) if old in VALUES else "..."
    tell(f"{names[0]}({old}=...)", f"write {new}={shown} today.")


class Special:
    """Arguments that are not just renamed: `rewrite(target, name, args, kwargs)` for some classes."""

    def __init__(self, classes: str, reads: str, rewrite: Callable[..., registry.Arguments]):
        self.classes, self.reads, self.rewrite = set(classes.split()), set(reads.split()), rewrite

    def __call__(self, *given: Any) -> registry.Arguments:
        return self.rewrite(*given)


SPECIAL: list[Special] = []


def special(classes: str, reads: str) -> Callable[..., Any]:
    """Decorator: a rule for these arguments of these classes."""

    def decorate(rewrite: Callable[..., registry.Arguments]) -> Callable[..., registry.Arguments]:
        SPECIAL.append(Special(classes, reads, rewrite))
        return rewrite

    return decorate
