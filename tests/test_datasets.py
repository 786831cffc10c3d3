"""The data sets, from files of the real formats on a server of our own; and beside Keras' own readers."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import importlib
import io
import json
import os
import pickle
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from fkeras import config, datasets
from fkeras.datasets import pickled, source
from fkeras.legacy import telling
from fkeras.utils import to_categorical

RNG = np.random.default_rng(0)


def npz(**arrays):
    """A .npz file as NumPy writes it, lists of different lengths as pickled objects."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def texts(n):
    found = np.empty(n, object)
    found[:] = [RNG.integers(1, 50, RNG.integers(2, 30)).tolist() for _ in range(n)]
    return found


def idx(array):
    """A file of bytes in the format IDX, compressed."""
    head = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    return gzip.compress(head + array.tobytes())


def tar(**files):
    """A compressed archive of pickles, as those of CIFAR are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, value in files.items():
            data = pickle.dumps(value, protocol=3)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def pixels(n, *shape):
    return RNG.integers(256, size=(n, *shape)).astype("uint8")


def batch(n, **labels):
    return {b"data": pixels(n, 3072), **{k.encode(): RNG.integers(v, size=n).tolist() for k, v in labels.items()}}


IMAGES = {f"x_{p}": pixels(n, 28, 28) for p, n in (("train", 6), ("test", 4))}
CLASSES = {f"y_{p}": RNG.integers(10, size=n).astype("uint8") for p, n in (("train", 6), ("test", 4))}
CIFAR10 = {f"cifar-10-batches-py/data_batch_{i}": batch(3, labels=10) for i in range(1, 6)}
CIFAR10["cifar-10-batches-py/test_batch"] = batch(2, labels=10)
CIFAR100 = {f"cifar-100-python/{p}": batch(4, fine_labels=100, coarse_labels=20) for p in ("train", "test")}
FILES = {
    "mnist.npz": npz(**IMAGES, **CLASSES),
    "train-images-idx3-ubyte.gz": idx(IMAGES["x_train"]), "train-labels-idx1-ubyte.gz": idx(CLASSES["y_train"]),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES["x_test"]), "t10k-labels-idx1-ubyte.gz": idx(CLASSES["y_test"]),
    "cifar-10-python.tar.gz": tar(**CIFAR10), "cifar-100-python.tar.gz": tar(**CIFAR100),
    "imdb.npz": npz(x_train=texts(20), y_train=RNG.integers(2, size=20), x_test=texts(10),
                    y_test=RNG.integers(2, size=10)),
    "reuters.npz": npz(x=texts(30), y=RNG.integers(46, size=30)),
    "imdb_word_index.json": json.dumps({"film": 1}).encode(),
    "reuters_word_index.json": json.dumps({"wheat": 1}).encode(),
    "boston_housing.npz": npz(x=RNG.normal(size=(20, 13)), y=RNG.normal(size=20)),
    "california_housing.npz": npz(x=RNG.normal(size=(700, 8)).astype("float32"),
                                  y=RNG.normal(size=700).astype("float32")),
}  # fmt: skip


class Server(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        data = FILES.get(self.path.lstrip("/"))
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


MODULES = "mnist fashion_mnist cifar10 cifar100 imdb reuters boston_housing california_housing"
ARCHIVES = {"cifar10": "cifar-10-python.tar.gz", "cifar100": "cifar-100-python.tar.gz"}


@pytest.fixture
def home(address, tmp_path, monkeypatch):
    """An empty cache, our own server, and the digests of our own files."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setattr(source, "HOSTS", dict.fromkeys(source.HOSTS, address))
    for name in MODULES.split():
        module = getattr(datasets, name)
        for digest, file in (
            ("DIGEST", ARCHIVES.get(name, f"{name}.npz")),
            ("INDEX_DIGEST", f"{name}_word_index.json"),
        ):
            if hasattr(module, digest):
                monkeypatch.setattr(module, digest, hashlib.sha256(FILES[file]).hexdigest())
    Server.asked.clear()
    return tmp_path


