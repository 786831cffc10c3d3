"""Models and weights in files: what comes back is what went in, and a failed load changes nothing."""

from __future__ import annotations

import json
import zipfile

import chex
import h5py
import jax.numpy as jnp
import numpy as np
import pytest

import fkeras
from fkeras import Sequential, facade, layers, saving
from fkeras.saving import hdf5, safetensors

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def small(units=3, **compiled):
    """A small model."""
    model = Sequential([layers.Input((4,)), layers.Dense(units, "tanh"), layers.Dropout(0.5, seed=3), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"], **compiled)
    return model


def equal(a, b):
    """Asserts that two lists of arrays are equal to the bit."""
    chex.assert_trees_all_equal(*([np.asarray(getattr(x, "value", x)) for x in t] for t in (a, b)))


@pytest.fixture
def path(tmp_path):
    """A place for a file."""
    return lambda name: tmp_path / name


# --- whole models --------------------------------------------------------------------------------


def test_training_goes_on_to_the_bit(path):
    model = small()
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    model.save(path("m.keras"))
    again = saving.load_model(path("m.keras"))
    equal(again.get_weights(), model.get_weights())
    equal(again.optimizer.variables, model.optimizer.variables)
    for m in (model, again):
        m.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    equal(again.get_weights(), model.get_weights())
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_folder_a_file_object_and_an_old_file_hold_the_same(path):
    model = small()
    model.fit(X, Y, verbose=0)
    model.save(path("folder"), zipped=False)
    model.save(path("m.h5"))
    with open(path("m.keras"), "wb") as file:
        saving.save_model(model, file)
    with open(path("m.keras"), "rb") as file:
        opened = saving.load_model(file)
    for again in (opened, saving.load_model(path("folder")), saving.load_model(path("m.h5"))):
        equal(again.get_weights(), model.get_weights())
        equal(again.optimizer.variables, model.optimizer.variables)
    assert not saving.load_model(path("folder"), compile=False).compiled


def test_nothing_is_drawn_when_a_model_is_loaded(path, monkeypatch):
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2, kernel_initializer="he_normal")])
    model.save(path("m.keras"))

    def refuse(*args):
        raise AssertionError("first values were made")

    monkeypatch.setattr(facade, "fill", refuse)
    equal(saving.load_model(path("m.keras")).get_weights(), model.get_weights())


def test_weights_may_be_loaded_before_the_first_call(path):
    model = small()
    model.save_weights(path("m.weights.h5"))
    fresh = small()
    fresh.load_weights(path("m.weights.h5"))
    equal(fresh.get_weights(), model.get_weights())
    fresh = small()
    fresh.load_weights(path("m.weights.h5"), skip_mismatch=True)
    equal(fresh.get_weights(), model.get_weights())


def test_a_model_without_shapes_says_so(path):
    model = Sequential([layers.Dense(3)])
    with pytest.warns(UserWarning, match="no weights yet"):
        model.save(path("m.keras"))
    assert saving.load_model(path("m.keras")).layers[0].units == 3
    with pytest.raises(ValueError, match="does not know the shape of its inputs"):
        model.load_weights(path("m.keras"))


# --- all or nothing ------------------------------------------------------------------------------


def test_a_load_that_fails_changes_nothing(path):
    small(units=5).save_weights(path("other.weights.h5"))
    model = small()
    model.fit(X, Y, verbose=0)
    before, slots = model.get_weights(), [np.asarray(v.value) for v in model.optimizer.variables]
    with pytest.raises(ValueError, match=r"kernel has shape \(4, 3\), the file holds one of shape \(4, 5\)"):
        model.load_weights(path("other.weights.h5"))
    equal(model.get_weights(), before)
    equal(model.optimizer.variables, slots)
    fresh = small()
    with pytest.raises(ValueError, match="Nothing was loaded"):
        fresh.load_weights(path("other.weights.h5"))
    assert not fresh._face.filled


def test_an_optimizer_that_does_not_fit_undoes_the_weights_as_well(path):
    model, other = small(), small()
    other.fit(X, Y, verbose=0)
    other.save_weights(path("o.weights.h5"))
    with h5py.File(path("o.weights.h5"), "a") as file:
        del file["optimizer/vars/3"]
        file["optimizer/vars/3"] = np.zeros((7, 7), "float32")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"file holds one of shape \(7, 7\)"):
        model.load_weights(path("o.weights.h5"))
    equal(model.get_weights(), before)


def test_skip_mismatch_leaves_what_does_not_fit(path):
    small(units=5).save_weights(path("o.weights.h5"))
    other = Sequential([layers.Input((4,)), layers.Dense(5), layers.Dropout(0.5), layers.Dense(9)])
    last = other.layers[-1].get_weights()
    with pytest.warns(UserWarning, match="keep the values they had"):
        other.load_weights(path("o.weights.h5"), skip_mismatch=True)
    equal(other.layers[-1].get_weights(), last)


