"""Exported models compute what the model does, without fkeras; what was changed in their files is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fkeras
from fkeras import Model, layers
from fkeras.saving import DamagedFileError, UnsafeModelError, export, load_exported

pytest.importorskip("flatbuffers")


def dense():
    return fkeras.Sequential(
        [layers.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(2)]
    )


def several():
    a, b = layers.Input((3,), name="a"), layers.Input((None, 5), name="b")
    h = layers.Add()([layers.Dense(4)(a), layers.GlobalAveragePooling1D()(layers.GRU(4, return_sequences=True)(b))])
    return Model({"a": a, "b": b}, {"h": h, "more": [layers.Dense(1, dtype="mixed_bfloat16")(h), a]})


def image():
    return fkeras.Sequential([
        layers.Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(), layers.Dropout(0.5),
        layers.Flatten(), layers.Dense(3, "softmax"),
    ])  # fmt: skip


def words():
    return fkeras.Sequential([
        layers.Input((None,), dtype="int32"), layers.Embedding(10, 4, mask_zero=True), layers.LSTM(3),
    ])  # fmt: skip


class Own(Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x) * 2


def own():
    model = Own()
    model(jnp.ones((2, 4)))
    return model


def attention():
    x = layers.Input((6, 8))
    return Model(x, layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(x, x) + x))


def data_for(tree, rng, rows, unknown=6):
    def draw(s):
        shape = [rows, *(unknown if d is None else d for d in s.shape[1:])]
        return (
            rng.integers(0, 9, shape).astype("int32")
            if "int" in str(s.dtype)
            else rng.normal(size=shape).astype("float32")
        )

    return jax.tree.map(draw, tree)


@pytest.mark.parametrize("make", [dense, several, image, words, own, attention])
def test_it_computes_what_the_model_does(tmp_path, rng, make):
    model = make()
    model.export(tmp_path / "m", verbose=False)
    program = load_exported(tmp_path / "m")
    assert program.platforms == ("cpu", "cuda", "tpu")
    for rows, unknown in ((1, 6), (5, 3)):
        x = data_for(program.inputs, rng, rows, unknown)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(np.asarray(a, np.float32), np.asarray(b, np.float32), atol=1e-5),
            program(x),
            model.predict(x, verbose=0),
        )


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = dense()
    for name in "ab":
        model.export(tmp_path / name, verbose=False, platforms="cpu")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_loader_in_the_docstring_needs_no_fkeras(tmp_path, rng):
    model = several()
    model.export(tmp_path / "m", verbose=False, platforms=["cpu"])
    x = data_for(load_exported(tmp_path / "m").inputs, rng, 3)
    np.savez(tmp_path / "x", *jax.tree.leaves(x))
    loader = textwrap.dedent((export.__doc__ or "").split("reads programs:")[1].split("An exported")[0])
    script = loader + textwrap.dedent(f"""
        call = load({str(tmp_path / "m")!r})
        x = np.load({str(tmp_path / "x.npz")!r})
        out = call(*(x[k] for k in x))
        np.savez({str(tmp_path / "y")!r}, *(np.asarray(y, np.float32) for y in out))
        import sys
        assert "fkeras" not in sys.modules
    """)
    found = os.path.dirname(os.path.dirname(__import__("flatbuffers").__file__))
    env = {**os.environ, "PYTHONPATH": found}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=env)
    y = np.load(tmp_path / "y.npz")
    for a, b in zip(y.values(), jax.tree.leaves(model.predict(x, verbose=0)), strict=True):
        np.testing.assert_allclose(a, np.asarray(b, np.float32), atol=1e-5)
    assert len(loader.strip().splitlines()) <= 17


def test_signatures(tmp_path):
    model = dense()
    model.export(tmp_path / "m", verbose=False, input_signature=[fkeras.InputSpec(shape=(3, 4), dtype="float32")])
    program = load_exported(tmp_path / "m")
    assert program.inputs.shape == (3, 4) and program.outputs.shape == (3, 2)
    with pytest.raises(ValueError, match=r"expects Spec\(3, 4; float32\); got shape \(2, 4\)"):
        program(np.ones((2, 4)))
    with pytest.raises(ValueError, match="takes 1 inputs; got 2"):
        program([np.ones((3, 4))] * 2)
    for signature in (np.ones((2, 4), "float32"), [model.inputs[0]], jax.ShapeDtypeStruct((2, 4), jnp.float32)):
        model.export(tmp_path / "m", verbose=False, input_signature=signature)


def two_ways():
    """Models that other formats know as well, and inputs for them."""
    rng = np.random.default_rng(0)
    a, b = layers.Input((4,), name="a"), layers.Input((3,), name="b")
    both = fkeras.Model([a, b], [layers.Dense(2)(layers.Concatenate()([a, b])), layers.Dense(1, "tanh")(b)])
    words = [layers.Input((6,), dtype="int32"), layers.Embedding(9, 3, mask_zero=True), layers.GRU(4)]
    pixels = [layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]
    steps, images = fkeras.Sequential(words), fkeras.Sequential(pixels)
    yield both, [rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=(3, 3)).astype("float32")]
    yield steps, [rng.integers(0, 9, (3, 6)).astype("int32")]
    yield images, [rng.normal(size=(3, 8, 8, 3)).astype("float32")]


def outputs_of(model, inputs):
    """The outputs of a model in a list."""
    return jax.tree.leaves(model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))


@pytest.mark.slow
def test_onnx_gives_the_same(tmp_path):
    pytest.importorskip("jax2onnx")
    runtime = pytest.importorskip("onnxruntime")
    for model, inputs in two_ways():
        model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
        session = runtime.InferenceSession(tmp_path / "m.onnx")
        for rows in (3, 2):
            given = {x.name: value[:rows] for x, value in zip(session.get_inputs(), inputs, strict=True)}
            for got, want in zip(session.run(None, given), outputs_of(model, inputs), strict=True):
                np.testing.assert_allclose(got, want[:rows], rtol=1e-5, atol=1e-5)
    back = fkeras.Sequential([layers.Input((6, 3)), layers.LSTM(2, go_backwards=True)])
    with pytest.raises(ValueError, match="jax2onnx cannot write 'sequential"):
        back.export(tmp_path / "back.onnx", format="onnx")
    assert not (tmp_path / "back.onnx").exists()


@pytest.mark.slow
def test_saved_models_give_the_same(tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    for model, inputs in two_ways():
        for _ in range(2):  # the second replaces the first
            model.export(tmp_path / "m", format="tf_saved_model", verbose=False)
        saved = tensorflow.saved_model.load(str(tmp_path / "m"))
        for rows in (3, 2):
            for got, want in zip(saved.serve(*[x[:rows] for x in inputs]), outputs_of(model, inputs), strict=True):
                np.testing.assert_allclose(got, want[:rows], rtol=1e-5, atol=1e-5)
        assert len(saved.signatures["serving_default"].structured_outputs) == len(outputs_of(model, inputs))
        assert [p.name for p in tmp_path.iterdir()] == ["m"]
    with pytest.raises(FileExistsError, match="is no SavedModel"):
        model.export(tmp_path, format="tf_saved_model")


def test_packages_of_others_are_named(tmp_path, monkeypatch):
    for name, package in (("onnx", "jax2onnx"), ("tf_saved_model", "tensorflow")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=rf"format='{name}'\) needs a package: pip install {package}"):
            dense().export(tmp_path / "m", format=name)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_told(tmp_path, capsys):
    model = dense()
    for name in ("openvino", "litert", "torch"):
        with pytest.raises(ValueError, match=rf"model.save.*export\('m', format='{name}'\)"):
            model.export(tmp_path / "m", format=name, opset_version=3)
    with pytest.raises(ValueError, match="unknown format 'h5'"):
        model.export(tmp_path / "m", format="h5")
    with pytest.raises(TypeError, match="unknown argument 'jax2tf_kwargs'"):
        model.export(tmp_path / "m", jax2tf_kwargs={})
    with pytest.raises(ValueError, match="input_signature takes specs"):
        model.export(tmp_path / "m", input_signature="x")
    with pytest.raises(ValueError, match=r"cannot be exported for inputs.*5"):
        model.export(tmp_path / "m", input_signature=np.ones((2, 5)))
    with pytest.raises(ValueError, match="has no values yet"):
        Own().export(tmp_path / "m")
    keeps = fkeras.Sequential([layers.Input((3, 2), batch_size=2), layers.LSTM(2, stateful=True)])
    with pytest.raises(ValueError, match="keeps state from call to call"):
        keeps.export(tmp_path / "m")
    assert os.listdir(tmp_path) == []
    model.export(tmp_path / "m")
    assert "Saved 'sequential' to" in capsys.readouterr().out


# --- damaged and hostile files ------------------------------------------------------------------


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "m"
    dense().export(path, verbose=False, platforms="cpu")
    return path.read_bytes()


def members(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        return {name: file.read(name) for name in file.namelist()}


def changed(path, valid, change):
    """The file with its members changed, and all checksums right again."""
    parts = members(valid)
    told = json.loads(parts["model.json"])
    change(told, parts)
    told["sha256"] = {n: hashlib.sha256(parts[n]).hexdigest() for n in ("weights.bin", "program.bin") if n in parts}
    parts["model.json"] = json.dumps(told).encode()
    export.write(path, parts)
    return path


def set_weight(i, value):
    return lambda told, parts: told["weights"][0].__setitem__(i, value)


HOSTILE = {
    "a shape bomb": set_weight(2, [2**40, 2**40]),
    "a negative shape": set_weight(2, [-4, -8]),
    "a dtype of objects": set_weight(1, "object"),
    "another dtype": set_weight(1, "int32"),
    "a weight without a name": set_weight(0, None),
    "two weights of one name": lambda told, parts: told["weights"][1].__setitem__(0, told["weights"][0][0]),
    "too few weights": lambda told, parts: told["weights"].pop(),
    "weights cut short": lambda told, parts: parts.update({"weights.bin": parts["weights.bin"][:-4]}),
    "another input": lambda told, parts: told["inputs"].update(shape=[None, 5]),
    "another output": lambda told, parts: told.update(outputs={"list": []}),
    "a deep nest": lambda told, parts: told.update(inputs=nested(100)),
    "a member too many": lambda told, parts: parts.update({"../evil": b"x"}),
    "another member": lambda told, parts: parts.update({"evil.py": b"x"}),
    "no program": lambda told, parts: parts.pop("program.bin"),
    "a program that is none": lambda told, parts: parts.update({"program.bin": b"import os"}),
    "another format": lambda told, parts: told.update(format="keras"),
    "another version": lambda told, parts: told.update(version=2),
}


def nested(depth):
    nest = {"shape": [], "dtype": "float32"}
    for _ in range(depth):
        nest = {"list": [nest]}
    return nest


@pytest.mark.parametrize("trick", HOSTILE)
def test_hostile_files_are_refused(tmp_path, valid, trick):
    path = changed(tmp_path / "m", valid, HOSTILE[trick])
    with pytest.raises((DamagedFileError, UnsafeModelError), match=str(path)):
        load_exported(path)


def test_a_program_that_calls_the_host_is_refused(tmp_path, valid):
    def solve(weights, leaves):
        return [jnp.linalg.cholesky(leaves[0])]

    told = json.loads(members(valid)["model.json"])
    held = [jax.ShapeDtypeStruct(s, d) for _, d, s in told["weights"]]
    program = jax.export.export(jax.jit(solve), platforms=("cpu",))(held, [jax.ShapeDtypeStruct((2, 2), jnp.float32)])
    honest = bytes(program.serialize())
    evil = honest.replace(b"lapack_spotrf_ffi", b"host_callback_xyz")
    assert evil != honest

    def change(raw):
        def into(told, parts):
            parts["program.bin"] = raw
            told["inputs"] = told["outputs"] = {"shape": [2, 2], "dtype": "float32"}

        return into

    path = changed(tmp_path / "m", valid, change(honest))
    np.testing.assert_allclose(load_exported(path)(np.eye(2) * 4), np.eye(2) * 2)
    with pytest.raises(UnsafeModelError, match="a program that calls 'host_callback_xyz'"):
        load_exported(changed(tmp_path / "m", valid, change(evil)))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 255), st.sampled_from(["set", "cut", "grow"])), min_size=1, max_size=4
    )
)
def test_mutated_files_give_one_clear_error_or_are_read(valid, tmp_path_factory, changes):
    raw = bytearray(valid)
    for at, byte, kind in changes:
        at = int(at * (len(raw) - 1))
        if kind == "set":
            raw[at] = byte
        elif kind == "cut":
            del raw[at : at + byte + 1]
        else:
            raw[at:at] = bytes([byte]) * 3
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(raw)
    try:
        load_exported(path)
    except (DamagedFileError, UnsafeModelError) as error:
        assert str(path) in str(error)


def mutate(tree, data):
    """A JSON tree with one entry replaced by something else."""
    strange = st.sampled_from([None, -1, 2**70, 1.5, "", "x", [], {}, [[]], True, "float32", [0], {"list": []}])
    if isinstance(tree, (dict, list)) and tree and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(tree) if isinstance(tree, dict) else range(len(tree))))
        tree[key] = mutate(tree[key], data)
        return tree
    return data.draw(strange)


@settings(max_examples=150)
@given(st.data())
def test_mutated_headers_with_right_checksums(valid, tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated2"
    parts = members(valid)
    parts["model.json"] = json.dumps(mutate(json.loads(parts["model.json"]), data)).encode()
    export.write(path, parts)
    try:
        load_exported(path)
    except (DamagedFileError, UnsafeModelError) as error:
        assert str(path) in str(error)
