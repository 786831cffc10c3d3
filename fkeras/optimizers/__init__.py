"""Optimizers: optax pairs of functions under the names, settings and numbers of Keras."""

from __future__ import annotations

from typing import Any

from .. import registry
from . import legacy, schedules
from .adam import Adam, Adamax, AdamW, Lamb, Nadam
from .adaptive import Adadelta, Adafactor, Adagrad, RMSprop
from .ftrl import Ftrl
from .loss_scale import LossScaleOptimizer
from .multi import MultiOptimizer, OptimizerMap
from .muon import Muon
from .optimizer import OPTIMIZER, Optimizer
from .schedule_free import ScheduleFreeAdamW
from .sgd import SGD, Lion

__all__ = [
    "SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Adafactor", "Ftrl", "Lion", "Lamb",
    "Muon", "ScheduleFreeAdamW", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap", "Optimizer",
    "get", "serialize", "deserialize", "schedules", "legacy",
]  # fmt: skip


def get(identifier: Any) -> Any:
    """An optimizer from a name in any case, a class, a config, or itself; optax transformations pass as they are.

    Raises ValueError for what is none of these.

    >>> get("ADAM"), get({"class_name": "sgd", "config": {"momentum": 0.5}})
    (Adam(), SGD(momentum=0.5))
    """
    if isinstance(identifier, str) and registry.lookup_custom(identifier) is None:
        identifier = named(identifier)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    found = identifier
    if identifier is None or isinstance(identifier, (str, type)):
        found = OPTIMIZER.get(identifier)
    if found is None or is_transformation(found):
        return found
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}. Give a name (`adam`), an optimizer, a config or an "
        "optax transformation."
    )


def is_transformation(value: Any) -> bool:
    """Whether a value is a pair of functions `init` and `update`: an optimizer of ours, or of optax."""
    return callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))


def named(name: str) -> str:
    """The name in the table that a name in any case stands for."""
    return name.lower() if name not in OPTIMIZER.table and name.lower() in OPTIMIZER.table else name


def serialize(optimizer: Any) -> dict[str, Any]:
    """The config of an optimizer, in the form of Keras 3."""
    return registry.serialize(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that a config describes; names of classes are read in any case.

    >>> deserialize({"class_name": "adamw", "config": {"learning_rate": 0.5}})
    AdamW(learning_rate=0.5)
    """
    name = config["class_name"]
    own = registry.get_registered_object(name, custom_objects) is None and not config.get("registered_name")
    return registry.deserialize({**config, "class_name": named(name) if own else name}, custom_objects, kind=OPTIMIZER)
