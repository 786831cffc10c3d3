"""`find_learning_rate`: the loss while the learning rate grows, and a rate well before it rises."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import compiled, facade, random
from ..optimizers import Optimizer
from . import feeding, loop
from .checks import check_batch_size, require_compiled
from .intake import objective_for, rows_for
from .own import own_steps
from .population import Made
from .step import TrainState, split


class RangeTest(NamedTuple):
    """What a range test found.

    best: a tenth of the rate at which the smoothed loss is least. rates, losses: the curve, a value per step.
    """

    best: float
    rates: np.ndarray
    losses: np.ndarray

    def plot(self) -> Any:
        """The curve, by matplotlib."""
        from matplotlib import pyplot

        _, axes = pyplot.subplots()
        axes.semilogx(self.rates, self.losses)
        axes.axvline(self.best, linestyle="--", label=f"{self.best:.2g}")
        axes.set(xlabel="learning rate", ylabel="loss")
        axes.legend()
        return axes


def find_learning_rate(
    model: Any, x: Any, y: Any = None, low: float = 1e-6, high: float = 1.0, steps: int = 200,
    batch_size: int | None = None, sample_weight: Any = None,
) -> RangeTest:  # fmt: skip
    """Trains a copy of a compiled model while the learning rate grows from `low` to `high`, evenly in its logarithm.

    The model is left as it is. The whole test is one compiled program. It ends where the
    smoothed loss is four times its least value, or not finite.

    Raises ValueError for an optax optimizer, which does not tell where its learning rate is, and for steps of one's
    own that measure no "loss".
    Source: Smith 2017, https://arxiv.org/abs/1506.01186

    >>> import fkeras
    >>> model = fkeras.Sequential([fkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
    >>> found = find_learning_rate(model, x, 3 * x)
    >>> 1e-3 < found.best < 1.0
    True
    """
    require_compiled(model, "find_learning_rate")
    if not 0 < low < high or steps < 10:
        raise ValueError(f"find_learning_rate: 0 < low < high and steps >= 10; got {low=}, {high=}, {steps=}.")
    rows = rows_for(model, x, y, sample_weight, needs_labels=True)
    objective = objective_for(model, rows)
    params, state = facade.gather(model)
    optimizer = model.optimizer.skeleton() if isinstance(model.optimizer, Optimizer) else model.optimizer
    opt_state = optimizer.init(split(model.trainable_mask(params), params)[0])
    if not isinstance(opt_state, dict) or "learning_rate" not in opt_state:
        raise ValueError(
            f"find_learning_rate needs an optimizer of fkeras whose learning_rate is a number; this is {optimizer!r}."
        )
    size = min(check_batch_size(batch_size), rows.count)
    made = Made(compiled.skeleton(model), objective, optimizer, own_steps(model, objective, optimizer, rows))
    if "loss" not in made.names(rows, None):
        raise ValueError(f"find_learning_rate watches the loss; {type(model).__name__} measures none of that name.")
    step = made.step()
    rates = np.geomspace(low, high, steps).astype("float32")
    per_epoch = rows.count // size
    words = random.next_words()
    epochs = -(-steps // per_epoch)
    orders = np.stack([feeding.permutation(words, i, rows.count, rows.room()) for i in range(epochs)])
    accs = made.fresh(rows)

    @jax.jit
    def run(ts: TrainState, data: Any, orders: Any) -> Any:
        def body(ts: TrainState, at: Any) -> Any:
            i, rate = at
            ts = ts._replace(opt_state={**ts.opt_state, "learning_rate": rate}, metrics=accs)
            batch = loop.take(data, orders[i // per_epoch], i % per_epoch * size, size)
            new = step(ts, batch)
            return new, jnp.where(new.step > ts.step, made.measured().compute(new.metrics)["loss"], jnp.nan)

        return jax.lax.scan(body, ts, (jnp.arange(steps), jnp.asarray(rates)))[1]

    rng = random.as_key(words)
    losses = run(TrainState(params, state, opt_state, accs, rng, jnp.zeros((), jnp.int32)), rows.on_device(), orders)
    return read(rates, np.asarray(losses, "float64"))


def read(rates: np.ndarray, losses: np.ndarray, smoothing: float = 0.9) -> RangeTest:
    """A tenth of the rate at which an exponential mean of the losses is least, and the curve up to its rise."""
    smooth, mean = [], 0.0
    for i, loss in enumerate(losses):
        mean = smoothing * mean + (1 - smoothing) * loss
        smooth.append(mean / (1 - smoothing ** (i + 1)))
        if not np.isfinite(loss) or smooth[-1] > 4 * abs(min(smooth)):
            break
    if len(smooth) < 2 or not np.isfinite(smooth[0]):
        raise ValueError("find_learning_rate: the loss is not finite from the start; look at the data or lower `low`.")
    kept = len(smooth) if np.isfinite(smooth[-1]) else len(smooth) - 1
    return RangeTest(float(rates[int(np.argmin(smooth[:kept]))]) / 10, rates[:kept], losses[:kept])
