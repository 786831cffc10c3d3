"""HDF5 as h5py writes it: in one piece or in chunks, packed or plain; and what is refused of it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import fkeras
from fkeras import layers, saving
from fkeras.saving import DamagedFileError, UnsafeModelError, hdf5

RNG = np.random.default_rng(0)
PACKED = {"compression": "gzip", "shuffle": True, "fletcher32": True}


def written(path, name="a", **settings):
    """An HDF5 file of one dataset, opened."""
    with h5py.File(path, "w") as file:
        file.create_dataset(name, **settings)
    return hdf5.open_file(path)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i4", "u8", ">f4", "bool"])
@pytest.mark.parametrize("shape", [(1,), (7,), (13, 17), (5, 1, 9, 4), (0,), (3, 0)])
def test_chunks_are_read_as_h5py_reads_them(dtype, shape, tmp_path):
    array = (RNG.normal(size=shape) * 50).astype(dtype)
    small = tuple(max(1, n // 3) for n in shape)
    for settings in (
        {"chunks": small},
        {"chunks": small, **PACKED},
        {"chunks": small, "shuffle": True},
        {"chunks": small, "fletcher32": True},
        {"chunks": tuple(2 * n or 1 for n in shape), "compression": "gzip"},
    ):
        settings = {"maxshape": (None,) * len(shape), **settings}
        found = written(tmp_path / "a.h5", data=array, **settings).root.find("a").read()
        assert found.dtype == array.dtype.newbyteorder("=") and found.shape == shape
        np.testing.assert_array_equal(found, array)


def test_many_chunks_and_the_chunks_that_a_filter_left_alone(tmp_path):
    array = RNG.normal(size=(300, 200)).astype("f4")
    found = written(tmp_path / "a.h5", data=array, chunks=(7, 9), **PACKED)
    np.testing.assert_array_equal(found.root.find("a").read(), array)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        made = file.create_dataset("a", (4, 8), "f4", chunks=(2, 8), compression="gzip")
        made[:2] = array[:2, :8]
        made.id.write_direct_chunk((2, 0), array[2:4, :8].tobytes(), filter_mask=1)
    np.testing.assert_array_equal(hdf5.open_file(tmp_path / "b.h5").root.find("a").read(), array[:4, :8])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shape": (1 << 40,), "dtype": "f4", "chunks": (1 << 20,), "compression": "gzip"}, "in 1048576 chunks"),
        ({"shape": (100,), "dtype": "f4", "compression": "gzip"}, "0 of 1 chunks are stored"),
        ({"data": np.zeros(1, "f4"), "chunks": (1 << 25,), "maxshape": (None,), "compression": "gzip"}, "unpacked to"),
        ({"data": np.zeros(99, "f4"), "compression": "lzf"}, "packed by lzf"),
        ({"data": np.zeros(99, "i4"), "scaleoffset": 3}, "packed by scale-offset"),
    ],
)
def test_what_takes_more_than_the_file_is_refused(settings, said, tmp_path):
    with pytest.raises(UnsafeModelError, match=said):
        written(tmp_path / "a.h5", **settings)


def test_a_changed_chunk_is_told(tmp_path):
    array = RNG.normal(size=(50, 40)).astype("f4")
    for settings, said in ((PACKED, "checksum differs"), ({"compression": "gzip"}, "cannot be unpacked|cut short")):
        written(tmp_path / "a.h5", data=array, **settings)
        with h5py.File(tmp_path / "a.h5") as file:
            at = file["a"].id.get_chunk_info(0).byte_offset
        raw = bytearray((tmp_path / "a.h5").read_bytes())
        raw[at] ^= 0x12
        (tmp_path / "a.h5").write_bytes(raw)
        with pytest.raises(DamagedFileError, match=said):
            hdf5.open_file(tmp_path / "a.h5").root.find("a").read()


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    found = written(tmp_path / "a.h5", data=np.zeros(10**6, "f4"))
    with open(tmp_path / "a.h5", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(DamagedFileError, match="became shorter"):
        found.root.find("a").read()


def repacked(source, target):
    """Copies an HDF5 file, its arrays packed."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                new.create_dataset(name, data=item[()], **(PACKED if item.shape else {}))
            else:
                new.require_group(name).attrs.update(item.attrs)

        old.visititems(copy)


def test_models_in_packed_files(tmp_path):
    model = fkeras.Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)])
    model.compile("adam", "mse")
    x = RNG.normal(size=(8, 4)).astype("f4")
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / "a.h5")
    model.save_weights(tmp_path / "a.weights.h5")
    for name in ("a.h5", "a.weights.h5"):
        repacked(tmp_path / name, tmp_path / f"packed-{name}")
    again = saving.load_model(tmp_path / "packed-a.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(again.optimizer.variables[3].value, model.optimizer.variables[3].value)
    again.set_weights([w + 1 for w in again.get_weights()])
    again.load_weights(tmp_path / "packed-a.weights.h5")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
