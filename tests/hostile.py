"""What a hostile file might do, watched for: programs started, code run, connections made, files written."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import zipfile

EVENTS = {
    "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.remove",
    "os.rename", "os.link", "os.symlink", "os.mkdir", "os.chmod", "shutil.rmtree", "shutil.move", "shutil.copyfile",
    "socket.connect", "socket.getaddrinfo", "urllib.Request", "pickle.find_class", "ctypes.dlopen", "webbrowser.open",
}  # fmt: skip
_watching: list[list[str]] = []


def _hook(event: str, args: tuple) -> None:
    if not _watching:
        return
    if event in EVENTS:
        _watching[-1].append(f"{event} {args!r}")
    elif event == "open":
        _, mode, flags = args
        writes = any(c in (mode or "") for c in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes:
            _watching[-1].append(f"open {args!r}")


sys.addaudithook(_hook)


@contextlib.contextmanager
def harmless(*allowed: str):
    """Asserts that nothing of the kind happens within.

    allowed: parts of what may be seen, the name of a temporary folder for example.
    """
    seen: list[str] = []
    _watching.append(seen)
    try:
        yield
    finally:
        _watching.pop()
    seen = [s for s in seen if not any(a in s for a in allowed)]
    assert not seen, f"a file made this happen: {seen}"


def members(path) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def pack(path, found: dict[str, bytes]) -> None:
    """Writes an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, data)


def with_config(source, target, change) -> None:
    """Copies a `.keras` file, its config changed by a function."""
    found = members(source)
    config = json.loads(found["config.json"])
    config = change(config) or config
    pack(target, {**found, "config.json": json.dumps(config).encode()})


def with_weights(source, target, change) -> None:
    """Copies a `.keras` file, its HDF5 file changed by a function."""
    import h5py

    found = members(source)
    file = io.BytesIO(found["model.weights.h5"])
    with h5py.File(file, "a") as weights:
        change(weights)
    pack(target, {**found, "model.weights.h5": file.getvalue()})
