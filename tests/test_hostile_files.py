"""Nothing read from a file executes code, imports a module, leaves its place, or takes more memory than the file."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import sys
import time
import warnings
import zipfile

import h5py
import hypothesis.strategies as st
import numpy as np
import pytest
from hostile import harmless, members, pack, with_config, with_weights
from hypothesis import HealthCheck, given, settings

import fkeras
from fkeras import Sequential, layers, saving
from fkeras.saving import DamagedFileError, UnsafeModelError, archive, parse

Unsafe = pytest.raises(UnsafeModelError)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with valid files."""
    folder = tmp_path_factory.mktemp("good")
    model = Sequential([layers.Input((4,)), layers.Dense(3, "tanh", name="d"), layers.Dense(2, name="e")], name="m")
    model.compile("adam", "mse", metrics=["mae"])
    x = np.ones((4, 4), "float32")
    model.fit(x, x[:, :2], verbose=0)
    for name in ("m.keras", "m.h5"):
        model.save(folder / name)
    model.save_weights(folder / "m.weights.h5")
    model.save_weights(folder / "s.weights.json", max_shard_size=1)
    return folder


def refused(path, match=None, error=UnsafeModelError, **kwargs):
    """Asserts that a file is refused with its name in the message, and that nothing happens."""
    with harmless(), warnings.catch_warnings(), pytest.raises(error, match=match) as told:
        warnings.simplefilter("ignore")
        saving.load_model(path, **kwargs)
    assert os.path.basename(path) in str(told.value)
    return told.value


def dense(config):
    """The config of the first Dense."""
    return config["config"]["layers"][1]


# --- names -----------------------------------------------------------------------------------------

OBJECTS = [
    ("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "open"),
    ("posix", "system"), ("importlib", "import_module"), ("pickle", "loads"), ("shutil", "rmtree"),
    ("keras.utils", "get_file"), ("fkeras.utils", "get_file"), ("keras.callbacks", "CSVLogger"),
    ("fkeras.train.callbacks", "ModelCheckpoint"), ("keras.src.utils.python_utils", "func_load"),
    ("fkeras.saving", "load_model"), ("fkeras.datasets.mnist", "load_data"), ("fkeras.atomic", "write_bytes"),
    ("keras.models", "load_model"), ("keras", "Variable"), ("keras.saving", "KerasFileEditor"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), OBJECTS)
def test_only_names_in_the_tables(good, tmp_path, module, name):
    def layer(config):
        config["config"]["layers"].append({"module": module, "class_name": name, "config": {"name": "touch x"}})

    def function(config):
        dense(config)["config"]["activation"] = {"module": module, "class_name": "function", "config": name}

    def registered(config):
        dense(config).update(module=module, class_name=name, registered_name=name)

    def compiled(config):
        config["compile_config"]["loss"] = {"module": module, "class_name": "function", "config": name}

    def argument(config):
        config["build_config"] = {"input_shape": {"module": module, "class_name": name, "config": {}}}

    for change in (layer, function, registered, compiled, argument):
        with_config(good / "m.keras", tmp_path / "bad.keras", change)
        refused(tmp_path / "bad.keras")


def test_no_module_is_imported(good, tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def change(config):
        dense(config).update(module="evil_module", class_name="Evil", registered_name="evil_module>Evil")

    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "which is in no table")
    assert "evil_module" not in sys.modules and not (tmp_path / "touched").exists()


MADE = []


class Counted(fkeras.Layer):
    """Notes that it was made; neither registered nor passed."""

    def __init__(self, **kwargs):
        MADE.append(kwargs)
        super().__init__(**kwargs)


@saving.register_keras_serializable("hostile")
class Registered(fkeras.Layer):
    """Notes that it was made."""

    def __init__(self, **kwargs):
        MADE.append(kwargs)
        super().__init__(**kwargs)


def test_a_class_that_was_not_passed_is_not_made(good, tmp_path):
    def change(config):
        dense(config).update(module=__name__, class_name="Counted", registered_name="Counted", config={})

    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    told = refused(tmp_path / "bad.keras", "Counted")
    assert "custom_objects={'Counted'" in str(told) and not MADE


def slots(key, value):
    """A change of a setting of the first Dense."""
    return lambda config: dense(config)["config"].update({key: value})


@pytest.mark.parametrize(
    "change",
    [
        slots("kernel_initializer", {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}),
        slots("kernel_initializer", {"module": "keras.optimizers", "class_name": "Adam", "config": {}}),
        slots("kernel_regularizer", {"module": "keras.losses", "class_name": "MeanSquaredError", "config": {}}),
        slots("kernel_initializer", "hostile>Registered"),
        slots("activation", "hostile>Registered"),
        slots("activation", {"class_name": "function", "config": "hostile>Registered"}),
        slots("activation", {"class_name": "function", "config": {"not": "a name"}}),
        slots("dtype", {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}),
        lambda c: c["config"]["layers"].append({"module": "keras.optimizers", "class_name": "Adam", "config": {}}),
        lambda c: c["compile_config"].update(optimizer={"module": "keras.layers", "class_name": "Dense", "config": {}}),
        lambda c: c["compile_config"].update(loss={"module": "keras.layers", "class_name": "Dense", "config": {}}),
        lambda c: c.update(class_name=["Sequential"]),
        lambda c: {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}},
    ],
)
def test_a_place_takes_only_its_own_kind(good, tmp_path, change):
    MADE.clear()
    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", error=ValueError)
    assert not MADE


