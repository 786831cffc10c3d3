"""What may be wrong with a file."""

from __future__ import annotations


class UnsafeModelError(ValueError):
    """A file asks for something that a model file must not do.

    what: what it asks for. place: the file and the part of it. way_out: what to do if the file is trusted.

    >>> str(UnsafeModelError("the code of a lambda", "m.keras, config.json", "Pass the function."))
    'm.keras, config.json: refused: the code of a lambda. Pass the function.'
    """

    def __init__(self, what: str, place: str = "", way_out: str = ""):
        self.what, self.place, self.way_out = what, place, way_out
        where = f"{place}: " if place else ""
        super().__init__(f"{where}refused: {what}." + (f" {way_out}" if way_out else ""))


class DamagedFileError(ValueError):
    """A file that is cut short, changed, or of another kind.

    >>> str(DamagedFileError("it ends at byte 10", "m.keras"))
    'm.keras: the file is damaged or of another kind: it ends at byte 10.'
    """

    def __init__(self, what: str, place: str = ""):
        self.what, self.place = what, place
        where = f"{place}: " if place else ""
        super().__init__(f"{where}the file is damaged or of another kind: {what}.")
