"""ImageDataGenerator and what belongs to it: against Keras, which draws the same numbers."""

from __future__ import annotations

import inspect
import pickle
import types

import keras
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as theirs

import fkeras
from fkeras.preprocessing import image as ours

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (7, 8, 11, 3)).astype("float32")
LABELS = np.arange(7)
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


@pytest.fixture(autouse=True)
def untouched():
    """What Keras does to NumPy's random numbers is undone."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


def settings_of(function):
    """(name, default) of the arguments, in order."""
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values() if p.name != "kwargs"]


def test_arguments_are_those_of_keras():
    for name in ours.__all__:
        other = getattr(theirs, name, None) or getattr(keras.preprocessing.image, name)
        assert settings_of(getattr(ours, name)) == settings_of(other), name
    for name in ("flow", "flow_from_directory", "flow_from_dataframe", "standardize", "fit", "random_transform"):
        assert settings_of(getattr(ours.ImageDataGenerator, name)) == settings_of(
            getattr(theirs.ImageDataGenerator, name)
        )
    for mine, other in (
        (fkeras.visualization, keras.visualization), (fkeras.utils.bounding_boxes, keras.utils.bounding_boxes),
    ):  # fmt: skip
        assert all(settings_of(getattr(mine, n)) == settings_of(getattr(other, n)) for n in mine.__all__)


# --- single images -------------------------------------------------------------------------------

MOVES = {
    "turn": {"theta": 30}, "across": {"tx": 1.5}, "down": {"ty": -2.25}, "shear": {"shear": 20},
    "zoom": {"zx": 0.7, "zy": 1.4},
    "all": {"theta": -75, "tx": 20.3, "ty": -25.1, "shear": 10, "zx": 0.5, "zy": 1.9},
}  # fmt: skip


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
def test_affine_transform(mode, order):
    for how in MOVES.values():
        settings = {**how, **LAST, "fill_mode": mode, "order": order, "cval": 7.0}
        have, want = (m.apply_affine_transform(IMAGES[0], **settings) for m in (ours, theirs))
        np.testing.assert_allclose(have, want, atol=0.02)
    x = np.moveaxis(IMAGES[0], -1, 0)
    have, want = (m.apply_affine_transform(x, theta=20, tx=3, fill_mode=mode, order=order) for m in (ours, theirs))
    np.testing.assert_allclose(have, want, atol=0.02)


@pytest.mark.parametrize("scale", [False, True])
def test_brightness_and_channels(scale):
    for x in (IMAGES[0], IMAGES[0] - 50, IMAGES[0] * 3, RNG.uniform(0, 255, (5, 6, 4)).astype("float32")):
        for brightness in (0.3, 1.0, 1.7):
            have, want = (m.apply_brightness_shift(x, brightness, scale) for m in (ours, theirs))
            np.testing.assert_allclose(have, want, atol=1e-3)
    have, want = (m.apply_channel_shift(IMAGES[0], 30.0, 2) for m in (ours, theirs))
    np.testing.assert_allclose(have, want)


def test_random_functions_follow_the_process_wide_seed():
    x, calls = IMAGES[0], {
        "random_rotation": (40,), "random_shift": (0.3, 0.2), "random_shear": (30,), "random_zoom": ((0.5, 1.5),),
    }  # fmt: skip
    for name, args in calls.items():
        made = []
        for seed in (1, 1, 2):
            fkeras.utils.set_random_seed(seed)
            before = np.random.get_state()[1].copy()
            made.append(getattr(ours, name)(x, *args, **LAST))
            np.testing.assert_array_equal(before, np.random.get_state()[1])
        np.testing.assert_array_equal(made[0], made[1])
        assert np.abs(made[0] - made[2]).max() > 1, name
    assert ours.random_brightness(x, (0.5, 0.6)).max() <= 0.6 * 255
    assert np.ptp(ours.random_channel_shift(x, 20.0, 2)) <= np.ptp(x)


# --- flows of arrays -----------------------------------------------------------------------------

GENERATORS = {
    "plain": {},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "affine": {
        "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 3.0, "shear_range": 15.0,
        "zoom_range": 0.3, "horizontal_flip": True, "vertical_flip": True, "fill_mode": "reflect",
    },
    "pixels": {"width_shift_range": 4, "height_shift_range": [0.1, 0.4], "zoom_range": (0.5, 0.9), "cval": 9.0,
               "fill_mode": "constant"},
    "light": {"brightness_range": (0.4, 1.6), "channel_shift_range": 40.0, "horizontal_flip": True},
    "scale": {"rescale": 1 / 255, "samplewise_center": True, "samplewise_std_normalization": True},
    "function": {"preprocessing_function": lambda x: x[::-1] * 2, "rescale": 0.5, "rotation_range": 20},
    "first": {"data_format": "channels_first", "rotation_range": 20, "vertical_flip": True, "channel_shift_range": 9.0},
}  # fmt: skip


def flows(name, **settings):
    x = np.moveaxis(IMAGES, -1, 1) if name == "first" else IMAGES
    return [m.ImageDataGenerator(**GENERATORS[name]).flow(x, LABELS, **settings) for m in (ours, theirs)]


def check(have, want, atol=0.02):
    assert type(have) is type(want)
    for a, b in zip(have, want, strict=True) if isinstance(have, tuple) else [(have, want)]:
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("name", GENERATORS)
def test_flow_equals_keras(name):
    have, want = flows(name, batch_size=3, seed=5, shuffle=name != "plain")
    assert len(have) == len(want) == 3
    for _ in range(2):  # by number, over two passes
        for i in range(3):
            check(have[i], want[i])
        have.on_epoch_end(), want.on_epoch_end()
    have, want = flows(name, batch_size=3, seed=5)
    for _ in range(7):  # one after the other
        check(next(have), next(want))


@pytest.mark.parametrize("name", ["affine", "pixels", "light"])
def test_one_random_transform_equals_keras(name):
    a, b = (m.ImageDataGenerator(**GENERATORS[name]) for m in (ours, theirs))
    drawn, wanted = (g.get_random_transform((8, 11, 3), seed=3) for g in (a, b))
    assert list(drawn) == list(wanted)
    for key, value in wanted.items():
        assert drawn[key] == pytest.approx(value), key
    np.testing.assert_allclose(a.random_transform(IMAGES[0], 3), b.random_transform(IMAGES[0], 3), atol=0.02)
    how = {"theta": 20, "flip_horizontal": True}
    np.testing.assert_allclose(a.apply_transform(IMAGES[0], how), b.apply_transform(IMAGES[0], how), atol=0.02)


STATISTICS = {
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True},
    "whitening": {"zca_whitening": True, "featurewise_center": True, "zca_epsilon": 0.1},
    "rescaled": {"featurewise_center": True, "rescale": 1 / 255},
}


@pytest.mark.parametrize("name", STATISTICS)
def test_fit_equals_keras(name):
    x = RNG.uniform(0, 1, (6, 4, 4, 3)).astype("float32")
    for how in ({}, {"augment": True, "rounds": 2, "seed": 1}):
        a, b = (m.ImageDataGenerator(**STATISTICS[name], horizontal_flip=True) for m in (ours, theirs))
        a.fit(x, **how), b.fit(x, **how)
        kept = x.copy()
        np.testing.assert_allclose(a.standardize(x[0]), b.standardize(x[0].copy()), rtol=1e-3, atol=1e-3)
        check(a.flow(x, seed=1)[0], b.flow(x, seed=1)[0], 1e-3)
        np.testing.assert_array_equal(x, kept)


def test_what_comes_along():
    x, other, weights = IMAGES, np.arange(14).reshape(7, 2), np.linspace(0, 1, 7)
    start = {None: 0, "training": 2, "validation": 0}
    for subset in start:
        made = []
        for m in (ours, theirs):
            flow = m.ImageDataGenerator(validation_split=0.4).flow(
                (x, [other, other + 1]), LABELS % 2, 4, sample_weight=weights, seed=1, subset=subset
            )
            made.append(next(flow))
        (images, *rest), (wanted, *others) = made
        for a, b in zip([*images, *rest], [*wanted, *others], strict=True):
            shift = start[subset] / 6 if a is rest[-1] else 0  # Keras takes the weights of other rows there
            np.testing.assert_allclose(a, b + shift)


def test_passes_numbers_and_pickles():
    flow, _ = flows("affine", batch_size=3, seed=5)
    one, again = flow[1][0], flow[1][0]
    assert np.abs(one - again).max() > 1  # another pass
    backwards, forwards = flows("affine", batch_size=3, seed=5)[0], flows("affine", batch_size=3, seed=5)[0]
    made = {i: backwards[i][0] for i in (2, 1, 0)}
    for i in range(3):
        np.testing.assert_array_equal(made[i], forwards[i][0])
    copy = pickle.loads(pickle.dumps(forwards))
    np.testing.assert_array_equal(copy[0][0], forwards[0][0])
    free = ours.ImageDataGenerator(rotation_range=90).flow(IMAGES, batch_size=7, shuffle=False)
    assert np.abs(free[0] - free[0]).max() > 1


def test_batches_may_be_written_to():
    for settings in ({}, {"rotation_range": 9}, {"horizontal_flip": True}, {"brightness_range": (1, 1)}):
        x = ours.ImageDataGenerator(**settings).flow(IMAGES)[0]
        x /= 255
        assert IMAGES.max() > 1


def test_subclasses_have_their_way():
    class Darker(ours.ImageDataGenerator):
        def standardize(self, x):
            return super().standardize(x) / 2

    np.testing.assert_allclose(Darker().flow(IMAGES, shuffle=False)[0], IMAGES / 2)

    class Every(ours.Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array + ours.transforms.draws().randint(5)

    one, two = (Every(5, 2, True, 3) for _ in range(2))
    np.testing.assert_array_equal(
        np.concatenate([*map(one.__getitem__, range(3))]), np.concatenate([*map(two.__getitem__, range(3))])
    )


def test_a_model_learns_from_a_flow():
    flow = ours.ImageDataGenerator(rescale=1 / 255, horizontal_flip=True).flow(IMAGES, LABELS / 7, batch_size=3, seed=1)
    L = fkeras.layers
    model = fkeras.Sequential([L.Flatten(), L.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(flow, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and model.predict(flow, verbose=0).shape == (7, 1)


# --- files ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Two classes of images, of which some lie deeper, and a file that is none."""
    for i in range(7):
        place = tmp_path / ("cat" if i % 2 else "dog") / ("deep" if i > 4 else "")
        place.mkdir(parents=True, exist_ok=True)
        fkeras.utils.save_img(place / f"{i}.png", IMAGES[i], scale=False)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("mode", ["categorical", "binary", "sparse", "input", None])
