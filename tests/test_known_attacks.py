"""What has been done to Keras by files, one test per trick: each watches for the deed, not for the error alone."""

from __future__ import annotations

import base64
import json
import marshal
import os
import pickle
import sys
import warnings

import h5py
import numpy as np
import pytest
from hostile import harmless, members, pack, with_config

import fkeras
from fkeras import Sequential, activations, initializers, layers, losses, metrics, optimizers, regularizers, saving

X = np.ones((2, 4), "float32")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A valid file."""
    path = tmp_path_factory.mktemp("attacks") / "m.keras"
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="d")], name="m")
    model.compile("adam", "mse", metrics=["mae"])
    model.save(path)
    return path


@pytest.fixture
def touched(tmp_path):
    """A file that only a deed makes; asserted not to be there."""
    path = tmp_path / "touched"
    yield path
    assert not path.exists()


def code_of(path):
    """The code of a lambda that makes a file and passes its input on, in the words of Keras."""
    function = eval(f"lambda x: (open({str(path)!r}, 'w').close(), x)[1]")
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode()
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}


def named(module, name, kind="function"):
    """An object that is told by its module and name."""
    if kind == "function":
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}
    return {"module": module, "class_name": name, "config": {}, "registered_name": f"{module}>{name}"}


def lambda_layer(function, **arguments):
    """The config of a Lambda layer."""
    settings = {"name": "l", "trainable": True, "dtype": "float32", "function": function, "arguments": arguments}
    return {"module": "keras.layers", "class_name": "Lambda", "config": settings, "registered_name": None}


def around(wrapper, layer, **more):
    """The config of a wrapper."""
    return {"module": "keras.layers", "class_name": wrapper, "config": {"layer": layer, **more}}


def loaded(good, path, change, **kwargs):
    """Loads a file whose config was changed, and uses the model if there is one; returns whether it was refused."""
    with_config(good, path, change)
    with harmless(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            saving.load_model(path, **kwargs)(X)
        except ValueError as error:
            assert os.path.basename(path) in str(error)
            return
    raise AssertionError("it was loaded")


FUNCTIONS = [
    ("os", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "open"), ("builtins", "print"),
    ("subprocess", "run"), ("pickle", "loads"), ("marshal", "loads"), ("numpy", "load"), ("runpy", "run_path"),
    ("keras.utils", "get_file"), ("keras.src.utils.file_utils", "get_file"), ("fkeras.utils", "get_file"),
    ("keras.config", "enable_unsafe_deserialization"), ("keras.src.config", "enable_unsafe_deserialization"),
    ("keras.utils", "plot_model"), ("fkeras.utils", "plot_model"), ("keras.models", "load_model"),
    ("keras.src.utils.python_utils", "func_load"), ("keras.saving", "save_model"), ("fkeras.atomic", "write_bytes"),
    ("keras.src.backend.jax.export", "os.system"), ("", "os.system"), (None, "__import__"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_functions_of_other_places(module, name, good, tmp_path, touched):
    """CVE-2025-1550, CVE-2025-8747, CVE-2025-9906: a Lambda layer whose function is the library's or Python's."""
    evil = named(module, name)
    given = {"fname": "touched", "origin": f"file://{touched}", "cache_dir": str(touched.parent), "x": str(touched)}
    for change in (
        lambda c: c["config"]["layers"].append(lambda_layer(evil, **given)),
        lambda c: c["config"]["layers"].append(around("TimeDistributed", lambda_layer(evil, **given))),
        lambda c: c["config"]["layers"][1]["config"].update(activation=evil),
        lambda c: c["config"]["layers"][1]["config"].update(kernel_initializer=evil),
        lambda c: c["compile_config"].update(metrics=[evil]),
        lambda c: c["compile_config"].update(loss=evil),
        lambda c: c["config"]["layers"][1].update(build_config={"input_shape": evil}),
        lambda c: c["config"]["layers"].append(named(module, name, "class")),
    ):
        for safe_mode in (True, False):
            loaded(good, tmp_path / "bad.keras", change, safe_mode=safe_mode)


PLACES = {
    "layer": lambda c, f: c["config"]["layers"].append(lambda_layer(f)),
    "time distributed": lambda c, f: c["config"]["layers"].append(around("TimeDistributed", lambda_layer(f))),
    "bidirectional": lambda c, f: c["config"]["layers"].append(
        around("Bidirectional", lambda_layer(f), backward_layer=lambda_layer(f))
    ),
    "nested": lambda c, f: c["config"]["layers"].append(
        {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [lambda_layer(f)]}}
    ),
    "cell": lambda c, f: c["config"]["layers"].append(
        {"module": "keras.layers", "class_name": "RNN", "config": {"cell": lambda_layer(f)}}
    ),
    "output shape": lambda c, f: c["config"]["layers"].append(
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "relu", "output_shape": f, "mask": f}}
    ),
    "activation": lambda c, f: c["config"]["layers"][1]["config"].update(activation=f),
    "initializer": lambda c, f: c["config"]["layers"][1]["config"].update(kernel_initializer=f),
    "regularizer": lambda c, f: c["config"]["layers"][1]["config"].update(activity_regularizer=f),
    "metric": lambda c, f: c["compile_config"].update(metrics=[f]),
    "function of a metric": lambda c, f: c["compile_config"].update(
        metrics=[{"module": "keras.metrics", "class_name": "MeanMetricWrapper", "config": {"name": "m", "fn": f}}]
    ),
    "loss": lambda c, f: c["compile_config"].update(loss={"out": f}),
    "schedule": lambda c, f: c["compile_config"]["optimizer"]["config"].update(learning_rate=f),
    "build": lambda c, f: c.update(build_config={"input_shape": f}),
}


@pytest.mark.parametrize("place", PLACES)
def test_code_in_every_place(place, good, tmp_path, touched):
    """CVE-2024-3660: the bytecode of a lambda."""
    for where in ([True] if place in ("layer", "nested", "time distributed", "bidirectional", "cell", "output shape")
                  else [True, False]):  # fmt: skip
        loaded(good, tmp_path / "bad.keras", lambda c: PLACES[place](c, code_of(touched)), safe_mode=where)


@pytest.mark.parametrize("version", ["2.2.4", "3.10.0"])
def test_code_in_an_old_file(version, tmp_path, touched):
    """CVE-2025-9905: an `.h5` file, for which Keras did not ask `safe_mode`."""
    code = code_of(touched)["config"]["code"]
    layer = {"name": "l", "function": [code, None, None], "function_type": "lambda", "arguments": {}, "module": "os"}
    told = {"name": "m", "layers": [{"class_name": "Lambda", "config": {**layer, "batch_input_shape": [None, 4]}}]}
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": told})
        file.create_group("model_weights").attrs["layer_names"] = [b"l"]
        file["model_weights"].create_group("l").attrs["weight_names"] = []
    with harmless(), pytest.raises(saving.UnsafeModelError, match=r"custom_objects=.*safe_mode=False"):
        saving.load_model(tmp_path / "bad.h5")


def test_no_switch_lets_all_files_run_code(good, tmp_path, touched):
    """CVE-2025-9906: a file that turns the guard off."""
    with pytest.raises(NotImplementedError, match="safe_mode=False"):
        fkeras.config.enable_unsafe_deserialization()
    loaded(good, tmp_path / "bad.keras", lambda c: PLACES["layer"](c, code_of(touched)))


def test_code_runs_for_a_caller_who_asks_for_it(good, tmp_path):
    with_config(good, tmp_path / "m.keras", lambda c: PLACES["layer"](c, code_of(tmp_path / "made")))
    model = saving.load_model(tmp_path / "m.keras", safe_mode=False)
    assert model(X).shape == (2, 3) and (tmp_path / "made").exists()

    os.remove(tmp_path / "made")
    layer = saving.deserialize_keras_object(lambda_layer(code_of(tmp_path / "made")), safe_mode=False)
    assert layer(X).shape == (2, 4) and (tmp_path / "made").exists()

    def change(config):
        PLACES["layer"](config, code_of(tmp_path / "made"))
        config["config"]["layers"][-1]["config"]["function"]["config"]["code"] = base64.encodebytes(b"\xf5abc").decode()

    with_config(good, tmp_path / "bad.keras", change)
    with pytest.raises(saving.UnsafeModelError, match=r"this version of Python cannot read it.*custom_objects"):
        saving.load_model(tmp_path / "bad.keras", safe_mode=False)


def test_modules_that_are_not_loaded_stay_so(good, tmp_path, touched, monkeypatch):
    """CVE-2025-1550: a module beside the file, which an import would run."""
    (tmp_path / "trap.py").write_text(f"open({str(touched)!r}, 'w')\nclass Trap: pass\ndef trap(x): return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for change in (
        lambda c: c["config"]["layers"].append(named("trap", "Trap", "class")),
        lambda c: c["config"]["layers"].append(lambda_layer(named("trap", "trap"))),
        lambda c: c["config"]["layers"][1].update(module="trap.sub", class_name="Trap", registered_name="trap>Trap"),
    ):
        loaded(good, tmp_path / "bad.keras", change)
    assert "trap" not in sys.modules


class Deed:
    """What a pickle does when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_in_configs_and_members(good, tmp_path, touched):
    """CVE-2025-49655 and its like: a module of torch, an array of objects, weights as `.npz`."""
    raw = pickle.dumps(Deed(touched))
    settings = {"name": "t", "module": base64.b64encode(raw).decode("ascii")}
    torch = {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": settings}
    array = {"class_name": "__numpy__", "config": {"value": base64.b64encode(raw).decode(), "dtype": "object"}}
    for change in (
        lambda c: c["config"]["layers"].append(torch),
        lambda c: c["config"]["layers"][1]["config"].update(units=array),
        lambda c: c["config"]["layers"].append({**torch, "class_name": "FlaxLayer"}),
        lambda c: c["config"]["layers"].append({**torch, "class_name": "JaxLayer"}),
    ):
        for safe_mode in (True, False):
            loaded(good, tmp_path / "bad.keras", change, safe_mode=safe_mode)
    np.save(tmp_path / "deed.npy", np.asarray([Deed(touched)], object), allow_pickle=True)
    pack(tmp_path / "bad.keras", {**members(good), "model.weights.h5": (tmp_path / "deed.npy").read_bytes()})
    with harmless(), pytest.raises(saving.DamagedFileError):
        saving.load_model(tmp_path / "bad.keras")


READ: list[str] = []
sys.addaudithook(lambda event, args: READ.append(str(args[0])) if event == "open" else None)


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_vocabularies_of_other_files(kind, good, tmp_path):
    """CVE-2025-12058: a path, or a URL, in the place of the words."""
    secret = tmp_path / "secret.txt"
    secret.write_text("one\ntwo\n")
    for vocabulary in (str(secret), secret.as_uri(), "http://127.0.0.1:1/words"):
        layer = {"module": "keras.layers", "class_name": kind, "config": {"name": "v", "vocabulary": vocabulary}}
        READ.clear()
        loaded(good, tmp_path / "bad.keras", lambda c, layer=layer: c["config"]["layers"].append(layer))
        with harmless(), pytest.raises(saving.UnsafeModelError, match="points outside"):
            fkeras.models.model_from_json(
                json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [layer]}})
            )
        assert str(secret) not in READ