# --- code ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_code_of_a_lambda_is_not_run(tmp_path, suffix):
    import keras

    touched = str(tmp_path / "touched")
    theirs = keras.Sequential([
        keras.layers.Input((4,)),
        keras.layers.Lambda(lambda x, touched=touched: [x * 2, open(touched, "w")][0], name="twice"),  # noqa: SIM115
    ])  # fmt: skip
    os.remove(touched)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.save(tmp_path / f"theirs.{suffix}")
    told = refused(tmp_path / f"theirs.{suffix}", "the code of the Lambda layer 'twice'")
    assert "custom_objects={'twice': function}" in str(told)
    assert not os.path.exists(touched)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = saving.load_model(tmp_path / f"theirs.{suffix}", custom_objects={"twice": lambda x: x * 3})
    assert ours(np.ones((1, 4), "float32"))[0, 0] == 3
    trusted = saving.load_model(tmp_path / f"theirs.{suffix}", safe_mode=False, compile=False)
    assert trusted(np.ones((1, 4), "float32"))[0, 0] == 2 and os.path.exists(touched)


def test_code_elsewhere_is_refused_as_well(good, tmp_path):
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    for change in (slots("activation", code), lambda c: c["compile_config"].update(loss=code)):
        with_config(good / "m.keras", tmp_path / "bad.keras", change)
        refused(tmp_path / "bad.keras", "the code of a lambda", safe_mode=False)


def test_pickles_are_not_read(good, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    found = members(good / "m.keras")
    file = io.BytesIO()
    np.savez(file, __root__=np.asarray(Evil(), object))
    del found["model.weights.h5"]
    pack(tmp_path / "bad.keras", {**found, "model.weights.npz": file.getvalue()})
    refused(tmp_path / "bad.keras", "holds no model.weights.h5", DamagedFileError)


# --- what lies outside -----------------------------------------------------------------------------


@pytest.mark.parametrize("vocabulary", ["/etc/passwd", "words.txt", "http://example.com/words", "file:///etc/passwd"])
def test_no_vocabulary_is_read_from_elsewhere(good, tmp_path, vocabulary):
    def change(config):
        settings = {"name": "s", "vocabulary": vocabulary}
        config["config"]["layers"] = [{"module": "keras.layers", "class_name": "StringLookup", "config": settings}]

    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "points outside the file")


