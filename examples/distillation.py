"""A small student learns what a larger teacher says of digits; the only thing new is the loss.

Run: python examples/distillation.py
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import fkeras
from fkeras import Model, Sequential, datasets
from fkeras.layers import Dense, Flatten, Input

TEMPERATURE = 4.0


class Distiller(Model):
    """The student, which sees the teacher's answers beside the labels."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher = student, teacher
        teacher.trainable = False

    def call(self, x):
        return self.student(x)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        told = jax.nn.softmax(self.teacher(x, training=False) / TEMPERATURE)
        soft = -jnp.sum(told * jax.nn.log_softmax(y_pred / TEMPERATURE), axis=-1).mean() * TEMPERATURE**2
        return 0.1 * super().compute_loss(x, y, y_pred, sample_weight) + 0.9 * soft


def network(*sizes: int) -> Sequential:
    """Dense layers of these sizes and one logit for each digit."""
    return Sequential([Input((8, 8)), Flatten(), *(Dense(n, "relu") for n in sizes), Dense(10)])


def train(model: Model, x: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Trains a model; returns its accuracy on digits that nobody has seen."""
    loss = fkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(fkeras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    return model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]


fkeras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = datasets.digits.load_data()
teacher = network(256, 256)
print(f"the teacher, of {len(x)} labels: {train(teacher, x, y, 20):.1%}")
noisy = np.where(np.random.default_rng(0).random(len(y)) < 0.4, np.random.default_rng(1).integers(10, size=len(y)), y)
alone = train(network(16), x, noisy, 40)
taught = train(Distiller(network(16), teacher), x, noisy, 40)
print(f"a student of 1,210 weights, where 40% of the labels are noise: {alone:.1%} alone, {taught:.1%} taught")
assert taught > max(alone + 0.03, 0.9), "The teacher should help."