@pytest.mark.parametrize("name", MODULES.split())
def test_equal_to_keras_on_the_same_files(home, monkeypatch, name):
    mine = getattr(datasets, name).load_data()
    oracle = importlib.import_module(f"keras.src.datasets.{name}")
    folder = home / "datasets" / "fashion-mnist" if name == "fashion_mnist" else home / "datasets"
    monkeypatch.setattr(oracle, "get_file", lambda fname=None, *args, **kwargs: str(folder / fname))
    if name == "cifar10":  # Keras counts on 50,000 images
        wanted = [oracle.load_batch(str(folder / "cifar-10-batches-py-target" / k)) for k in CIFAR10]
        x = np.concatenate([w[0] for w in wanted]).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(np.concatenate([mine[0][0], mine[1][0]]), x)
        np.testing.assert_array_equal(
            np.concatenate([mine[0][1], mine[1][1]])[:, 0], np.concatenate([w[1] for w in wanted])
        )
        assert mine[0][1].dtype == mine[1][1].dtype == np.uint8
        return
    theirs = oracle.load_data()
    for a, b in zip((*mine[0], *mine[1]), (*theirs[0], *theirs[1]), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype and a.shape == b.shape and len(a)


SETTINGS = [
    {"num_words": 20}, {"num_words": 20, "oov_char": None, "skip_top": 3},
    {"start_char": None, "seed": 1, "maxlen": 20},
    {"start_char": None, "index_from": 0}, {"maxlen": 15, "num_words": 9},
]  # fmt: skip


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_words_equal_to_keras(home, monkeypatch, name):
    module, oracle = getattr(datasets, name), importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(oracle, "get_file", lambda fname=None, *args, **kwargs: str(home / "datasets" / fname))
    for settings in SETTINGS:
        mine, theirs = module.load_data(**settings), oracle.load_data(**settings)
        for a, b in zip((*mine[0], *mine[1]), (*theirs[0], *theirs[1]), strict=True):
            assert [np.asarray(v).tolist() for v in a] == [np.asarray(v).tolist() for v in b], settings
    assert module.get_word_index() == oracle.get_word_index()
    with pytest.raises(ValueError, match="larger maxlen"):
        module.load_data(maxlen=1)
    monkeypatch.setattr(telling, "_told", set())
    with pytest.warns(UserWarning, match="num_words"):
        module.load_data(nb_words=20)
    with pytest.raises(TypeError, match="num_words"):
        module.load_data(num_wrds=20)


def test_label_names():
    from keras.datasets import reuters

    assert datasets.reuters.get_label_names() == reuters.get_label_names()


def test_layout_and_labels_of_cifar(home):
    config.set_image_data_format("channels_first")
    (x, fine), _ = datasets.cifar100.load_data()
    (_, coarse), _ = datasets.cifar100.load_data("coarse")
    assert x.shape == (4, 3, 32, 32) and fine.shape == coarse.shape == (4, 1) and coarse.max() < 20
    np.testing.assert_array_equal(x.reshape(4, -1), CIFAR100["cifar-100-python/train"][b"data"])
    assert to_categorical(fine, 100).shape == (4, 100)
    assert len(Server.asked) == 1  # the second time from the cache
    with pytest.raises(ValueError, match="coarse"):
        datasets.cifar100.load_data("both")


def test_path_to_a_file_of_ones_own(home):
    path = home / "mine.npz"
    path.write_bytes(FILES["mnist.npz"])
    np.testing.assert_array_equal(datasets.mnist.load_data(path)[0][0], IMAGES["x_train"])
    np.testing.assert_array_equal(datasets.mnist.load_data(str(path))[1][1], CLASSES["y_test"])
    folder = home / "clothes"
    folder.mkdir()
    for name in FILES:
        if name.endswith("ubyte.gz"):
            (folder / name).write_bytes(FILES[name])
    np.testing.assert_array_equal(datasets.fashion_mnist.load_data(folder)[0][0], IMAGES["x_train"])
    with tarfile.open(fileobj=io.BytesIO(FILES["cifar-10-python.tar.gz"])) as archive:
        archive.extractall(home, filter="data")
    assert datasets.cifar10.load_data(home / "cifar-10-batches-py")[0][0].shape == (15, 32, 32, 3)
    assert not Server.asked
    with pytest.raises(FileNotFoundError, match="no such file"):
        datasets.mnist.load_data(home / "missing.npz")


def test_without_a_network(home, monkeypatch):
    monkeypatch.setattr(source, "HOSTS", dict.fromkeys(source.HOSTS, "http://127.0.0.1:9"))
    with pytest.raises(OSError, match=r"Could not download .*mnist.npz.*path=.*datasets"):
        datasets.mnist.load_data()


def test_another_file_than_the_one_meant_is_refused(home, monkeypatch):
    monkeypatch.setattr(datasets.mnist, "DIGEST", "0" * 64)
    with pytest.raises(ValueError, match="not the file that is meant"):
        datasets.mnist.load_data()


class Harm:
    def __reduce__(self):
        return os.system, ("echo harm",)


def test_pickles_that_run_something_are_refused(home, tmp_path):
    evil = np.empty(1, object)
    evil[0] = Harm()
    (tmp_path / "evil.npz").write_bytes(npz(x=evil, y=np.zeros(1)))
    with pytest.raises(pickle.UnpicklingError, match=r"system"):
        datasets.reuters.load_data(tmp_path / "evil.npz")
    (tmp_path / "cut.gz").write_bytes(idx(IMAGES["x_train"])[:-40])
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    pickle.dump(np.empty(3, object), buffer)
    with zipfile.ZipFile(tmp_path / "lies.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    with pytest.raises(ValueError, match="says it holds"):
        pickled.read_npz(str(tmp_path / "lies.npz"))
    folder = tmp_path / "short"
    folder.mkdir()
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (folder / name).write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05ab"))
    with pytest.raises(ValueError, match="cut off"):
        datasets.fashion_mnist.load_data(folder)


@pytest.mark.parametrize("name", ["boston_housing", "california_housing", "reuters"])
def test_the_share_of_the_test(home, name):
    module = getattr(datasets, name)
    (x, y), (a, b) = module.load_data(test_split=0.5)
    assert len(x) == len(y) == len(a) == len(b)
    with pytest.raises(ValueError, match="below 1"):
        module.load_data(test_split=1.0)
    if name == "california_housing":
        assert len(module.load_data("small", test_split=0)[0][0]) == 600
        with pytest.raises(ValueError, match="small"):
            module.load_data("tiny")


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_tables_of_sklearn(name):
    pytest.importorskip("sklearn")
    module = getattr(datasets, name)
    (x, y), (a, b) = module.load_data()
    assert len(x) == len(y) and len(a) == len(b) and x.dtype == np.float32 and "Shapes" in module.load_data.__doc__
    assert round(len(a) / (len(x) + len(a)), 2) == 0.2
    again = module.load_data(seed=0)[0][0]
    np.testing.assert_array_equal(x, again)
    assert not np.array_equal(x, module.load_data(seed=1)[0][0])