NAMES = ["../out.txt", "/tmp/out.txt", "assets/../../out.txt", "C:\\out.txt", "assets\\..\\out.txt", "a\0b"]


@pytest.mark.parametrize("name", NAMES)
def test_no_member_leads_outside(good, tmp_path, name):
    pack(tmp_path / "bad.keras", members(good / "m.keras"))
    with zipfile.ZipFile(tmp_path / "bad.keras", "a") as file:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        file.writestr(info, b"x")
    before = sorted(os.listdir(tmp_path))
    if "\0" not in name:  # zipfile itself cuts that one off
        refused(tmp_path / "bad.keras", "leads outside")
    assert sorted(os.listdir(tmp_path)) == before


def test_no_link_is_followed(good, tmp_path):
    (tmp_path / "secret").write_text("{}")
    found = members(good / "m.keras")
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as file:
        for name, data in found.items():
            info = zipfile.ZipInfo(name)
            if name == "metadata.json":
                info.external_attr, data = (stat.S_IFLNK | 0o777) << 16, b"/etc/passwd"
            file.writestr(info, data)
    refused(tmp_path / "bad.keras", "refused: a link")
    folder = tmp_path / "folder"
    saving.load_model(good / "m.keras").save(folder, zipped=False)
    os.remove(folder / "metadata.json")
    os.symlink(tmp_path / "secret", folder / "metadata.json")
    with Unsafe:
        saving.load_model(folder)


def test_shards_lie_beside_the_file_that_tells_of_them(good, tmp_path):
    model = saving.load_model(good / "m.keras")
    before = model.get_weights()
    told = json.loads((good / "s.weights.json").read_text())
    for name in ("../m.weights.h5", str(good / "m.weights.h5"), "..\\m.weights.h5", 3):
        (tmp_path / "s.weights.json").write_text(json.dumps({"weight_map": dict.fromkeys(told["weight_map"], name)}))
        with harmless(), Unsafe:
            model.load_weights(tmp_path / "s.weights.json")
    os.symlink(good / "s_00000.weights.h5", tmp_path / "s_00000.weights.h5")
    (tmp_path / "s.weights.json").write_text(json.dumps(told))
    with Unsafe:
        model.load_weights(tmp_path / "s.weights.json")
    os.remove(tmp_path / "s_00000.weights.h5")
    with pytest.raises(DamagedFileError, match="not there"):
        model.load_weights(tmp_path / "s.weights.json")
    (tmp_path / "s_00000.weights.h5").write_bytes((good / "m.weights.h5").read_bytes()[:-1] + b"\x07")
    with pytest.raises(DamagedFileError, match="another checksum"):
        model.load_weights(tmp_path / "s.weights.json")
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


# --- bombs -----------------------------------------------------------------------------------------


