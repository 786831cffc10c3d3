"""One row for every layer: its settings and the inputs it is called on. `tests/test_laws.py` reads it.

A module of this package holds the rows of one family:

    ROWS = {"dense": Row(lambda: Dense(3, "tanh"), (2, 5))}
"""

from __future__ import annotations

import importlib
import pkgutil

from .row import Row

ROWS: dict[str, Row] = {}
for _module in pkgutil.iter_modules(__path__):
    for _name, _row in getattr(importlib.import_module(f"{__name__}.{_module.name}"), "ROWS", {}).items():
        assert _name not in ROWS, f"two rows are called {_name!r}"
        ROWS[_name] = _row
