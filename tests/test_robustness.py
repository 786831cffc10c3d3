"""When things go wrong, at once, or on for long: nothing is lost, nothing mixed, nothing compiled twice."""

from __future__ import annotations

import copy
import functools
import gc
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring

import fkeras
from fkeras import Input, Model, Sequential, callbacks, layers
from fkeras.layers import BatchNormalization, Dense, Dropout

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 4)).astype("float32")
Y = X @ RNG.normal(size=(4, 1)).astype("float32")
MANY = 200_000  # rows: some seconds an epoch, one row at a time

COMPILED: list[str] = []


def note(event: str, seconds: float, **about: Any) -> None:
    if "backend_compile" in event:
        COMPILED.append(str(about.get("fun_name")))


monitoring.register_event_duration_secs_listener(note)


@contextmanager
def compiles(most: int) -> Iterator[None]:
    """Within it, at most so many programs are compiled."""
    before = len(COMPILED)
    yield
    assert len(COMPILED) - before <= most, COMPILED[before:]


def make(optimizer: Any = "adam", **settings: Any) -> Any:
    """A small model that draws, keeps statistics and is compiled."""
    model = Sequential([Dense(6, "tanh", input_shape=(4,)), BatchNormalization(), Dropout(0.3), Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"], **settings)
    return model


def seeded(seed: int = 1, **settings: Any) -> Any:
    fkeras.utils.set_random_seed(seed)
    return make(**settings)


def fit(model: Any, x: Any = X, y: Any = Y, **settings: Any) -> dict[str, Any]:
    return model.fit(x, y, **{"verbose": 0, "batch_size": 16, **settings}).history


def equal(a: Any, b: Any) -> bool:
    """Whether two models hold the same bits."""
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.array_equal(v, w) for v, w in pairs)


class At(callbacks.Callback):
    """Does something at the end of a batch or an epoch."""

    def __init__(self, action: Any, epoch: int = 0, batch: int | None = None):
        super().__init__()
        self.action, self.epoch, self.batch, self.now = action, epoch, batch, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.now = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.batch is None and epoch == self.epoch:
            self.action(self.model)


class AtBatch(At):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.now == self.epoch and batch == self.batch:
            self.action(self.model)


def throw(error: BaseException) -> Any:
    def action(model: Any) -> None:
        raise error

    return action


# --- nothing is lost -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("mine")], ids=["interrupt", "error"])
def test_what_a_callback_raises_passes_and_nothing_is_lost(error: BaseException) -> None:
    model, twin = seeded(), seeded()
    with pytest.raises(type(error)) as raised:
        fit(model, epochs=3, callbacks=[AtBatch(throw(error), epoch=1, batch=2)])
    assert raised.value is error
    fit(twin, epochs=1)
    assert len(model.history.history["loss"]) == 1
    np.testing.assert_allclose(model.history.history["loss"], twin.history.history["loss"], rtol=1e-6)
    fit(twin, epochs=1, steps_per_epoch=3)  # epoch 1 came as far as batch 2
    assert equal(model, twin) and int(model.optimizer.iterations) == int(twin.optimizer.iterations) == 10
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert equal(pickle.loads(pickle.dumps(model)), model)
    assert len(fit(model, epochs=2)["loss"]) == 2


@pytest.mark.parametrize("after", [0.02, 0.3])
def test_ctrl_c_in_the_midst_of_an_epoch(after: float) -> None:
    model = long_run()
    x, y = np.resize(X, (MANY, 4)), np.resize(Y, (MANY, 1))
    fit(model, x, y, batch_size=1, steps_per_epoch=1)  # compiles
    before, step, past = model.get_weights(), int(model._steps), model.history
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        began = time.perf_counter()
        fit(model, x, y, batch_size=1, epochs=1000)
    timer.join()
    assert time.perf_counter() - began < after + 5
    done = int(model._steps) - step
    assert int(model.optimizer.iterations) == int(model._steps)
    assert (done > 0) != all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    epochs = 0 if model.history is past else len(model.history.history.get("loss", []))
    assert epochs <= done / MANY < epochs + 1
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert len(fit(model, x, y, batch_size=1, steps_per_epoch=1)["loss"]) == 1


@functools.cache
def long_run() -> Any:
    return make()


def test_a_layer_that_fails_while_a_program_runs_loses_no_finished_epoch() -> None:
    alarm: list[bool] = []

    def guard(x: Any) -> Any:
        if alarm:
            raise RuntimeError("the sensor is gone")
        return x

    class Sensor(layers.Layer):
        def call(self, x: Any) -> Any:
            return x + jax.pure_callback(guard, jax.ShapeDtypeStruct((), x.dtype), jnp.zeros((), x.dtype))

    model = Sequential([Dense(2, input_shape=(4,)), Sensor(), Dense(1)])
    model.compile("sgd", "mse")
    kept: list[Any] = []
    hooks = [At(lambda m: kept.append(m.get_weights())), At(lambda m: alarm.append(True))]
    with pytest.raises(Exception, match="sensor is gone"):
        fit(model, epochs=3, callbacks=hooks)
    for now, then in zip(model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(now, then)
    assert len(model.history.history["loss"]) == 1
    alarm.clear()
    fit(model)


def test_weights_set_and_read_in_callbacks_are_those_of_the_run() -> None:
    model, twin = seeded(), seeded()
    seen: list[Any] = []

    def shrink(model: Any) -> None:
        seen.append((copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.predict(X, verbose=0)))
        model.set_weights([0.5 * w for w in model.get_weights()])

    fit(model, epochs=2, callbacks=[At(shrink)])
    fit(twin, epochs=1)
    for same in seen[0][:2]:
        assert equal(same, twin)
    np.testing.assert_array_equal(seen[0][2], twin.predict(X, verbose=0))
    twin.set_weights([0.5 * w for w in twin.get_weights()])
    fit(twin, epochs=1)
    assert equal(model, twin)
    fit(seen[0][0], epochs=1)  # a copy made in the midst goes on from there
    fit(seen[0][1], epochs=1)
    assert equal(seen[0][0], seen[0][1])


@pytest.mark.parametrize("when", ["train_begin", "epoch_begin", "train_batch_begin"])
def test_weights_set_before_the_first_step_are_those_that_are_trained(when: str) -> None:
    def fresh(model: Any) -> bool:
        return int(model.optimizer.iterations) == 0

    model, twin = seeded(), seeded()
    start = [np.full_like(w, 0.1) for w in model.get_weights()]
    hook = callbacks.LambdaCallback(**{f"on_{when}": lambda *_: fresh(model) and model.set_weights(start)})
    fit(model, callbacks=[hook])
    twin.set_weights(start)
    fit(twin)
    assert equal(model, twin)


def test_a_model_of_user_code_may_be_asked_while_it_is_trained() -> None:
    class Twice(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(4)
            self.out = Dense(1)

        def call(self, x: Any) -> Any:
            return self.out(self.dense(self.dense(x)))

    model = Twice()
    model.compile("sgd", "mse")
    got: list[Any] = []
    fit(
        model, epochs=2, callbacks=[AtBatch(lambda m: got.append((m.predict(X[:7], verbose=0), m.get_weights())), 0, 3)]
    )
    fresh = Twice()
    fresh(X[:1])
    fresh.set_weights(got[0][1])
    np.testing.assert_allclose(got[0][0], fresh.predict(X[:7], verbose=0), rtol=1e-5, atol=1e-6)


# --- threads -------------------------------------------------------------------------------------


def run_all(count: int, work: Any) -> list[Exception]:
    """Runs `work(i)` in so many threads at once; the errors."""
    errors: list[Exception] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_predict_from_eight_threads_at_once() -> None:
    model = Sequential([Dense(6, "tanh"), BatchNormalization(), Dense(1)])  # not built: the threads do that, too
    got: dict[int, Any] = {}

    def work(i: int) -> None:
        for _ in range(10):
            got[i] = model.predict(X[: 20 + 4 * i], verbose=0)

    assert run_all(8, work) == []
    for i, y in got.items():
        np.testing.assert_array_equal(y, model.predict(X[: 20 + 4 * i], verbose=0))


def test_predictions_while_another_thread_trains_are_of_one_state() -> None:
    depth = 6
    model = Sequential(
        [Dense(1, use_bias=False, input_shape=(1,)), *(Dense(1, use_bias=False) for _ in range(depth - 1))]
    )
    model.compile("sgd", "mse")
    one = np.ones((50, 1), "float32")

    class Mark(callbacks.Callback):
        """Sets every weight to one number, another one after each batch."""

        value = 1.0

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.value += 1e-3
            self.model.set_weights([np.full((1, 1), self.value)] * depth)
            self.model.optimizer.learning_rate = 0.0

    model.set_weights([np.ones((1, 1))] * depth)
    model.predict(one[:1], verbose=0)
    seen: list[float] = []
    ready = threading.Event()

    def work(i: int) -> None:
        if i == 0:
            for _ in range(4):
                fit(model, one, one, batch_size=1, callbacks=[Mark()])
            ready.set()
        while not ready.is_set():
            product = float(model.predict(one[:1], verbose=0)[0, 0])
            numbers = {float(w[0, 0]) for w in model.get_weights()}
            assert len(numbers) == 1, numbers
            seen.append(product ** (1 / depth))

    assert run_all(4, work) == []
    assert len(seen) > 10
    np.testing.assert_allclose(seen, np.round(seen, 3), atol=2e-5)  # a mixture would be no whole number of steps


# --- randomness ----------------------------------------------------------------------------------


def test_the_global_generators_are_neither_read_nor_changed() -> None:
    def state() -> Any:
        kind, keys, *rest = np.random.get_state()
        return kind, keys.tolist(), rest, random.getstate()

    results = []
    for seed in (3, 4):
        model = seeded()
        np.random.seed(seed)
        random.seed(seed)
        before = state()
        results.append(fit(model, validation_split=0.2)["loss"])
        model.evaluate(X, Y, verbose=0)
        model.predict(X, verbose=0)
        assert state() == before
    assert results[0] == results[1]


def test_one_seed_gives_one_model() -> None:
    a, b, c = seeded(), seeded(), seeded(2)
    for model in (a, b, c):
        fit(model, epochs=2)
    assert equal(a, b) and not equal(a, c)
    assert a.history.history == b.history.history


def test_the_size_of_chunks_changes_no_bit() -> None:
    models = [seeded(steps_per_execution=steps) for steps in (1, 3, "auto", "auto")]
    for model in models[:3]:
        fit(model, epochs=3)
    fit(models[3], epochs=3, callbacks=[AtBatch(lambda m: None)])  # a batch hook: one step at a time
    for model in models[1:]:
        assert equal(model, models[0])
        assert model.history.history == models[0].history.history


def test_a_second_fit_goes_on_with_other_draws() -> None:
    whole, parts = seeded(), seeded()
    fit(whole, epochs=2)
    for _ in range(2):
        fit(parts, epochs=1)
    assert equal(whole, parts)
    still = seeded(optimizer=fkeras.optimizers.SGD(0.0))  # nothing is learnt: only the draws differ
    losses = [fit(still)["loss"][0] for _ in range(2)]
    assert losses[0] != losses[1]


def test_a_layer_added_elsewhere_does_not_change_the_others() -> None:
    def heads(more: bool) -> Any:
        fkeras.utils.set_random_seed(1)
        x = Input((4,))
        first = Dense(3, name="first")(x)
        extra = [Dense(2, name="extra")(x)] if more else []
        return Model(x, [*extra, Dense(1, name="last")(first)])

    one, two = heads(False), heads(True)
    two.get_weights()  # nor does it matter what is asked for first
    for name in ("last", "first"):
        for a, b in zip(one.get_layer(name).get_weights(), two.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


# --- copies --------------------------------------------------------------------------------------


def by_graph() -> Any:
    x = Input((4,))
    shared = Dense(4, "tanh")
    model = Model(x, Dense(1)(Dropout(0.2)(layers.Add()([shared(x), shared(shared(x))]))))
    model.compile("rmsprop", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("make", [make, by_graph], ids=["sequential", "graph"])
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_a_copy_goes_on_as_the_model_does(make: Any, twin: Any) -> None:
    model = make()
    fit(model)
    other = twin(model)
    assert equal(model, other) and other.layers[0] is not model.layers[0]
    before = model.get_weights()
    with compiles(0):
        told = fit(other, epochs=2)
    for w, v in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, v)
    assert fit(model, epochs=2) == told
    assert equal(model, other)
    np.testing.assert_array_equal(model.predict(X, verbose=0), other.predict(X, verbose=0))


# --- programs and memory -------------------------------------------------------------------------


def use(model: Any, rows: int = 100, **settings: Any) -> None:
    fit(model, X[:rows], Y[:rows], validation_data=(X[:rows], Y[:rows]), **settings)
    model.evaluate(X[:rows], Y[:rows], batch_size=16, verbose=0)
    model.predict(X[:rows], verbose=0)


@pytest.mark.parametrize("make", [make, by_graph], ids=["sequential", "graph"])
def test_nothing_is_compiled_twice(make: Any) -> None:
    first = make()
    use(first)
    first.optimizer.learning_rate = 0.2
    with compiles(0):
        use(first, epochs=5)  # from epoch to epoch, and from run to run
        use(make())  # an identical second model
        first.optimizer.learning_rate = 0.1
        use(first)
        use(first, rows=84)  # another number of rows, with a last batch of the same size
    other = make()
    other.compile(first.optimizer, "mse", metrics=["mae"], steps_per_execution=5)
    with compiles(0):
        fit(other, epochs=2)  # another length of chunks


def test_predictions_of_many_sizes_share_few_programs() -> None:
    model = Sequential([Dense(5, "relu", input_shape=(4,)), BatchNormalization(), Dense(2)])
    model.weights
    x = np.resize(X, (200, 4))
    whole = np.asarray(model(x))
    with compiles(8):  # ceil(log2(200))
        for rows in range(1, 201):
            y = model.predict(x[:rows], verbose=0)
            assert y.shape == (rows, 2)
            np.testing.assert_allclose(y, whole[:rows], rtol=1e-5, atol=1e-6)


def counted() -> tuple[int, int]:
    """(Python objects, arrays) that are alive."""
    gc.collect()
    return len(gc.get_objects()), len(jax.live_arrays())


def resident() -> int:
    """The bytes of memory that this process has."""
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_models_that_nobody_holds_are_gone() -> None:
    def work(times: int) -> None:
        for _ in range(times):
            for model in (make(), by_graph()):
                fit(model)
                model.predict(X[:8], verbose=0)

    work(5)
    objects, arrays = counted()
    work(20)
    now = counted()
    assert now[0] < objects + 100 and now[1] <= arrays + 2, (objects, arrays, now)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs the proc file system")
def test_five_hundred_runs_keep_the_memory_they_had() -> None:
    def work(times: int) -> None:
        for _ in range(times):
            fit(model)
            model.predict(X[:8], verbose=0)

    model = make()
    work(50)
    counts, before = counted(), resident()
    work(500)
    now = counted()
    assert now[0] < counts[0] + 100 and now[1] <= counts[1] + 2, (counts, now)
    assert resident() - before < 4 * 2**20
