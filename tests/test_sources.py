"""Data that is no array in memory: every kind gives what arrays give, ends cleanly, and fails in plain words."""

from __future__ import annotations

import _thread
import math
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest

import fkeras
from fkeras import Sequential, layers
from fkeras.data import rows as data_rows
from fkeras.train import streaming

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype("float32")
Y = RNG.normal(size=(50, 1)).astype("float32")
W = RNG.uniform(0.5, 2, size=50).astype("float32")
SIZE = 8
BATCHES = [(X[i : i + SIZE], Y[i : i + SIZE], W[i : i + SIZE]) for i in range(0, 50, SIZE)]


def make(units: int = 1, loss: str = "mse", **settings: Any) -> Any:
    fkeras.utils.set_random_seed(5)
    model = Sequential([layers.Dense(3, "tanh", input_shape=(4,)), layers.Dropout(0.2), layers.Dense(units)])
    model.compile("adam", loss, weighted_metrics=["mae"], **settings)
    weights = np.random.default_rng(1)
    model.set_weights([weights.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    """No thread outlives its run."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and "fkeras" in t.name]
    assert not left, left


class Numbers(fkeras.utils.PyDataset):
    def __init__(self, batches: Any = BATCHES, **settings: Any):
        super().__init__(**settings)
        self.batches, self.told = list(batches), []

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.002 * (index % 3))
        return self.batches[index]

    def on_epoch_begin(self) -> None:
        self.told.append("begin")

    def on_epoch_end(self) -> None:
        self.told.append("end")


class OldSequence:
    """What scripts wrote before there was a base class to inherit from."""

    def __len__(self) -> int:
        return len(BATCHES)

    def __getitem__(self, index: int) -> Any:
        return list(BATCHES[index])

    def on_epoch_end(self) -> None:
        pass

    def __next__(self) -> Any:
        raise AssertionError("An iterator without end is not what is wanted of this one.")


class Loader:
    """Anything with `__iter__`."""

    def __iter__(self) -> Any:
        return iter(BATCHES)


class Tensor:
    """A tensor of another library."""

    def __init__(self, value: Any):
        self.value = value

    def numpy(self) -> Any:
        return self.value


class Sized(Loader):
    """Says how long it is."""

    def __init__(self, length: int):
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Any:
        return iter(BATCHES[:6] * 10)


class TensorLoader(Loader):
    def __iter__(self) -> Any:
        return iter([Tensor(a) for a in batch] for batch in BATCHES)


class TFLike:
    """What tf.data shows of itself."""

    def __init__(self, batches: Any = BATCHES, cardinality: int | None = None):
        self.batches, self.count = batches, len(BATCHES) if cardinality is None else cardinality

    def cardinality(self) -> Any:
        return np.int64(self.count)

    def as_numpy_iterator(self) -> Any:
        return iter(self.batches)


class Reused:
    """Writes every batch into the same array."""

    def __iter__(self) -> Any:
        x, y, w = (np.empty_like(a) for a in BATCHES[0])
        for batch in BATCHES:
            n = len(batch[0])
            for out, a in zip((x, y, w), batch, strict=True):
                out[:n] = a
            yield x[:n], y[:n], w[:n]
            for out in (x, y, w):
                out.fill(1e6)


class OfKeras(keras.utils.PyDataset):
    def __len__(self) -> int:
        return len(BATCHES)

    def __getitem__(self, index: int) -> Any:
        return BATCHES[index]


def passes() -> Any:
    yield from BATCHES


def repeated(epochs: int = 3) -> Any:
    return (batch for _ in range(epochs) for batch in BATCHES)


SOURCES: dict[str, Any] = {
    "PyDataset": Numbers,
    "Dataset": lambda: fkeras.data.Dataset.from_tensor_slices((X, Y, W)).batch(SIZE),
    "three workers": lambda: Numbers(workers=3, max_queue_size=2),
    "PyDataset of Keras": OfKeras,
    "old Sequence": OldSequence,
    "loader": Loader,
    "tensors": TensorLoader,
    "tf.data": TFLike,
    "tf.data, unknown length": lambda: TFLike(cardinality=-2),
    "one array written again and again": Reused,
    "generator function": lambda: passes,
}


@pytest.fixture(scope="module")
def expected() -> Any:
    model = make()
    history = model.fit(X, Y, SIZE, epochs=3, sample_weight=W, shuffle=False, verbose=0)
    return history.history, model.get_weights(), model.evaluate(X, Y, SIZE, 0, W), model.predict(X, SIZE)


def same(model: Any, history: Any, expected: Any) -> None:
    for name, values in expected[0].items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-6)
    for a, b in zip(model.get_weights(), expected[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_what_arrays_give(kind, expected):
    model = make()
    same(model, model.fit(SOURCES[kind](), epochs=3, shuffle=False, verbose=0), expected)
    np.testing.assert_allclose(model.evaluate(SOURCES[kind](), verbose=0), expected[2], rtol=1e-6)
    np.testing.assert_allclose(model.predict(SOURCES[kind](), verbose=0), expected[3], rtol=1e-5)


def test_a_generator_gives_what_arrays_give(expected):
    model = make()
    batches = repeated()
    same(model, model.fit(batches, epochs=3, steps_per_epoch=len(BATCHES), verbose=0), expected)
    np.testing.assert_allclose(model.evaluate(repeated(1), verbose=0), expected[2], rtol=1e-6)
    np.testing.assert_allclose(model.predict((x for x, _, _ in BATCHES), verbose=0), expected[3], rtol=1e-5)
    np.testing.assert_allclose(model.predict(repeated(1), steps=2, verbose=0), expected[3][: 2 * SIZE], rtol=1e-5)


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_chunks_of_any_length_give_the_same_bits(monkeypatch, expected, batches):
    monkeypatch.setattr(streaming, "PACK_BATCHES", batches)
    model = make(steps_per_execution=batches)
    same(model, model.fit(Numbers(), epochs=3, shuffle=False, verbose=0), expected)


def test_batches_in_another_order_are_the_same_for_the_same_seed():
    runs = []
    for _ in range(2):
        seen: list[int] = []
        model = make()

        class Watched(Numbers):
            def __getitem__(self, index: int) -> Any:
                seen.append(index)
                return super().__getitem__(index)

        model.fit(Watched(), epochs=2, verbose=0)
        runs.append((seen, model.get_weights()))
    assert runs[0][0] == runs[1][0] != [*range(7), *range(7)]
    assert sorted(runs[0][0]) == sorted([*range(7), *range(7)])
    for a, b in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_in_one_go_or_one_by_one():
    once, twice = make(), make()
    once.fit(Numbers(), epochs=2, verbose=0)
    twice.fit(Numbers(), verbose=0)
    twice.fit(Numbers(workers=2), initial_epoch=1, epochs=2, verbose=0)
    for a, b in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_are_told_to_a_dataset():
    data, validation = Numbers(), Numbers()
    make().fit(data, epochs=2, validation_data=validation, verbose=0)
    assert data.told == validation.told == ["begin", "end"] * 2


class Steps(fkeras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append([])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen[-1].append(batch)


def test_batch_hooks_are_called_for_every_step(expected):
    model, steps = make(), Steps()
    same(model, model.fit(Numbers(), epochs=3, shuffle=False, callbacks=[steps], verbose=0), expected)
    assert steps.seen == [[*range(7)]] * 3 and steps.params["steps"] == 7  # type: ignore[index]


def test_steps_per_epoch_goes_on_where_the_last_epoch_ended():
    model, steps = make(), Steps()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(repeated(2), steps_per_epoch=5, initial_epoch=1, epochs=3, callbacks=[steps], verbose=0)
    assert steps.seen == [[*range(5)]] * 2


# --- too little, too much ---------------------------------------------------------------------------


def test_no_batch_is_taken_from_a_generator_in_vain():
    batches = repeated()
    make().fit(batches, epochs=2, steps_per_epoch=3, verbose=0)
    assert next(batches)[0] is BATCHES[6][0]  # and the generator is still open


@pytest.mark.parametrize(("epochs", "steps", "seen", "words"), [
    (5, 4, [[0, 1, 2, 3], [0, 1, 2]], "3 of 4 steps of epoch 2"),
    (3, 7, [[*range(7)]], "ended after 7 batches"),
    (3, None, [[*range(7)]], "before epoch 2 of 3"),
])  # fmt: skip
def test_a_generator_that_is_too_short_ends_training_with_one_warning(epochs, steps, seen, words):
    callback, history = Steps(), None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = make().fit(repeated(1), epochs=epochs, steps_per_epoch=steps, callbacks=[callback], verbose=0)
    assert len(said) == 1 and words in str(said[0].message) and "read again" in str(said[0].message)
    assert said[0].filename == __file__
    assert callback.seen == seen and len(history.history["loss"]) == len(seen)


def test_a_dataset_that_can_be_read_again_goes_on_after_a_warning():
    with pytest.warns(UserWarning, match="ends after 7 of 9 steps of epoch") as said:
        history = make().fit(Numbers(), epochs=2, steps_per_epoch=9, verbose=0)
    assert len(said) == 2 and len(history.history["loss"]) == 2


def test_sources_without_end():
    class Endless(Numbers):
        @property
        def num_batches(self) -> None:
            return None

        def __getitem__(self, index: int) -> Any:
            return BATCHES[index % 6]

    for data in (Endless(), Endless(workers=2), TFLike(BATCHES[:6] * 100, -1), Sized(2**52)):
        with pytest.raises(ValueError, match="has no end: say how much"):
            make().fit(data, verbose=0)
        model, steps = make(), Steps()
        model.fit(data, epochs=2, steps_per_epoch=10, callbacks=[steps], verbose=0)
        assert [len(s) for s in steps.seen] == [10, 10]
        assert math.isfinite(model.evaluate(data, steps=3, verbose=0)[0])
        assert model.predict(data, steps=3, verbose=0).shape == (24, 1)


def test_validation_by_sources():
    wanted = make().fit(X, Y, SIZE, 3, 0, shuffle=False, validation_data=(X, Y, W), validation_batch_size=SIZE)
    for validation in (Numbers(), Loader(), repeated()):
        steps = 7 if hasattr(validation, "send") else None
        got = make().fit(X, Y, SIZE, 3, 0, shuffle=False, validation_data=validation, validation_steps=steps)
        np.testing.assert_allclose(got.history["val_loss"], wanted.history["val_loss"], rtol=1e-6)
        np.testing.assert_allclose(got.history["val_mae"], wanted.history["val_mae"], rtol=1e-6)
    first = [make().evaluate(X[:16], Y[:16], SIZE, 0, W[:16])[0]]
    model = make()
    got = model.fit(X, Y, epochs=2, verbose=0, validation_data=Numbers(), validation_steps=2)
    after = model.evaluate(X[:16], Y[:16], SIZE, 0, W[:16])[0]
    np.testing.assert_allclose(got.history["val_loss"][1], after, rtol=1e-6)
    assert first != after
    with pytest.warns(UserWarning, match="validation data ended") as said:
        got = make().fit(X, Y, epochs=3, verbose=0, validation_data=repeated(1))
    assert len(said) == 1 and len(got.history["val_loss"]) == 1


def test_evaluation_and_prediction_of_too_little():
    model = make()
    with pytest.warns(UserWarning, match="after 7 of 9 steps of evaluation") as said:
        model.evaluate(repeated(1), steps=9, verbose=0)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="after 7 of 9 steps of prediction") as said:
        model.predict(repeated(1), steps=9, verbose=0)
    assert said[0].filename == __file__


@pytest.mark.slow
def test_processes_make_batches():
    model, other = make(), make()
    got = model.fit(Numbers(workers=2, use_multiprocessing=True), verbose=0)
    wanted = other.fit(Numbers(), verbose=0)
    same(model, got, (wanted.history, other.get_weights()))
    with pytest.raises(OwnError, match="on fire"):
        model.fit(Failing(workers=2, use_multiprocessing=True), verbose=0)


# --- what goes wrong --------------------------------------------------------------------------------


class OwnError(Exception):
    pass


def failing(after: int) -> Any:
    yield from BATCHES[:after]
    raise OwnError("the disk is on fire")


class Failing(Numbers):
    def __getitem__(self, index: int) -> Any:
        if index == 3:
            raise OwnError("the disk is on fire")
        return super().__getitem__(index)


@pytest.mark.parametrize(("data", "steps"), [
    (lambda: failing(0), 0), (lambda: failing(3), 3), (Failing, 3), (lambda: Failing(workers=3), 3),
])  # fmt: skip
def test_an_exception_of_the_source_comes_out_as_it_is(data, steps):
    model = make()
    before = model.get_weights()
    for verb in (model.fit, model.evaluate, model.predict):
        with pytest.raises(OwnError, match="on fire") as error:
            verb(data(), verbose=0, **({"shuffle": False} if verb == model.fit else {}))
        lines = "".join(traceback.format_tb(error.value.__traceback__))
        assert 'raise OwnError("the disk is on fire")' in lines and error.value.__cause__ is None
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True)) == bool(steps)
    assert int(model._steps) == steps
    model.fit(X, Y, verbose=0)


def bad(index: int, batch: Any) -> Any:
    return [*BATCHES[:index], batch, *BATCHES[index + 1 :]]


NAN = X[:8].copy()
NAN[3, 1] = np.nan


@pytest.mark.parametrize(("batch", "words"), [
    ((X[:8, :3], Y[:8]), "4"),
    ((X[:8], Y[:8], W[:8], W[:8]), "no tuple of 4"),
    ((X[:8], Y[:7], W[:8]), "lengths differ"),
    ((X[:8], Y[:8]), "its form is"),
    ((X[:8], Y[:8, 0], W[:8]), "shape"),
    ((NAN, Y[:8], W[:8]), "row 3"),
    ((X[:0], Y[:0], W[:0]), "empty"),
    (("a", Y[:8], W[:8]), ""),
])  # fmt: skip
def test_a_bad_batch_is_named_by_its_number(batch, words):
    with pytest.raises((ValueError, TypeError), match=r"Batch 2 of the Numbers: .*") as error:
        make().fit(Numbers(bad(2, batch)), shuffle=False, verbose=0)
    assert words in str(error.value), error.value
    if len(batch) > 1:
        with pytest.raises((ValueError, TypeError), match=r"validation_data|Batch 2"):
            make().fit(X, Y, verbose=0, validation_data=Numbers(bad(2, batch)))


def test_bad_labels_in_a_later_batch_are_refused():
    model = make(3)
    model.compile("sgd", "sparse_categorical_crossentropy")
    good = (X[:8], np.arange(8) % 3)
    model.fit(Numbers([good, good]), verbose=0)
    with pytest.raises(ValueError, match=r"Batch 1 of .*label 3"):
        model.fit(Numbers([good, (X[:8], np.arange(8))]), shuffle=False, verbose=0)


def test_what_cannot_be_given_beside_a_source():
    model = make()
    for given, word in (
        ({"y": Y}, "y cannot"), ({"sample_weight": W}, "sample_weight cannot"),
        ({"validation_split": 0.2}, "validation_split is for arrays"), ({"class_weight": {0: 1.0}}, "class_weight"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=word):
            model.fit(Numbers(), verbose=0, **given)
    with pytest.warns(UserWarning, match="batch_size=3 has no effect"):
        model.fit(Numbers(), verbose=0, batch_size=3)
    with pytest.raises(TypeError, match=r"needs arguments: call it, forever\(batches=...\)"):

        def forever(batches: Any, size: int = 3) -> Any:
            yield from batches

        model.fit(forever, verbose=0)
    with pytest.raises(ValueError, match="no batch in the generator"):
        model.fit((b for b in []), verbose=0)


def test_class_weight_over_batches():
    labels = (Y[:, 0] > 0).astype("int32")
    weight = {0: 0.3, 1: 2.0}
    runs = []
    for data in ((X, labels), (Numbers([(b[0], labels[8 * i : 8 * i + 8]) for i, b in enumerate(BATCHES)]), None)):
        model = make(1, "binary_crossentropy")
        size = {} if data[1] is None else {"batch_size": SIZE}
        runs.append(model.fit(*data, **size, class_weight=weight, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*runs, rtol=1e-6)


def test_an_interrupt_in_the_midst_of_an_epoch_leaves_a_usable_model():
    def interrupted() -> Any:
        yield from BATCHES[:3]
        raise KeyboardInterrupt

    model, other = make(), make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(interrupted(), verbose=0)
    other.fit(repeated(1), steps_per_epoch=3, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, verbose=0)

    def slow() -> Any:  # the interrupt meets a run that waits for data
        yield from BATCHES[:3]
        threading.Timer(0.2, _thread.interrupt_main).start()
        time.sleep(1)
        yield from BATCHES[3:]

    model = make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(slow(), verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

    class Stop(fkeras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    closed: list[bool] = []

    class Closing(Loader):
        def __iter__(self) -> Any:
            try:
                yield from repeated(100)
            finally:
                closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        make().fit(Closing(), callbacks=[Stop()], verbose=0)
    assert closed == [True]


def test_stopping_in_the_midst_closes_what_was_opened():
    class Stop(fkeras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 2

    data = Numbers(BATCHES * 20, workers=4)
    make().fit(data, callbacks=[Stop()], verbose=0)


# --- more models ---------------------------------------------------------------------------------------


def test_steps_of_ones_own():
    class Own(fkeras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True) -> Any:
            return abs(y - y_pred).mean()

    runs = []
    for data in ((X, Y), (Numbers([b[:2] for b in BATCHES]), None)):
        fkeras.utils.set_random_seed(2)
        model = Own()
        model.compile("sgd")
        size = {} if data[1] is None else {"batch_size": SIZE}
        runs.append(model.fit(*data, **size, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*runs, rtol=1e-6)


class Noisy(layers.Layer):
    """Draws whether it is trained or not."""

    def call(self, x: Any, *, rng: Any) -> Any:
        return x + jax.random.normal(rng, x.shape)


@pytest.mark.parametrize("batches", [1, 4])
def test_what_is_drawn_in_evaluation_does_not_depend_on_chunks(monkeypatch, batches):
    def score(data: Any, **how: Any) -> float:
        fkeras.utils.set_random_seed(4)
        model = Sequential([layers.Input((4,)), Noisy(), layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        fkeras.utils.set_random_seed(6)
        return model.evaluate(data, verbose=0, **how)

    wanted = score(Numbers(BATCHES[:6]))
    monkeypatch.setattr(streaming, "PACK_BATCHES", batches)
    assert (
        score(Numbers(BATCHES[:6]))
        == wanted
        == pytest.approx(score(X[:48], y=Y[:48], sample_weight=W[:48], batch_size=8))
    )


def test_text_in_batches():
    words = np.array(["a", "bb", "ccc", "dd", "e"])
    texts = [(words[i : i + 2].astype(object)[:, None], Y[i : i + 2]) for i in (0, 1, 2, 3)]
    model = Sequential([
        layers.Input((1,), dtype="string"), layers.Hashing(8, output_mode="one_hot"), layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    weights = model.get_weights()
    got = model.fit(Numbers(texts), shuffle=False, verbose=0).history["loss"]
    model.set_weights(weights)
    x, y = (np.concatenate([t[i] for t in texts]) for i in (0, 1))
    np.testing.assert_allclose(got, model.fit(x, y, 2, shuffle=False, verbose=0).history["loss"], rtol=1e-5)


# --- shapes -----------------------------------------------------------------------------------------


def test_batches_of_different_lengths_in_time():
    def texts(lengths: Any) -> Any:
        rng = np.random.default_rng(2)
        return [(rng.integers(1, 9, (4, n)), rng.normal(size=(4, 1)).astype("float32")) for n in lengths]

    model = Sequential(
        [
            layers.Input((None,)),
            layers.Embedding(9, 3, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    history = model.fit(Numbers(texts([5, 7, 5, 5, 3, 7])), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.warns(UserWarning, match="16 different shapes"):
        model.predict(x for x, _ in texts(range(1, 18)))


def test_several_inputs_and_outputs_in_dicts():
    a, b = fkeras.Input((4,), name="a"), fkeras.Input((1,), name="b")
    h = layers.Concatenate()([a, b])
    model = fkeras.Model({"a": a, "b": b}, [layers.Dense(1, name="p")(h), layers.Dense(1, name="q")(h)])
    model.compile("sgd", "mse")
    weights = model.get_weights()
    data = [({"a": x, "b": y}, {"p": y, "q": 2 * y}) for x, y, _ in BATCHES]
    got = model.fit(Numbers(data), shuffle=False, verbose=0).history
    model.set_weights(weights)
    wanted = model.fit({"a": X, "b": Y}, {"p": Y, "q": 2 * Y}, SIZE, shuffle=False, verbose=0).history
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-6)
    with pytest.raises(ValueError, match="Batch 1 of "):
        model.fit(Numbers([data[0], ({"a": X[:8]}, data[1][1])]), shuffle=False, verbose=0)


def test_a_model_without_shapes_learns_them_from_the_first_batch(expected):
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(repeated(1), verbose=0)
    assert model.get_weights()[0].shape == (4, 1)


def test_arrays_of_jax():
    model = make()
    batches = [tuple(map(jax.numpy.asarray, b)) for b in BATCHES]
    model.fit(Numbers(batches), epochs=2, shuffle=False, verbose=0)


# --- files ------------------------------------------------------------------------------------------


def memory_maps(path: Path) -> Any:
    for name, array in (("x", X), ("y", Y), ("w", W)):
        np.save(path / f"{name}.npy", array)
        yield np.load(path / f"{name}.npy", mmap_mode="r")


def datasets_of_h5py(path: Path) -> Any:
    import h5py

    file = h5py.File(path / "data.h5", "w")
    return (file.create_dataset(name, data=array) for name, array in (("x", X), ("y", Y), ("w", W)))


def old_matrices(path: Path) -> Any:
    import h5py

    from fkeras.legacy.hdf5 import HDF5Matrix

    with h5py.File(path / "old.h5", "w") as file:
        for name, array in (("x", X), ("y", Y), ("w", W)):
            file[name] = np.concatenate([array[:3], array / 2, array[:9]])
    return (HDF5Matrix(path / "old.h5", name, 3, 53, lambda rows: rows * 2) for name in "xyw")


@pytest.fixture(params=[memory_maps, datasets_of_h5py, old_matrices])
def files(request, tmp_path, monkeypatch) -> Any:
    monkeypatch.setattr(data_rows, "LARGE", 100)
    return list(request.param(tmp_path))


def test_arrays_too_large_for_the_device(monkeypatch, expected):
    monkeypatch.setattr(data_rows, "room_on_device", lambda: 100)
    model = make()
    same(model, model.fit(X, Y, SIZE, epochs=3, sample_weight=W, shuffle=False, verbose=0), expected)
    np.testing.assert_allclose(model.predict(X, SIZE), expected[3], rtol=1e-5)


@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_in_files(files, shuffle):
    x, y, w = files
    runs = []
    for parts in ((X, Y, W), (x, y, w), (x, Y, list(W))):
        model = make()
        history = model.fit(
            *parts[:2], SIZE, 2, 0, sample_weight=parts[2], shuffle=shuffle, validation_split=0.25
        ).history
        scores = model.evaluate(*parts[:2], SIZE, 0, parts[2]), model.predict(parts[0], SIZE)
        runs.append((list(history.values()), *scores))
    for run in runs[1:]:
        for a, b in zip(jax.tree.leaves(run), jax.tree.leaves(runs[0]), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6)
    with pytest.raises(ValueError, match="lengths differ"):
        model.fit(x, Y[:3], verbose=0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_arrays_in_files_are_not_read_as_a_whole(tmp_path):
    def resident() -> int:
        words = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
        return int(words["RssAnon"].split()[0]) * 1024

    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "float32", (300_000, 256))  # 307 MB
    y = np.zeros((300_000, 1), "float32")
    model = Sequential([layers.Dense(1, input_shape=(256,))])
    model.compile("sgd", "mse")
    model.fit(np.zeros((512, 256), "float32"), y[:512], 512, verbose=0)
    before = resident()
    model.fit(x, y, 512, verbose=0)
    model.evaluate(x, y, 512, verbose=0)
    assert resident() - before < 150e6


# --- others -----------------------------------------------------------------------------------------


class Table:
    """What a Hugging Face dataset shows of itself."""

    column_names = ["a", "b", "label"]

    def __init__(self, indexed: bool = True):
        self.columns = {"a": X[:, :2], "b": X[:, 2:], "label": Y}
        if indexed:
            self.__class__ = type("Indexed", (Table,), {"__getitem__": Table.get, "__len__": lambda self: len(X)})

    def get(self, which: Any) -> Any:
        return {k: v[which].tolist() for k, v in self.columns.items()}

    def iter(self, batch_size: int) -> Any:
        return ({k: v[i : i + batch_size] for k, v in self.columns.items()} for i in range(0, len(X), batch_size))


@pytest.mark.parametrize("indexed", [True, False])
def test_tables_of_columns(indexed):
    a, b = fkeras.Input((2,), name="a"), fkeras.Input((2,), name="b")
    model = fkeras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    weights = model.get_weights()
    wanted = model.fit({"a": X[:, :2], "b": X[:, 2:]}, Y, SIZE, 2, 0, shuffle=False).history["loss"]
    model.set_weights(weights)
    got = model.fit(Table(indexed), "label", SIZE, 2, 0, shuffle=False).history["loss"]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    with pytest.raises(ValueError, match="names the column 'lable'; the columns are a, b, label"):
        model.fit(Table(), "lable", verbose=0)


def test_mappings_that_are_no_dicts():
    from collections import UserDict, UserList

    a = fkeras.Input((4,), name="a")
    model = fkeras.Model({"a": a}, layers.Dense(1)(a))
    model.compile("sgd", "mse")
    model.fit(UserDict(a=X), Y, verbose=0)
    assert model.predict(UserDict(a=X)).shape == (50, 1)
    model.fit(UserList(X.tolist()), UserList(Y.tolist()), verbose=0)


def test_torch(expected):
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    tensors = TensorDataset(*map(torch.from_numpy, (X, Y, W)))
    model = make()
    same(model, model.fit(DataLoader(tensors, SIZE), epochs=3, verbose=0), expected)
    with pytest.raises(ValueError, match="DataLoader"):
        model.fit(tensors, verbose=0)
    model.fit(torch.from_numpy(X), torch.from_numpy(Y), verbose=0)
    half = [tuple(t.bfloat16() for t in batch) for batch in DataLoader(tensors, SIZE)]
    assert np.isfinite(model.fit(Numbers(half), verbose=0).history["loss"][0])


def test_one_input_in_a_list_or_under_its_name():
    model = make()
    wanted = model.predict(X)
    for x in ([X], (X,), {model.input_names[0]: X}):
        np.testing.assert_array_equal(model.predict(x), wanted)
        np.testing.assert_allclose(np.asarray(model(x)), wanted, rtol=1e-5)
    model.fit([X], [Y], verbose=0)
    for x, words in (([*X], r"np\.stack\(x\)"), ({"a": X}, "one input, named"), ([X, X], "one input")):
        with pytest.raises(ValueError, match=words):
            model.predict(x)
    with pytest.raises(ValueError, match=r"x\[3\]: 4, ..., y: 50. A list of 50 arrays .* np\.stack\(x\)"):
        model.fit([*X], Y, verbose=0)


def test_steps_without_a_batch_size_divide_the_data():
    runs = []
    for told in ({}, {"batch_size": 17}):
        model = make()
        history = model.fit(
            X, Y, **told, epochs=2, steps_per_epoch=3, shuffle=False, verbose=0, validation_data=(X[:40], Y[:40]),
            validation_steps=2, validation_batch_size=20 if told else None,
        )  # fmt: skip
        scores = model.evaluate(X, Y, **told, steps=3, verbose=0), model.predict(X, **told, steps=3, verbose=0)
        runs.append((history.history, scores))
    jax.tree.map(np.testing.assert_array_equal, *runs)
