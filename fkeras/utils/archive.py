"""Archives unpacked with care: nothing is written outside the folder, no link or device is made, no bomb goes off."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

FORMATS = ("tar", "zip")
RATIO, FREE = 250, 1 << 27  # an archive may grow to 250 times its size, and to 128 MiB in any case
MEMBERS = 10_000_000
CHUNK = 1 << 20
COMPRESSED: tuple[tuple[bytes, Any], ...] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile, RuntimeError,
          NotImplementedError, ValueError)  # fmt: skip


class UnsafeArchiveError(ValueError):
    """An archive that holds what nobody should unpack."""


class Member(NamedTuple):
    """A file or folder of an archive. file: None for a folder."""

    name: str
    file: IO[bytes] | None
    mode: int


def extract(path: Any, folder: Any = ".", archive_format: Any = "auto") -> bool:
    """Unpacks a tar (plain, gz, bz2, xz) or zip archive to `folder`; False if the file is neither.

    archive_format: "tar", "zip", a list of them, "auto" for both, None for none.

    Everything is unpacked beside `folder` first: after an error nothing of it is left. A
    folder that is there already gets the files of the archive in place of its own.

    Raises UnsafeArchiveError for absolute paths, `..`, links, devices, names that stand twice, encrypted files and
    archives that grow out of all proportion; ValueError for damaged ones and unknown formats.
    """
    path, folder = os.fspath(path), os.path.abspath(os.fspath(folder))
    wanted = (
        FORMATS if archive_format == "auto" else [archive_format] if isinstance(archive_format, str) else archive_format
    )
    for name in wanted or ():
        if name not in FORMATS:
            raise ValueError(f"Unknown archive_format {name!r}; known: 'auto', 'tar', 'zip', None, or a list.")
        members = (open_tar if name == "tar" else open_zip)(path)
        if members is not None:
            unpack(path, members, folder)
            return True
    return False


def unpack(path: str, members: Iterator[Member], folder: str) -> None:
    """Writes the members of an archive to a new folder, which then takes its place."""
    if os.path.lexists(folder) and (os.path.islink(folder) or not os.path.isdir(folder)):
        raise FileExistsError(f"{path} cannot be unpacked: {folder} is there already and is no folder.")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    fresh = os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.{secrets.token_hex(4)}.tmp")
    os.mkdir(fresh)
    try:
        write_all(members, fresh, max(FREE, RATIO * os.path.getsize(path)))
        if os.path.isdir(folder):
            merge(fresh, folder)
        else:
            os.replace(fresh, folder)
    except UnsafeArchiveError as error:
        raise UnsafeArchiveError(f"{path} is not unpacked: {error}") from None
    except BROKEN as error:
        raise ValueError(f"{path} is damaged and cannot be unpacked: {error or type(error).__name__}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_all(members: Iterable[Member], folder: str, most: int) -> None:
    """Writes members below a folder that nobody else writes to; `most` bytes in all."""
    total = 0
    for number, member in enumerate(members):
        parts = parts_of(member.name)
        if number >= MEMBERS:
            raise UnsafeArchiveError(f"it has more than {MEMBERS} members")
        target = os.path.join(folder, *parts)
        try:
            os.makedirs(target if member.file is None else os.path.dirname(target), exist_ok=True)
            if member.file is None:
                continue
            with open(target, "xb") as file:
                while piece := member.file.read(CHUNK):
                    total += len(piece)
                    check_growth(total, most)
                    file.write(piece)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise UnsafeArchiveError(f"its member {member.name!r} stands twice") from None
        os.chmod(target, 0o644 | (member.mode & 0o111))


def check_growth(total: int, most: int) -> None:
    """Refuses what grows out of all proportion."""
    if total > most:
        raise UnsafeArchiveError(f"it holds more than {most} bytes, {RATIO} times its own size: that is a bomb")


def parts_of(name: str) -> list[str]:
    """The names on the way to a member; refuses those that lead out of the folder."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    outside = name.startswith("/") or ".." in parts or "\\" in name or re.match(r"[A-Za-z]:", name)
    if outside or "\0" in name or any(ord(c) < 32 for c in name):
        raise UnsafeArchiveError(f"its member {name!r} would lie outside of the folder, or has no proper name")
    return parts


def merge(fresh: str, folder: str) -> None:
    """Moves files below one folder to another, over those there; links there are replaced, not followed."""
    for entry in list(os.scandir(fresh)):
        target = os.path.join(folder, entry.name)
        there = os.path.isdir(target) and not os.path.islink(target)
        if entry.is_dir() and there:
            merge(entry.path, target)
        else:
            if entry.is_dir() and os.path.lexists(target):
                os.unlink(target)
            os.replace(entry.path, target)


# --- tar --------------------------------------------------------------------------------------


class Limited(io.RawIOBase):
    """A stream that ends with an error when more is read from it than an archive may hold."""

    def __init__(self, file: IO[bytes], most: int):
        self.file, self.left, self.most = file, most, most

    def read(self, size: int = -1) -> bytes:
        try:
            data = self.file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        except OSError as error:  # of a decompressor, unless it has a number
            raise tarfile.ReadError(str(error)) if error.errno is None else error from error
        self.left -= len(data)
        check_growth(self.most - self.left, self.most)
        return data

    def close(self) -> None:
        self.file.close()
        super().close()


def open_tar(path: str) -> Iterator[Member] | None:
    """The members of a tar archive in their order; None if it is no tar archive."""
    with open(path, "rb") as file:
        start = file.read(6)
    opener: Any = next((o for magic, o in COMPRESSED if start.startswith(magic)), open)
    stream = Limited(opener(path, "rb"), 2 * max(FREE, RATIO * os.path.getsize(path)))
    try:
        archive = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115
    except UnsafeArchiveError as error:
        raise UnsafeArchiveError(f"{path} is not unpacked: {error}") from None
    except (*BROKEN, OSError):
        stream.close()
        return None
    return tar_members(archive, stream)


def tar_members(archive: tarfile.TarFile, stream: Limited) -> Iterator[Member]:
    """The members of an open tar archive, each good until the next one is asked for."""
    with contextlib.closing(stream), archive:
        for info in archive:
            if not info.isfile() and not info.isdir():
                kind = "a link" if info.issym() or info.islnk() else "a device, a pipe or the like"
                raise UnsafeArchiveError(f"its member {info.name!r} is {kind}")
            yield Member(info.name, archive.extractfile(info) if info.isfile() else None, info.mode)


# --- zip --------------------------------------------------------------------------------------


def open_zip(path: str) -> Iterator[Member] | None:
    """The members of a zip archive; None if it is no zip archive."""
    return zip_members(path) if zipfile.is_zipfile(path) else None


def zip_members(path: str) -> Iterator[Member]:
    """The members of a zip archive, each good until the next one is asked for."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafeArchiveError(f"its member {info.filename!r} is a link or a device")
            if info.flag_bits & 1:
                raise UnsafeArchiveError(f"its member {info.filename!r} is encrypted")
            if info.is_dir():
                yield Member(info.filename, None, mode)
            else:
                with archive.open(info) as file:
                    yield Member(info.filename, file, mode)
