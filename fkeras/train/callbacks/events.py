"""Event files as TensorBoard reads them, written without TensorFlow.

A file is a row of records: the length of an event, a checksum of it, the event, a
checksum of that. An event is a protocol buffer, of which only a few fields are needed.
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto
"""

from __future__ import annotations

import functools
import os
import socket
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

VERSION = b"brain.Event:2"
SCALAR, TENSOR, BLOB = 1, 2, 3  # what TensorBoard is told of the data of a summary
FLOAT, DOUBLE, STRING = 1, 2, 7  # types of a TensorProto
BUCKETS = 30


# --- records ---------------------------------------------------------------------------------------


@functools.cache
def crc_table() -> list[int]:
    """The steps of CRC-32C (Castagnoli) for each byte."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def masked_crc(data: bytes) -> int:
    """The checksum of a record: CRC-32C, rotated and shifted.

    >>> hex(masked_crc(b"123456789"))  # whose CRC-32C is 0xe3069283
    '0xc78ab0e5'
    """
    crc, table = 0xFFFFFFFF, crc_table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """One record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


# --- protocol buffers ------------------------------------------------------------------------------


def varint(n: int) -> bytes:
    """A whole number, seven bits a byte.

    >>> varint(300).hex()
    'ac02'
    """
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def field(number: int, value: Any) -> bytes:
    """A field of a message: a whole number, or bytes (text, a message)."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(values: Any, kind: int) -> bytes:
    """A TensorProto of an array of numbers, or of a nest of bytes."""
    if kind == STRING:
        flat, shape = (values, (len(values),)) if isinstance(values, list) else ([values], ())
        body = b"".join(field(8, v) for v in flat)
    else:
        array = np.asarray(values, "<f8" if kind == DOUBLE else "<f4")
        shape, body = array.shape, field(4, array.tobytes())
    return field(1, kind) + field(2, b"".join(field(2, field(1, d)) for d in shape)) + body


def summary(tag: str, plugin: str, data: bytes, data_class: int = 0, content: bytes = b"") -> bytes:
    """A Summary of one value that a plugin of TensorBoard shows."""
    told = field(1, plugin) + (field(2, content) if content else b"")
    metadata = field(1, told) + (field(4, data_class) if data_class else b"")
    return field(1, field(1, tag) + field(9, metadata) + field(8, data))


# --- what is shown ---------------------------------------------------------------------------------


def histogram(values: Any) -> np.ndarray:
    """Rows (left edge, right edge, count) of equal buckets; one bucket if all values are equal."""
    values = np.ravel(np.asarray(values, np.float64))
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros((0, 3))
    if values.min() == values.max():
        return np.array([[values[0] - 0.5, values[0] + 0.5, values.size]])
    counts, edges = np.histogram(values, BUCKETS)
    return np.stack([edges[:-1], edges[1:], counts], 1)


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of bytes (height, width, channels): one (grey), three (colour) or four (with opacity)."""
    height, width, channels = pixels.shape
    colour = {1: 0, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + chunk(b"IEND", b"")
    )


class EventWriter:
    """Writes one event file into a folder, which it makes; every event is flushed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = EventWriter(folder)
    ...     writer.scalar("loss", 0.5, step=1)
    ...     writer.close()
    ...     [path.name.startswith("events.out.tfevents.") for path in Path(folder).iterdir()]
    [True]
    """

    def __init__(self, folder: Any):
        Path(folder).mkdir(parents=True, exist_ok=True)
        now = time.time()
        stem = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        paths = (Path(folder) / f"{stem}.{n}.v2" for n in range(1 << 30))
        self.file = open(next(p for p in paths if not p.exists()), "xb")  # noqa: SIM115
        self._write(struct.pack("<Bd", 1 << 3 | 1, now) + field(3, VERSION))

    def _write(self, event: bytes) -> None:
        self.file.write(record(event))
        self.file.flush()

    def add(self, summary: bytes, step: int) -> None:
        """Writes a summary."""
        self._write(struct.pack("<Bd", 1 << 3 | 1, time.time()) + field(2, int(step)) + field(5, summary))

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Writes a number."""
        self.add(summary(tag, "scalars", tensor(value, FLOAT), SCALAR), step)

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """Writes how some numbers are distributed."""
        self.add(summary(tag, "histograms", tensor(histogram(values), DOUBLE), TENSOR), step)

    def image(self, tag: str, images: np.ndarray, step: int) -> None:
        """Writes images (count, height, width, channels) with values from 0 to 1; at most three are shown."""
        pixels = np.round(np.clip(np.asarray(images, np.float32), 0, 1) * 255).astype(np.uint8)
        size = [str(pixels.shape[2]).encode(), str(pixels.shape[1]).encode()]
        self.add(summary(tag, "images", tensor([*size, *map(png, pixels[:3])], STRING), BLOB), step)

    def text(self, tag: str, plugin: str, text: str, step: int, content: bytes = b"") -> None:
        """Writes a text for a plugin."""
        self.add(summary(tag, plugin, tensor(text.encode(), STRING), 0, content), step)

    def close(self) -> None:
        """Ends the file."""
        self.file.close()
