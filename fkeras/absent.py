"""Parts of Keras that are not here: asking for a name of theirs says what to do."""

from __future__ import annotations

import types
from typing import Any

QUANTIZERS = (
    "There are no quantized layers here, so quantizers have no use. Layers compute in 16 bits with "
    "dtype='mixed_bfloat16'."
)
MODULES = {
    "quantizers": (
        QUANTIZERS,
        "AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig"
        " QuantizationConfig Quantizer abs_max_quantize abs_max_quantize_grouped_with_zero_point"
        " compute_float8_amax_history compute_float8_scale deserialize fake_quant_with_min_max_vars get pack_int4"
        " quantize_and_dequantize serialize unpack_int4",
    ),
}


class Absent(types.ModuleType):
    """A module whose names say that they are not here.

    >>> Absent("quantizers").Quantizer
    Traceback (most recent call last):
    ImportError: quantizers.Quantizer: There are no quantized layers here...
    """

    def __init__(self, path: str):
        said, names = MODULES[path.rpartition(".")[2]]
        super().__init__(path, said.split(". ")[0] + ".")
        self.__dict__.update(_said=said, _names=frozenset(names.split()), __path__=[])

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise ImportError(f"{self.__name__}.{name}: {self._said.format(name=name)}")
