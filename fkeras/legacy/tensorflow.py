"""The stand-in for `tensorflow`: the functions that scripts use beside Keras, and what they do for its sake alone."""

from __future__ import annotations

import contextlib
import logging
import types
from typing import Any

from .. import data, ops, random
from ..utils.session import is_keras_tensor
from .backend import constant, variable
from .backend.values import Session

FUNCTIONS = (
    "abs add argmax argmin argsort broadcast_to cast ceil clip_by_value=clip concat=concatenate convert_to_tensor cos"
    " cumsum divide einsum equal exp expand_dims eye floor gather=take greater greater_equal less less_equal linspace"
    " log=log logical_and logical_not logical_or matmul maximum meshgrid minimum multiply norm not_equal ones ones_like"
    " one_hot pad pow=power range=arange reduce_all=all reduce_any=any reduce_max=max reduce_mean=mean reduce_min=min"
    " reduce_prod=prod reduce_sum=sum repeat reshape reverse=flip round rsqrt shape sigmoid sign sin sort split sqrt"
    " square squeeze stack stop_gradient subtract tanh tensordot tile transpose unstack where zeros zeros_like"
)
NN = (
    "elu gelu leaky_relu log_softmax relu relu6 selu sigmoid silu softmax softplus softsign swish=silu tanh"
    " l2_normalize=normalize"
)
TYPES = "bfloat16 bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 string"
SESSIONS = "Session InteractiveSession Graph get_default_graph"
SCOPES = "device name_scope variable_scope"
IDLE = (
    "global_variables_initializer initialize_all_variables local_variables_initializer reset_default_graph"
    " disable_eager_execution disable_v2_behavior enable_eager_execution enable_v2_behavior"
)
SAYINGS = {
    "GradientTape": "take jax.grad of a function of params: fkeras.train, or model.apply(params, state, x).",
}


class StandIn(types.ModuleType):
    """A module that knows some names, and says of the others where they are."""

    def __init__(self, name: str, **names: Any):
        super().__init__(name, "A few names of TensorFlow, over fkeras.")
        vars(self).update({"__path__": [], **names})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        said = SAYINGS.get(name, "use fkeras.ops, jax.numpy or NumPy, or install TensorFlow.")
        raise AttributeError(f"{self.__name__}.{name} is not here: fkeras stands in for tensorflow.keras only; {said}")


class Options:
    """`tf.ConfigProto()`: anything may be set on it, and nothing comes of it.

    >>> options = Options()
    >>> options.gpu_options.allow_growth = True
    """

    def __init__(self, **settings: Any):
        vars(self).update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        vars(self)[name] = Options()
        return vars(self)[name]


def idle(*args: Any, **kwargs: Any) -> None:
    """What a script does for the sake of TensorFlow alone: nothing."""


def nowhere(*args: Any, **kwargs: Any) -> contextlib.AbstractContextManager[None]:
    """`tf.device` and its like: a scope without meaning."""
    return contextlib.nullcontext()


def nothing_found(*args: Any, **kwargs: Any) -> list[Any]:
    """The devices of TensorFlow."""
    return []


def named(table: str, home: Any) -> dict[str, Any]:
    """The functions that a table of `old=today` names."""
    pairs = (entry.partition("=") for entry in table.split())
    return {old: getattr(home, today or old) for old, _, today in pairs}


def sigmoid_crossentropy(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_crossentropy(labels: Any = None, logits: Any = None, axis: int = -1, name: str | None = None) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def plain(function: Any = None, **settings: Any) -> Any:
    """`tf.function`: the function as it is; models compile their own programs."""
    return (lambda f: f) if function is None else function


def tensorflow(keras: Any) -> StandIn:
    """The stand-in; `keras` is the package that it is to hold."""
    functions = named(FUNCTIONS, ops)
    nn = StandIn(
        "tensorflow.nn", **named(NN, ops), sigmoid_cross_entropy_with_logits=sigmoid_crossentropy,
        softmax_cross_entropy_with_logits=softmax_crossentropy,
        softmax_cross_entropy_with_logits_v2=softmax_crossentropy,
    )  # fmt: skip
    draw = StandIn(
        "tensorflow.random", set_seed=random.set_random_seed, normal=random.normal, uniform=random.uniform,
        truncated_normal=random.truncated_normal,
    )  # fmt: skip
    module = StandIn(
        "tensorflow", **functions, **{t: t for t in TYPES.split()}, nn=nn, random=draw, keras=keras, newaxis=None,
        math=StandIn("tensorflow.math", **functions), constant=constant, Variable=variable, function=plain,
        is_tensor=is_keras_tensor, executing_eagerly=lambda: True, set_random_seed=random.set_random_seed,
        __version__="2.0+fkeras", **harmless(),
    )  # fmt: skip
    sets = StandIn("tensorflow.data", Dataset=data.Dataset, AUTOTUNE=data.AUTOTUNE)
    vars(sets).update(experimental=sets)
    vars(module).update(
        data=sets, python=StandIn("tensorflow.python", keras=keras),
        compat=StandIn("tensorflow.compat", v1=module, v2=module),
    )  # fmt: skip
    return module


def harmless() -> dict[str, Any]:
    """What scripts set up for TensorFlow and have no need of: sessions, devices, scopes, logging."""
    config = StandIn(
        "tensorflow.config", list_physical_devices=nothing_found, list_logical_devices=nothing_found,
        set_memory_growth=idle, set_visible_devices=idle, run_functions_eagerly=idle,
    )  # fmt: skip
    vars(config).update(experimental=config)
    return {
        **dict.fromkeys(SESSIONS.split(), Session), **dict.fromkeys(SCOPES.split(), nowhere),
        **dict.fromkeys(IDLE.split(), idle), "ConfigProto": Options, "GPUOptions": Options, "config": config,
        "get_logger": lambda: logging.getLogger("tensorflow"),
        "logging": StandIn("tensorflow.logging", set_verbosity=idle, FATAL=50, ERROR=40, WARN=30, INFO=20, DEBUG=10),
        "test": StandIn("tensorflow.test", is_gpu_available=lambda *_, **__: False, gpu_device_name=lambda: ""),
    }  # fmt: skip