def test_flow_from_directory_equals_keras(folder, mode, capsys):
    settings = {"target_size": (6, 7), "class_mode": mode, "batch_size": 3, "seed": 2, "interpolation": "bilinear"}
    a, b = (
        m.ImageDataGenerator(rotation_range=20, validation_split=0.3).flow_from_directory(str(folder), **settings)
        for m in (ours, theirs)
    )
    assert "Found 7 images belonging to 2 classes." in capsys.readouterr().out
    assert a.filenames == b.filenames and a.class_indices == b.class_indices == {"cat": 0, "dog": 1}
    assert (a.samples, a.num_classes, a.image_shape) == (b.samples, b.num_classes, b.image_shape)
    for _ in range(4):
        check(next(a), next(b))


def test_subsets_and_colors_of_directories(folder):
    for settings in (
        {"subset": "training"}, {"subset": "validation"}, {"color_mode": "grayscale"}, {"color_mode": "rgba"},
        {"classes": ["dog"]}, {"keep_aspect_ratio": True},
    ):  # fmt: skip
        a, b = (
            m.ImageDataGenerator(validation_split=0.4).flow_from_directory(
                str(folder), target_size=(5, 5), shuffle=False, **settings
            )
            for m in (ours, theirs)
        )
        assert a.filenames == b.filenames
        check(a[0], b[0])


