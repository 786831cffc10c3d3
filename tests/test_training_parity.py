"""`fit` beside Keras: the same losses, metrics and weights after three epochs, shuffle off, no dropout."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype("float32")
ROWS = RNG.normal(size=(50, 7, 3)).astype("float32")
IMAGES = RNG.normal(size=(50, 6, 6, 2)).astype("float32")
IDS = RNG.integers(0, 9, size=(50, 7))
REAL = X[:, :1] * 0.5 + 0.1
CLASS = RNG.integers(0, 3, size=50)
HOT = np.eye(3, dtype="float32")[CLASS]
BIT = (X[:, :1] > 0).astype("float32")
WEIGHT = RNG.uniform(0.1, 2, size=50).astype("float32")
WEIGHTS = RNG.uniform(0.1, 2, size=(50, 7)).astype("float32")


def mlp(k: Any, units: int = 3, last: str | None = "softmax", **settings: Any) -> Any:
    return k.Sequential([k.Input((6,)), k.layers.Dense(8, "relu", **settings), k.layers.Dense(units, last)])


def branches(k: Any) -> Any:
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    shared = k.layers.Dense(5, "tanh", name="shared")
    both = k.layers.Concatenate(name="both")([shared(a), shared(b)])
    outputs = [k.layers.Dense(1, name="real")(both), k.layers.Dense(3, "softmax", name="label")(both)]
    return k.Model([a, b], outputs)


def nested(k: Any) -> Any:
    x = k.Input((6,))
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(6, "relu"), k.layers.Dense(6)], name="inner")
    return k.Model(x, k.layers.Dense(1)(k.layers.Add()([x, inner(inner(x))])))


def chain(k: Any, shape: tuple[int, ...], *layers: Any, dtype: str = "float32") -> Any:
    return k.Sequential([k.Input(shape, dtype=dtype), *layers])


CASES: dict[str, Any] = {  # name: (model, compile, data, fit)
    "softmax": (mlp, {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}, (X, HOT), {}),
    "sparse": (
        mlp,
        {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], "optimizer": "adam"},
        (X, CLASS),
        {},
    ),
    "binary": (
        lambda k: mlp(k, 1, "sigmoid"),
        {"loss": "binary_crossentropy", "metrics": ["acc", "AUC"]},
        (X, BIT),
        {},
    ),
    "mse_sgd_validation": (
        lambda k: mlp(k, 1, None),
        {"loss": "mse", "metrics": ["mae"], "optimizer": "sgd"},
        (X, REAL),
        {"validation_split": 0.3},
    ),
    "sample_weight": (
        mlp,
        {"loss": "categorical_crossentropy", "metrics": ["accuracy"], "weighted_metrics": ["accuracy"]},
        (X, HOT),
        {"sample_weight": WEIGHT},
    ),
    "class_weight": (
        mlp,
        {"loss": "sparse_categorical_crossentropy", "weighted_metrics": ["accuracy"]},
        (X, CLASS),
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    "regularized": (
        lambda k: mlp(
            k,
            1,
            None,
            kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
            bias_regularizer="l2",
            activity_regularizer="l2",
        ),
        {"loss": "mae", "optimizer": "adam"},
        (X, REAL),
        {},
    ),
    "constrained": (
        lambda k: mlp(k, 1, None, kernel_constraint=k.constraints.MaxNorm(0.5), bias_constraint="non_neg"),
        {"loss": "mse", "optimizer": "sgd"},
        (X, REAL),
        {},
    ),
    "branches": (
        branches,
        {
            "loss": {"real": "mse", "label": "sparse_categorical_crossentropy"},
            "loss_weights": {"real": 0.3, "label": 2.0},
            "metrics": {"label": ["accuracy"], "real": "mae"},
        },
        ([X, X[::-1].copy()], [REAL, CLASS]),
        {},
    ),
    "branches_one_loss_weighted": (
        branches,
        {"loss": ["mse", "categorical_crossentropy"], "optimizer": "adam"},
        ([X, X[::-1].copy()], [REAL, HOT]),
        {"sample_weight": [WEIGHT, WEIGHT[::-1].copy()]},
    ),
    "nested": (nested, {"loss": "mse", "optimizer": "adam"}, (X, REAL), {}),
    "batch_normalization": (
        lambda k: chain(
            k, (6,), k.layers.Dense(5), k.layers.BatchNormalization(), k.layers.Activation("relu"), k.layers.Dense(1)
        ),
        {"loss": "mse", "optimizer": "sgd"},
        (X, REAL),
        {"validation_split": 0.2},
    ),
    "layer_normalization": (
        lambda k: chain(k, (6,), k.layers.LayerNormalization(), k.layers.Dense(1)),
        {"loss": "huber", "optimizer": "nadam"},
        (X, REAL),
        {},
    ),
    "lstm_masked": (
        lambda k: chain(
            k,
            (7,),
            k.layers.Embedding(9, 4, mask_zero=True),
            k.layers.LSTM(5),
            k.layers.Dense(3, "softmax"),
            dtype="int32",
        ),
        {"loss": "sparse_categorical_crossentropy", "optimizer": "adam", "metrics": ["accuracy"]},
        (IDS, CLASS),
        {},
    ),
    "sequence_labels_masked": (
        lambda k: chain(
            k,
            (7,),
            k.layers.Embedding(9, 4, mask_zero=True),
            k.layers.GRU(5, return_sequences=True),
            k.layers.TimeDistributed(k.layers.Dense(2, "softmax")),
            dtype="int32",
        ),
        {
            "loss": "sparse_categorical_crossentropy",
            "optimizer": "sgd",
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy"],
        },
        (IDS, IDS % 2),
        {"sample_weight": WEIGHTS},
    ),
    "bidirectional": (
        lambda k: chain(k, (7, 3), k.layers.Bidirectional(k.layers.LSTM(4)), k.layers.Dense(1)),
        {"loss": "mse", "optimizer": "rmsprop"},
        (ROWS, REAL),
        {},
    ),
    "convolution": (
        lambda k: chain(
            k,
            (6, 6, 2),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(3, "softmax"),
        ),
        {"loss": "categorical_crossentropy", "optimizer": "adam", "metrics": ["accuracy"]},
        (IMAGES, HOT),
        {},
    ),
    "convolution_1d": (
        lambda k: chain(
            k, (7, 3), k.layers.Conv1D(4, 3, padding="causal"), k.layers.GlobalAveragePooling1D(), k.layers.Dense(1)
        ),
        {"loss": "mse", "optimizer": "sgd"},
        (ROWS, REAL),
        {},
    ),
}


def clipped(k: Any) -> dict[str, Any]:
    schedule = k.optimizers.schedules.ExponentialDecay(0.05, 4, 0.5)
    return {"optimizer": k.optimizers.Adam(schedule, clipnorm=0.5), "loss": "mse"}


CASES["schedule_and_clipping"] = (lambda k: mlp(k, 1, None), clipped, (X, REAL), {})
CASES["averaged_weights"] = (
    lambda k: mlp(k, 1, None),
    lambda k: {"optimizer": k.optimizers.SGD(0.05, momentum=0.9, use_ema=True), "loss": "mse"},
    (X, REAL),
    {},
)


def trained(k: Any, case: Any, weights: Any = None) -> tuple[Any, Any, Any]:
    """(model, weights before, history) of three epochs."""
    make, told, (x, y), how = case
    model = make(k)
    if weights is not None:
        model.set_weights(weights)
    before = model.get_weights()
    model.compile(**(told(k) if callable(told) else told))
    history = model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0, **how)
    return model, before, history.history
QUICK = {
    "softmax", "sparse", "class_weight", "mse_sgd_validation", "lstm_masked", "batch_normalization", "branches",
    "regularized", "schedule_and_clipping", "averaged_weights",
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in CASES])
def test_three_epochs(name: str) -> None:
    theirs, before, expected = trained(keras, CASES[name])
    ours, _, history = trained(fkeras, CASES[name], before)
    for key, values in expected.items():
        np.testing.assert_allclose(history[key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    assert list(history) == list(expected)
    x, y = CASES[name][2]
    told = {k: v for k, v in CASES[name][3].items() if k == "sample_weight"}
    measured = [m.evaluate(x, y, batch_size=16, verbose=0, return_dict=True, **told) for m in (ours, theirs)]
    for key, value in measured[1].items():
        np.testing.assert_allclose(measured[0][key], value, rtol=1e-4, atol=1e-5, err_msg=key)
    kept = [[tuple(v.shape) for v in m.optimizer.variables] for m in (ours, theirs)]
    assert kept[0] == kept[1]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
    for a, b in zip(
        *(p if isinstance(p, list) else [p] for p in (ours.predict(x, verbose=0), theirs.predict(x, verbose=0))),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_what_stateful_layers_remember_goes_on_through_training_and_validation() -> None:
    """Keras on JAX drops it between compiled steps; called batch by batch, it carries it as it says."""

    def make(k: Any) -> Any:
        model = k.Sequential([k.Input(batch_shape=(8, 7, 3)), k.layers.LSTM(4, stateful=True), k.layers.Dense(1)])
        model.compile(k.optimizers.SGD(0.0), "mse")
        return model

    ours, theirs = make(fkeras), make(keras)
    ours.set_weights(theirs.get_weights())
    x, y, order = ROWS[:24], REAL[:24], [0, 1, 2, 0, 1, 2]  # two batches of training and one of validation, twice
    losses = [np.mean((theirs(x[8 * i : 8 * i + 8]) - y[8 * i : 8 * i + 8]) ** 2) for i in order]
    told = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
    history = ours.fit(x[:16], y[:16], validation_data=(x[16:], y[16:]), **told).history
    np.testing.assert_allclose(history["loss"], [np.mean(losses[:2]), np.mean(losses[3:5])], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [losses[2], losses[5]], rtol=1e-5)
    assert abs(losses[0] - losses[3]) > 1e-4


def gan() -> tuple[Any, Any, Any]:
    """(generator, discriminator, both): the discriminator is compiled first, then frozen."""
    layers = fkeras.layers
    discriminator = fkeras.Sequential([layers.Input((2,)), layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")])
    discriminator.compile("adam", "binary_crossentropy")
    generator = fkeras.Sequential([layers.Input((3,)), layers.Dense(2)])
    discriminator.trainable = False
    noise = layers.Input((3,))
    both = fkeras.Model(noise, discriminator(generator(noise)))
    both.compile("adam", "binary_crossentropy")
    return generator, discriminator, both


def test_a_discriminator_frozen_after_compile_learns_by_itself_and_not_with_the_generator() -> None:
    generator, discriminator, both = gan()
    before = discriminator.get_weights()
    with pytest.warns(UserWarning, match="frozen as a whole after compile"):
        discriminator.train_on_batch(X[:8, :2], BIT[:8])
    learned, drawn = discriminator.get_weights(), generator.get_weights()
    assert all((a != b).any() for a, b in zip(before, learned, strict=True)) and not discriminator.trainable
    both.train_on_batch(X[:8, :3], BIT[:8])
    assert all((a != b).any() for a, b in zip(drawn, generator.get_weights(), strict=True))
    np.testing.assert_equal(discriminator.get_weights(), learned)
    assert [layer.trainable for layer in discriminator.layers] == [False, False]


def test_what_was_compiled_frozen_stays_so_and_says_so() -> None:
    _, discriminator, _ = gan()
    discriminator.compile("adam", "binary_crossentropy")
    before = discriminator.get_weights()
    with pytest.warns(UserWarning, match="training changes no weights"):
        discriminator.fit(X[:, :2], BIT, verbose=0)
    np.testing.assert_equal(discriminator.get_weights(), before)


def test_a_metric_whose_result_is_a_dict_gives_its_entries_to_the_logs() -> None:
    def run(k: Any) -> tuple[Any, Any]:
        class Range(k.metrics.Metric):
            def __init__(self, name: str = "range"):
                super().__init__(name=name)
                self.least, self.most = (self.add_weight(name=n, shape=(), initializer="zeros") for n in ("a", "b"))

            def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
                self.least.assign(k.ops.minimum(self.least, k.ops.min(y_true)))
                self.most.assign(k.ops.maximum(self.most, k.ops.max(y_true)))

            def result(self) -> Any:
                return {"least": self.least + 0.0, "most": self.most + 0.0}

        model = k.Sequential([k.Input((6,)), k.layers.Dense(1, kernel_initializer="ones")])
        model.compile(k.optimizers.SGD(0.01), "mse", metrics=[Range(), "mae"])
        history = model.fit(X, REAL, epochs=2, batch_size=16, shuffle=False, verbose=0).history
        return history, model.evaluate(X, REAL, verbose=0)

    (ours, measured), (theirs, expected) = run(fkeras), run(keras)
    assert list(ours) == list(theirs)
    for key in theirs:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5)
    np.testing.assert_allclose(measured, expected, rtol=1e-5)
