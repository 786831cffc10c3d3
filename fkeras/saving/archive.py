"""The zip archive of a `.keras` file: read within limits, never extracted."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from .errors import DamagedFileError, UnsafeModelError

MOST_MEMBERS, MOST_RATIO, SMALL = 10_000, 100, 1 << 24
CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"


class Archive:
    """The members of an archive, checked before any is read.

    file: a path or a file object. place: what to call it in messages.
    Raises DamagedFileError, UnsafeModelError.
    """

    def __init__(self, file: Any, place: str):
        self.place = place
        try:
            self.zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, EOFError, ValueError, OverflowError, NotImplementedError, UnicodeError) as error:
            raise DamagedFileError(f"it is no zip archive ({error})", place) from None
        self.members: dict[str, zipfile.ZipInfo] = {}
        infos = self.zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise UnsafeModelError(f"an archive of {len(infos)} members", place)
        for info in infos:
            self.check(info)
            self.members[info.filename] = info
        size = self.size()
        if sum(i.compress_size for i in infos) > size:
            raise UnsafeModelError("members that lie on top of each other", place)

    def size(self) -> int:
        """How many bytes the archive itself has."""
        assert self.zip.fp is not None
        here = self.zip.fp.tell()
        end = self.zip.fp.seek(0, io.SEEK_END)
        self.zip.fp.seek(here)
        return end

    def check(self, info: zipfile.ZipInfo) -> None:
        """Refuses a member that no archive of a model has."""
        name, where = info.filename, f"{self.place}, {info.filename}"
        if name in self.members:
            raise UnsafeModelError("a member that is there twice", where)
        check_name(name, where)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeModelError("a link", where)
        if info.flag_bits & 1:
            raise UnsafeModelError("an encrypted member", where)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsafeModelError("a compression that Keras does not use", where)
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise DamagedFileError("its sizes contradict each other", where)
        if info.file_size > SMALL and info.file_size > MOST_RATIO * info.compress_size:
            raise UnsafeModelError(f"{info.compress_size} bytes that are to become {info.file_size}", where)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def read(self, name: str) -> bytes:
        """The bytes of a member; its checksum is verified."""
        where = f"{self.place}, {name}"
        if name not in self.members:
            raise DamagedFileError(f"it holds no {name}, but {', '.join(self.members) or 'nothing'}", self.place)
        info = self.members[name]
        try:
            with self.zip.open(info) as member:
                data = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise DamagedFileError(f"{error}", where) from None
        if len(data) != info.file_size:
            raise DamagedFileError(f"it has {len(data)} bytes, and should have {info.file_size}", where)
        return data

    def close(self) -> None:
        """Closes the file, if the archive was opened by its path."""
        self.zip.close()


class Folder:
    """A model that lies in a folder as the members of an archive would; no link in it is followed."""

    def __init__(self, path: str):
        self.path = self.place = os.path.abspath(path)
        self.members: dict[str, str] = {}
        for folder, folders, files in os.walk(self.path):
            for name in (*folders, *files):
                whole = os.path.join(folder, name)
                if os.path.islink(whole):
                    raise UnsafeModelError("a link", whole)
                if name in files and os.path.isfile(whole):
                    self.members[os.path.relpath(whole, self.path).replace(os.sep, "/")] = whole

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def read(self, name: str) -> bytes:
        """The bytes of a file in the folder."""
        if name not in self.members:
            raise DamagedFileError(f"it holds no {name}", self.place)
        with open(self.members[name], "rb") as file:
            return file.read()

    def close(self) -> None:
        """Nothing is open."""


def check_name(name: str, where: str) -> None:
    """Refuses a name that leads out of the archive."""
    path = PurePosixPath(name)
    if name.startswith("/") or "\\" in name or ".." in path.parts or ":" in name or "\0" in name or not name.strip():
        raise UnsafeModelError("a path that leads outside", where)
