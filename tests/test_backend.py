"""`fkeras.backend` beside `keras.backend`."""

from __future__ import annotations

import itertools

import keras
import pytest

from fkeras import backend

DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()


@pytest.mark.parametrize("floatx", ["float32", "float16"])
def test_result_type(floatx):
    backend.set_floatx(floatx)
    keras.backend.set_floatx(floatx)
    try:
        for count in range(3):
            for given in itertools.product([*DTYPES, int, float, bool], repeat=count):
                assert backend.result_type(*given) == keras.backend.result_type(*given), given
    finally:
        keras.backend.set_floatx("float32")


def test_kinds():
    for dtype in DTYPES:
        assert backend.is_float_dtype(dtype) == keras.backend.is_float_dtype(dtype)
        assert backend.is_int_dtype(dtype) == keras.backend.is_int_dtype(dtype)


def test_names():
    assert {n for n in dir(keras.backend) if not n.startswith("_")} <= set(backend.__all__)
    assert backend.backend() == "jax"
