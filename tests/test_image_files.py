"""Image files and images as arrays: against Keras."""

from __future__ import annotations

import builtins
import io

import keras
import numpy as np
import pytest

from fkeras import utils as ours
from fkeras.preprocessing.image import smart_resize

theirs = keras.utils
RNG = np.random.default_rng(0)
COLORS = RNG.uniform(0, 255, (7, 9, 3)).astype("float32")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [False, True])
def test_arrays_become_images(channels, scale):
    x = RNG.uniform(0, 200, (5, 6, channels))
    for layout in ("channels_last", "channels_first"):
        y = x if layout == "channels_last" else np.moveaxis(x, -1, 0)
        a, b = (m.array_to_img(y, layout, scale) for m in (ours, theirs))
        assert a.mode == b.mode
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        np.testing.assert_array_equal(ours.img_to_array(a, layout), theirs.img_to_array(b, layout))
    deep = [m.array_to_img(x[..., :1] * 99, scale=False) for m in (ours, theirs)]
    assert deep[0].mode == deep[1].mode == "I"
    np.testing.assert_array_equal(*map(np.asarray, deep))


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_files(tmp_path, ending):
    for i, m in enumerate((ours, theirs)):
        m.save_img(tmp_path / f"{i}.{ending}", COLORS, scale=False)
    for settings in (
        {}, {"color_mode": "grayscale"}, {"color_mode": "rgba"}, {"target_size": (4, 5)},
        {"target_size": (4, 5), "interpolation": "bicubic"}, {"target_size": (10, 5), "keep_aspect_ratio": True},
        {"target_size": (3, 14), "interpolation": "box", "keep_aspect_ratio": True},
    ):  # fmt: skip
        a, b = (m.load_img(str(tmp_path / f"{i}.{ending}"), **settings) for i, m in enumerate((ours, theirs)))
        assert (a.mode, a.size) == (b.mode, b.size)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    read = io.BytesIO((tmp_path / f"0.{ending}").read_bytes())
    np.testing.assert_array_equal(ours.load_img(read), ours.load_img(tmp_path / f"0.{ending}"))


def test_transparent_images_in_files_without(tmp_path):
    with pytest.warns(UserWarning, match="transparency"):
        ours.save_img(tmp_path / "a.jpg", RNG.uniform(0, 255, (4, 4, 4)))
    buffer = io.BytesIO()
    ours.save_img(buffer, COLORS, file_format="png")
    assert ours.load_img(io.BytesIO(buffer.getvalue())).size == (9, 7)


@pytest.mark.parametrize("size", [(4, 4), (9, 3), (14, 20)])
def test_smart_resize(size):
    want = keras.preprocessing.image.smart_resize
    for x in (COLORS, COLORS[None]):
        have = smart_resize(x, size)
        assert isinstance(have, np.ndarray)
        np.testing.assert_allclose(have, want(x, size), rtol=1e-5, atol=1e-3)
    first = np.moveaxis(COLORS, -1, 0)
    settings = {"interpolation": "nearest", "data_format": "channels_first"}
    np.testing.assert_array_equal(smart_resize(first, size, **settings), want(first, size, **settings))


WRONG = {
    "rank": (lambda: ours.array_to_img(COLORS[0]), "one image"),
    "channels": (lambda: ours.array_to_img(np.ones((2, 2, 2))), "1, 3 or 4"),
    "nan": (lambda: ours.array_to_img(COLORS * np.nan), "NaN"),
    "range": (lambda: ours.array_to_img(COLORS * 2, scale=False), "scale=True"),
    "array": (lambda: ours.img_to_array(np.ones(3)), "2 or 3 axes"),
    "color": (lambda: ours.load_img("a.png", "cmyk"), "grayscale"),
    "size": (lambda: smart_resize(COLORS, 5), "two numbers"),
    "filter": (lambda: ours.load_img("a.png", interpolation="sharp"), "lanczos"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    call, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        call()


def test_without_pillow(monkeypatch):
    real = builtins.__import__

    def none(name, *args, **kwargs):
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(ImportError, match="pip install pillow"):
        ours.array_to_img(COLORS)
