"""Configs of Keras 1 and 2 in the words of Keras 3."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from .. import registry
from . import nodes

LAYERS = ("layers", "layer", "cell", "cells", "backward_layer", "forward_layer")  # where layers stand
MODELS = ("Model", "Functional", "Sequential")
CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
MERGES = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"}
NEUTRAL: dict[str, tuple[Any, ...]] = {  # settings that are no more, and the values with which they said nothing
    "groups": (1,), "time_major": (False,), "noise_shape": (None,), "fn": (), "rng_type": (), "query_shape": (),
    "key_shape": (), "value_shape": (), "mode_type": (), "output_shape_type": (), "output_mask": (None,),
    "output_mask_type": (), "dynamic": (False, None), "experimental_autocast": (), "implementation": (), "mode": (0,),
    "consume_less": (), "input_dtype": (), "kernel_initializer": (), "kernel_regularizer": (None,),
    "kernel_constraint": (None,), "softmax_robust_masking": (),
}  # fmt: skip


def upgraded(config: Any) -> Any:
    """The config with old names replaced and settings dropped that no longer mean anything.

    >>> upgraded({"class_name": "BatchNormalization", "config": {"axis": [3]}})
    {'class_name': 'BatchNormalization', 'config': {'axis': 3}}
    """
    if isinstance(config, list):
        return [upgraded(v) for v in config]
    if not isinstance(config, dict):
        return config
    config = {k: in_layers(upgraded(v)) if k in LAYERS else upgraded(v) for k, v in config.items()}
    name, inner = config.get("class_name"), config.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        return config
    in_object(config, name, inner)
    if name in MODELS and isinstance(inner.get("layers"), list):
        nodes.today(inner)
    return config


def in_object(config: dict[str, Any], name: str, inner: dict[str, Any]) -> None:
    """Changes the config of one object in place."""
    if name == "Policy":
        config["class_name"] = "DTypePolicy"
    if inspect.isclass(found := registry.KINDS["optimizer"].table.get(name.removeprefix("Custom>"))):
        config.update(class_name=found.__name__, config=in_optimizer(found.__name__, inner))
    if isinstance(inner.get("fn"), str) and name.endswith("Wrapper"):  # of a metric or a loss
        inner["fn"] = {"class_name": "function", "config": inner["fn"]}
    if inner.get("reduction") == "auto":
        inner["reduction"] = "sum_over_batch_size"
    if name in CUDNN:
        config["class_name"] = CUDNN[name]
    if name == "Merge" and inner.get("mode") in MERGES and "layers" not in inner:  # of Keras 1, in a graph
        axis = {"axis": inner.get("concat_axis", -1)} if inner["mode"] == "concat" else {}
        config.update(class_name=MERGES[inner["mode"]], config={"name": inner.get("name"), **axis})
    if name == "ThresholdedReLU":
        config.update(class_name="ReLU", config={**{k: v for k, v in inner.items() if k != "theta"},
                                                 "threshold": inner.get("theta", 1.0)})  # fmt: skip
    if name in ("GRU", "GRUCell") and {"recurrent_activation", "inner_activation"} & inner.keys():
        inner.setdefault("reset_after", False)  # before Keras 2.1.5 there was no other way
    axis = inner.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    drop_neutral(name, inner)


def drop_neutral(name: str, inner: dict[str, Any]) -> None:
    """Takes settings out that the class no longer has, where they said nothing."""
    known: set[str] = set()
    for kind in ("layer", "loss", "metric"):
        if inspect.isclass(cls := registry.KINDS[kind].table.get(name)):
            known |= set(inspect.signature(cls).parameters)
    for key, values in NEUTRAL.items() if known else ():
        if key in inner and key not in known and (not values or inner[key] in values):
            del inner[key]


def tell_of_changes(config: Any) -> None:
    """Warns of what a config of Keras 1 or 2 names and what is another thing today: the activation hard_sigmoid."""
    pending, found = [config], False
    while pending and not found:
        here = pending.pop()
        if isinstance(here, dict):
            found = any("activation" in str(k) and v == "hard_sigmoid" for k, v in here.items())
        pending.extend(here.values() if isinstance(here, dict) else here if isinstance(here, list) else ())
    if found and registry.lookup_custom("hard_sigmoid") is None:
        warnings.warn(
            "The file has the activation hard_sigmoid, which was clip(0.2 x + 0.5, 0, 1) in Keras 2 and is "
            "relu6(x + 3) / 6 today, as in Keras 3: outputs differ a little. To load it as it was, pass "
            "custom_objects={'hard_sigmoid': lambda x: jnp.clip(0.2 * x + 0.5, 0, 1)}.",
            stacklevel=4,
        )


def in_layers(value: Any) -> Any:
    """Configs of layers, with the module that Keras 2 did not write."""
    if isinstance(value, list):
        return [in_layers(v) for v in value]
    return {"module": "keras.layers", **value} if isinstance(value, dict) and "class_name" in value else value


def in_optimizer(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of an optimizer without those that said how it was run; of Nadam's schedule only one is left."""
    gone = {"jit_compile", "is_legacy_optimizer", *(("decay", "schedule_decay") if name == "Nadam" else ())}
    kept = {k: v for k, v in settings.items() if k not in gone and not (k == "decay" and v == 0)}
    return {"learning_rate" if k == "lr" else k: v for k, v in kept.items()}