def test_layers_may_be_left_out(path):
    model, other = small(), small()
    model.save_weights(path("m.weights.h5"))
    kept = other.layers[0].get_weights()
    saving.load_weights(other, path("m.weights.h5"), objects_to_skip=[other.layers[0]])
    equal(other.layers[0].get_weights(), kept)
    equal(other.layers[2].get_weights(), model.layers[2].get_weights())
    saving.save_weights(model, path("p.weights.h5"), objects_to_skip=[model.layers[0]])
    with pytest.raises(ValueError, match="file holds 0 for it"):
        other.load_weights(path("p.weights.h5"))


def test_old_weights_by_name(path):
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    model.save(path("m.h5"))
    other = Sequential([layers.Input((4,)), layers.Dense(3, name="a"), layers.Dense(7, name="c")])
    other.load_weights(path("m.h5"), by_name=True)
    equal(other.layers[0].get_weights(), model.layers[0].get_weights())
    with pytest.raises(ValueError, match="c"):
        other.load_weights(path("m.h5"))
    for wrong in ({"objects_to_skip": []}, {"by_name": True}):
        with pytest.raises(ValueError, match="only"):
            other.load_weights(path("m.h5" if "objects_to_skip" in wrong else "m.weights.h5"), **wrong)


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*old format")
def test_names_of_files_and_overwrite(path):
    model = small()
    for name, kwargs, said in (
        ("m.zip", {}, "must end in .keras"),
        ("m.keras", {"zipped": False}, "folder is written"),
    ):
        with pytest.raises(ValueError, match=said):
            model.save(path(name), **kwargs)
    for name, kwargs in (("m.zip", {}), ("m.keras", {"max_shard_size": 1})):
        with pytest.raises(ValueError, match=r"must end in \.weights"):
            model.save_weights(path(name), **kwargs)
    model.save_weights(path("m.h5"))
    twin = small()
    twin.load_weights(path("m.h5"))
    for ours, kept in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, kept)
    model.save(path("m.keras"))
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(path("m.keras"), overwrite=False)
    with pytest.raises(FileNotFoundError):
        saving.load_model(path("absent.keras"))
    with pytest.raises(ValueError, match="not on this machine"):
        saving.load_model("gs://bucket/m.keras")
    with pytest.raises(TypeError, match="include"):
        model.save(path("n.keras"), include_optimiser=False)


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    model = small()
    model.save(path("m.keras"))
    before = path("m.keras").read_bytes()
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *a: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        model.save(path("m.keras"))
    assert path("m.keras").read_bytes() == before
    assert [p.name for p in path(".").iterdir()] == ["m.keras"]


# --- classes of the user's -----------------------------------------------------------------------


class Tally(fkeras.Layer):
    """Keeps a table of its own beside its weights."""

    def __init__(self, words=(), **kwargs):
        super().__init__(**kwargs)
        self.words = list(words)
        self.secret = None

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")

    def call(self, x):
        return x * self.w

    def save_assets(self, folder):
        with open(f"{folder}/words.txt", "w") as file:
            file.write("\n".join(self.words))

    def load_assets(self, folder):
        with open(f"{folder}/words.txt") as file:
            self.words = file.read().split("\n")

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["secret"] = np.asarray([1.0, 2.0])

    def load_own_variables(self, store):
        self.secret = np.asarray(store["secret"])
        self.w.assign(store["0"])

    def get_build_config(self):
        return {"width": 4}

    def build_from_config(self, config):
        assert config["width"] == 4


def test_the_hooks_of_a_users_layer(path):
    layer = Tally()
    model = Sequential([layers.Input((4,)), layer])
    model(X)
    layer.words = ["a", "b"]
    layer.w.assign([1.0, 2.0, 3.0, 4.0])
    model.save(path("m.keras"))
    assert "assets/layers/tally/words.txt" in zipfile.ZipFile(path("m.keras")).namelist()
    again = saving.load_model(path("m.keras"), custom_objects={"Tally": Tally})
    chex.assert_trees_all_close(again(X), model(X))
    assert again.layers[0].words == ["a", "b"] and again.layers[0].secret.tolist() == [1.0, 2.0]


