"""A student that learns from a teacher: the numbers of Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.integers(0, 3, 12)


def network(k: Any, units: int, name: str) -> Any:
    model = k.Sequential(
        [k.Input((4,)), k.layers.Dense(units, "tanh", name="body"), k.layers.Dense(3, name="head")], name=name
    )
    rng = np.random.default_rng(units)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def train(k: Any, weight: float) -> tuple[Any, Any]:
    d = k.distillation
    distiller = d.Distiller(
        network(k, 5, "teacher"),
        network(k, 5, "student"),
        [
            d.LogitsDistillation(2.0),
            d.LogitsDistillation(2.0, k.losses.KLDivergence()),
            d.FeatureDistillation("mse", "body", "body"),
        ],
        [1.0, 0.5, 2.0],
        weight,
    )
    for w in distiller.student.weights[:1]:
        w.assign(0.5 * np.asarray(w.value))
    distiller.compile(
        k.optimizers.SGD(0.05), k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    history = distiller.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history
    return distiller, history


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_distillation(weight):
    theirs, want = train(keras, weight)
    ours, got = train(fkeras, weight)
    assert set(want) <= set(got)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=2e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-3, atol=1e-4)
    assert not ours.teacher.trainable_weights
    twin = fkeras.distillation.Distiller.from_config(ours.get_config())
    assert twin.student_loss_weight == weight and twin.distillation_losses[0].temperature == 2.0


def test_refused():
    d, teacher, student = fkeras.distillation, network(fkeras, 5, "teacher"), network(fkeras, 2, "student")
    wide = fkeras.Sequential([fkeras.Input((6,)), fkeras.layers.Dense(3)])
    for settings, words in (
        ({"student": wide}, "alike"),
        ({"student": 3}, "student must be a model"),
        ({"student_loss_weight": 2}, "from 0 to 1"),
        ({"distillation_losses": None}, r"LogitsDistillation\(\)"),
        ({"distillation_losses": d.FeatureDistillation("mse", "bodi", "body")}, "In the teacher"),
    ):
        given = {"teacher": teacher, "student": student, "distillation_losses": d.LogitsDistillation(), **settings}
        with pytest.raises(ValueError, match=words):
            d.Distiller(**given)
    with pytest.raises(ValueError, match="above 0"):
        d.LogitsDistillation(0)
    with pytest.raises(ValueError, match="needs the loss"):
        d.Distiller(teacher, student, d.LogitsDistillation()).compile("adam")
