"""A training run that is killed, interrupted or out of disk goes on, and ends as if nothing had happened."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import resumable

import fkeras
from fkeras import atomic, callbacks, layers, packed


class Halt(Exception):
    """Takes the place of a kill, within this process."""


class HaltAt(callbacks.Callback):
    """Ends the process, so to speak, at the end of an epoch or of a batch."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.at = epoch, batch

    def needs_batches(self, mode):
        return self.at[1] is not None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == self.at:
            raise Halt

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, None) == self.at:
            raise Halt


def halted(make, *places):
    """What a run makes that is halted at each place and started again."""
    for place in places:
        with pytest.raises(Halt):
            make(HaltAt(*place))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the missing callback
        return make()


@pytest.fixture(scope="module")
def straight():
    """What a run makes that nothing happens to."""
    made = {freq: resumable.run(None, freq) for freq in ("epoch", 1)}
    return lambda freq: made["epoch" if freq == "epoch" else 1]


@pytest.mark.parametrize("freq", ["epoch", 2, 7])
def test_a_run_that_is_halted_ends_like_one_that_is_not(tmp_path, straight, freq):
    folder = tmp_path / "backup"
    places = [(0, None), (2, 0), (3, 3), (3, 4), (7, None), (9, 1), (11, None)]
    made = halted(lambda *more: resumable.run(folder, freq, more=more), *places)
    assert made == straight(freq)
    assert not folder.exists()


def test_a_backup_changes_nothing(tmp_path, straight):
    assert resumable.run(tmp_path, "epoch") == straight("epoch")
    assert resumable.run(tmp_path, False) == straight("epoch")
    assert not tmp_path.exists()


def test_a_finished_run_gives_what_it_gave_and_more_epochs_go_on(tmp_path, straight):
    first = resumable.run(tmp_path, epochs=5, delete_checkpoint=False)
    assert resumable.run(tmp_path, epochs=5, delete_checkpoint=False) == first
    assert resumable.run(tmp_path, epochs=12, delete_checkpoint=False) == straight("epoch")


def damage(path):
    with open(path, "r+b") as file:
        file.seek(-3, os.SEEK_END)
        byte = file.read(1)
        file.seek(-3, os.SEEK_END)
        file.write(bytes([byte[0] ^ 4]))


def test_a_damaged_state_is_told_and_the_one_before_is_taken(tmp_path, straight):
    with pytest.raises(Halt):
        resumable.run(tmp_path, more=[HaltAt(6)])
    newest = max(tmp_path.glob("*.fkeras"))
    damage(newest)
    with pytest.warns(UserWarning, match=rf"{newest.name}.*is damaged.*The checkpoint before it is taken"):
        assert resumable.run(tmp_path) == straight("epoch")


def test_a_damaged_state_that_is_the_only_one_is_an_error(tmp_path):
    *_, fit = small()
    fit(2, tmp_path, delete_checkpoint=False)
    (only,) = tmp_path.glob("*.fkeras")
    damage(only)
    with pytest.raises(packed.DamagedFileError, match=only.name):
        fit(3, tmp_path)


# --- other data, other models -------------------------------------------------------------------