def test_a_layer_that_fails_to_load_undoes_all(path):
    model = Sequential([layers.Input((4,)), layers.Dense(4), Tally()])
    model(X)
    model.save_weights(path("m.weights.h5"))
    with h5py.File(path("m.weights.h5"), "a") as file:
        del file["layers/tally/vars/secret"]
    before = model.get_weights()
    model.layers[0].set_weights([w + 1 for w in model.layers[0].get_weights()])
    moved = model.get_weights()
    with pytest.raises(ValueError, match="Nothing was loaded"):
        model.load_weights(path("m.weights.h5"))
    equal(model.get_weights(), moved)
    assert not np.array_equal(moved[0], before[0])


@saving.register_keras_serializable("tests")
def twice(x):
    """What a Lambda does."""
    return 2 * x


def test_functions_by_name_and_custom_losses(path):
    def thrice(x):
        return 3 * x

    def own_loss(y, p):
        return jnp.mean((y - p) ** 4, -1)

    model = Sequential([layers.Input((4,)), layers.Lambda(twice), layers.Dense(2, thrice)])
    model.compile(fkeras.optimizers.SGD(fkeras.optimizers.schedules.CosineDecay(0.1, 10)), own_loss, metrics=[own_loss])
    model.save(path("m.keras"))
    with pytest.raises(saving.UnsafeModelError, match=r"function 'thrice'.*custom_objects=\{'thrice'"):
        saving.load_model(path("m.keras"))
    again = saving.load_model(path("m.keras"), custom_objects={"thrice": thrice, "own_loss": own_loss})
    chex.assert_trees_all_close(again(X), model(X))
    assert again.loss is own_loss


def test_optax_is_told_not_to_be_saved(path):
    optax = pytest.importorskip("optax")
    model = Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile(optax.sgd(0.1), "mse")
    with pytest.warns(UserWarning, match="not saved"):
        model.save(path("m.keras"))
    assert not saving.load_model(path("m.keras")).compiled


# --- old files -----------------------------------------------------------------------------------

KERAS_2 = {
    "class_name": "Model",
    "config": {
        "name": "model_1",
        "layers": [
            {
                "name": "input_1",
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "input_1"},
                "inbound_nodes": [],
            },
            {
                "name": "dense_1",
                "class_name": "Dense",
                "config": {
                    "name": "dense_1",
                    "trainable": True,
                    "units": 3,
                    "activation": "relu",
                    "use_bias": True,
                    "kernel_initializer": {
                        "class_name": "VarianceScaling",
                        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
                    },
                    "bias_initializer": {"class_name": "Zeros", "config": {}},
                    "kernel_regularizer": None,
                },
                "inbound_nodes": [[["input_1", 0, 0, {}]]],
            },
            {
                "name": "bn",
                "class_name": "BatchNormalization",
                "config": {"name": "bn", "axis": [-1], "momentum": 0.9},
                "inbound_nodes": [[["dense_1", 0, 0, {}]]],
            },
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["bn", 0, 0]],
    },
    "keras_version": "2.2.4",
    "backend": "tensorflow",
}


