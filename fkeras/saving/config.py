"""Models as configs: their layers, how they were built, how they were compiled."""

from __future__ import annotations

import contextlib
import copy
import json
import warnings
from collections.abc import Iterator
from typing import Any

from .. import losses, metrics, optimizers, registry, storey
from . import blueprint
from .errors import DamagedFileError, UnsafeModelError

PLAIN = ("accuracy", "acc", "crossentropy", "ce")


def to_json(model: Any) -> str:
    """The config of a model, of how it was built and compiled, as JSON."""
    with registry.sharing():
        config = registry.serialize(model)
    if (built := model.get_build_config()) is not None:
        config["build_config"] = registry.serialize(built)
    if told := model.get_compile_config():
        config["compile_config"] = told
    return json.dumps(plain(config))


def plain(value: Any) -> Any:
    """The config with lists for tuples; numbers that JSON has no word for are refused."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and value - value != 0:
        raise ValueError(f"A setting is {value}, which a file cannot hold. Use a large finite number.")
    return value


WRONG = (
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
    RuntimeError,
)  # fmt: skip  what building from settings that make no sense may end in, beside a ValueError


@contextlib.contextmanager
def translated(place: str) -> Iterator[None]:
    """Within it, what a file makes go wrong is told as a ValueError with its place."""
    try:
        yield
    except (UnsafeModelError, DamagedFileError):
        raise
    except RecursionError:
        raise UnsafeModelError("values nested without end", place) from None
    except ValueError as error:
        if place in str(error):
            raise
        raise ValueError(f"{place}: this describes no model that can be built: {error}") from error
    except WRONG as error:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ValueError(f"{place}: this describes no model that can be built: {said}") from error


@contextlib.contextmanager
def reading(place: str, custom_objects: dict[str, Any] | None) -> Iterator[None]:
    """Within it a config is checked and built; what goes wrong is told with its place."""
    with (
        registry.custom_object_scope(custom_objects or {}),
        registry.closed_tables(),
        registry.sharing(),
        translated(place),
    ):
        yield


def build(
    config: Any, place: str, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model that a config describes, checked first; its boxes are empty.

    safe_mode: False lets the code of Lambda layers run.

    Raises UnsafeModelError, DamagedFileError, ValueError.
    """
    with reading(place, custom_objects):
        if not registry.is_config(config):
            raise DamagedFileError("this is not the config of a model", place)
        blueprint.check(config, place, safe_mode)
        model = registry.deserialize(without(config))
        if not hasattr(model, "layers") or not hasattr(model, "compile"):
            raise DamagedFileError(f"it describes {type(model).__name__}, which is no model", place)
        told = config.get("build_config")
        if told and not model._face.filled:
            restore_build(model, told)
        if compile and config.get("compile_config"):
            model.compile_from_config(config["compile_config"])
    return model


def deserialize_keras_object(config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """The object that a config describes.

    custom_objects: classes and functions of yours that it names.
    safe_mode: False runs the code of Lambda layers in it; see `load_model`.

    Raises ValueError for names that are not known.

    >>> deserialize_keras_object({"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}})
    Dense(units=3)
    """
    if safe_mode:
        return registry.deserialize(config, custom_objects)
    with registry.custom_object_scope(custom_objects or {}):
        config = copy.deepcopy(config)
        blueprint.check(config, "the config", safe_mode=False)
        return registry.deserialize(config)


def without(config: dict[str, Any]) -> dict[str, Any]:
    """The config without what is read afterwards."""
    return {k: v for k, v in config.items() if k not in ("build_config", "compile_config")}


def restore_build(model: Any, told: dict[str, Any]) -> None:
    """Tells a model the shape of its inputs; a class of the user's may have its own way."""
    users = [c for c in type(model).__mro__ if not registry.is_builtin(c)]
    if any({"build", "build_from_config"} & vars(c).keys() for c in users):
        model.build_from_config(told)
    elif model._known_specs() is None and told.get("input_shape") is not None:
        shape = registry.deserialize(told["input_shape"])
        model._face.specs = ((model_specs(shape, model.input_dtype),), {})


def model_specs(shape: Any, dtype: Any) -> Any:
    """A shape, or a nest of shapes, as specs."""
    return storey.specs_from_shapes(shape if isinstance(shape, dict) else list(shape), dtype)


# --- how a model was compiled ------------------------------------------------------------------------


def compile_config(model: Any) -> dict[str, Any]:
    """What `compile` was told, as Keras writes it; {} for a model that was not compiled."""
    told = model._compiled
    if told is None:
        return {}
    if not isinstance(model.optimizer, optimizers.Optimizer):
        warnings.warn(
            f"{model.name!r} was compiled with {type(model.optimizer).__name__}, which a file cannot describe: how it "
            "was compiled is not saved. Call compile() after loading.",
            stacklevel=5,
        )
        return {}
    automatic = told.steps_per_execution == "auto"
    return {
        "optimizer": registry.serialize(model.optimizer),
        "loss": named(told.loss, losses.KIND),
        "loss_weights": registry.serialize(told.loss_weights),
        "metrics": named(told.metrics, metrics.KIND),
        "weighted_metrics": named(told.weighted_metrics, metrics.KIND),
        "run_eagerly": told.run_eagerly,
        "steps_per_execution": 1 if automatic else told.steps_per_execution,
        "jit_compile": True if told.jit_compile == "auto" else told.jit_compile,
    }


def named(value: Any, kind: registry.Kind) -> Any:
    """Losses or metrics as configs; functions of the table by their names."""
    if isinstance(value, (list, tuple)):
        return [named(v, kind) for v in value]
    if isinstance(value, dict):
        return {k: named(v, kind) for k, v in value.items()}
    if callable(value) and not hasattr(value, "get_config"):
        return kind.name_of(value) or registry.serialize(value)
    return registry.serialize(value)


def compile_args(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `compile` that a config describes; also one of Keras 2."""
    optimizer = config.get("optimizer", config.get("optimizer_config"))
    return {
        "optimizer": optimizers.get(optimizer),
        "loss": found(config.get("loss"), losses.KIND),
        "loss_weights": registry.deserialize(config.get("loss_weights")),
        "metrics": found(config.get("metrics"), metrics.KIND),
        "weighted_metrics": found(config.get("weighted_metrics"), metrics.KIND),
        "run_eagerly": bool(config.get("run_eagerly", False)),
        "steps_per_execution": "auto"
        if (config.get("steps_per_execution") or 1) == 1
        else config["steps_per_execution"],
        "jit_compile": "auto" if config.get("jit_compile", True) in (True, None) else config["jit_compile"],
    }


def found(value: Any, kind: registry.Kind) -> Any:
    """Losses or metrics from configs, in their nest; names stay names."""
    if isinstance(value, list):
        return [found(v, kind) for v in value]
    if registry.is_config(value):
        if value["class_name"] == "function":
            known = value["config"] in kind.functions or kind is not metrics.KIND  # losses do for metrics as well
            return registry.find_function(value["config"], kind if known else None)
        return registry.deserialize(value)
    if isinstance(value, dict):
        return {k: found(v, kind) for k, v in value.items()}
    if isinstance(value, str) and value not in PLAIN and (custom := registry.lookup_custom(value)) is not None:
        return custom
    return value
