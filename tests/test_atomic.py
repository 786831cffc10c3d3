"""Files are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from fkeras import atomic


def names(folder):
    return sorted(os.listdir(folder))


def test_the_new_file_takes_the_place_of_the_old_one_and_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    with atomic.writing(path) as temporary:
        assert os.path.dirname(temporary) == str(tmp_path)
        with open(temporary, "w") as file:
            file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(error), atomic.writing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_is_told_in_words_and_the_old_file_stands(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(OSError, match=r"disk is full.*old file stands") as caught, atomic.writing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_what_a_library_says_of_a_full_disk_is_understood(tmp_path):
    with pytest.raises(OSError, match="disk is full"), atomic.writing(tmp_path / "a"):
        try:
            raise OSError("file write failed: errno = 28, error message = 'No space left on device'")
        except OSError as error:
            raise RuntimeError("could not close") from error
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the size of files")
def test_a_real_limit_on_the_size_of_files(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    script = f"""
        import resource
        from fkeras import atomic
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            atomic.write_bytes({str(path)!r}, b"x" * 10_000)
        except OSError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert "disk is full" in done.stdout
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError, match="folder of this name"), atomic.writing(tmp_path / "a"):
        raise AssertionError("never comes here")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "a").symlink_to(tmp_path / "target")
    atomic.write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "a").is_symlink()


def test_remains_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    path = str(tmp_path / "a")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = f"{tmp_path}/.a.{atomic.host()}-{child.pid}-00000000.tmp"
    living = f"{tmp_path}/.a.{atomic.host()}-{os.getpid()}-00000000.tmp"
    young = f"{tmp_path}/.a.{atomic.host()}-{child.pid}-00000001.tmp"
    for left in (dead, living, young):
        open(left, "w").close()
    for left in (dead, living):
        os.utime(left, (time.time() - 1000,) * 2)
    atomic.write_bytes(path, b"new")
    assert names(tmp_path) == sorted(map(os.path.basename, ["a", living, young]))


WRITER = """
    import sys
    from fkeras import atomic
    print("ready", flush=True)
    n = 0
    while True:
        n += 1
        with atomic.writing(sys.argv[1]) as temporary, open(temporary, "wb", buffering=0) as file:
            for _ in range(50):
                file.write(n.to_bytes(8, "little") * 2000)
"""


@pytest.mark.parametrize("moment", [0.01, 0.05, *(pytest.param(t, marks=pytest.mark.long) for t in (0.03, 0.08, 0.12))])
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path, moment):
    path = tmp_path / "a"
    atomic.write_bytes(path, (0).to_bytes(8, "little") * 100_000)
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(moment)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    found = path.read_bytes()
    assert found == found[:8] * 100_000


def test_checksum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert atomic.checksum(tmp_path / "a").startswith("ba7816bf")
    assert atomic.checksum(tmp_path / "a", "md5").startswith("90015098")


def test_remove_is_content_with_what_is_not_there(tmp_path):
    atomic.write_bytes(tmp_path / "a", b"")
    atomic.remove(tmp_path / "a")
    atomic.remove(tmp_path / "a")
    assert names(tmp_path) == []