def test_saved_batches(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    flow = ours.ImageDataGenerator().flow(IMAGES, batch_size=4, save_to_dir=str(out), save_prefix="p", seed=1)
    next(flow)
    names = sorted(p.name for p in out.iterdir())
    assert len(names) == 4 and all(n.startswith("p_") and n.endswith(".png") for n in names)


TABLE = {
    "filename": ["dog/0.png", "cat/1.png", "dog/2.png", "none.png", "cat/3.png"],
    "class": ["dog", "cat", "dog", "cat", "cat"],
    "many": [["dog"], ["cat", "small"], ["dog", "small"], [], ["cat"]],
    "x": [0.0, 1.0, 2.0, 3.0, 4.0], "y": [5, 6, 7, 8, 9], "w": [0.1, 0.2, 0.3, 0.4, 0.5],
}  # fmt: skip


def rows(mode, **settings):
    settings = {"target_size": (8, 11), "shuffle": False, "class_mode": mode, **settings}
    with pytest.warns(UserWarning, match="1 files"):
        return ours.ImageDataGenerator(validation_split=0.5).flow_from_dataframe(TABLE, FOLDER.path, **settings)


FOLDER = types.SimpleNamespace(path="")


def test_flow_from_dataframe(folder):
    FOLDER.path = str(folder)
    x, y = rows("categorical")[0]
    np.testing.assert_array_equal(x[0], np.trunc(IMAGES[0]))
    np.testing.assert_array_equal(y, [[0, 1], [1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(rows("binary")[0][1], [1, 0, 1, 0])
    np.testing.assert_array_equal(rows("sparse", classes=["dog"])[0][1], [0, 0])
    flow = rows("categorical", y_col="many")
    assert flow.class_indices == {"cat": 0, "dog": 1, "small": 2}
    np.testing.assert_array_equal(flow[0][1], [[0, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(rows("raw", y_col="x", weight_col="w")[0][1], [0.0, 1.0, 2.0, 4.0])
    np.testing.assert_array_equal(rows("raw", y_col=["x", "y"])[0][1][1], [1.0, 6.0])
    np.testing.assert_array_equal(rows("raw", y_col="x", weight_col="w")[0][2], [0.1, 0.2, 0.3, 0.5])
    one, two = rows("multi_output", y_col=["x", "y"], subset="training")[0][1]
    np.testing.assert_array_equal([one, two], [[2.0, 4.0], [7, 9]])
    x, y = rows("input")[0]
    np.testing.assert_array_equal(x, y)
    assert isinstance(rows(None)[0], np.ndarray)


def test_flow_from_a_pandas_dataframe_equals_keras(folder):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(TABLE).drop(index=3)
    for settings in (
        {}, {"class_mode": "binary"}, {"y_col": "many"}, {"class_mode": "raw", "y_col": ["x", "y"], "weight_col": "w"},
        {"class_mode": "multi_output", "y_col": ["x", "y"]}, {"class_mode": "sparse", "subset": "validation"},
    ):  # fmt: skip
        a, b = (
            m.ImageDataGenerator(validation_split=0.5).flow_from_dataframe(table, str(folder), seed=1, **settings)
            for m in (ours, theirs)
        )
        for have, want in zip(a[0], b[0], strict=True):
            np.testing.assert_allclose(np.asarray(have), np.asarray(want))


# --- what they refuse ----------------------------------------------------------------------------

G = ours.ImageDataGenerator
WRONG = {
    "fill": (lambda: G(fill_mode="mirrored"), "reflect"),
    "split": (lambda: G(validation_split=2), "between 0 and 1"),
    "zoom": (lambda: G(zoom_range=(1, 2, 3)), "zoom_range"),
    "brightness": (lambda: G(brightness_range=0.3), "brightness_range"),
    "rank": (lambda: G().flow(IMAGES[0]), "rank 4"),
    "fit": (lambda: G().fit(IMAGES[0]), "rank 4"),
    "rows": (lambda: G().flow(IMAGES, LABELS[:3]), "3 rows"),
    "subset": (lambda: G(validation_split=0.5).flow(IMAGES, subset="test"), "training"),
    "classes": (lambda: G(validation_split=0.5).flow(IMAGES, LABELS, subset="training"), "ignore_class_split"),
    "batch": (lambda: G().flow(IMAGES, batch_size=0), "batch_size"),
    "number": (lambda: G().flow(IMAGES)[1], "1 batches"),
    "mode": (lambda: G().flow_from_directory(".", class_mode="raw"), "class_mode"),
    "color": (lambda: G().flow_from_directory(".", color_mode="cmyk"), "color_mode"),
    "table mode": (lambda: G().flow_from_dataframe(TABLE, class_mode="many"), "class_mode"),
    "axes": (lambda: ours.apply_affine_transform(IMAGES[0], 3, row_axis=0), "axes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    call, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        call()
    with pytest.raises(TypeError, match="one column"):
        G().flow_from_dataframe({"filename": ["a.png"], "class": ["a"]}, y_col=["class"])


def test_unfitted_statistics_are_said():
    with pytest.warns(UserWarning, match="before fit"):
        G(featurewise_center=True).flow(IMAGES)[0]
    with pytest.warns(UserWarning, match="featurewise_center=True"):
        assert G(featurewise_std_normalization=True).featurewise_center
