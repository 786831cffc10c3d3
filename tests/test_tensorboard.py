"""Event files are what TensorBoard reads; here a small reader of our own reads them."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fkeras
from fkeras.callbacks import TensorBoard

X = np.random.default_rng(0).integers(0, 7, (12, 4))
Y = np.random.default_rng(1).normal(size=(12, 1)).astype("float32")


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) % 2**32


def records(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == crc32c(body)
        found.append(body)
        at += 16 + length
    return found


def message(data: bytes) -> dict[int, list[Any]]:
    """{number of a field: its values}."""
    fields: dict[int, list[Any]] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        wire = key & 7
        if wire == 0:
            value: Any = varint()
        else:
            size = {1: 8, 5: 4}.get(wire) or varint()
            value, at = data[at : at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def values(proto: bytes) -> Any:
    t = message(proto)
    shape = [message(d)[1][0] for d in message(t[2][0]).get(2, [])]
    if t[1][0] == 7:
        return t[8] if shape else t[8][0]
    return np.frombuffer(t[4][0], {1: "<f4", 2: "<f8"}[t[1][0]]).reshape(shape)


def read(folder: Path) -> list[tuple[str, str, int, Any]]:
    """(tag, plugin, step, value) of everything in the event files of a folder."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        first, *events = [message(r) for r in records(path.read_bytes())]
        assert first[3] == [b"brain.Event:2"] and struct.unpack("<d", first[1][0])[0] > 1e9
        for event in events:
            value = message(message(event[5][0])[1][0])
            plugin = message(message(value[9][0])[1][0])[1][0].decode()
            found.append((value[1][0].decode(), plugin, event[2][0], values(value[8][0])))
    return found


def run(log_dir: Path, epochs: int = 2, **settings: Any) -> Any:
    layers = fkeras.layers
    model = fkeras.Sequential(
        [layers.Embedding(7, 3, name="words"), layers.Conv1D(2, 2, name="conv"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile(fkeras.optimizers.SGD(0.25), "mse", metrics=["mae"])
    board = TensorBoard(log_dir, **settings)
    history = model.fit(X, Y, batch_size=4, epochs=epochs, validation_data=(X[:6], Y[:6]), callbacks=[board], verbose=0)
    return model, history.history


def series(found: list[Any], tag: str) -> dict[int, float]:
    return {step: float(value) for name, plugin, step, value in found if name == tag and plugin == "scalars"}


def test_scalars(tmp_path):
    model, history = run(tmp_path, write_steps_per_second=True)
    train, held_out = read(tmp_path / "train"), read(tmp_path / "validation")
    for name in ("loss", "mae"):
        np.testing.assert_allclose(list(series(train, f"epoch_{name}").values()), history[name], rtol=1e-6)
        np.testing.assert_allclose(list(series(held_out, f"epoch_{name}").values()), history[f"val_{name}"], rtol=1e-6)
        assert list(series(held_out, f"evaluation_{name}_vs_iterations")) == [3, 6]
    assert series(train, "epoch_learning_rate") == {0: 0.25, 1: 0.25}
    assert all(v > 0 for v in series(train, "epoch_steps_per_second").values())
    assert not any(tag.startswith("batch_") for tag, *_ in train)
    graph = next(v for tag, plugin, _, v in train if plugin == "graph_keras_model")
    assert json.loads(graph)["config"]["name"] == model.name


def test_batches(tmp_path):
    run(tmp_path, update_freq=2, write_graph=False, write_steps_per_second=True)
    found = read(tmp_path / "train")
    assert list(series(found, "batch_loss")) == [2, 4, 6] == list(series(found, "batch_steps_per_second"))
    assert all(plugin == "scalars" for _, plugin, *_ in found)


def test_weights(tmp_path):
    model, _ = run(tmp_path, histogram_freq=2, write_images=True, epochs=3)
    found = read(tmp_path / "train")
    shown = {(tag, step): value for tag, plugin, step, value in found if plugin == "histograms"}
    assert {step for _, step in shown} == {0, 2} and len(shown) == 2 * len(model.weights)
    kernel = np.asarray(model.layers[-1].kernel)
    buckets = shown["dense/kernel/histogram", 2]
    assert buckets.shape == (30, 3) and buckets[:, 2].sum() == kernel.size
    np.testing.assert_allclose([buckets[0, 0], buckets[-1, 1]], [kernel.min(), kernel.max()])
    width, height, *pictures = next(v for tag, p, _, v in found if p == "images" and tag == "words/embeddings/image")
    assert (width, height) == (b"7", b"3") and len(pictures) == 1
    pixels = zlib.decompress(pictures[0][pictures[0].index(b"IDAT") + 4 : -16])
    assert pictures[0].startswith(b"\x89PNG") and len(pixels) == 3 * (7 + 1)


def test_embeddings(tmp_path):
    model, _ = run(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.txt"})
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.tsv"' in text and 'metadata_path: "words.txt"' in text
    np.testing.assert_allclose(np.loadtxt(tmp_path / "words.tsv"), np.asarray(model.layers[0].embeddings), rtol=1e-4)
    with pytest.raises(ValueError, match="'letters'"):
        run(tmp_path, embeddings_freq=1, embeddings_metadata={"letters": "a.txt"})


def test_settings_are_checked():
    for wrong in ({"update_freq": "always"}, {"profile_batch": (3, 1)}, {"profile_batch": -1}, {"profile_batch": "x"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TensorBoard(**wrong)


@pytest.mark.slow
def test_a_batch_is_traced(tmp_path):
    run(tmp_path, profile_batch=(2, 3))
    assert list((tmp_path / "train" / "plugins" / "profile").rglob("*.xplane.pb"))
