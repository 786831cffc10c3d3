"""`CSVLogger`: the logs of each epoch as a line of a file."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from .callback import Callback


def cell(value: Any) -> Any:
    """A measured value as it stands in the file; several numbers in quotes and brackets."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'


class CSVLogger(Callback):
    """Writes the logs of each epoch to a file, in columns `epoch` and then those of the first epoch, by name.

    separator: stands between two columns.
    append: goes on with a file that is there already; its first line is then not written again.

    What an epoch lacks is `NA`. If the first epoch is not validated, there are `val_` columns all the same.
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: Any = None
        self.append_header = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()
        empty = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename))
        self.append_header = empty
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.keys = self.writer = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(k.startswith("val_") for k in self.keys):
                self.keys += [f"val_{k}" for k in self.keys]
        if self.writer is None:
            self.writer = csv.DictWriter(self.csv_file, ["epoch", *self.keys], delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{k: cell(logs.get(k, "NA")) for k in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close()
        self.writer = None

    def _close(self) -> None:
        if self.csv_file is not None and not self.csv_file.closed:
            self.csv_file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "csv_file": None, "writer": None, "_model": None}
