"""`get_file`: a file from the net, kept in a cache, verified before it is used."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import stat
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from .. import atomic, config
from . import archive

SCHEMES = ("http", "https", "ftp", "file")
HASHES = {"md5": 32, "sha256": 64}  # characters of the digest
PATIENCE = 60.0  # seconds without an answer after which a server is given up
CHUNK = 1 << 18


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """The path of a file in the cache, downloaded from `origin` if it is not there.

    fname: its name in the cache; that of `origin` if None.
    origin: where it comes from: http, https, ftp or file.
    file_hash: what its digest must be, in hexadecimal; hash_algorithm: "md5", "sha256", or "auto" to tell by length.
    md5_hash: the same for MD5 alone, as in older versions.
    extract: unpacks it; the path is then that of the folder. untar: the same for tar alone, as in older versions.
    archive_format: "tar", "zip", a list of them, or "auto".
    cache_dir: the cache; None is the folder in KERAS_HOME, or else `~/.keras`. cache_subdir: a folder in it.
    force_download: downloads it even if it is there.

    It is downloaded under a temporary name and takes its own once its size and digest are right.

    Raises ValueError for settings that cannot be, a digest that differs, or an archive that is none;
    OSError if it cannot be downloaded or written; `archive.UnsafeArchiveError` for archives that do harm.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp()); _ = (folder / "a.txt").write_text("hello")
    >>> path = get_file(origin=(folder / "a.txt").as_uri(), cache_dir=folder)
    Downloading data from file:...a.txt
    >>> open(path).read()
    'hello'
    """
    scheme = urllib.parse.urlsplit(str(origin or "")).scheme
    if origin is None or scheme not in SCHEMES:
        raise ValueError(f"get_file: origin= must be a URL ({', '.join(SCHEMES)}); got {origin!r}.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    algorithm = algorithm_of(file_hash, hash_algorithm)
    folder = os.path.join(cache(cache_dir), os.fspath(cache_subdir))
    os.makedirs(folder, exist_ok=True)
    target, unpacked = places(folder, fname, origin, extract or untar)
    fresh = force_download or not is_there(target, file_hash, algorithm)
    if fresh:
        print(f"Downloading data from {origin}", flush=True)
        download(origin, target, file_hash, algorithm)
    if unpacked is None:
        return target
    if (fresh or not os.path.isdir(unpacked)) and not archive.extract(
        target, unpacked, "tar" if untar else archive_format
    ):
        raise ValueError(f"{target} is no archive of the format {'tar' if untar else archive_format!r}.")
    return unpacked


def algorithm_of(file_hash: str | None, algorithm: str) -> str | None:
    """The algorithm that a digest is of; None if there is no digest."""
    if algorithm not in ("auto", *HASHES):
        raise ValueError(f"get_file: unknown hash_algorithm {algorithm!r}; known: auto, md5, sha256.")
    if file_hash is None:
        return None
    fitting = [name for name, length in HASHES.items() if len(file_hash) == length and algorithm in ("auto", name)]
    if not fitting or set(file_hash.lower()) - set("0123456789abcdef"):
        raise ValueError(f"get_file: {file_hash!r} is no digest of {algorithm}: 32 (md5) or 64 (sha256) hex digits.")
    return fitting[0]


def cache(cache_dir: Any) -> str:
    """The folder of the cache; one of this user's own among the temporary files if the home cannot be written to."""
    if cache_dir is not None:
        return os.path.expanduser(os.fspath(cache_dir))
    home = os.path.expanduser(config.keras_home())
    with contextlib.suppress(OSError):
        os.makedirs(home, exist_ok=True)
    if os.access(home, os.W_OK):
        return home
    user = getattr(os, "getuid", lambda: 0)()
    spare = os.path.join(tempfile.gettempdir(), f"keras-{user}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(spare, 0o700)
    found = os.lstat(spare)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022:
        raise PermissionError(f"get_file: {home} cannot be written to, and {spare} belongs to others. Pass cache_dir=.")
    return spare


def places(folder: str, fname: Any, origin: str, unpacks: bool) -> tuple[str, str | None]:
    """(where the file goes, where it is unpacked to or None), by the names that Keras uses."""
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        source = "fname" if fname else "the name at the end of origin"
        raise ValueError(f"get_file: {source} must be a plain file name; got {name!r}. Folders go into cache_dir=.")
    if not unpacks:
        return os.path.join(folder, name), None
    if fname and "." in name:
        return os.path.join(folder, name), os.path.join(folder, f"{name[: name.find('.')]}_extracted")
    return os.path.join(folder, f"{name}_archive"), os.path.join(folder, name)


def is_there(path: str, file_hash: str | None, algorithm: str | None) -> bool:
    """Whether a file is in the cache, and is the one that is meant."""
    if not os.path.exists(path):
        return False
    if algorithm is None or atomic.checksum(path, algorithm) == str(file_hash).lower():
        return True
    print(f"{path} has another {algorithm} digest than {file_hash}: it is downloaded anew.", flush=True)
    return False


def download(origin: str, path: str, file_hash: str | None, algorithm: str | None) -> None:
    """Downloads a file to `path`, where it appears when all of it is there and right."""
    digest = hashlib.new(algorithm or "sha256")
    with atomic.writing(path) as temporary:
        with open(temporary, "wb") as file, telling(origin) as tell, fetching(origin) as (answer, size):
            done = 0
            while piece := answer.read(CHUNK):
                digest.update(piece)
                file.write(piece)
                done += len(piece)
                tell(done, size)
            if size is not None and done != size:
                raise OSError(f"Could not download {origin}: the connection ended after {done} of {size} bytes.")
        if algorithm is not None and digest.hexdigest() != str(file_hash).lower():
            raise ValueError(
                f"What was downloaded from {origin} is not the file that is meant, or is incomplete: its {algorithm} "
                f"digest is {digest.hexdigest()}, not {file_hash}. Nothing was kept."
            )


@contextlib.contextmanager
def fetching(origin: str) -> Iterator[tuple[Any, int | None]]:
    """(stream, how many bytes it should have) of what stands at a URL; errors name it."""
    try:
        request = urllib.request.Request(origin, headers={"User-Agent": "fkeras", "Accept-Encoding": "identity"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            size = answer.headers.get("Content-Length", "")
            yield answer, int(size) if size.isdecimal() else None
    except urllib.error.HTTPError as error:
        raise OSError(f"Could not download {origin}: the server says {error.code} ({error.reason}).") from error
    except urllib.error.URLError as error:
        raise OSError(f"Could not download {origin}: {error.reason}.") from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise OSError(f"Could not download {origin}: the connection broke ({error!r}).") from error
    except TimeoutError as error:
        raise OSError(f"Could not download {origin}: no answer for {PATIENCE:.0f} seconds.") from error


@contextlib.contextmanager
def telling(origin: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function that draws a bar on a terminal, and nothing elsewhere."""
    if not sys.stdout.isatty():
        yield lambda done, size: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(os.path.basename(urllib.parse.urlsplit(origin).path), total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)
