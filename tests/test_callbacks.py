"""Callbacks do what those of Keras do, hook by hook and number by number."""

from __future__ import annotations

import csv
import http.server
import json
import re
import threading
from typing import Any

import keras
import numpy as np
import pytest

import fkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1)) + 0.1 * RNG.normal(size=(20, 1))).astype("float32")
START = [RNG.normal(size=(3, 4)).astype("float32"), np.zeros(4, "float32")]
START += [RNG.normal(size=(4, 1)).astype("float32"), np.zeros(1, "float32")]


def make(module: Any, optimizer: Any = None, **settings: Any) -> Any:
    model = module.Sequential([module.layers.Dense(4, "tanh"), module.layers.Dense(1)])
    model.build((None, 3))
    model.set_weights(START)
    model.compile(optimizer or module.optimizers.SGD(0.1), "mse", metrics=["mae"], **settings)
    return model


def fit(module: Any, callbacks: Any, model: Any = None, **settings: Any) -> Any:
    model = model or make(module)
    settings = {"epochs": 6, "batch_size": 8, "shuffle": False, "verbose": 0, **settings}
    return model.fit(X[:16], Y[:16], validation_data=(X[16:], Y[16:]), callbacks=callbacks, **settings)


def recorder(module: Any) -> Any:
    """A callback that notes every hook, with the numbers and the names that it gets."""

    class Recorder(module.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __getattribute__(self, name):
            if not name.startswith("on_") or name in ("on_batch_begin", "on_batch_end"):
                return super().__getattribute__(name)

            def hook(*args, logs=None):
                args, logs = (args, logs) if not args or isinstance(args[-1], int) else (args[:-1], args[-1])
                self.seen.append((name, *args, {k: np.shape(v) for k, v in (logs or {}).items()}))

            return hook

    return Recorder()


@pytest.mark.parametrize("execution", [1, 2, 5])
def test_hooks_are_called_as_in_keras(execution):
    seen = []
    for module in (keras, fkeras):
        note, model = recorder(module), make(module, steps_per_execution=execution)
        model.fit(X, Y, epochs=2, batch_size=8, validation_split=0.25, callbacks=[note], verbose=0)
        model.evaluate(X, Y, batch_size=8, callbacks=[note], verbose=0)
        model.predict(X, batch_size=8, callbacks=[note], verbose=0)
        seen.append((note.params, note.seen))
    assert seen[0] == seen[1]


def test_params_tell_of_the_run():
    for module in (keras, fkeras):
        note = recorder(module)
        fit(module, note, epochs=2, batch_size=5)
        assert note.params == {"epochs": 2, "steps": 4, "verbose": 0}


def test_only_callbacks_with_hooks_for_batches_force_single_steps():
    class Mine(fkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    free = [
        fkeras.callbacks.TerminateOnNaN(),
        fkeras.callbacks.TensorBoard(),
        fkeras.callbacks.ProgbarLogger(),
        fkeras.callbacks.LambdaCallback(on_epoch_end=print),
    ]
    hooks = fkeras.callbacks.CallbackList([free, fkeras.callbacks.History()])
    assert not hooks.wants("train") and not hooks.wants("test")
    for costly in (
        Mine(),
        fkeras.callbacks.TensorBoard(update_freq=2),
        fkeras.callbacks.LambdaCallback(on_batch_end=print),
        fkeras.callbacks.LambdaCallback(on_train_batch_begin=print),
    ):
        assert fkeras.callbacks.CallbackList([costly]).wants("train")


def compare(build: Any, **settings: Any) -> Any:
    """The histories of a run in both, which must agree; returns ours."""
    ours = fit(fkeras, [build(fkeras)], **settings)
    theirs = fit(keras, [build(keras)], **settings)
    assert list(ours.history) == list(theirs.history)
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=2e-4, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(ours.epoch, theirs.epoch)
    return ours


RATES = {
    "scheduler": lambda m: m.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5 if epoch else lr),
    "scheduler of the epoch": lambda m: m.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
    "plateau": lambda m: m.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.3),
    "plateau with cooldown": lambda m: m.callbacks.ReduceLROnPlateau(
        "val_mae", 0.1, 1, mode="max", cooldown=1, min_lr=0.005
    ),
}


