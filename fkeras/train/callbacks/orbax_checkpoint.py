"""`OrbaxCheckpoint`: checkpoints by Orbax, written in the background, each host its own part."""

from __future__ import annotations

import os
import warnings
from typing import Any

import jax
import numpy as np

from .. import optimizing
from .monitor import MonitorCallback
from .periodic import Periodic


class OrbaxCheckpoint(Periodic, MonitorCallback):
    """Saves weights and what the optimizer remembers with Orbax, while training goes on.

    directory: one folder for each checkpoint is made in it, named by the epoch, or by the batch if `save_freq` counts
        batches.
    monitor, mode, initial_value_threshold: what `save_best_only` watches; see `ModelCheckpoint`.
    max_to_keep: how many of the newest are kept; None keeps all.
    save_on_background: False waits until each is written.
    save_weights_only: leaves out what the optimizer remembers.

    Arrays that are spread over devices or hosts are written as they lie, and read back so by `restore`.
    Needs the package orbax-checkpoint.
    """

    def __init__(
        self,
        directory: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ):
        super().__init__(save_freq, monitor, mode, initial_value_threshold)
        try:
            import orbax.checkpoint as orbax  # type: ignore[import-not-found]
        except ImportError as error:
            raise ImportError("OrbaxCheckpoint needs a package: pip install orbax-checkpoint.") from error
        self.directory, self.verbose = os.path.abspath(os.fspath(directory)), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.max_to_keep, self.save_on_background = max_to_keep, save_on_background
        self._orbax: Any = orbax
        self._manager: Any = None
        self._total_batches_seen = 0

    @property
    def manager(self) -> Any:
        """Orbax' own manager of the folder."""
        if self._manager is None:
            options = self._orbax.CheckpointManagerOptions(
                max_to_keep=self.max_to_keep, enable_async_checkpointing=bool(self.save_on_background)
            )
            self._manager = self._orbax.CheckpointManager(self.directory, options=options)
        return self._manager

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._total_batches_seen = int(getattr(model.optimizer, "iterations", 0) or 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        seen = self._last_batch_seen
        self._total_batches_seen += batch - seen if batch > seen else batch + 1
        if self.is_due(batch):
            self._save(self._total_batches_seen, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.wait_until_finished()
        if self._manager is not None:
            self._manager.close()
            self._manager = None

    def wait_until_finished(self) -> None:
        """Waits until what was begun to be written is there."""
        if self._manager is not None:
            self._manager.wait_until_finished()

    def restore(self, step: int | None = None) -> int:
        """Puts a checkpoint, the newest by default, into the model; returns its step.

        Raises FileNotFoundError if there is none, ValueError if it is that of another model.
        """
        self.wait_until_finished()
        step = self.manager.latest_step() if step is None else step
        if step is None or step not in self.manager.all_steps():
            raise FileNotFoundError(f"There is no checkpoint {'' if step is None else step} in {self.directory}.")
        tree = self._tree()
        like = {name: jax.ShapeDtypeStruct(np.shape(x), x.dtype, sharding=x.sharding) for name, x in named(tree)}
        found = self.manager.restore(step, args=self._orbax.args.StandardRestore(like))
        params, state, *rest = jax.tree.unflatten(jax.tree.structure(tree), [found[name] for name in like])
        self.model.values = params, state
        if rest:
            optimizing.put(self.model, rest[0])
        return step

    def _tree(self) -> list[Any]:
        """[params, state, what the optimizer remembers], as they are now."""
        params, state = self.model.values
        kept = None if self.save_weights_only else optimizing.box(self.model)
        return jax.tree.map(jax.numpy.asarray, [params, state] if kept is None else [params, state, kept])

    def _save(self, step: int, logs: dict[str, Any]) -> None:
        if self.save_best_only:
            value = logs.get(self.monitor)
            if value is None or np.ndim(value):
                what = "is not measured" if value is None else "is not a single number"
                warnings.warn(f"OrbaxCheckpoint: {self.monitor!r} {what}: nothing is saved.", stacklevel=6)
                return
            if not self.is_improvement(value, self.best):
                return
            self.best = value
        self.manager.save(step, args=self._orbax.args.StandardSave(dict(named(self._tree()))), force=True)
        if self.verbose:
            print(f"\nOrbaxCheckpoint: saving {step} in {self.directory}")


def named(tree: Any) -> list[tuple[str, Any]]:
    """(name, leaf) of each leaf of a tree."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="."), leaf) for path, leaf in leaves]
