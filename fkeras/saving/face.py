"""What a model has of its own for files: `save`, `save_weights`, `load_weights`."""

from __future__ import annotations

import warnings
from typing import Any

from .. import registry
from ..train.trainer import Trainer
from . import export, public
from .config import compile_args, compile_config


class Saved:
    """The methods of a model that write and read files."""

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Saves the model to a `.keras` file: see `fkeras.saving.save_model`."""
        public.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Saves the weights to a `.weights.h5` file: see `fkeras.saving.save_weights`."""
        public.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Takes the weights from a file: all of them, or none; see `fkeras.saving.load_weights`."""
        public.load_weights(self, filepath, skip_mismatch, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "stablehlo",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Writes what the model computes to a file that runs with JAX alone: see `fkeras.saving.export_model`."""
        export.export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def get_compile_config(self: Any) -> dict[str, Any]:
        """What `compile` was told, as a config; {} if it was not called."""
        return compile_config(self)

    def compile_from_config(self: Any, config: dict[str, Any]) -> None:
        """Compiles the model as a config says."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{type(self).__name__} has a `compile` of its own, so it was not called on loading. Override "
                "get_compile_config and compile_from_config as well, or call compile() now.",
                stacklevel=4,
            )
            return
        with registry.closed_tables():
            self.compile(**compile_args(config))