@pytest.mark.parametrize("name", RATES)
def test_learning_rates(name):
    history = compare(RATES[name]).history
    assert len(set(history["learning_rate"])) > 1


def test_learning_rates_of_several_optimizers():
    inner = [fkeras.optimizers.SGD(0.1, name="a"), fkeras.optimizers.SGD(0.2, name="b")]
    both = fkeras.optimizers.MultiOptimizer(fkeras.optimizers.OptimizerMap(inner[0], {"dense_1/.*": inner[1]}))
    halve = fkeras.callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2)
    history = fit(fkeras, [halve], make(fkeras, both), epochs=2).history
    np.testing.assert_allclose(history["learning_rate_a"], [0.05, 0.025])
    np.testing.assert_allclose(history["learning_rate_b"], [0.1, 0.05])


def test_an_optimizer_without_a_rate_is_refused():
    import optax

    with pytest.raises(ValueError, match=r"fkeras\.optimizers"):
        fit(fkeras, [fkeras.callbacks.ReduceLROnPlateau()], make(fkeras, optax.sgd(0.1)))
    with pytest.raises(ValueError, match="less than 1"):
        fkeras.callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(ValueError, match="must return a float"):
        fit(fkeras, [fkeras.callbacks.LearningRateScheduler(lambda epoch: "high")])


STOPS = {
    "at once": lambda m: m.callbacks.EarlyStopping("loss", min_delta=0.5, patience=1),
    "baseline": lambda m: m.callbacks.EarlyStopping("val_mae", baseline=0.01, patience=2, mode="min"),
    "late": lambda m: m.callbacks.EarlyStopping("val_loss", min_delta=10.0, start_from_epoch=2),
}


@pytest.mark.parametrize("name", STOPS)
def test_early_stopping(name):
    assert (len(compare(STOPS[name]).epoch) < 6) == (name != "baseline")


