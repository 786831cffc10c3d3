"""Files that are whole or not there, for whoever writes models; they live in `fkeras.atomic`."""

from ..atomic import checksum, remove, write_bytes, writing

__all__ = ["checksum", "remove", "write_bytes", "writing"]
