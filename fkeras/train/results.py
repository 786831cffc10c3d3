"""`Runs`: what many training runs came to, as a table, curves and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Row = dict[str, Any]


class Runs:
    """The results of a sweep.

    settings: one dict for each setting that was tried. seeds: the seeds, the same for each.
    history: what was measured, by name, with axes (settings, seeds, epochs); NaN from where a run diverged, or after
        it was stopped.
    ends: the epoch by which each run is judged: its last one, or the one whose weights were put back.
    monitor: the name that runs are compared by. best: the row of the best run.

    `runs.best_model` and `runs.model(setting, seed)` are ordinary models, ready to predict
    or to be trained further; `print(runs)` shows the table, best first.
    """

    def __init__(
        self, settings: list[Row], seeds: list[int], history: dict[str, np.ndarray], monitor: str, mode: str,
        restore: Callable[[int, int], Any], ends: np.ndarray,
    ):  # fmt: skip
        self.settings, self.seeds, self.history = settings, seeds, history
        self.monitor, self.mode, self._restore, self.ends = monitor, mode, restore, ends

    @property
    def table(self) -> list[Row]:
        """One dict for each run, best first: its settings, its seed, and what its last epoch measured (see `ends`)."""
        rows = [
            {**setting, "seed": seed, **{k: as_cell(v[i, j, self.ends[i, j]]) for k, v in self.history.items()}}
            for i, setting in enumerate(self.settings)
            for j, seed in enumerate(self.seeds)
        ]
        sign = -1 if self.mode == "max" else 1
        return sorted(rows, key=lambda row: (np.isnan(row[self.monitor]), sign * row[self.monitor]))

    @property
    def best(self) -> Row:
        """The row of the best run. Raises ValueError if all of them diverged."""
        best = self.table[0]
        if np.isnan(best[self.monitor]):
            raise ValueError(f"No run ended with a finite {self.monitor}: all diverged. Try smaller learning rates.")
        return best

    @property
    def best_settings(self) -> Row:
        """The settings of the best run."""
        return {k: self.best[k] for k in self.settings[0]}

    @property
    def best_model(self) -> Any:
        """The model of the best run."""
        return self.model(self.best_settings, self.best["seed"])

    def model(self, settings: Row, seed: int | None = None) -> Any:
        """The model that was trained with these settings (and this seed; the first if None)."""
        seed = self.seeds[0] if seed is None else seed
        if settings not in self.settings or seed not in self.seeds:
            raise ValueError(f"No run had the settings {settings} and seed {seed}; see `table` for those there are.")
        return self._restore(self.settings.index(settings), self.seeds.index(seed))

    def mean(self, name: str | None = None) -> np.ndarray:
        """The last value of a measure for each setting, as a mean over seeds."""
        places = np.ogrid[: len(self.settings), : len(self.seeds)]
        return self.history[name or self.monitor][(*places, self.ends)].mean(axis=1)

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame."""
        import pandas  # pyright: ignore[reportMissingImports]

        return pandas.DataFrame(self.table)

    def __len__(self) -> int:
        return len(self.settings) * len(self.seeds)

    def __repr__(self) -> str:
        return f"<Runs: {len(self.settings)} settings x {len(self.seeds)} seeds, best {self.monitor} {self.shown()}>"

    def shown(self) -> str:
        """The best value, short."""
        return f"{self.table[0][self.monitor]:.4g}"

    def __str__(self) -> str:
        rows = self.table
        cells = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows[:20]]
        widths = [max(map(len, column)) for column in zip(list(rows[0]), *cells, strict=True)]
        lines = ["  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in (list(rows[0]), *cells)]
        left = [f"... and {len(rows) - 20} more"] if len(rows) > 20 else []
        return "\n".join([*lines, *left])


def as_cell(value: Any) -> Any:
    """What a metric measured, as a number, or as a list where it measures several."""
    return float(value) if np.ndim(value) == 0 else value.tolist()