def test_saved_models_of_tensorflow_are_not_run(good, tmp_path, touched):
    settings = {"name": "t", "filepath": str(tmp_path), "call_endpoint": "serve"}
    layer = {"module": "keras.layers", "class_name": "TFSMLayer", "config": settings}
    for safe_mode in (True, False):
        loaded(good, tmp_path / "bad.keras", lambda c: c["config"]["layers"].append(layer), safe_mode=safe_mode)


READERS = [
    saving.deserialize_keras_object, fkeras.utils.deserialize_keras_object, layers.deserialize, losses.get,
    losses.deserialize, metrics.get, metrics.deserialize, optimizers.get,
    optimizers.deserialize, activations.get, activations.deserialize,
    initializers.get, initializers.deserialize, regularizers.get, Sequential.from_config, fkeras.Model.from_config,
]  # fmt: skip


@pytest.mark.parametrize("read", READERS, ids=lambda f: f"{f.__module__}.{f.__qualname__}")
def test_readers_of_single_objects(read, tmp_path, touched):
    """The same tricks, on what reads configs without a file."""
    tricks = [named(m, n) for m, n in FUNCTIONS] + [named(m, n, "class") for m, n in FUNCTIONS]
    code = lambda_layer(code_of(touched))
    tricks += [code_of(touched), code, around("TimeDistributed", code), around("Bidirectional", code)]
    tricks += [lambda_layer(named(m, n), x=f"touch {touched}") for m, n in FUNCTIONS]
    tricks += [{"class_name": f"{m}.{n}", "config": {}} for m, n in FUNCTIONS]
    tricks += [{"class_name": n, "config": f"touch {touched}", "module": m} for m, n in FUNCTIONS]
    for trick in tricks:
        with harmless(), pytest.raises((ValueError, TypeError, KeyError)):
            read(trick)
