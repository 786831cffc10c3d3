"""`get_file` and archives: what comes from elsewhere is verified, and cannot write outside its folder."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import http.server
import io
import os
import pathlib
import stat
import tarfile
import threading
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fkeras import config, utils
from fkeras.utils import archive, download
from fkeras.utils.archive import UnsafeArchiveError

TEXT = b"some data\n" * 1000


def tar_of(*members, mode="w:gz"):
    """A tar archive of (name or TarInfo, bytes)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(*members):
    """A zip archive of (name or ZipInfo, bytes)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes] = {}
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        data = self.files.get(self.path)
        if data is None:
            return self.send_error(404)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", data.decode())
            return self.end_headers()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + (10 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def url(monkeypatch):
    Server.files, Server.asked = {"/a.txt": TEXT}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def read(path):
    return pathlib.Path(path).read_bytes()


def everything_in(folder):
    return sorted(os.path.relpath(os.path.join(at, n), folder) for at, _, names in os.walk(folder) for n in names)


@pytest.fixture
def cached(url, tmp_path):
    return lambda name="a.txt", **kwargs: utils.get_file(origin=f"{url}/{name}", cache_dir=tmp_path, **kwargs)


def test_the_cache_is_asked_first_and_can_be_passed_over(cached, tmp_path):
    path = cached()
    assert path == str(tmp_path / "datasets" / "a.txt")
    assert read(path) == TEXT
    Server.files["/a.txt"] = b"new"
    assert read(cached()) == TEXT
    assert read(cached(force_download=True)) == b"new"
    assert Server.asked == ["/a.txt"] * 2
    assert cached("a.txt", fname="b", cache_subdir="deep/er") == str(tmp_path / "deep/er/b")


@pytest.mark.parametrize("given", ["sha256", "md5", "auto", "md5_hash", "upper"])
def test_digests(cached, given):
    name = "md5" if given.startswith("md5") else "sha256"
    digest = hashlib.new(name, TEXT).hexdigest()
    digest = digest.upper() if given == "upper" else digest
    kwargs = {"md5_hash": digest} if given == "md5_hash" else {"file_hash": digest}
    kwargs |= {"hash_algorithm": given} if given in ("sha256", "md5", "auto") else {}
    path = cached(**kwargs)
    with open(path, "ab") as file:
        file.write(b"!")
    assert read(cached(**kwargs)) == TEXT  # the changed one was noticed
    assert len(Server.asked) == 2


def test_what_has_another_digest_is_not_kept(cached, tmp_path):
    with pytest.raises(ValueError, match=r"sha256 digest is .*, not 0000"):
        cached(file_hash="0" * 64)
    assert everything_in(tmp_path) == []


def test_what_ends_early_is_not_kept(cached, tmp_path):
    Server.files["/short"] = TEXT
    with pytest.raises(OSError, match=f"ended after {len(TEXT)} of {len(TEXT) + 10} bytes"):
        cached("short")
    assert everything_in(tmp_path) == []


def test_what_fails_leaves_the_file_that_was_there(cached):
    path = cached()
    del Server.files["/a.txt"]
    with pytest.raises(OSError, match="the server says 404"):
        cached(force_download=True)
    assert read(path) == TEXT


def test_a_server_cannot_send_us_to_files_of_this_machine(cached, tmp_path):
    (tmp_path / "secret").write_text("secret")
    Server.files["/away"] = (tmp_path / "secret").as_uri().encode()
    with pytest.raises(OSError, match="Could not download"):
        cached("away")


def test_files_of_this_machine_when_they_are_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(TEXT)
    path = utils.get_file(origin=(tmp_path / "a").as_uri(), cache_dir=tmp_path / "cache")
    assert read(path) == TEXT
    with pytest.raises(OSError, match="Could not download file:"):
        utils.get_file(origin=(tmp_path / "none").as_uri(), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({}, "must be a URL"),
        ({"origin": "a.txt"}, "must be a URL"),
        ({"origin": "data:text/plain,a"}, "must be a URL"),
        ({"origin": "http://x/a", "hash_algorithm": "sha1"}, "unknown hash_algorithm 'sha1'"),
        ({"origin": "http://x/a", "file_hash": "xyz"}, "no digest"),
        ({"origin": "http://x/a", "file_hash": "0" * 64, "hash_algorithm": "md5"}, "no digest of md5"),
        ({"origin": "http://x/"}, "plain file name"),
        ({"origin": "http://x/.."}, "plain file name"),
        ({"origin": "http://x/a", "fname": "../a"}, "plain file name"),
        ({"origin": "http://x/a", "fname": "/etc/a"}, "plain file name"),
    ],
)
def test_settings_that_cannot_be(tmp_path, kwargs, told):
    with pytest.raises(ValueError, match=told):
        utils.get_file(cache_dir=tmp_path, **kwargs)


def test_where_the_cache_is(monkeypatch, tmp_path, url):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert config.keras_home() == str(tmp_path / "keras")
    assert utils.get_file(origin=f"{url}/a.txt") == str(tmp_path / "keras" / "datasets" / "a.txt")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.keras_home() == str(tmp_path / ".keras")


def test_a_home_that_cannot_be_written_to(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "keras"))
    monkeypatch.setattr(download.tempfile, "gettempdir", lambda: str(tmp_path))
    spare = download.cache(None)
    assert os.path.dirname(spare) == str(tmp_path)
    assert stat.S_IMODE(os.stat(spare).st_mode) == 0o700
    os.chmod(spare, 0o777)
    with pytest.raises(PermissionError, match="belongs to others"):
        download.cache(None)


# --- archives ---------------------------------------------------------------------------------

GOOD = [("a.txt", TEXT), ("in/ner/b.txt", b"b"), ("./in/c.txt", b"")]
ARCHIVES = {
    "plain.tar": tar_of(*GOOD, mode="w"),
    "a.tar.gz": tar_of(*GOOD),
    "a.tar.bz2": tar_of(*GOOD, mode="w:bz2"),
    "a.tar.xz": tar_of(*GOOD, mode="w:xz"),
    "a.zip": zip_of(*GOOD),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_are_unpacked(cached, tmp_path, name):
    Server.files[f"/{name}"] = ARCHIVES[name]
    folder = cached(name, extract=True)
    assert folder == str(tmp_path / "datasets" / name)
    assert everything_in(folder) == ["a.txt", "in/c.txt", "in/ner/b.txt"]
    assert read(f"{folder}/a.txt") == TEXT
    assert cached(name, extract=True) == folder
    assert Server.asked == [f"/{name}"]


def test_names_of_unpacked_folders(cached, tmp_path):
    Server.files["/a.zip"], Server.files["/a.tgz"] = ARCHIVES["a.zip"], ARCHIVES["a.tar.gz"]
    assert cached("a.zip", fname="data.v1.zip", extract=True) == str(tmp_path / "datasets/data_extracted")
    assert cached("a.zip", fname="data", extract=True) == str(tmp_path / "datasets/data")
    assert cached("a.tgz", fname="more", untar=True) == str(tmp_path / "datasets/more")
    assert os.path.isfile(tmp_path / "datasets/more_archive")
    with pytest.raises(ValueError, match="no archive of the format 'tar'"):
        cached("a.zip", fname="other", untar=True)
    with pytest.raises(ValueError, match="no archive"):
        cached("a.txt", extract=True)
    with pytest.raises(ValueError, match="Unknown archive_format 'rar'"):
        cached("a.zip", fname="third", extract=True, archive_format="rar")


def test_an_archive_downloaded_anew_is_unpacked_anew(cached):
    Server.files["/a.zip"] = zip_of(("a", b"old"), ("b", b"stays"))
    folder = cached("a.zip", extract=True)
    Server.files["/a.zip"] = zip_of(("a", b"new"))
    assert cached("a.zip", extract=True, force_download=True) == folder
    assert read(f"{folder}/a") == b"new"


def special(name, kind, target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def linked(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, b"/etc/passwd"


HOSTILE = {
    "tar: absolute": tar_of(("/tmp/evil", b"x")),
    "tar: up": tar_of(("../evil", b"x")),
    "tar: up in the midst": tar_of(("a/../../evil", b"x")),
    "tar: backslash": tar_of(("..\\evil", b"x")),
    "tar: drive": tar_of(("C:evil", b"x")),
    "tar: symbolic link": tar_of(special("a", tarfile.SYMTYPE), ("a/evil", b"x")),
    "tar: link within": tar_of(special("a", tarfile.SYMTYPE, "b")),
    "tar: hard link": tar_of(special("a", tarfile.LNKTYPE)),
    "tar: pipe": tar_of(special("a", tarfile.FIFOTYPE)),
    "tar: device": tar_of(special("a", tarfile.CHRTYPE)),
    "tar: twice": tar_of(("a", b"1"), ("a", b"2")),
    "tar: file as folder": tar_of(("a", b"1"), ("a/b", b"2")),
    "tar: good, then up": tar_of(*GOOD, ("../evil", b"x")),
    "zip: absolute": zip_of(("/tmp/evil", b"x")),
    "zip: up": zip_of(("a/../../evil", b"x")),
    "zip: link": zip_of(linked("a")),
    "zip: twice": zip_of(("a", b"1"), ("./a", b"2")),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_hostile_archives_are_refused_and_nothing_is_left(tmp_path, trick):
    (tmp_path / "archive").write_bytes(HOSTILE[trick])
    with pytest.raises(UnsafeArchiveError, match=r"archive is not unpacked: its member"):
        archive.extract(tmp_path / "archive", tmp_path / "in" / "folder")
    assert everything_in(tmp_path) == ["archive"]
    assert not os.path.exists("/tmp/evil")
    assert os.listdir(tmp_path / "in") == []


BOMBS = {
    "zip": zip_of(("zeros", bytes(2_000_000))),
    "tar": tar_of(("zeros", bytes(2_000_000))),
    "tar of nothing but headers": gzip.compress(tar_of(("a", b""), mode="w")[:512] * 5000),
    "bz2": bz2.compress(tar_of(("zeros", bytes(2_000_000)), mode="w")),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_do_not_go_off(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archive, "FREE", 100_000)
    monkeypatch.setattr(archive, "RATIO", 20)
    (tmp_path / "bomb").write_bytes(BOMBS[kind])
    with pytest.raises(UnsafeArchiveError):
        archive.extract(tmp_path / "bomb", tmp_path / "folder")
    assert everything_in(tmp_path) == ["bomb"]


def test_links_in_a_folder_that_was_there_are_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in").symlink_to(tmp_path / "outside")
    (tmp_path / "archive").write_bytes(zip_of(("in/evil", b"x")))
    assert archive.extract(tmp_path / "archive", tmp_path / "folder")
    assert os.listdir(tmp_path / "outside") == []
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError, match="is no folder"):
        archive.extract(tmp_path / "archive", tmp_path / "link")


def test_encrypted_and_damaged_archives_are_told(tmp_path):
    raw = bytearray(zip_of(("a", TEXT)))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(UnsafeArchiveError, match="encrypted"):
        archive.extract(tmp_path / "a", tmp_path / "folder")
    (tmp_path / "a").write_bytes(ARCHIVES["a.tar.gz"][:-20])
    with pytest.raises(ValueError, match="damaged"):
        archive.extract(tmp_path / "a", tmp_path / "folder")
    assert everything_in(tmp_path) == ["a"]


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(ARCHIVES)), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_mutated_archives_give_one_clear_error_or_are_unpacked(tmp_path_factory, name, flips):
    raw = bytearray(ARCHIVES[name])
    for at, mask in flips:
        raw[int(at * (len(raw) - 1))] ^= mask
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "archive").write_bytes(raw)
    try:
        archive.extract(folder / "archive", folder / "unpacked")
    except ValueError as error:
        assert str(folder / "archive") in str(error)
        assert everything_in(folder) == ["archive"]
    assert not any(p.startswith(".unpacked") for p in os.listdir(folder))
