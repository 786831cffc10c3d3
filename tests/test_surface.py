"""The table of public names: every row says what it must."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import keras
import pytest

FILE = Path(__file__).parents[1] / "docs" / "surface.py"


@pytest.fixture(scope="module")
def surface():
    spec = importlib.util.spec_from_file_location("surface", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_a_row_and_every_row_its_words(surface):
    found = surface.rows()
    assert len({(row.module, row.name) for row in found}) == len(found) > 1400
    assert {"keras", "keras.ops.numpy", "keras.layers", "keras.optimizers.schedules"} <= {row.module for row in found}
    assert not [row for row in found if row.status != surface.EQUAL and not row.words]
    layers = {row.name for row in found if row.module == "keras.layers"}
    assert {n for n in dir(keras.layers) if n[0].isupper()} <= layers
    text = surface.page(found)
    assert text.count("\n| `") == len(found)


def test_differences_are_found(surface):
    def theirs(a, b=2, *, c="x", **kwargs):
        pass

    def same(a, b=2, *, c="X", d=None):
        pass

    def other(b=2, a=1, *, c="y", **kwargs):
        pass

    def fewer(a):
        pass

    assert surface.arguments(theirs, same) == []
    assert surface.arguments(theirs, other) == [
        "in the order `b`, `a`",
        "`a=1`, in Keras `no default`",
        "`c='y'`, in Keras `'x'`",
    ]
    assert surface.arguments(theirs, fewer) == ["without `b`, `c`"]
    assert surface.arguments(fewer, theirs) == ["takes `b`, `c` as well"]
    assert surface.differences(keras.layers.Dense, theirs) == ["a function, in Keras a class"]
    assert surface.row_of("keras.layers", "NoSuch", object()).status == surface.MISSING
    assert surface.row_of("keras.layers", "Dense", type("Dense", (), {"units": 1, "shine": 2})).words.endswith(
        "`.shine`"
    )
