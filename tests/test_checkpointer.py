"""Checkpoints of pure loops: what goes in comes out, damage is found, the one before is taken."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fkeras import layers, packed, train
from fkeras.packed import DamagedFileError


def everything():
    return {
        "f": jnp.linspace(0, 1, 6).reshape(2, 3),
        "half": jnp.asarray([1.5, -0.0, jnp.nan], jnp.bfloat16),
        "h16": np.float16([1, 2]),
        "wide": np.asarray([1e300], np.float64),
        "ints": [jnp.arange(3, dtype=d) for d in ("int8", "uint8", "int16", "uint16", "int32", "uint32")],
        "int64": np.asarray([2**60]),
        "small": jnp.asarray([1, -2, 3], jnp.int4),
        "f8": jnp.asarray([1.0, 2.0], jnp.float8_e4m3fn),
        "bool": np.asarray([[True], [False]]),
        "complex": jnp.asarray([1 + 2j]),
        "zero": jnp.zeros(()),
        "empty": np.zeros((0, 3)),
        "big": np.arange(4, dtype=">i4"),
        "strided": np.arange(12).reshape(3, 4).T[::2],
        "key": jax.random.key(3),
        "keys": jax.random.split(jax.random.key(3, impl="rbg"), 2),
        "numbers": (True, 7, 0.1, float("inf"), 1j),
        "state": train.TrainState({}, None, optax.adam(1e-3).init(jnp.ones(2)), {}, jax.random.key(1), 5),
        3: jnp.ones(1),
    }


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            assert x.dtype == y.dtype
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        if not hasattr(x, "dtype"):
            assert type(x) is type(y)
        assert np.asarray(x).dtype.newbyteorder("<") == np.asarray(y).dtype.newbyteorder("<")
        assert np.asarray(x).shape == np.asarray(y).shape
        native = np.asarray(x).astype(np.asarray(y).dtype)
        assert native.tobytes() == np.asarray(y).tobytes()


def test_every_kind_of_leaf_comes_back_as_it_was(tmp_path):
    tree = everything()
    tree.pop(3)
    checkpointer = train.Checkpointer(tmp_path)
    checkpointer.save(tree, jnp.asarray(4))
    back = checkpointer.restore(like=tree)
    assert_same(tree, back)
    assert isinstance(back["f"], jax.Array) and isinstance(back["wide"], np.ndarray)
    plain = checkpointer.restore()
    assert plain["numbers"] == [True, 7, 0.1, float("inf"), 1j]
    assert plain["state"]["step"] == 5
    assert_same(tree["ints"][2], plain["ints"][2])


def test_specs_do_for_like_and_say_where_the_leaves_go(tmp_path):
    tree = {"w": jnp.ones((4, 2)), "key": jax.random.key(0)}
    checkpointer = train.Checkpointer(tmp_path)
    checkpointer.save(tree, 0)
    mesh = jax.make_mesh((1,), ("rows",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows"))
    like = jax.eval_shape(lambda: tree)
    like["w"] = jax.ShapeDtypeStruct((4, 2), jnp.float32, sharding=sharding)
    back = checkpointer.restore(like=like)
    assert back["w"].sharding == sharding
    assert_same(tree, back)


def test_a_resumed_loop_ends_like_one_that_was_not_stopped(tmp_path):
    model, optimizer = layers.Dense(2), optax.adam(1e-2)
    x, y = jnp.ones((4, 3)), jnp.zeros((4, 2))
    step = jax.jit(train.make_step(model, "mse", optimizer))
    ts = train.create(model, optimizer, jax.random.key(0), x)
    straight = ts
    for _ in range(6):
        straight = step(straight, (x, y))
    checkpointer = train.Checkpointer(tmp_path)
    for _ in range(3):
        ts = step(ts, (x, y))
        checkpointer.save(ts, ts.step)
    again = train.Checkpointer(tmp_path).restore(like=train.create(model, optimizer, jax.random.key(5), x))
    for _ in range(3):
        again = step(again, (x, y))
    assert_same(straight, again)


def test_the_newest_are_kept(tmp_path):
    checkpointer = train.Checkpointer(tmp_path, keep=2)
    for step in (1, 5, 30):
        checkpointer.save({"step": step}, step, note={"step": step})
    assert checkpointer.steps() == [5, 30]
    assert checkpointer.restore(step=5) == {"step": 5}
    assert checkpointer.load() == ({"step": 30}, 30, {"step": 30})
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of step 1.*\[5, 30\]"):
        checkpointer.restore(step=1)
    with pytest.warns(UserWarning, match="restore.. gives step 30"):
        checkpointer.save({"step": 7}, 7)
    assert checkpointer.steps() == [7, 30]
    (tmp_path / "notes.txt").touch()
    checkpointer.clear()
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_link_in_the_folder_is_no_checkpoint(tmp_path):
    elsewhere = train.Checkpointer(tmp_path / "a")
    elsewhere.save({"a": 1}, 1)
    (tmp_path / "b").mkdir()
    os.symlink(elsewhere.path(1), tmp_path / "b" / "step-000000001.fkeras")
    assert train.Checkpointer(tmp_path / "b").steps() == []


def test_damage_is_found_told_and_gone_around(tmp_path):
    checkpointer = train.Checkpointer(tmp_path)
    for step in range(3):
        checkpointer.save({"w": np.full(100, step)}, step)
    with open(checkpointer.path(2), "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\xff")
    with open(checkpointer.path(1), "r+b") as file:
        file.truncate(300)
    with pytest.warns(UserWarning) as caught:
        found = checkpointer.restore()
    assert found["w"][0] == 0
    assert "step-000000002.fkeras: ['w'] is damaged (its CRC differs)" in str(caught[0].message)
    assert "its header describes" in str(caught[1].message)
    checkpointer.save({"w": np.full(100, 1)}, 1)
    assert checkpointer.steps() == [0, 1]
    with open(checkpointer.path(1), "wb"), open(checkpointer.path(0), "wb"):
        pass
    with pytest.raises(DamagedFileError, match="beginning is lost"), pytest.warns(UserWarning):
        checkpointer.restore()


@pytest.mark.parametrize(
    ("like", "told"),
    [
        ({"w": np.zeros(3, np.float32)}, r"\['w'\] is expected to be float32\[3\]; the file has float32\[2\]"),
        ({"w": np.zeros(2)}, r"expected to be float64\[2\]"),
        ({"v": np.zeros(2)}, r"lacks \['v'\] and has besides \['w'\]"),
        ({"w": 1}, "expected to be int"),
        ({"w": jax.random.key(0)}, "a key threefry2x32"),
        ([np.zeros(2)], r"lacks \[0\]"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, like, told):
    checkpointer = train.Checkpointer(tmp_path)
    checkpointer.save({"w": np.zeros(2, np.float32)}, 0)
    with pytest.raises(ValueError, match=told):
        checkpointer.restore(like=like)


@pytest.mark.parametrize("leaf", ["text", b"x", object(), 2**70, np.asarray("x"), np.asarray([None])])
def test_what_cannot_be_written_is_refused(tmp_path, leaf):
    with pytest.raises(TypeError, match=r"\['a'\]"):
        train.Checkpointer(tmp_path).save({"a": leaf}, 0)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_and_the_old_checkpoints_stand(tmp_path):
    script = f"""
        import resource, numpy as np
        from fkeras import train
        c = train.Checkpointer({str(tmp_path)!r}, keep=1)
        c.save({{"w": np.ones(10)}}, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            c.save({{"w": np.ones(1000)}}, 2)
        except OSError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert "disk is full" in done.stdout
    assert os.listdir(tmp_path) == ["step-000000001.fkeras"]
    assert train.Checkpointer(tmp_path).restore()["w"].sum() == 10


def kill_and_look(tmp_path, moments):
    """Kills a loop that saves all the time, again and again; what is there must always be whole and newer."""
    script = f"""
        import numpy as np
        from fkeras import train
        c = train.Checkpointer({str(tmp_path)!r}, keep=2)
        step = c.restore()["step"] if c.steps() else 0
        print("ready", flush=True)
        while True:
            step += 1
            c.save({{"step": step, "w": np.full(200_000, step)}}, step)
    """
    newest = 0
    for moment in moments:
        loop = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
        assert loop.stdout is not None
        loop.stdout.readline()
        time.sleep(moment)
        loop.send_signal(signal.SIGKILL)
        loop.wait()
        loop.stdout.close()
        checkpointer = train.Checkpointer(tmp_path)
        assert len(checkpointer.steps()) <= 3
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for step in checkpointer.steps():
                found = checkpointer.restore(step=step)
                assert found["step"] == step and (found["w"] == step).all()
        before, newest = newest, max(checkpointer.steps(), default=0)
        assert newest >= before
    return newest


def test_a_loop_that_is_killed_while_it_saves(tmp_path):
    assert kill_and_look(tmp_path, [0.03, 0.07, 0.2]) > 0


@pytest.mark.long
def test_a_loop_that_is_killed_fifty_times_while_it_saves(tmp_path, rng):
    assert kill_and_look(tmp_path, rng.uniform(0, 0.3, 50)) > 50


# --- hostile and damaged files ------------------------------------------------------------------


def packed_file(path, header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    digest = hashlib.sha256(header).digest()
    path.write_bytes(packed.PREFIX.pack(packed.MAGIC, packed.VERSION, len(header), digest) + header + body)
    return path


def row(path=(("key", "a"),), kind="array", dtype="float32", shape=(1,), crc=0):
    return [[list(p) for p in path], kind, dtype, list(shape), crc]


HOSTILE = {
    "shape bomb": {"leaves": [row(shape=(2**40,))], "note": None},
    "shape bomb of many": {"leaves": [row(shape=(2**16,) * 3)], "note": None},
    "negative shape": {"leaves": [row(shape=(-1,))], "note": None},
    "shape of floats": {"leaves": [row(shape=(1.0,))], "note": None},
    "empty but huge": {"leaves": [row(shape=(0, 2**47, 2**47))], "note": None},
    "many dimensions": {"leaves": [row(shape=(1,) * 100)], "note": None},
    "dtype of objects": {"leaves": [row(dtype="object")], "note": None},
    "dtype with fields": {"leaves": [row(dtype="f4,O")], "note": None},
    "unknown key": {"leaves": [row(kind="key os.system", dtype="uint32", shape=(2,))], "note": None},
    "key of the wrong length": {"leaves": [row(kind="key rbg", dtype="uint32", shape=(2,))], "note": None},
    "number with a shape": {"leaves": [row(kind="int", dtype="int64", shape=(1,))], "note": None},
    "twice": {"leaves": [row(), row()], "note": None},
    "no table": {"note": None},
    "rows of text": {"leaves": ["a"], "note": None},
    "names twice": b'{"leaves": [], "leaves": [], "note": null}',
    "not a number": b'{"leaves": [], "note": NaN}',
    "deep": b"[" * 100_000,
    "long number": b'{"leaves": [], "note": ' + b"1" * 10_000 + b"}",
    "no JSON": b"\xff\xfe",
}  # fmt: skip


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_header_is_refused(tmp_path, trick):
    path = packed_file(tmp_path / "a", HOSTILE[trick], b"\0\0\0\0")
    with pytest.raises(DamagedFileError, match=str(path)):
        packed.read(path)


@pytest.mark.parametrize(
    "leaves",
    [[row(), row(path=[["key", "a"], ["key", "b"]])], [row(), row(path=[["field", "a"]])], [row(), row(path=[])]],
)
def test_leaves_in_leaves_are_refused(tmp_path, leaves):
    crc = 0x2144DF1C  # of four zeros
    path = packed_file(tmp_path / "a", {"leaves": [[*r[:4], crc] for r in leaves], "note": None}, bytes(8))
    with pytest.raises(DamagedFileError):
        packed.read(path)


def test_a_pipe_is_refused_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFileError, match="not an ordinary file"):
        packed.read(tmp_path / "pipe")


def test_another_version_is_named(tmp_path):
    path = packed_file(tmp_path / "a", {"leaves": [], "note": None})
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match="version 9"):
        packed.read(path)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "valid"
    tree = {"w": np.arange(6, dtype=np.float32), "k": jax.random.key(0), "n": [1, 2.0, (True,)]}
    packed.write(path, tree, note={"epoch": 3, "best": [1.5, "x"]})
    return path.read_bytes()


