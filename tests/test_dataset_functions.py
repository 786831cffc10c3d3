"""Datasets of windows, images, texts and sounds, beside Keras where its own can run here."""

from __future__ import annotations

import copy
import os
import wave
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.utils import dataset_utils

import fkeras
from fkeras import layers, utils
from fkeras.data import Dataset, resizing, sounds

RNG = np.random.default_rng(0)


# --- windows ------------------------------------------------------------------------------------------


def windows_of_keras(data: Any, targets: Any, length: int, stride: int, rate: int, start: Any, end: Any) -> Any:
    """What Keras documents, in plain loops."""
    start, end = start or 0, end or len(data)
    found = []
    for i in range(0, end - start - (length - 1) * rate, stride):
        if targets is not None and i >= len(targets) - start:
            break
        x = data[start + i : start + i + length * rate : rate]
        found.append((x, None if targets is None else targets[start + i]))
    return found


@pytest.mark.parametrize(("length", "stride", "rate", "start", "end"), [
    (10, 3, 2, None, None), (4, 1, 1, None, None), (3, 2, 1, 5, 60), (1, 1, 1, 0, 50), (5, 7, 4, 10, None),
])  # fmt: skip
@pytest.mark.parametrize("targets", [None, 99, 70])
def test_windows(length, stride, rate, start, end, targets):
    data = RNG.normal(size=(99, 2))
    goals = None if targets is None else np.arange(targets)
    wanted = windows_of_keras(data, goals, length, stride, rate, start, end)
    got = utils.timeseries_dataset_from_array(data, goals, length, stride, rate, 8, start_index=start, end_index=end)
    assert len(got) == -(-len(wanted) // 8)
    whole = got.to_numpy()
    x, y = (whole, None) if goals is None else whole
    np.testing.assert_array_equal(x, np.stack([w for w, _ in wanted]))
    if goals is not None:
        np.testing.assert_array_equal(y, np.stack([t for _, t in wanted]))


def test_windows_in_another_order_and_in_training():
    data = np.arange(60.0, dtype="float32")
    make = lambda **how: utils.timeseries_dataset_from_array(data, data + 1, 3, shuffle=True, **how)  # noqa: E731
    first, again = make(seed=1).to_numpy()[1], make(seed=1).to_numpy()[1]
    np.testing.assert_array_equal(first, again)
    assert sorted(first) == sorted(data[:58] + 1) and (first != np.sort(first)).any()
    single = next(iter(make(batch_size=None)))
    assert single[0].shape == (3,) and single[1].shape == ()
    model = fkeras.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse")
    assert len(model.fit(make(batch_size=16), epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("how", [
    {"sequence_length": 0}, {"sampling_rate": 0}, {"sampling_rate": 10}, {"sequence_stride": 0}, {"start_index": 10},
    {"start_index": 5, "end_index": 5}, {"sequence_length": 11}, {"format": "torch"}, {"start_index": -1},
])  # fmt: skip
def test_windows_that_cannot_be(how):
    with pytest.raises(ValueError):
        utils.timeseries_dataset_from_array(np.arange(10), None, **{"sequence_length": 2, **how})


# --- directories ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    from PIL import Image

    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(1)
    for c, name in enumerate(["cat", "dog", "eel"]):
        for i in range(4):
            folder = root / name / ("deep" if i == 3 else "")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (20 + 3 * i, 16 + 5 * c, 3), dtype="uint8")
            Image.fromarray(pixels).save(folder / f"{i}.png")
            (folder / f"{i}.txt").write_text(f"{name} number {i}")
            with wave.open(str(folder / f"{i}.wav"), "wb") as file:
                file.setparams((1 + (c == 9), 2, 8000, 0, "NONE", ""))
                file.writeframes(rng.integers(-(2**15), 2**15, 50 + 10 * i, dtype="int16").tobytes())
    (root / ".hidden").mkdir()
    (root / "cat" / "note.md").write_text("no data")
    return root


def read_by_keras(folders: Path, **how: Any) -> Any:
    """Paths and labels as Keras finds them."""
    how = {"labels": "inferred", "shuffle": True, "seed": 3, "formats": (".txt",), "verbose": False, **how}
    return dataset_utils.index_directory(str(folders), **how)


@pytest.mark.parametrize("how", [
    {}, {"shuffle": False}, {"class_names": ["eel", "cat"]}, {"labels": None}, {"labels": [*range(12)]}, {"seed": 12},
])  # fmt: skip
def test_files_are_found_as_in_keras(folders, how):
    paths, labels, names = read_by_keras(folders, **copy.deepcopy(how))  # it shuffles a list where it lies
    got = utils.text_dataset_from_directory(folders, **{"seed": 3, **how}, verbose=False)
    assert got.class_names == names and list(got.file_paths) == [os.fspath(p) for p in paths]
    content = {p: Path(p).read_text() for p in paths}
    batches = list(got)
    texts = np.concatenate([b if labels is None else b[0] for b in batches])
    assert sorted(texts) == sorted(content.values())
    if labels is not None:
        pairs = {(t, int(y)) for x, ys in batches for t, y in zip(x, ys, strict=True)}
        assert pairs == {(content[p], int(y)) for p, y in zip(paths, labels, strict=True)}
        assert batches[0][1].dtype == "int32"
    if not how.get("shuffle", True):
        assert texts.tolist() == [content[p] for p in paths]


def test_both_subsets(folders, capsys):
    how = {"validation_split": 0.25, "seed": 2, "batch_size": 4}
    train, valid = utils.text_dataset_from_directory(folders, subset="both", **how)
    told = capsys.readouterr().out
    assert told == (
        "Found 12 files belonging to 3 classes.\nUsing 9 files for training.\nUsing 3 files for validation.\n"
    )
    for name, data in (("training", train), ("validation", valid)):
        alone = utils.text_dataset_from_directory(folders, subset=name, verbose=False, **how)
        assert alone.file_paths == data.file_paths
    assert not set(train.file_paths) & set(valid.file_paths) and len(train) == 3 and len(valid) == 1
    first, second = np.concatenate([x for x, _ in train]), np.concatenate([x for x, _ in train])
    assert sorted(first) == sorted(second) and (first != second).any()


def test_modes_of_labels(folders):
    hot = dict(zip(*next(iter(utils.text_dataset_from_directory(folders, label_mode="categorical"))), strict=True))
    assert hot["dog number 1"].tolist() == [0, 1, 0] and hot["dog number 1"].dtype == "float32"
    two = utils.text_dataset_from_directory(folders, label_mode="binary", class_names=["dog", "eel"], max_length=3)
    x, y = next(iter(two))
    assert y.shape == (8, 1) and y.dtype == "float32" and {t: float(v[0]) for t, v in zip(x, y, strict=True)} == {
        "dog": 0.0, "eel": 1.0,
    }  # fmt: skip
    alone = utils.text_dataset_from_directory(folders, batch_size=None, shuffle=False)
    text, label = next(iter(alone))
    assert text == "cat number 0" and label == 0 and len(alone) == 12


@pytest.mark.parametrize(("how", "words"), [
    ({"labels": "guessed"}, "labels must be"), ({"labels": [0]}, "12 files"), ({"label_mode": "hot"}, "label_mode"),
    ({"class_names": ["cow"]}, "cow"), ({"labels": None, "class_names": ["cat"]}, "inferred"),
    ({"label_mode": "binary"}, "two classes"), ({"validation_split": 0.2}, "go together"),
    ({"validation_split": 0.2, "subset": "training"}, "seed="), ({"subset": "test", "validation_split": 0.5}, "subset"),
    ({"validation_split": 2, "subset": "both"}, "between 0 and 1"), ({"format": "csv"}, "format"),
    ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "No files found"),
])  # fmt: skip
def test_what_cannot_be_asked_of_a_directory(folders, how, words):
    with pytest.raises(ValueError, match=words):
        utils.text_dataset_from_directory(folders, verbose=False, **how)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        utils.text_dataset_from_directory(folders / "nowhere")


# --- images ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("keep", ["", "crop", "pad"])
def test_resizing_is_that_of_keras(how, keep):
    for old, new in (((13, 20), (7, 9)), ((6, 5), (14, 8))):
        image = RNG.uniform(0, 255, (*old, 3)).astype("float32")
        wanted = keras.ops.image.resize(
            image, new, how, crop_to_aspect_ratio=keep == "crop", pad_to_aspect_ratio=keep == "pad"
        )
        got = resizing.resize(image, new, how, keep == "crop", keep == "pad")
        np.testing.assert_allclose(got, np.asarray(wanted), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("how", ["area", "gaussian", "mitchellcubic"])
def test_other_kernels_keep_what_is_flat_and_the_mean(how):
    np.testing.assert_allclose(resizing.resize(np.full((9, 7, 1), 3.0), (4, 12), how), 3, rtol=1e-5)
    image = RNG.uniform(size=(8, 6, 1)).astype("float32")
    if how == "area":
        np.testing.assert_allclose(
            resizing.resize(image, (4, 2), how)[..., 0], image.reshape(4, 2, 2, 3).mean((1, 3)), rtol=1e-5
        )


def test_kernels_that_blur_do_so_along_both_axes():
    image = np.zeros((4, 5, 1), "float32")
    image[:, 2] = 1
    side, middle = np.array([np.exp(-2), 1]) / (1 + 2 * np.exp(-2))
    got = resizing.resize(image, (2, 5), "gaussian")[..., 0]
    np.testing.assert_allclose(got, [[0, side, middle, side, 0]] * 2, rtol=1e-5)
    np.testing.assert_array_equal(resizing.resize(image, (4, 5), "gaussian"), image)


@pytest.mark.parametrize("mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_images(folders, mode, form):
    from PIL import Image

    data = utils.image_dataset_from_directory(
        folders, color_mode=mode, image_size=(8, 10), batch_size=5, shuffle=False, data_format=form, verbose=False
    )
    x, y = data.to_numpy()
    channels = {"rgb": 3, "rgba": 4, "grayscale": 1}[mode]
    assert x.shape == ((12, channels, 8, 10) if form == "channels_first" else (12, 8, 10, channels))
    assert x.dtype == "float32" and y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    pixels = np.asarray(Image.open(data.file_paths[7]).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]), "float32")
    wanted = np.asarray(keras.ops.image.resize(pixels.reshape(*pixels.shape[:2], channels), (8, 10)))
    np.testing.assert_allclose(np.moveaxis(x, 1, -1)[7] if form == "channels_first" else x[7], wanted, atol=1e-2)


def test_images_in_training(folders):
    make = lambda **how: utils.image_dataset_from_directory(  # noqa: E731
        folders, image_size=(8, 8), batch_size=4, seed=1, verbose=False, **how
    )
    model = fkeras.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    train, valid = make(validation_split=0.25, subset="both")
    history = model.fit(train, validation_data=valid, epochs=2, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert model.predict(make(label_mode=None), verbose=0).shape == (12, 3)
    assert make(crop_to_aspect_ratio=True).to_numpy()[0].shape == (12, 8, 8, 3)
    for how, words in (
        ({"color_mode": "cmyk"}, "color_mode"), ({"interpolation": "best"}, "interpolation"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "not both"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            make(**how)
    with pytest.raises(ValueError, match="image_size"):
        utils.image_dataset_from_directory(folders, image_size=(8, 8, 3))


def test_an_image_that_is_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"text")
    data = utils.image_dataset_from_directory(tmp_path, labels=None, verbose=False)
    with pytest.raises(ValueError, match=r"a\.png cannot be read as an image"):
        list(data)


# --- sounds ---------------------------------------------------------------------------------------------


def test_sounds(folders):
    make = lambda **how: utils.audio_dataset_from_directory(  # noqa: E731
        folders, shuffle=False, verbose=False, **{"batch_size": 4, **how}
    )
    x, _ = next(iter(make()))
    assert x.shape == (4, 80, 1) and x.dtype == "float32" and not x[0, 50:].any() and abs(x).max() <= 1
    with wave.open(make().file_paths[1]) as file:
        raw = np.frombuffer(file.readframes(60), "int16")
    np.testing.assert_allclose(x[1, :60, 0], raw / 2**15, rtol=1e-6)
    assert next(iter(make(output_sequence_length=55)))[0].shape == (4, 55, 1)
    ragged, _ = next(iter(make(ragged=True)))
    assert [len(s) for s in ragged] == [50, 60, 70, 80]
    assert next(iter(make(batch_size=None)))[0].shape == (50, 1)
    assert next(iter(make(sampling_rate=4000)))[0].shape == (4, 40, 1)
    for how in ({"ragged": True, "output_sequence_length": 3}, {"sampling_rate": 0}, {"sampling_rate": 1.5}):
        with pytest.raises(ValueError):
            make(**how)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_files_of_all_widths(tmp_path, width):
    limit = 2 ** (8 * width - 1)
    numbers = np.array([-limit, -limit // 2, 0, limit // 2, limit - 1])
    shifted = numbers + (limit if width == 1 else 0)
    raw = b"".join(int(n).to_bytes(width, "little", signed=width > 1) for n in np.repeat(shifted, 2))
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, width, 44100, 0, "NONE", ""))
        file.writeframes(raw)
    samples, rate = sounds.read_sound(str(tmp_path / "a.wav"))
    assert rate == 44100 and samples.shape == (5, 2)
    np.testing.assert_allclose(samples[:, 1], numbers / limit, atol=1e-7)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"b\.wav cannot be read"):
        sounds.read_sound(str(tmp_path / "b.wav"))


@pytest.mark.parametrize(("old", "new"), [(8000, 4000), (8000, 11025), (16000, 8000)])
def test_resampling_keeps_a_tone(old, new):
    tone = lambda rate: np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate)[:, None].astype("float32")  # noqa: E731
    got = sounds.resample(tone(old), old, new)
    inner = slice(100, min(len(got), new // 4) - 100)
    np.testing.assert_allclose(got[inner], tone(new)[inner], atol=0.01)
    noise = sounds.resample(np.sin(2 * np.pi * 0.45 * np.arange(4000))[:, None], 2, 1)
    assert abs(noise[200:-200]).max() < 0.01  # above what the lower rate can hold


# --- splits and packs -----------------------------------------------------------------------------------


def test_split_dataset():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.6)
    assert left.to_numpy()[1].tolist() == [*range(6)] and right.to_numpy()[0].tolist() == x[6:].tolist()
    left, right = utils.split_dataset(x, left_size=3, right_size=2)
    assert len(left) == 3 and right.to_numpy().tolist() == x[8:].tolist()
    import random

    order = [*range(10)]
    random.Random(5).shuffle(order)  # Keras shuffles so
    left, right = utils.split_dataset(y, right_size=4, shuffle=True, seed=5)
    assert left.to_numpy().tolist() == order[:6] and right.to_numpy().tolist() == order[6:]
    left, right = utils.split_dataset(Dataset.from_tensor_slices((x, y)).batch(4), left_size=0.5)
    assert [len(b) for _, b in left] == [4, 1] and left.batched
    left, _ = utils.split_dataset([(i, {"a": i}) for i in range(4)].__iter__(), left_size=1)
    assert [(int(i), int(d["a"])) for i, d in left] == [(0, 0)]


@pytest.mark.parametrize(("how", "kind"), [
    ({}, ValueError), ({"left_size": 1.0}, ValueError), ({"left_size": 0}, ValueError), ({"left_size": 10}, ValueError),
    ({"left_size": 0.7, "right_size": 0.6}, ValueError), ({"left_size": "half"}, TypeError),
    ({"left_size": 0.01}, ValueError), ({"left_size": 6, "right_size": 5}, ValueError),
])  # fmt: skip
def test_splits_that_cannot_be(how, kind):
    with pytest.raises(kind):
        utils.split_dataset(np.arange(10), **how)
    with pytest.raises(TypeError, match="str"):
        utils.split_dataset("data", left_size=1)


@pytest.mark.parametrize("data", [(1,), (1, 2), (1, 2, 3), [1, 2], 5, {"a": 1}])
def test_packs_are_those_of_keras(data):
    assert utils.unpack_x_y_sample_weight(data) == keras.utils.unpack_x_y_sample_weight(data)
    parts = utils.unpack_x_y_sample_weight(data)
    assert utils.pack_x_y_sample_weight(*parts) == keras.utils.pack_x_y_sample_weight(*parts)
    with pytest.raises(ValueError, match="tuple of 4"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))
