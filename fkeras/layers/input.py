"""Where symbols begin: `Input` and its layer."""

from __future__ import annotations

import dataclasses
from typing import Any

from .. import config, graph, spec
from ..layer import Layer


class InputLayer(Layer):
    """Hands its input through; the place where a graph of layers begins.

    Shapes: batch_shape -> batch_shape.

    shape: the shape of one example, without the batch; batch_shape includes it.
    optional: whether None may be passed for this input.
    """

    shape: Any = None
    batch_size: int | None = None
    dtype: Any = None
    sparse: bool | None = None
    batch_shape: Any = None
    input_tensor: Any = dataclasses.field(default=None, repr=False)
    optional: bool = False
    ragged: bool | None = None
    _: dataclasses.KW_ONLY
    name: str | None = None

    follows = {"dtype": "batch_size", "ragged": "sparse", "name": "optional"}
    supports_masking = True

    def __post_init__(self) -> None:
        dtype = self.dtype
        self.dtype = None
        super().__post_init__()
        if self.sparse or self.ragged:
            raise ValueError(
                "Input: sparse and ragged tensors are not supported; pass dense arrays (with a mask, if need be)."
            )
        if self.input_tensor is not None:
            self.batch_shape, dtype = self.input_tensor.shape, dtype or self.input_tensor.dtype
        if (self.shape is None) == (self.batch_shape is None):
            raise ValueError(
                "Input takes the shape of one example, Input(shape=(28, 28)), or batch_shape; got "
                f"shape={self.shape}, batch_shape={self.batch_shape}."
            )
        given = self.batch_shape if self.shape is None else self.shape
        if isinstance(given, int):
            given = (given,)
        if not isinstance(given, (tuple, list)) or not all(d is None or (isinstance(d, int) and d >= 0) for d in given):
            raise ValueError(f"Input: a shape is a tuple of sizes, None where unknown; got {given!r}.")
        self.batch_shape = tuple(given) if self.shape is None else (self.batch_size, *given)
        object.__setattr__(self, "dtype", str(spec.Spec((), dtype or config.floatx()).dtype))

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """The settings as JSON-able values."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        """The layer with these settings; understands the configs of Keras 2."""
        config = {
            ("batch_shape" if k == "batch_input_shape" else k): v
            for k, v in config.items()
            if k not in ("trainable", "is_placeholder")
        }
        dtype = config.get("dtype")
        if isinstance(dtype, dict):
            config["dtype"] = dtype["config"]["name"]
        config["batch_shape"] = tuple(config["batch_shape"])
        return cls(**config)

    def symbol(self) -> graph.Symbol:
        """A new symbol of this shape."""
        node = graph.Node(self)
        node.outputs = graph.Symbol(
            spec.Spec(self.batch_shape, self.dtype), node, name=None if self._face.auto_named else self.name
        )
        self._face.nodes.append(node)
        return node.outputs


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> graph.Symbol:
    """A value that does not exist yet: what a Functional model begins with.

    shape: of one example, without the batch; None where a size is not known.

    >>> Input((28, None), name="rows")
    <Symbol Spec(?, 28, ?; float32) from rows>
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    ).symbol()


class _OfSymbols(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, graph.Symbol)


class KerasTensor(metaclass=_OfSymbols):
    """A symbol by its whole shape, as Keras makes one by hand; every symbol is an instance.

    >>> x = KerasTensor((3, None), "int32")
    >>> x.shape, x.dtype, isinstance(Input((2,)), KerasTensor)
    ((3, None), 'int32', True)
    """

    def __new__(
        cls,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if kwargs:
            raise TypeError(f"KerasTensor takes no argument {min(kwargs)!r}.")
        layer = InputLayer(batch_shape=tuple(shape), dtype=dtype, sparse=sparse, ragged=ragged, name=name)
        return layer.symbol()