def mutated(valid, data):
    """A file that differs from a valid one; half of the time with a header whose checksum is right again."""
    raw = bytearray(valid)
    length = packed.PREFIX.unpack_from(raw)[2]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "grow", "move"]))
        if kind == "flip":
            raw[at] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del raw[at : at + data.draw(st.integers(1, 40))]
        elif kind == "grow":
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        else:
            raw[at:at] = raw[: data.draw(st.integers(1, 40))]
        if not raw:
            break
    if data.draw(st.booleans()) and len(raw) > packed.PREFIX.size + length:
        header = bytes(raw[packed.PREFIX.size : packed.PREFIX.size + length])
        raw[: packed.PREFIX.size] = packed.PREFIX.pack(packed.MAGIC, 1, length, hashlib.sha256(header).digest())
    return bytes(raw)


@settings(max_examples=300)
@given(st.data())
def test_mutated_files_give_one_clear_error_or_are_read(valid, tmp_path_factory, data):
    raw = mutated(valid, data)
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(raw)
    try:
        tree, _ = packed.read(path)
    except DamagedFileError as error:
        assert str(path) in str(error)
    else:
        assert sum(np.asarray(x).nbytes for x in jax.tree.leaves(tree) if isinstance(x, np.ndarray)) <= len(raw)


def test_like_is_checked_before_anything_is_allocated(tmp_path):
    path = packed_file(tmp_path / "a", {"leaves": [row(shape=(1000,))], "note": None}, bytes(4000))
    with pytest.raises(ValueError, match=r"float32\[2\]; the file has float32\[1000\]"):
        packed.read(path, like={"a": np.zeros(2, np.float32)})


def test_the_note_alone(tmp_path):
    packed.write(tmp_path / "a", {"w": np.ones(3)}, note=["x", None, 1.5])
    assert packed.read_note(tmp_path / "a") == ["x", None, 1.5]
    chex.assert_trees_all_equal(packed.read(tmp_path / "a")[0], {"w": np.ones(3)})
