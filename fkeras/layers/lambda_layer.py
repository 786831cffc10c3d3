"""Lambda: a function as a layer."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any, ClassVar

import jax

from .. import lending, random
from ..layer import Layer, shown

LAMBDA = "<lambda>"  # the name of every one
WITHOUT_CODE = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}


class Lambda(Layer):
    """y = function(x, **arguments).

    Shapes: whatever the function makes of its input.

    function: of arrays; it gets `mask` and `training` if it has arguments of these names. What it draws from
        `fkeras.random` without a seed is fresh in every call.
    output_shape: the shape of one example of the output, or a function of the input's shape, if it is to be
        checked; it is found out in any case.
    mask: the mask of the output, or a function (inputs, mask) that makes it.
    arguments: further keyword arguments, a dict.

    A function that is named in a config must be registered, see fkeras.saving.register_keras_serializable. A lambda has
    no name: a file keeps its place alone, and to load it the function is passed under the name of the layer,
    `custom_objects={"lambda": function}`. It must not hold weights: write a layer for that.

    Raises ValueError where the output has another shape than `output_shape` says.

    >>> import numpy as np
    >>> Lambda(lambda x, power: x**power, arguments={"power": 2})(np.array([3.0])).tolist()
    [9.0]
    """

    function: Any
    output_shape: Any = None
    mask: Any = None
    arguments: Any = None

    behind = ("mask", "training")
    holds_user_code: ClassVar[bool] = True
    config_if_set = ("output_shape", "mask")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise TypeError(f"Lambda: function must be a function of arrays; got {self.function!r}.")
        self.arguments = dict(self.arguments or {})
        if isinstance(self.output_shape, list) and all(d is None or isinstance(d, int) for d in self.output_shape):
            self.output_shape = tuple(self.output_shape)
        self.supports_masking = self.mask is not None  # type: ignore[misc]
        self.asked = [n for n in ("mask", "training") if n in arguments_of(self.function)]

    def get_config(self) -> dict[str, Any]:
        """The settings; of a lambda, that it is one."""
        functions = {n: getattr(self, n) for n in ("function", "output_shape", "mask")}
        nameless = [n for n, f in functions.items() if getattr(f, "__name__", "") == LAMBDA]
        if not nameless:
            return super().get_config()
        warnings.warn(
            f"The code of a lambda is not kept: to load {self.name!r} from its config or a file, pass the function "
            f"as custom_objects={{{self.name!r}: function}}.",
            stacklevel=2,
        )
        named = copy.copy(self)
        for name in nameless:
            object.__setattr__(named, name, True)  # in its place
        return {**super(Lambda, named).get_config(), **dict.fromkeys(nameless, WITHOUT_CODE)}

    def call(self, inputs: Any, *, rng: Any, training: bool, mask: Any) -> Any:
        offered = {"mask": mask, "training": training}
        with random.lent(rng), lending.in_phase(training):
            y = self.function(inputs, **self.arguments, **{n: offered[n] for n in self.asked})
        if self.output_shape is not None:
            self.check_shape(inputs, y)
        return y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The setting `mask`, or what it makes of the inputs and their mask."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def check_shape(self, inputs: Any, y: Any) -> None:
        """Refuses outputs of another shape than the settings say."""
        if callable(self.output_shape):
            want = self.output_shape(jax.tree.map(lambda x: tuple(x.shape), inputs))
        else:
            want = self.output_shape
            want = (None, *want) if isinstance(want, tuple) else want
        if not isinstance(want, (tuple, list)) or not hasattr(y, "shape"):
            return
        fits = len(want) == len(y.shape) and all(
            a == b for a, b in zip(want, y.shape, strict=True) if isinstance(a, int) and isinstance(b, int)
        )
        if not fits:
            said = ", ".join("?" if d is None else str(d) for d in want)
            raise ValueError(
                f"{self!r} was to return shape ({said}), as output_shape says; its function returned {shown(y.shape)}."
            )


def arguments_of(function: Any) -> list[str]:
    """The names of the arguments of a function, as far as Python knows them."""
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # a function in C
        return []
