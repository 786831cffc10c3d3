"""The arguments that optimizers had before Keras 3: `lr` and `decay`; and the names of `keras.optimizers.legacy`."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from .. import registry
from .schedules import InverseTimeDecay


class OptimizerType(registry.ConfigurableType):
    """Makes optimizers, and reads the old arguments unless the class has them itself.

    `lr` means `learning_rate`; `decay` makes it `InverseTimeDecay(learning_rate, 1, decay)`.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = registry.today(cls, args, kwargs)
        own = inspect.signature(cls).parameters
        if kwargs.get("epsilon", 0) is None:  # what Keras 2 wrote for the default
            del kwargs["epsilon"]
        decay = kwargs.pop("decay", None) if "decay" not in own else None
        if "lr" in kwargs and "lr" not in own:
            if "learning_rate" in kwargs:
                raise TypeError(f"{cls.__name__}: give learning_rate or lr, not both.")
            warnings.warn(f"{cls.__name__}: `lr` is the old name of `learning_rate`.", stacklevel=2)
            kwargs["learning_rate"] = kwargs.pop("lr")
        optimizer = super().__call__(*args, **kwargs)
        if decay:
            if callable(optimizer._rate):
                raise ValueError(
                    f"{cls.__name__}: `decay` needs a number as learning_rate; received {optimizer._rate!r}."
                )
            optimizer.learning_rate = InverseTimeDecay(optimizer._rate, 1, decay)
        return optimizer


class LegacyOptimizer:
    """What `keras.optimizers.legacy.SGD` and its like are in Keras 3: names that say where to go."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise ImportError(
            "The optimizers of `legacy` are not part of Keras 3; use the one of the same name in `optimizers`, "
            "which reads the old arguments `lr` and `decay` as well."
        )


SGD = Adam = Adagrad = Ftrl = RMSprop = Optimizer = LegacyOptimizer
