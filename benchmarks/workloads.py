"""The models that are timed: one function over a module, `keras` or `fkeras`, and the data they train on.

The same lines build both models, so neither can be the easier one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any], Any]
CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Workload:
    """make: module -> model. shape, batch, steps: of one example, of a step, and steps in an epoch.

    words: how many words the inputs choose from; None for inputs that are numbers.
    every: whether there is a label for each step of a sequence.
    compiled, fitted: more arguments of `compile` and `fit`, made from the module.
    """

    make: Make
    shape: tuple[int, ...]
    batch: int
    steps: int
    words: int | None = None
    classes: int = CLASSES
    every: bool = False
    compiled: Callable[[Any], dict[str, Any]] = lambda k: {}
    fitted: Callable[[Any, np.ndarray, np.ndarray], dict[str, Any]] = lambda k, x, y: {}

    def data(self, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(x, y): always the same random numbers."""
        rng, rows = np.random.default_rng(0), rows or self.batch * self.steps
        if self.words is None:
            x = rng.normal(size=(rows, *self.shape)).astype("float32")
        else:
            x = rng.integers(1, self.words, (rows, *self.shape)).astype("int32")
        return x, rng.integers(0, self.classes, (rows, *self.shape[: int(self.every)])).astype("int32")

    def model(self, k: Any) -> Any:
        """The model, compiled."""
        model = self.make(k)
        told = {"optimizer": k.optimizers.Adam(1e-3), "loss": "sparse_categorical_crossentropy", **self.compiled(k)}
        model.compile(**told)
        return model


def sequential(shape: tuple[int, ...], layers: Callable[[Any], list[Any]], dtype: str | None = None) -> Make:
    """A model of some layers, with a softmax of ten classes at its end."""

    def make(k: Any) -> Any:
        return k.Sequential([
            k.Input(shape, dtype=dtype), *layers(k.layers), k.layers.Dense(CLASSES, activation="softmax")
        ])  # fmt: skip

    return make


def mlp(L: Any) -> list[Any]:
    return [L.Dense(32, activation="relu")]


def wide_mlp(L: Any) -> list[Any]:
    return [L.Dense(512, activation="relu"), L.Dropout(0.2), L.Dense(512, activation="relu"), L.Dropout(0.2)]


def cnn(L: Any) -> list[Any]:
    return [
        L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(),
        L.Flatten(),
    ]  # fmt: skip


def cnn_with_norms(L: Any) -> list[Any]:
    """Strides in place of pooling, padding, batch normalization."""
    block = lambda n, **told: [  # noqa: E731
        L.Conv2D(n, 3, padding="same", use_bias=False, **told), L.BatchNormalization(), L.Activation("relu")
    ]  # fmt: skip
    return [*block(32), *block(32, strides=2), *block(64, strides=2), L.GlobalAveragePooling2D()]


def conv_1d(L: Any) -> list[Any]:
    return [
        L.Conv1D(64, 5, activation="relu"), L.MaxPooling1D(2), L.Conv1D(64, 5, activation="relu"),
        L.GlobalMaxPooling1D(),
    ]  # fmt: skip


def of_words(words: int, size: int, rest: Callable[[Any], list[Any]], **told: Any) -> Callable[[Any], list[Any]]:
    return lambda L: [L.Embedding(words, size, **told), *rest(L)]


def language_model(k: Any) -> Any:
    L = k.layers
    return k.Sequential([
        k.Input((100,), dtype="int32"), L.Embedding(96, 64), L.LSTM(256, return_sequences=True),
        L.LSTM(256, return_sequences=True), L.Dense(96, activation="softmax"),
    ])  # fmt: skip


def transformer(k: Any) -> Any:
    """One block, post-norm."""
    L = k.layers
    x = k.Input((200, 64))
    y = L.LayerNormalization(epsilon=1e-5)(L.Add()([x, L.MultiHeadAttention(4, 16)(x, x)]))
    h = L.Dense(64)(L.Dense(256, activation="relu")(y))
    y = L.LayerNormalization(epsilon=1e-5)(L.Add()([y, h]))
    return k.Model(x, L.Dense(CLASSES, activation="softmax")(L.GlobalAveragePooling1D()(y)))


def callbacks(k: Any) -> list[Any]:
    c = k.callbacks
    return [c.EarlyStopping("loss", patience=99), c.ReduceLROnPlateau("loss", patience=99), c.TerminateOnNaN()]


MLP = sequential((100,), mlp)
WORKLOADS = {
    "MLP": Workload(MLP, (100,), 32, 1000),
    "wide MLP, dropout": Workload(sequential((784,), wide_mlp), (784,), 128, 60),
    "CNN": Workload(sequential((28, 28, 1), cnn), (28, 28, 1), 128, 10),
    "LSTM": Workload(sequential((100, 32), lambda L: [L.LSTM(256)]), (100, 32), 64, 5),
    "Embedding, LSTM": Workload(
        sequential((80,), of_words(20000, 128, lambda L: [L.LSTM(128)]), "int32"), (80,), 32, 12, words=20000
    ),
    "language model, 2 LSTM": Workload(language_model, (100,), 64, 2, words=96, classes=96, every=True),
    "transformer block": Workload(transformer, (200, 64), 32, 8),
    "GRU": Workload(sequential((100, 32), lambda L: [L.GRU(256)]), (100, 32), 64, 5),
    "SimpleRNN": Workload(sequential((100, 32), lambda L: [L.SimpleRNN(256)]), (100, 32), 64, 10),
    "Bidirectional LSTM": Workload(
        sequential((80, 32), lambda L: [L.Bidirectional(L.LSTM(128))]), (80, 32), 32, 10
    ),
    "masked LSTM": Workload(
        sequential((80,), of_words(2000, 64, lambda L: [L.LSTM(128)], mask_zero=True), "int32"), (80,), 32, 12,
        words=2000,
    ),
    "Conv1D": Workload(sequential((100, 32), conv_1d), (100, 32), 64, 20),
    "CNN, strides, same, BatchNormalization": Workload(
        sequential((32, 32, 3), cnn_with_norms), (32, 32, 3), 64, 6
    ),
    "MLP, validation data": Workload(MLP, (100,), 32, 500, fitted=lambda k, x, y: {"validation_data": (x, y)}),
    "MLP, sample weights": Workload(
        MLP, (100,), 32, 500, fitted=lambda k, x, y: {"sample_weight": np.ones(len(x), "float32")}
    ),
    "MLP, schedule, clipping": Workload(
        MLP, (100,), 32, 500,
        compiled=lambda k: {"optimizer": k.optimizers.Adam(
            k.optimizers.schedules.ExponentialDecay(1e-3, 1000, 0.9), clipnorm=1.0
        )},
    ),
    "MLP, metrics, 3 callbacks": Workload(
        MLP, (100,), 32, 500, compiled=lambda k: {"metrics": ["accuracy"]},
        fitted=lambda k, x, y: {"callbacks": callbacks(k)},
    ),
}  # fmt: skip
