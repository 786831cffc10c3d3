"""`TensorBoard`: what happens in a run, as files for TensorBoard."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ... import config
from .callback import Callback
from .events import EventWriter
from .rates import rate_of

TEMPLATE = """embeddings {{
  tensor_name: "{name}"
{metadata}  tensor_path: "{path}"
}}
"""


class TensorBoard(Callback):
    """Writes event files that TensorBoard shows, into `log_dir/train` and `log_dir/validation`.

    TensorFlow is not needed. Scalars are `epoch_*`, `batch_*`, `evaluation_*_vs_iterations`; the
    learning rate is among those of epochs.

    histogram_freq: every so many epochs the weights are written as histograms; 0 for never.
    write_graph: writes the architecture, for models made of a graph.
    write_images: writes the weights as images along with their histograms.
    write_steps_per_second: writes how fast epochs (and, with `update_freq`, batches) are.
    update_freq: "epoch", "batch", or a number of batches after which the logs are written.
        All but "epoch" run single steps.
    profile_batch: a batch, or the first and the last batch, to trace with `jax.profiler`; 0 for none.
    embeddings_freq: every so many epochs the embeddings are written for the projector; 0 for never.
    embeddings_metadata: the file with the names of the rows of every embedding, or a dict by layer.

    Raises ValueError for settings that cannot be, and for names in `embeddings_metadata` that are no embeddings.

    >>> TensorBoard("logs", update_freq="batch").update_freq
    1
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph, self.write_images = histogram_freq, write_graph, write_images
        self.write_steps_per_second, self.embeddings_freq = write_steps_per_second, embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and not (isinstance(self.update_freq, int) and self.update_freq > 0):
            raise ValueError(f"TensorBoard: update_freq must be 'epoch', 'batch' or a number; got {update_freq!r}.")
        self.profiled = profiled(profile_batch)
        self._writers: dict[str, EventWriter] = {}
        self._train_batch = self._test_batch = 0
        self._began = self._batch_began = 0.0
        self._iterations = 0
        self._tracing = False

    def needs_batches(self, mode: str) -> bool:
        mine = {"train": ("on_train_batch_begin", "on_train_batch_end"), "test": ("on_test_batch_begin",)}.get(mode, ())
        changed = any(getattr(type(self), name) is not vars(TensorBoard)[name] for name in mine)
        return changed or self.update_freq != "epoch" or (mode == "train" and self.profiled is not None)

    def writer(self, name: str) -> EventWriter:
        """The open event file of "train" or "validation"."""
        if name not in self._writers:
            self._writers[name] = EventWriter(Path(self.log_dir) / name)
        return self._writers[name]

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        if self.write_graph and getattr(model, "walks", False):
            self.writer("train").text("keras", "graph_keras_model", model.to_json(), 0, b"1")
        if self.embeddings_freq:
            self._describe_embeddings()

    # --- scalars ---------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._train_batch = 0

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._stop_trace()
        self._close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.write_steps_per_second:
            self._iterations, self._began = self._steps(), time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        if train:
            train |= self._rates()
            if self.write_steps_per_second:
                seconds = time.perf_counter() - self._began
                train["steps_per_second"] = (self._steps() - self._iterations) / seconds
        self._scalars("train", "epoch_", train, epoch)
        held_out = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        self._scalars("validation", "epoch_", held_out, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.model.optimizer is not None:
            told = {f"{k}_vs_iterations": v for k, v in (logs or {}).items()}
            self._scalars("validation", "evaluation_", told, self._steps())

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._train_batch += 1
        self._batch_began = time.perf_counter()
        if self.profiled is not None and self._train_batch == self.profiled[0]:
            jax.profiler.start_trace(str(Path(self.log_dir) / "train"))
            self._tracing = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.update_freq != "epoch" and self._train_batch % self.update_freq == 0:
            told = dict(logs or {})
            if self.write_steps_per_second:
                told["steps_per_second"] = 1 / (time.perf_counter() - self._batch_began)
            self._scalars("train", "batch_", told, self._train_batch)
        if self.profiled is not None and self._train_batch >= self.profiled[1]:
            self._stop_trace()

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._test_batch += 1

    def _scalars(self, writer: str, prefix: str, logs: dict[str, Any], step: int) -> None:
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self.writer(writer).scalar(prefix + name, value, step)

    def _steps(self) -> int:
        """How many steps the optimizer has taken."""
        return int(getattr(self.model.optimizer, "iterations", self.model._steps))

    def _rates(self) -> dict[str, float]:
        """The learning rates of the model's optimizers, where they tell them."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if hasattr(optimizer, "optimizers"):
            return {f"learning_rate_{o.name}": rate_of(o) for o in optimizer.optimizers}
        return {"learning_rate": rate_of(optimizer)} if hasattr(optimizer, "learning_rate") else {}

    def _stop_trace(self) -> None:
        if self._tracing:
            self._tracing = False
            jax.profiler.stop_trace()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    # --- weights, embeddings -----------------------------------------------------------------------

    def _weights(self, epoch: int) -> None:
        """The weights as histograms, and as images."""
        for weight in (w for layer in self.model.layers for w in layer.weights):
            values = np.asarray(weight.value, np.float32)
            self.writer("train").histogram(f"{weight.path}/histogram", values, epoch)
            picture = as_image(values) if self.write_images else None
            if picture is not None:
                self.writer("train").image(f"{weight.path}/image", picture, epoch)

    def _embeddings(self) -> dict[str, Any]:
        """The weights that are looked up, by layer."""
        return {layer.name: layer for layer in self.model.layers if hasattr(layer, "embeddings_initializer")}

    def _describe_embeddings(self) -> None:
        """Writes what the projector of TensorBoard is to show."""
        told, found = self.embeddings_metadata, self._embeddings()
        if isinstance(told, dict) and (unknown := [k for k in told if k not in found]):
            raise ValueError(
                f"TensorBoard: embeddings_metadata names {unknown[0]!r}; the embeddings are {', '.join(found)}."
            )
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        text = ""
        for name in found:
            path = told.get(name) if isinstance(told, dict) else told
            metadata = "" if path is None else f'  metadata_path: "{path}"\n'
            text += TEMPLATE.format(name=name, metadata=metadata, path=f"{name}.tsv")
        (Path(self.log_dir) / "projector_config.pbtxt").write_text(text)

    def _write_embeddings(self) -> None:
        """Writes the embeddings of now: a row of numbers for each."""
        for name, layer in self._embeddings().items():
            table = np.asarray(layer.weights[0].value, np.float32)
            np.savetxt(Path(self.log_dir) / f"{name}.tsv", table, fmt="%.6g", delimiter="\t")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_writers": {}, "_model": None}


def profiled(batches: Any) -> tuple[int, int] | None:
    """(first, last) of the batches to trace, from 1 on; None for none."""
    wanted = batches.split(",") if isinstance(batches, str) else batches
    try:
        pair = [int(wanted)] * 2 if isinstance(wanted, (int, np.integer)) else [int(b) for b in wanted]
    except (TypeError, ValueError):
        pair = []
    if len(pair) != 2 or pair[0] < 0 or pair[1] < pair[0]:
        raise ValueError(
            f"TensorBoard: profile_batch must be a number of a batch, or the first and the last; got {batches!r}."
        )
    return (pair[0], pair[1]) if pair[0] else None


def as_image(weight: np.ndarray) -> np.ndarray | None:
    """A weight as images (count, height, width, channels); None for one that is none."""
    w = np.squeeze(weight)
    if w.ndim == 1:
        w = w.reshape(1, -1, 1, 1)
    elif w.ndim == 2:
        w = (w.T if w.shape[0] > w.shape[1] else w)[None, :, :, None]
    elif w.ndim == 3:
        w = (w.transpose(2, 0, 1) if config.image_data_format() == "channels_last" else w)[..., None]
    return w if w.ndim == 4 and w.shape[-1] in (1, 3, 4) else None