def test_archives_are_limited(good, tmp_path, monkeypatch):
    found = members(good / "m.keras")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in found.items():
            file.writestr(name, data + b"\0" * (1 << 26) * (name == "model.weights.h5"))
    refused(tmp_path / "bomb.keras", "bytes that are to become")
    with zipfile.ZipFile(tmp_path / "twice.keras", "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("config.json", "config.json"):
            file.writestr(name, found["config.json"])
    refused(tmp_path / "twice.keras", "there twice")
    with zipfile.ZipFile(tmp_path / "bz.keras", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("config.json", found["config.json"])
    refused(tmp_path / "bz.keras", "compression")
    raw = (good / "m.keras").read_bytes()
    at = raw.index(b"PK\x01\x02")
    (tmp_path / "locked.keras").write_bytes(raw[: at + 8] + b"\x01" + raw[at + 9 :])
    refused(tmp_path / "locked.keras", "encrypted")
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    refused(good / "m.keras", "an archive of 3 members")


def test_a_member_that_says_less_than_it_holds(good, tmp_path):
    raw = bytearray((good / "m.keras").read_bytes())
    at = raw.index(b"PK\x01\x02")
    struct.pack_into("<I", raw, at + 24, 5)  # the uncompressed size of the first member, in the directory
    (tmp_path / "bad.keras").write_bytes(raw)
    refused(tmp_path / "bad.keras", error=DamagedFileError)


HUGE = (1 << 40,)


def external_link(f):
    f["layers/dense/vars/9"] = h5py.ExternalLink("/etc/passwd", "/")


def external_link_group(f):
    del f["layers/dense"]
    f["layers/dense"] = h5py.ExternalLink("other.h5", "/layers/dense")


def soft_link(f):
    del f["layers/dense/vars/0"]
    f["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense_1/vars/0")


def external_data(f):
    del f["layers/dense/vars/0"]
    f.create_dataset("layers/dense/vars/0", (4, 3), "f4", external=[("/etc/passwd", 0, 48)])


def virtual(f):
    del f["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 3))
    f.create_virtual_dataset("layers/dense/vars/0", layout)


def chunked_bomb(f):
    del f["layers/dense/vars/0"]
    f.create_dataset("layers/dense/vars/0", HUGE, "f4", chunks=(1 << 20,), compression="gzip")


def unwritten(f):
    del f["layers/dense/vars/0"]
    f.create_dataset("layers/dense/vars/0", HUGE, "f4")


def packed_by_others(f):
    del f["layers/dense/vars/0"]
    f.create_dataset("layers/dense/vars/0", data=np.zeros((4, 3), "f4"), compression="lzf")


def cycle(f):
    f["layers/dense/loop"] = f["layers"]


def referring(f):
    f.create_dataset("layers/dense/vars/9", data=[f.ref], dtype=h5py.ref_dtype)


def free_lengths(f):
    f.create_dataset("layers/dense/vars/9", (1,), h5py.vlen_dtype("f4"))


def records(f):
    f["layers/dense/vars/9"] = np.zeros(2, [("a", "f4"), ("b", "i8")])


def words(f):
    f["layers/dense/vars/9"] = "a text"


@pytest.mark.parametrize(
    "change",
    [external_link, external_link_group, soft_link, external_data, virtual, chunked_bomb, unwritten, packed_by_others,
     cycle, referring, free_lengths, records, words],
)  # fmt: skip
def test_hdf5_holds_arrays_and_nothing_else(good, tmp_path, change):
    with_weights(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "model.weights.h5: refused", ValueError)


def test_one_array_in_many_places_does_not_grow(good, tmp_path):
    def change(f):
        for i in range(2000):
            f[f"copies/{i}"] = f["layers/dense/vars/0"]
        f["big"] = np.zeros(100, "f4")

    with_weights(good / "m.keras", tmp_path / "bad.keras", change)
    try:
        saving.load_model(tmp_path / "bad.keras")
    except ValueError as error:
        assert "does not fit in the" in str(error)


def test_large_layers_are_found_out_by_their_shapes(good, tmp_path):
    with_config(good / "m.keras", tmp_path / "bad.keras", slots("units", 10**12))
    began = time.monotonic()
    refused(tmp_path / "bad.keras", "kernel has shape", ValueError)
    assert time.monotonic() - began < 20


def test_states_that_no_file_holds_are_limited(tmp_path):
    model = Sequential([layers.Input((3, 2), batch_size=1), layers.LSTM(2, stateful=True, name="lstm")])
    model.save(tmp_path / "m.keras")

    def change(config):
        config["config"]["layers"][0]["config"]["batch_shape"][0] = 10**10
        config["config"]["build_input_shape"][0] = 10**10

    with_config(tmp_path / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "beside the weights")


# --- JSON ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested"),
        ("[" * 300 + "]" * 300, "nested more than"),
        ('{"a": 1, "a": 2}', "twice in one object"),
        ("[NaN]", "not finite"),
        ("[Infinity]", "not finite"),
        ("[1e999]", "not finite"),
        ("1" * 5000, "digits"),
        ('"\xff', "no JSON"),
        ("", "no JSON"),
        ("{", "no JSON"),
    ],
)
def test_json_is_limited(text, said, good, tmp_path):
    with pytest.raises(ValueError, match=said):
        parse.parse(text, "x")
    pack(tmp_path / "bad.keras", {**members(good / "m.keras"), "config.json": text.encode("latin-1")})
    refused(tmp_path / "bad.keras", f"config.json: .*{said}", ValueError)


def test_json_of_any_size_is_not_read(good, monkeypatch):
    monkeypatch.setattr(parse, "MOST_BYTES", 100)
    refused(good / "m.keras", "a JSON text of")


def test_arrays_in_configs_are_arrays_of_numbers(good, tmp_path):
    for config in (
        {"value": [1], "dtype": "object"},
        {"value": ["a"], "dtype": "float32"},
        {"value": {}, "dtype": "O"},
    ):
        array = {"class_name": "__numpy__", "config": config}
        with_config(good / "m.keras", tmp_path / "bad.keras", slots("units", array))
        refused(tmp_path / "bad.keras")


def test_patterns_that_never_end(good, tmp_path):
    sgd = {"module": "keras.optimizers", "class_name": "SGD", "config": {}}
    table = {"default_optimizer": sgd, "optimizer_map": {"(a+)+$": sgd}}
    several = {"optimizer_map": {"module": "keras.optimizers", "class_name": "OptimizerMap", "config": table}}

    def change(config):
        config["compile_config"]["optimizer"] = {
            "module": "keras.optimizers", "class_name": "MultiOptimizer", "config": several,
        }  # fmt: skip

    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "may take forever")


