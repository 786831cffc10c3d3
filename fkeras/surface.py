"""Members that layers of Keras have beside the main ones: what a layer is, and what it cannot do here."""

from __future__ import annotations

from typing import Any

from .input_spec import InputSpec
from .metrics import Metric


class _Rank:
    """`layer.input_spec`, if the layer sets none itself: what its rank says."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        rank = getattr(layer, "rank", None)
        if layer is None or rank is None:
            return None if layer is not None else self
        least, most = (rank, rank) if isinstance(rank, int) else rank
        return InputSpec(ndim=least) if least == most else InputSpec(min_ndim=least, max_ndim=most)


class Surface:
    """What Keras users read of a layer beside its weights and calls.

    >>> from fkeras.layers import Dense
    >>> Dense(3).input_spec.min_ndim, Dense(3).quantization_mode, Dense(3).metrics
    (2, None, [])
    """

    input_spec: Any = _Rank()
    supports_jit: bool = True
    quantization_mode: str | None = None

    @property
    def path(self: Any) -> str:
        """Its name: a layer does not know which model it is in."""
        return self.name

    @property
    def metrics(self: Any) -> list[Any]:
        """The metrics in its attributes, and in those of its sublayers."""
        own = [v for v in vars(self).values() if isinstance(v, Metric)]
        return own + [m for child in self.children.values() for m in child.metrics]

    @property
    def metrics_variables(self: Any) -> list[Any]:
        """The variables of its metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Specs of the outputs for symbols or specs."""
        return self.compute_output_spec(*args, **kwargs)

    def add_metric(self: Any, *args: Any, **kwargs: Any) -> None:
        """Refused, as in Keras 3."""
        raise NotImplementedError(
            f"{self!r}: add_metric is not there. Give the metric to compile(metrics=[...]), or keep it as an attribute "
            "and call its update_state."
        )

    def quantize(self: Any, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """Refused: there are no quantized layers."""
        raise NotImplementedError(
            f"{self!r}: quantize is not supported. Compute in bfloat16 with dtype='mixed_bfloat16' instead."
        )

    def quantized_build(self: Any, *args: Any, **kwargs: Any) -> None:
        """Refused: there are no quantized layers."""
        self.quantize()

    def quantized_call(self: Any, *args: Any, **kwargs: Any) -> None:
        """Refused: there are no quantized layers."""
        self.quantize()