def test_best_weights_come_back():
    models = [make(module) for module in (keras, fkeras)]
    for module, model in zip((keras, fkeras), models, strict=True):
        stop = module.callbacks.EarlyStopping("loss", mode="max", patience=2, restore_best_weights=True)
        fit(module, [stop], model)
        assert stop.best_epoch == 0 and stop.stopped_epoch == 2
    for theirs, ours in zip(*[m.get_weights() for m in models], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_rates_and_weights_set_in_hooks_count():
    def turn(module: Any) -> Any:
        class Turn(module.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    self.model.optimizer.learning_rate = 0.02
                if epoch == 2:
                    self.model.optimizer.learning_rate.assign(0.3)
                if epoch == 3:
                    self.model.set_weights(START)

            def on_train_batch_end(self, batch, logs=None):
                assert all(isinstance(v, float) for v in logs.values())
                self.model.optimizer.learning_rate.assign(self.model.optimizer.learning_rate * 0.9)

        return Turn()

    compare(turn)


def test_a_batch_hook_can_stop_training():
    class Stop(fkeras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = make(fkeras)
    history = fit(fkeras, [Stop()], model, batch_size=2)
    assert history.epoch == [0] and int(model.optimizer.iterations) == 2


@pytest.mark.parametrize("what", ["evaluating", "predicting"])
def test_a_batch_hook_can_stop_the_rest(what):
    class Stop(fkeras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = True

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    model = make(fkeras)
    if what == "predicting":
        assert len(model.predict(X, batch_size=4, callbacks=[Stop()], verbose=0)) == 8
        assert len(model.predict(X, batch_size=4, verbose=0)) == 20
    else:
        part = model.evaluate(X, Y, batch_size=4, callbacks=Stop(), verbose=0)
        np.testing.assert_allclose(part, model.evaluate(X[:4], Y[:4], verbose=0), rtol=1e-6)


@pytest.mark.parametrize("append", [False, True])
def test_csv_logger(tmp_path, append):
    tables = []
    for module in (keras, fkeras):
        path = tmp_path / f"{module.__name__}.csv"
        for epochs in (3, 2):
            fit(module, [module.callbacks.CSVLogger(path, ";", append)], epochs=epochs)
        tables.append(list(csv.DictReader(path.open(), delimiter=";")))
    assert len(tables[0]) == len(tables[1]) == (5 if append else 2)
    for theirs, ours in zip(*tables, strict=True):
        assert list(theirs) == list(ours)
        np.testing.assert_allclose([float(v) for v in ours.values()], [float(v) for v in theirs.values()], rtol=1e-3)


def test_csv_logger_keeps_columns_for_a_validation_that_comes_later(tmp_path):
    log = fkeras.callbacks.CSVLogger(tmp_path / "log.csv")
    fit(fkeras, [log], epochs=2, validation_freq=2)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert rows[0]["val_loss"] == "NA" and float(rows[1]["val_loss"]) > 0


@pytest.mark.parametrize("hooked", [False, True])
def test_terminate_on_nan(hooked, capsys):
    x = X.copy()
    batches = []
    more = fkeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(logs["loss"]))
    model = make(fkeras, fkeras.optimizers.SGD(1e30))
    callbacks = [fkeras.callbacks.TerminateOnNaN(), *([more] if hooked else [])]
    history = model.fit(x, Y, batch_size=4, epochs=9, callbacks=callbacks, verbose=0)
    assert history.epoch == [0] and np.isnan(history.history["loss"][0])
    assert "Invalid loss" in capsys.readouterr().out
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert not hooked or np.isnan(batches[-1])
    with pytest.raises(RuntimeError, match="training has stopped"):
        model.fit(x, Y, callbacks=[fkeras.callbacks.TerminateOnNaN(raise_error=True)], verbose=0)
    with pytest.raises(FloatingPointError):
        model.fit(x, Y, verbose=0)


def test_lambda_callback_refuses_what_is_no_hook():
    with pytest.raises(TypeError, match="on_epoch_finish"):
        fkeras.callbacks.LambdaCallback(on_epoch_finish=print)
    assert fkeras.callbacks.LambdaCallback(tag="mine").tag == "mine"
    with pytest.raises(TypeError, match="instances"):
        fit(fkeras, [fkeras.callbacks.History])


@pytest.mark.parametrize("as_json", [False, True])
def test_remote_monitor(as_json):
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        root = f"http://localhost:{server.server_port}"
        monitor = fkeras.callbacks.RemoteMonitor(root, "/runs/", headers={"X-Run": "7"}, send_as_json=as_json)
        monitor.on_epoch_end(3, {"loss": np.float32(0.5), "counts": np.arange(2)})
        server.shutdown()
        thread.join()
    path, kind, run, body = got[0]
    from urllib.parse import parse_qs

    told = json.loads(body if as_json else parse_qs(body)["data"][0])
    assert told == {"epoch": 3, "loss": 0.5, "counts": [0, 1]} and (path, run) == ("/runs/", "7")
    assert kind == ("application/json" if as_json else "application/x-www-form-urlencoded")
    with pytest.warns(UserWarning, match="could not reach"):
        fkeras.callbacks.RemoteMonitor(root).on_epoch_end(0, {})


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_ema_weights(swap_on_epoch):
    models = []

    def build(module: Any) -> Any:
        return module.callbacks.SwapEMAWeights(swap_on_epoch)

    for module in (keras, fkeras):
        models.append(make(module, module.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8)))
    runs = [fit(m, [build(m)], model, epochs=3).history for m, model in zip((keras, fkeras), models, strict=True)]
    for name in runs[0]:
        np.testing.assert_allclose(runs[1][name], runs[0][name], rtol=1e-3, err_msg=name)
    for theirs, ours in zip(*[m.get_weights() for m in models], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    with pytest.raises(ValueError, match="use_ema"):
        fit(fkeras, [build(fkeras)], epochs=1)


def test_evaluate_and_predict_see_the_averages():
    model = make(fkeras, fkeras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    for _ in range(3):
        model.train_on_batch(X, Y)
    swap = fkeras.callbacks.SwapEMAWeights()
    before = model.get_weights()
    swap.set_model(model)
    swap.on_test_begin()
    averages = model.get_weights()
    expected = model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0)
    swap.on_test_end()
    assert not np.allclose(before[0], averages[0])
    got = model.evaluate(X, Y, verbose=0, callbacks=[swap]), model.predict(X, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_averages_do_not_replace_the_best_weights():
    model = make(fkeras, fkeras.optimizers.SGD(0.1, use_ema=True))
    note: list[Any] = []
    watch = fkeras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: note.append(model.get_weights()))
    stop = fkeras.callbacks.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True)
    fit(fkeras, [watch, stop], model)
    np.testing.assert_array_equal(model.get_weights()[0], note[0][0])


def test_progbar_logger_prints_in_the_place_of_fit(capsys):
    fit(fkeras, [fkeras.callbacks.ProgbarLogger()], epochs=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[2] == "Epoch 2/2" and "val_mae" in lines[3]
    make(fkeras).evaluate(X, Y, callbacks=[fkeras.callbacks.ProgbarLogger()], verbose=1)
    assert capsys.readouterr().out.startswith("1/1 ━")


def plain(text: str) -> list[str]:
    """What is printed, without colours, times and numbers; of bars that are drawn again the full one."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\x08", "").replace("\r", "\n")
    told: list[str] = []
    for line in (line.rstrip() for line in text.split("\n")):
        line = re.sub(r"[\d:]+s? (- )?\d+(s|ms|us)/step", r"T \1T/step", line)
        line = re.sub(r": [\d.e+-]+", ": N", line)
        done = re.match(r"(\d+)/(\d+) ━", line)
        if not line or (done and done[1] != done[2]):
            continue
        if done and told and line.startswith(told[-1]):
            told.pop()
        told.append(line)
    return told


@pytest.mark.parametrize("epochs, verbose", [(2, 1), (1, 1), (2, 2), (1, "auto")])
def test_what_is_printed_is_that_of_keras(epochs, verbose, capsys):
    said = []
    for module in (keras, fkeras):
        model = make(module)
        halve = module.callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2, verbose=1)
        fit(module, [halve], model, epochs=epochs, verbose=verbose)
        model.evaluate(X, Y, batch_size=8, verbose=verbose)
        model.predict(X, batch_size=8, verbose=verbose)
        said.append(plain(capsys.readouterr().out))
    assert said[0] == said[1]


def test_a_callback_list_is_used_as_it_is():
    for module in (keras, fkeras):
        history = module.callbacks.History()
        given = module.callbacks.CallbackList([history], model=make(module), epochs=2, verbose=0, steps=2)
        assert fit(module, given, given.model, epochs=2) is history and len(history.epoch) == 2


def test_history_draws_itself():
    plt = pytest.importorskip("matplotlib.pyplot")
    history = fit(fkeras, None, epochs=3)
    axes = history.plot()
    assert [ax.get_title() for ax in axes] == ["loss", "mae"]
    assert [len(ax.lines) for ax in axes] == [2, 2]
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), history.history["val_mae"])
    assert len(history.plot("loss", ax=plt.figure().subplots())) == 1
    with pytest.raises(KeyError, match="accuracy"):
        history.plot(["accuracy"])
    plt.close("all")