def test_loops_that_are_laid_out_are_short(tmp_path):
    Sequential([layers.Input((3, 2)), layers.LSTM(2, unroll=True)]).save(tmp_path / "m.keras")
    saving.load_model(tmp_path / "m.keras")

    def change(config):
        config["config"]["layers"][0]["config"]["batch_shape"][1] = 10**6

    with_config(tmp_path / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "laid out one by one")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Conv3D", {"filters": 2, "kernel_size": [10**9, 2, 2], "padding": "same"}),
        ("Conv3DTranspose", {"filters": 2, "kernel_size": [10**9, 2, 2]}),
        ("AdaptiveAveragePooling3D", {"output_size": [10**9, 1, 1]}),
        ("MelSpectrogram", {"fft_length": 10**9}),
        ("LSTM", {"units": 10**9}),
    ],
)
def test_sizes_that_programs_grow_with(good, tmp_path, kind, settings):
    layer = {"module": "keras.layers", "class_name": kind, "config": settings}
    entry = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4, 4, 4, 1]}}

    def change(config):
        config["config"]["layers"] = [entry, layer]

    began = time.monotonic()
    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "along an axis")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("units", [2**31, 2**63, 10**19, -1, 0, 1.5, "3", None, [3], True, {}])
def test_sizes_that_make_no_sense(good, tmp_path, units):
    with_config(good / "m.keras", tmp_path / "bad.keras", slots("units", units))
    refused(tmp_path / "bad.keras", error=ValueError)


