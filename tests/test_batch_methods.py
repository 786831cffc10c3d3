"""`train_on_batch` and its kin, metrics, names and settings of `compile`, beside Keras."""

from __future__ import annotations

from typing import Any

import chex
import jax
import keras
import numpy as np
import pytest

import fkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")
CLASS = (X[:, 0] > 0).astype("int32")
WEIGHT = np.linspace(0.5, 2, 20).astype("float32")


def fill(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def classifier(module: Any, **settings: Any) -> Any:
    model = module.Sequential([module.Input((3,)), module.layers.Dense(4, "tanh"), module.layers.Dense(2, "softmax")])
    loss = "sparse_categorical_crossentropy"
    model.compile(module.optimizers.SGD(0.1), loss, metrics=["accuracy"], weighted_metrics=[loss], **settings)
    return fill(model)


def heads(module: Any, loss: Any, **settings: Any) -> Any:
    inputs = module.Input((3,))
    outputs = [module.layers.Dense(1, name=name)(inputs) for name in ("a", "b")]
    model = module.Model(inputs, outputs)
    model.compile(module.optimizers.SGD(0.05), loss, **settings)
    return fill(model)


def several(model: Any) -> list[Any]:
    return [model.train_on_batch(X[i : i + 5], CLASS[i : i + 5]) for i in (0, 5, 10)]


def metrics_of(model: Any) -> Any:
    model.evaluate(X, CLASS, verbose=0)
    kept = {k: float(v) for k, v in model.get_metrics_result().items()}
    model.reset_metrics()
    return kept, model.metrics[0].name, len(model.metrics_variables) > 0


def recompiled(model: Any) -> Any:
    module = keras if isinstance(model, keras.Model) else fkeras
    twin = module.models.clone_model(model)
    twin.compile_from_config(model.get_compile_config())
    return fill(twin).evaluate(X, CLASS, verbose=0), float(twin.optimizer.learning_rate)


LISTS = {"loss": ["mse", "mae"], "metrics": [["mae"], ["mse", "mae"]], "loss_weights": [1, 0.5]}
DICTS = {"loss": {"a": "mse", "b": "mae"}, "metrics": {"a": "mae"}, "loss_weights": {"a": 1.0, "b": 0.3}}
CASES = {
    "train": lambda m: classifier(m).train_on_batch(X, CLASS),
    "train, weights": lambda m: classifier(m).train_on_batch(X, CLASS, sample_weight=WEIGHT, return_dict=True),
    "train, classes": lambda m: classifier(m).train_on_batch(X, CLASS, class_weight={0: 1.0, 1: 3.0}),
    "train again": lambda m: several(classifier(m)),
    "test": lambda m: classifier(m).test_on_batch(X, CLASS, sample_weight=WEIGHT),
    "predict": lambda m: classifier(m).predict_on_batch(X),
    "evaluate": lambda m: list(classifier(m).evaluate(X, CLASS, return_dict=True, verbose=0).items()),
    "evaluate a part": lambda m: classifier(m).evaluate(X, CLASS, verbose=0, steps=2, batch_size=4),
    "lists": lambda m: heads(m, **LISTS).evaluate(X, [Y, 2 * Y], verbose=0),
    "dicts": lambda m: heads(m, **DICTS).evaluate(X, [Y, 2 * Y], verbose=0, return_dict=True),
    "history": lambda m: list(heads(m, **LISTS).fit(X, [Y, Y], epochs=2, verbose=0, shuffle=False).history.items()),
    "names": lambda m: list(classifier(m).fit(X, CLASS, validation_data=(X, CLASS), verbose=0).history),
    "some epochs": lambda m: (lambda h: (h.epoch, h.history["val_loss"]))(
        classifier(m).fit(
            X, CLASS, validation_data=(X, CLASS), epochs=4, validation_freq=[2, 4], initial_epoch=1, shuffle=False,
            verbose=0,
        )
    ),
    "metrics": lambda m: metrics_of(classifier(m)),
    "compile_from_config": lambda m: recompiled(classifier(m)),
    "settings": lambda m: [
        (model.run_eagerly, model.jit_compile, model.compiled, model.loss)
        for model in (classifier(m), classifier(m, run_eagerly=True), classifier(m, jit_compile=False))
    ],
    "compute_loss": lambda m: float(classifier(m).compute_loss(X, CLASS, np.full((20, 2), 0.5, "float32"))),
}  # fmt: skip


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), (ours, theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        same(list(ours.values()), list(theirs.values()))
    elif isinstance(theirs, str) or theirs is None:
        assert ours == theirs
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_beside_keras(case):
    same(CASES[case](fkeras), CASES[case](keras))


def test_eager_steps_see_numbers():
    seen = []

    class Model(fkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = fkeras.layers.Dense(1)

        def call(self, x):
            if not isinstance(x, jax.core.Tracer):
                seen.append(float(x[0, 0]))
            return self.dense(x)

    model = Model()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    np.testing.assert_allclose(seen, X[[0, 10], 0])
    model.run_eagerly = False
    model.fit(X, Y, verbose=0)
    assert len(seen) == 2


def test_a_tree_of_all_values_is_read_and_set():
    inner = fkeras.Sequential([fkeras.Input((2,)), fkeras.layers.Dense(2, name="head")], name="inner")
    model = fkeras.Sequential([fkeras.Input((2,)), inner, fkeras.layers.Dense(1, name="head")])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((3, 2)), np.ones((3, 1)))
    tree = model.get_state_tree("numpy_array")
    assert len(tree["optimizer_variables"]["adam"]) == 2 + 2 * 4
    assert tree["trainable_variables"]["inner"]["head"]["kernel"].shape == (2, 2)
    assert set(tree["metrics_variables"]) == {"loss", "mae"}
    kept = model.get_state_tree()
    model.train_on_batch(np.ones((3, 2)), np.ones((3, 1)))
    model.set_state_tree(tree)
    chex.assert_trees_all_equal(model.get_state_tree(), kept)
    with pytest.raises(ValueError, match="no variable 'trainable_variables: body/kernel'"):
        model.set_state_tree({"trainable_variables": {"body": {"kernel": 1.0}}})
    with pytest.raises(ValueError, match="numpy_array"):
        model.get_state_tree("numpy")


def test_epochs_and_steps_may_be_limited() -> None:
    model = classifier(fkeras)
    try:
        fkeras.config.set_max_epochs(2)
        fkeras.config.set_max_steps_per_epoch(2)
        with pytest.warns(UserWarning, match="limits"):
            history = model.fit(X, CLASS, batch_size=5, epochs=9, verbose=0)
        assert len(history.epoch) == 2 and int(model.optimizer.iterations) == 4
    finally:
        fkeras.config.set_max_epochs(None)
        fkeras.config.set_max_steps_per_epoch(None)
