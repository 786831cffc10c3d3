"""Files that are whole or not there: written beside their place, flushed, then renamed onto it.

Whatever happens meanwhile (an exception, Ctrl-C, SIGKILL, a full disk, a power cut), the
path holds the file from before or the new one, never a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STALE = 60.0  # seconds after which the remains of a process that is no more are removed
CHUNK = 1 << 20


@contextlib.contextmanager
def writing(path: Any) -> Iterator[str]:
    """Lends a temporary path in the same folder; what was written there takes the place of `path` at the end.

    If the block raises, `path` stays as it was and the temporary file goes. A link at
    `path` is replaced, not followed. The mode of an old file is kept.

    Raises OSError; of a full disk, one that says so.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "notes")
    >>> with writing(path) as temporary:
    ...     _ = open(temporary, "w").write("whole")
    >>> open(path).read()
    'whole'
    """
    path = os.path.abspath(os.fspath(path))
    if os.path.isdir(path) and not os.path.islink(path):
        raise IsADirectoryError(errno.EISDIR, "Cannot write a file: there is a folder of this name", path)
    sweep(path)
    temporary = temporary_for(path)
    try:
        create(temporary, path)
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if is_full(error):
            raise disk_full(path, error) from error
        raise
    flush_folder(os.path.dirname(path))


def write_bytes(path: Any, *parts: bytes | memoryview) -> None:
    """Writes a whole file from some buffers, one after another."""
    with writing(path) as temporary, open(temporary, "wb") as file:
        for part in parts:
            file.write(part)


def remove(path: Any) -> None:
    """Removes a file, for good, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        flush_folder(os.path.dirname(os.path.abspath(path)))


def checksum(path: Any, algorithm: str = "sha256") -> str:
    """The hexadecimal digest of a file, read in pieces.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     checksum(empty.name)[:8]
    'e3b0c442'
    """
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


# --- how --------------------------------------------------------------------------------------


def host() -> str:
    """A short name of this machine, of letters and digits."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def temporary_for(path: str) -> str:
    """A new name beside `path` that tells who writes."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name[:150]}.{host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")


def create(temporary: str, path: str) -> None:
    """Makes the temporary file, empty and new, with the mode of the file it will replace."""
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    with contextlib.suppress(OSError):
        old = os.lstat(path)
        if stat.S_ISREG(old.st_mode):
            os.chmod(temporary, stat.S_IMODE(old.st_mode) | stat.S_IWUSR | stat.S_IRUSR)


def flush(path: str) -> None:
    """Sees to it that what was written to a file is on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: str) -> None:
    """The same for the names in a folder, where the system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and (error.errno in FULL or os.strerror(errno.ENOSPC) in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_full(path: str, error: BaseException) -> OSError:
    """The error of a full disk, in words."""
    number = getattr(error, "errno", None) or errno.ENOSPC
    stands = "The old file stands as it was" if os.path.exists(path) else "No part of it is left"
    return OSError(number, f"Cannot write the file: the disk is full, or a quota is used up ({error}). {stands}", path)


def sweep(path: str) -> None:
    """Removes temporary files for `path` whose writers were killed on this machine."""
    folder, name = os.path.split(path)
    pattern = re.compile(rf"\.{re.escape(name[:150])}\.{host()}-(\d+)-[0-9a-f]{{8}}\.tmp")
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            found = pattern.fullmatch(entry)
            if found is None or is_alive(int(found[1])):
                continue
            left = os.path.join(folder, entry)
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(left).st_mtime > STALE:
                    os.unlink(left)


def is_alive(process: int) -> bool:
    """Whether a process of this number runs here, as far as can be told."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