def test_a_graph_that_is_a_circle(tmp_path):
    x = layers.Input((4,))
    fkeras.Model(x, layers.Dense(4, name="b")(layers.Dense(4, name="a")(x))).save(tmp_path / "m.keras")

    def change(config):
        config["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "b"

    with_config(tmp_path / "m.keras", tmp_path / "bad.keras", change)
    refused(tmp_path / "bad.keras", "circle", ValueError)


# --- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_file_cut_short_is_told(good, tmp_path, name):
    raw = (good / name).read_bytes()
    for size in (0, 1, 7, 100, len(raw) // 3, len(raw) - 1):
        (tmp_path / f"cut-{name}").write_bytes(raw[:size])
        refused(tmp_path / f"cut-{name}", error=DamagedFileError)


@pytest.mark.parametrize("member", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_changed_bit_is_told_with_the_part(good, tmp_path, member):
    raw = bytearray((good / "m.keras").read_bytes())
    with zipfile.ZipFile(good / "m.keras") as file:
        info = file.getinfo(member)
    raw[info.header_offset + 30 + len(member) + info.file_size // 2] ^= 4
    (tmp_path / "bad.keras").write_bytes(raw)
    refused(tmp_path / "bad.keras", f"{member}: .*CRC", DamagedFileError)


def test_other_versions_are_told(good, tmp_path):
    for told, said in (
        ({"keras_version": "7.1"}, "Keras 7.1"),
        ({"fkeras": {"format": 99}}, "format 99"),
        ([], "no metadata"),
    ):
        pack(tmp_path / "bad.keras", {**members(good / "m.keras"), "metadata.json": json.dumps(told).encode()})
        refused(tmp_path / "bad.keras", said, DamagedFileError)


def test_every_error_is_a_value_error():
    assert issubclass(UnsafeModelError, ValueError) and issubclass(DamagedFileError, ValueError)


# --- whatever else ---------------------------------------------------------------------------------

ANY = settings(
    max_examples=int(os.environ.get("FUZZ", "60")), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"])), min_size=1, max_size=4
)


def damaged(raw: bytes, edits) -> bytes:
    """Bytes, some of them changed, cut out or put in."""
    for place, value, how in edits:
        at = int(place * max(len(raw) - 1, 0))
        raw = raw[:at] + bytes([value] * (how != "cut")) + raw[at + (how != "insert") :]
    return raw


def survives(load, path):
    """Asserts that a load ends soon, in a result or in a ValueError, and does nothing else."""
    began = time.monotonic()
    with harmless(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load(path)
        except ValueError as error:
            assert os.path.basename(path) in str(error)
    assert time.monotonic() - began < 30


@ANY
@given(EDITS)
def test_damaged_archives(good, tmp_path, edits):
    (tmp_path / "bad.keras").write_bytes(damaged((good / "m.keras").read_bytes(), edits))
    survives(saving.load_model, tmp_path / "bad.keras")


@ANY
@given(EDITS)
def test_damaged_weights(good, tmp_path, edits):
    (tmp_path / "bad.weights.h5").write_bytes(damaged((good / "m.weights.h5").read_bytes(), edits))
    model = saving.load_model(good / "m.keras")
    survives(model.load_weights, tmp_path / "bad.weights.h5")


@ANY
@given(EDITS)
def test_damaged_old_files(good, tmp_path, edits):
    (tmp_path / "bad.h5").write_bytes(damaged((good / "m.h5").read_bytes(), edits))
    survives(saving.load_model, tmp_path / "bad.h5")


SIZES = [2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 1e308]
WORDS = ["", "Dense", "relu", "os.system", "function", "__lambda__", "keras.layers", "float64", "d", "m", "../x"]
KEYS = ["class_name", "config", "module", "name", "units", "layers"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.floats(-1e6, 1e6) | st.sampled_from([*SIZES, *WORDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)


@ANY
@given(st.lists(st.tuples(st.integers(0, 10_000), VALUES), min_size=1, max_size=3))
def test_configs_with_anything_in_them(good, tmp_path, changes):
    def change(config):
        for number, value in changes:
            places: list = []
            pending = [config]
            while pending:
                here = pending.pop()
                for key in here if isinstance(here, dict) else range(len(here)):
                    places.append((here, key))
                    if isinstance(here[key], (dict, list)):
                        pending.append(here[key])
            where, key = places[number % len(places)]
            where[key] = value

    with_config(good / "m.keras", tmp_path / "bad.keras", change)
    survives(saving.load_model, tmp_path / "bad.keras")