def test_a_file_of_keras_2(path):
    kernel = np.arange(12, dtype="float32").reshape(4, 3)
    norm = [np.full(3, v, "float32") for v in (1.0, 2.0, 3.0, 4.0)]
    with h5py.File(path("old.h5"), "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.2.4", b"tensorflow"
        file.attrs["model_config"] = json.dumps({k: KERAS_2[k] for k in ("class_name", "config")}).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.asarray([b"input_1", b"dense_1", b"bn"])
        group.create_group("input_1").attrs["weight_names"] = []
        named = dict(zip(("gamma", "beta", "moving_mean", "moving_variance"), norm, strict=True))
        for name, arrays in (("dense_1", {"kernel": kernel, "bias": np.ones(3, "float32")}), ("bn", named)):
            inner = group.create_group(name)
            inner.attrs["weight_names"] = np.asarray([f"{name}/{k}:0".encode() for k in arrays])
            for k, value in arrays.items():
                inner[f"{name}/{k}:0"] = value
    with pytest.warns(UserWarning, match="not compiled"):
        model = saving.load_model(path("old.h5"))
    equal(model.get_weights(), [kernel, np.ones(3, "float32"), *norm])
    h = np.maximum(X @ kernel + 1, 0)
    chex.assert_trees_all_close(model.predict(X, verbose=0), (h - 3) / np.sqrt(4 + 1e-3) + 2, rtol=1e-4)
    assert fkeras.models.model_from_json(json.dumps(KERAS_2)).count_params() == model.count_params()


# --- the reader of HDF5 --------------------------------------------------------------------------


def test_the_reader_sees_what_h5py_wrote(path):
    rng = np.random.default_rng(0)
    kinds = ["f2", "f4", "f8", ">f4", ">i2", "i1", "u8", "?"]
    with h5py.File(path("f.h5"), "w") as file:
        for i in range(150):
            value = (rng.normal(size=rng.integers(0, 4, rng.integers(0, 4))) * 9).astype(kinds[i % len(kinds)])
            file[f"{'abc'[i % 3]}/group_{i}/vars/{i % 7}"] = value
            file[f"{'abc'[i % 3]}/group_{i}"].attrs["name"] = f"naïve {i}"
        file.attrs.update(texts=["one", "two"], raw=np.asarray([b"x", b"yyy"]), number=3.5, long="z" * 50_000)
        want = {n: x[()] for n, x in walk(file)}
    found = hdf5.open_file(path("f.h5"))
    chex.assert_trees_all_equal({n: np.asarray(d.read()) for n, d in found.root.walk()}, want)
    assert found.root.attrs["texts"] == ["one", "two"] and found.root.attrs["raw"] == ["x", "yyy"]
    assert found.root.attrs["number"] == 3.5 and len(found.root.attrs["long"]) == 50_000
    assert found.root.find("b/group_1").attrs["name"] == "naïve 1"


def walk(group, path=""):
    """(path, dataset) of everything in a file of h5py."""
    for name, item in group.items():
        where = f"{path}/{name}" if path else name
        yield from walk(item, where) if isinstance(item, h5py.Group) else [(where, item)]


# --- safetensors, the editor ---------------------------------------------------------------------


def test_safetensors_there_and_back(path):
    model, other = small(), small()
    saving.export_weights(model, path("w.safetensors"))
    saving.import_weights(other, path("w.safetensors"))
    equal(other.get_weights(), model.get_weights())
    found = safetensors.read(path("w.safetensors"))
    safetensors.write(path("r.safetensors"), {k.upper(): v for k, v in found.items()})
    with pytest.raises(
        ValueError, match=r"dense\.kernel of shape .* holds none as 'dense\.kernel'.*Nothing was loaded"
    ):
        saving.import_weights(other, path("r.safetensors"))
    fresh = small()
    saving.import_weights(fresh, path("r.safetensors"), names=str.upper)
    equal(fresh.get_weights(), model.get_weights())
    with pytest.warns(UserWarning, match="keep the values"):
        saving.import_weights(small(units=5), path("w.safetensors"), skip_mismatch=True)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", ">f4", "int8", "uint32", "bool", "float8_e4m3fn"])
def test_safetensors_of_every_dtype(dtype, path):
    value = np.asarray(jnp.ones((2, 3)), dtype) if dtype[0] == ">" else np.ones((2, 3)).astype(jnp.dtype(dtype))
    safetensors.write(path("w.safetensors"), {"a": value, "scalar": value[0, 0], "empty": value[:0]}, {"k": "v"})
    found = safetensors.read(path("w.safetensors"))
    assert found["a"].shape == (2, 3) and found["scalar"].shape == () and found["empty"].shape == (0, 3)
    assert (found["a"] == value).all() and found["a"].dtype == value.dtype.newbyteorder("=")


def test_damaged_safetensors_are_told(path):
    safetensors.write(path("w.safetensors"), {"a": np.ones(4, "float32"), "b": np.ones(4, "float32")})
    raw = path("w.safetensors").read_bytes()
    swaps = [(b'"F32"', b'"F99"'), (b"[0, 16]", b"[4, 20]"), (b"[4]", b"[9]"), (b'"b"', b'"a"')]
    changes = [raw[:5], raw[:-1], raw + b"x", b"\xff" * 8 + raw[8:], *(raw.replace(*swap) for swap in swaps)]
    for bad in changes:
        path("bad.safetensors").write_bytes(bad)
        with pytest.raises(ValueError, match=r"bad\.safetensors"):
            safetensors.read(path("bad.safetensors"))


def test_the_editor(path, capsys):
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    model.save(path("m.keras"))
    editor = saving.KerasFileEditor(path("m.keras"))
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 4}
    editor.rename_object("dense_1", "head")
    editor.delete_weight("layers/dense", "1")
    assert editor.compare(model)["error_count"] == 3
    editor.add_weights("dense", {"1": np.full(3, 7.0, "float32")})
    editor.rename_object("layers/head", "dense_1")
    editor.add_object("layers/extra", {"0": np.zeros(2)})
    with pytest.raises(ValueError, match="no object 'nothing'"):
        editor.delete_object("nothing")
    editor.delete_object("extra")
    capsys.readouterr()
    editor.summary()
    assert capsys.readouterr().out.splitlines()[0] == "layers/dense/0: (4, 3) float32"
    editor.resave_weights(path("e.weights.h5"))
    model.load_weights(path("e.weights.h5"))
    assert model.get_weights()[1].tolist() == [7.0, 7.0, 7.0]
    assert editor.config["class_name"] == "Sequential" and "keras_version" in editor.metadata