def small(units=1, rows=10):
    """A model, its data, and a function that fits it."""
    fkeras.utils.set_random_seed(3)
    model = fkeras.Sequential([layers.Input((3,)), layers.Dense(units)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(rows, 3)).astype("float32"), rng.normal(size=(rows, units)).astype("float32")

    def fit(epochs, folder, *more, data=(x, y), save_freq="epoch", settings=None, **kwargs):
        backup = callbacks.BackupAndRestore(folder, save_freq, **kwargs)
        size = 3 if len(data) == 2 else None
        history = model.fit(
            *data, batch_size=size, epochs=epochs, verbose=0, callbacks=[backup, *more], **(settings or {})
        )
        return [w.tobytes() for w in model.get_weights()], history.history, int(model.optimizer.iterations)

    return model, (x, y), fit


def test_the_state_of_another_model_is_refused(tmp_path):
    small()[2](1, tmp_path, delete_checkpoint=False)
    with pytest.raises(ValueError, match=r"bias.*expected to be float32\[2\]; the file has float32\[1\]"):
        small(units=2)[2](1, tmp_path)


def test_other_data_in_the_midst_of_an_epoch_is_refused(tmp_path):
    with pytest.raises(Halt):
        small()[2](3, tmp_path, HaltAt(1, 2), save_freq=2)
    with pytest.raises(ValueError, match="pass over data with rows = 10; now it is 11"):
        small(rows=11)[2](3, tmp_path, save_freq=2)


@pytest.mark.parametrize(
    "settings",
    [{}, {"steps_per_epoch": 3}, {"shuffle": False}, {"validation_split": 0.3, "validation_freq": 2}],
    ids=str,
)
@pytest.mark.parametrize("execution", ["auto", 2])
def test_ways_to_fit(tmp_path, settings, execution):
    def make(*more, folder=tmp_path):
        model, _, fit = small()
        model.compile("adam", "mse", steps_per_execution=execution)
        return fit(5, folder, *more, save_freq=2, settings=settings)

    places = [(0, 1), (1, 0), (3, 0)] if execution == "auto" else [(0, 1), (2, 1), (4, 1)]
    assert halted(make, *places) == make(folder=tmp_path / "other")


class Batches(fkeras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.data = x, y

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return tuple(a[3 * i : 3 * i + 3] for a in self.data)


@pytest.mark.parametrize("kind", ["dataset", "generator"])
@pytest.mark.parametrize("freq", ["epoch", 3])
def test_streams(tmp_path, kind, freq):
    def make(*more, folder=tmp_path):
        _, (x, y), fit = small()
        batches = Batches(x, y)
        if kind == "dataset":
            return fit(4, folder, *more, data=[batches], save_freq=freq)
        endless = (batches[i % 4] for i in itertools.count())
        return fit(4, folder, *more, data=[endless], save_freq=freq, settings={"steps_per_epoch": 3})

    assert halted(make, (0, None), (1, 1), (2, 2)) == make(folder=tmp_path / "other")


def test_early_stopping_stays_stopped(tmp_path):
    def make(*more):
        *_, fit = small()
        stop = callbacks.EarlyStopping("loss", patience=1, min_delta=10)
        return fit(9, tmp_path, stop, *more, delete_checkpoint=False)

    first = make()
    assert len(first[1]["loss"]) == 2
    assert make() == first


def test_settings_that_were_changed_meanwhile_hold(tmp_path):
    *_, fit = small()
    fit(3, tmp_path, callbacks.EarlyStopping("loss", patience=1), delete_checkpoint=False)
    stop = callbacks.EarlyStopping("loss", patience=5)
    fit(4, tmp_path, stop, delete_checkpoint=False)
    assert stop.patience == 5


def test_a_state_cannot_change_methods_or_paths(tmp_path):
    class Writes(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.path, self.count = "mine", 0

    from fkeras.train.callbacks.backup_and_restore import put

    put(callback := Writes(), {"path": "/etc/passwd", "on_epoch_end": 1, "count": 3})
    assert vars(callback)["path"] == "mine" and callback.count == 3 and callable(callback.on_epoch_end)


@pytest.mark.parametrize("freq", [0, -1, True, "batch", 1.5])
def test_wrong_frequencies(tmp_path, freq):
    for make in (
        lambda: callbacks.BackupAndRestore(tmp_path, freq),
        lambda: callbacks.ModelCheckpoint("m.keras", save_freq=freq),
    ):
        with pytest.raises(ValueError, match="save_freq must be"):
            make()
    with pytest.raises(ValueError, match="backup_dir is empty"):
        callbacks.BackupAndRestore("")


# --- what happens while a file is written -------------------------------------------------------


@pytest.mark.parametrize("step", ["flush", "create", "os.replace"])
def test_a_crash_while_the_state_is_written_leaves_the_one_before(tmp_path, monkeypatch, step):
    *_, fit = small()
    straight = fit(4, tmp_path / "a")
    model, _, fit = small()
    calls = itertools.count()
    holder, name = (atomic.os, "replace") if step == "os.replace" else (atomic, step)
    old = getattr(holder, name)

    def fails(*args):
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return old(*args)

    monkeypatch.setattr(holder, name, fails)
    with pytest.raises(OSError, match="disk is full"):
        fit(4, tmp_path / "b")
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["step-000000008.fkeras"]
    assert int(model.optimizer.iterations) == 12  # the weights of the last step are there
    assert small()[2](4, tmp_path / "b") == straight


# --- Ctrl-C -------------------------------------------------------------------------------------


def test_ctrl_c_leaves_the_newest_weights(tmp_path):
    fkeras.utils.set_random_seed(1)
    model = fkeras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((64, 4), "float32"), np.ones((64, 1), "float32")
    model.fit(x, y, 4, 1, verbose=0)
    for after in (0.01, 0.02, 0.03, 0.05, 0.1, 0.2):
        before, epochs, ended = int(model.optimizer.iterations), [], threading.Event()

        def interrupt(after=after, ended=ended):
            time.sleep(after)
            while not ended.is_set():  # one that arrives within a garbage collection is ignored by Python
                os.kill(os.getpid(), signal.SIGINT)
                ended.wait(2)

        timer = threading.Thread(target=interrupt)

        def count(epoch, logs, epochs=epochs, timer=timer):
            if not epochs:
                timer.start()
            epochs.append(epoch)

        try:
            told = callbacks.LambdaCallback(on_epoch_end=count)
            model.fit(x, y, 4, 100_000, verbose=0, callbacks=[told])
        except KeyboardInterrupt:
            ended.set()
        timer.join()
        assert ended.is_set() and len(epochs) < 100_000
        assert int(model.optimizer.iterations) - before >= 16 * len(epochs)
        assert all(np.isfinite(w).all() for w in model.get_weights())
        fkeras.train.Checkpointer(tmp_path).save(model.values, model.optimizer.iterations)
    twin = fkeras.train.Checkpointer(tmp_path).restore(like=model.values)
    np.testing.assert_array_equal(twin[0]["dense"]["kernel"], model.values[0]["dense"]["kernel"])
    model.fit(x, y, 4, 1, verbose=0)


# --- ModelCheckpoint ----------------------------------------------------------------------------


@pytest.fixture
def saved(monkeypatch):
    """(what was saved where), with saving itself left out."""
    calls = []
    for what in ("save", "save_weights"):
        monkeypatch.setattr(
            fkeras.Model, what, lambda self, path, overwrite=True, what=what: calls.append((what, path)), raising=False
        )
    return calls


def checkpointed(*args, epochs=3, losses=None, **kwargs):
    model, (x, y), _ = small()
    told = [callbacks.ModelCheckpoint(*args, **kwargs)]
    if losses is not None:
        told = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=losses[epoch])), *told]
    model.fit(x, y, 3, epochs, 0, told)
    return told[-1]


