"""Old arguments that are not just renamed: kernels in parts, shapes in parts, switches."""

from __future__ import annotations

import dataclasses
from typing import Any

from .. import registry
from .arguments import special
from .telling import tell

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
CONVOLUTIONS = (
    "Conv1D Conv2D Conv3D SeparableConv1D SeparableConv2D Conv2DTranspose Conv3DTranspose LocallyConnected2D ConvLSTM2D"
)
SIDES = {2: ("nb_row", "nb_col"), 3: ("kernel_dim1", "kernel_dim2", "kernel_dim3")}
OF_KERAS_1 = (
    "nb_filter nb_row nb_col kernel_dim1 kernel_dim2 kernel_dim3 border_mode subsample dim_ordering init W_regularizer"
    " b_regularizer W_constraint b_constraint bias atrous_rate"
)


def is_size(value: Any) -> bool:
    """Whether a positional argument is one side of a kernel."""
    return isinstance(value, int) and not isinstance(value, bool)


def square(name: str, rank: int, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """`Conv2D(32, 3, 5, "uniform", "relu")` as Keras 1 meant it: (32, (3, 5)), initializer, activation."""
    sides = args[1 : 1 + rank]
    if rank < 2 or len(sides) < rank or not all(map(is_size, sides)) or set(args[1 + rank :]) & {"same", "valid"}:
        return args, kwargs  # with a padding behind them, they are kernel_size and strides, as they are today
    late = dict(zip(("kernel_initializer", "activation"), args[1 + rank :], strict=False))
    tell(
        f"{name}({', '.join(map(str, args[: 1 + rank]))})",
        f"read as kernel_size={sides}, as in Keras 1; write {name}({args[0]}, {sides}).",
    )
    return (args[0], sides), {**late, **kwargs}


@special(CONVOLUTIONS, OF_KERAS_1)
def kernel(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """The sides of a kernel, given one by one."""
    rank = int(name[-2]) if name[-1] == "D" else int(name[4])
    args, kwargs = square(name, rank, args, kwargs)
    found = [kwargs.pop(side) for side in SIDES.get(rank, ()) if side in kwargs]
    if found:
        tell(f"{name}({', '.join(SIDES[rank])})", "write kernel_size=(...) today.")
        kwargs["kernel_size"] = (*args[1:], *found) if len(found) < rank else tuple(found)
        args = args[:1]
    return args, kwargs


@special("SimpleRNN LSTM GRU RNN Bidirectional TimeDistributed Conv1D LocallyConnected1D Dense", "input_length")
def steps(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """`input_length` beside `input_dim`: the shape of one example."""
    length, width = kwargs.pop("input_length"), kwargs.pop("input_dim", None)
    if width is not None:
        tell(f"{name}(input_length=..., input_dim=...)", f"write input_shape=({length}, {width}), or begin with Input.")
        kwargs["input_shape"] = (length, width)
    return args, kwargs


@special("LSTM ConvLSTM2D", "forget_bias_init")
def forget_bias(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """The initializer of the forget bias, which is one or zero."""
    given = kwargs.pop("forget_bias_init")
    known = {"one": True, "ones": True, "zero": False, "zeros": False}
    if given not in known:
        raise ValueError(
            f"{name}: forget_bias_init is 'one' or 'zero' (unit_forget_bias=True or False); got {given!r}."
        )
    tell(f"{name}(forget_bias_init=...)", f"write unit_forget_bias={known[given]}.")
    return args, {**kwargs, "unit_forget_bias": known[given]}


@special("Embedding", "dropout")
def dropped_words(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """Dropout of whole words, which Keras 2 had given up."""
    rate = kwargs.pop("dropout")
    if rate:
        tell("Embedding(dropout=...)", f"left out, as in Keras 2; put SpatialDropout1D({rate}) behind the Embedding.")
    return args, kwargs


@special("ReLU", "theta")
def theta(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """The threshold of ThresholdedReLU."""
    return args, {**kwargs, "threshold": kwargs.pop("theta")}


@special("fit evaluate test_on_batch train_on_batch", "show_accuracy")
def accuracy(target: Any, name: str, args: Args, kwargs: Kwargs) -> registry.Arguments:
    """`fit(show_accuracy=True)`, which `compile` says since 2016: now it does so here, for a model without metrics."""
    model, wanted = args[0], kwargs.pop("show_accuracy")
    tell(f"{name}(show_accuracy=...)", "write compile(..., metrics=['accuracy']).")
    if wanted and model.compiled and not model._compiled.metrics:
        object.__setattr__(model, "_compiled", dataclasses.replace(model._compiled, metrics=["accuracy"]))
        model.forget_programs()
    return args, kwargs