def test_where_models_are_saved(tmp_path, saved):
    checkpointed(f"{tmp_path}/deep/{{epoch:02d}}-{{val_loss:.2f}}.keras", losses=[0.5, 0.25, 1.0])
    assert saved == [("save", f"{tmp_path}/deep/{n}.keras") for n in ("01-0.50", "02-0.25", "03-1.00")]
    assert (tmp_path / "deep").is_dir()


def test_only_the_best_is_saved(saved, capsys):
    kept = checkpointed("m.weights.h5", save_best_only=True, save_weights_only=True, verbose=1, losses=[0.5, 0.7, 0.2])
    assert saved == [("save_weights", "m.weights.h5")] * 2 and kept.best == 0.2
    told = capsys.readouterr().out
    assert "Epoch 1: val_loss improved from None to 0.50000, saving model to m.weights.h5" in told
    assert "Epoch 2: val_loss did not improve from 0.50000" in told
    saved.clear()
    checkpointed("m.keras", save_best_only=True, losses=[0.5, 0.7, 0.2], mode="max", initial_value_threshold=0.6)
    assert len(saved) == 1
    saved.clear()
    with pytest.warns(UserWarning, match="'val_loss' is not measured"):
        checkpointed("m.keras", save_best_only=True)
    assert len(saved) == 3


def test_every_few_batches(saved):
    checkpointed("m-{epoch}-{batch}.keras", save_freq=3)  # 4 batches an epoch
    assert [path for _, path in saved] == ["m-1-3.keras", "m-2-2.keras", "m-3-1.keras", "m-3-4.keras"]


def test_paths_that_cannot_be():
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5"):
        callbacks.ModelCheckpoint("m.keras", save_weights_only=True)
    with pytest.raises(ValueError, match=r"must end in \.keras or \.h5"):
        callbacks.ModelCheckpoint(Path("m.txt"))
    with pytest.raises(KeyError, match="'acc'; there are epoch, loss"):
        checkpointed("m-{acc}.keras")


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".h5"])
def test_a_crash_while_a_model_is_saved_leaves_the_file_before(tmp_path, monkeypatch, ending):
    model, (x, y), _ = small()
    kept = callbacks.ModelCheckpoint(tmp_path / f"m{ending}", save_weights_only=ending == ".weights.h5")
    model.fit(x, y, verbose=0, callbacks=[kept])
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()

    def fails(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk is full"):
        patch.setattr(atomic, "flush", fails)
        model.fit(x, y, verbose=0, callbacks=[kept])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if ending == ".weights.h5":
        model.load_weights(path)
    else:
        assert fkeras.saving.load_model(path).predict(x, verbose=0).shape == (10, 1)


# --- the kill -----------------------------------------------------------------------------------


def start(folder, result, freq):
    script = Path(resumable.__file__)
    paths = os.pathsep.join([str(script.parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(result), str(freq)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"},
    )


def kill_until(kills, tmp_path, rng, straight, freqs):
    """Runs training again and again and kills it at random moments; each that ends must end as if never killed."""
    folder, result, done, ended = tmp_path / "backup", tmp_path / "result", 0, 0
    freq = freqs[0]
    while done < kills or not ended:
        process = start(folder, result, freq)
        assert process.stdout is not None and process.stderr is not None
        began = process.stdout.readline().startswith("ready")
        if done < kills:
            time.sleep(rng.uniform(0, 0.25))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        done += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), errors
        assert began or process.returncode == 0, errors
        if process.returncode == 0:
            assert json.loads(result.read_text()) == json.loads(json.dumps(straight(freq)))
            assert not folder.exists()
            result.unlink()
            ended += 1
            freq = freqs[ended % len(freqs)]
    return done, ended


@pytest.mark.long
def test_a_run_killed_five_times_ends_like_one_that_is_not(tmp_path, rng, straight):
    done, ended = kill_until(5, tmp_path, rng, straight, freqs=[2])
    assert done >= 5 and ended >= 1


@pytest.mark.long
def test_a_run_killed_at_fifty_random_moments_ends_like_one_that_is_not(tmp_path, rng, straight):
    for freq in ("epoch", 2):
        done, ended = kill_until(25, tmp_path, rng, straight, freqs=[freq])
        print(f"save_freq={freq!r}: {done} kills, {ended} runs that ended")
        assert done >= 25 and ended >= 1
