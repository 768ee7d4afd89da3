"""archive.form.spool: compressed blocks that wait until their segments are written, in a file without a name instead of in memory.

A minute of 1,024 busy streams is 60 MB of blocks. They are kept in memory up to `HELD_BYTES`; then they are written out, in one piece.
A disk that does not take them is no trouble here: they are held on, and whoever writes the segments will be told.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hoga.runtime.durable import nameless_file, write_all

__all__ = ["HELD_BYTES", "Place", "Spool"]

HELD_BYTES = 1 << 20


class Place(NamedTuple):
    """Where a piece lies in the spool."""

    at: int
    length: int


class Spool:
    """Takes pieces and gives them back. `folder`: on whose file system it lies, the journals' own; None keeps all in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._written = 0
        self._held = bytearray()

    def put(self, piece: bytes) -> Place:
        """Take a piece."""
        place = Place(self._written + len(self._held), len(piece))
        self._held += piece
        if len(self._held) >= HELD_BYTES and self._folder is not None:
            self._write_out(self._folder)
        return place

    def get(self, place: Place) -> bytes:
        """The piece that was put there. Raises OSError."""
        at = place.at - self._written
        if at >= 0:
            return bytes(self._held[at : at + place.length])
        assert self._file is not None, "what is not held was written"
        piece = os.pread(self._file.fileno(), place.length, place.at)
        if len(piece) < place.length:
            raise OSError("the file that blocks wait in was cut short")
        return piece

    def close(self) -> None:
        """Give the space back."""
        if self._file is not None:
            self._file.close()

    def _write_out(self, folder: Path) -> None:
        try:
            if self._file is None:
                self._file = nameless_file(folder)
            os.lseek(self._file.fileno(), self._written, os.SEEK_SET)
            write_all(self._file.fileno(), self._held)
        except OSError:
            self._folder = None
            return
        self._written += len(self._held)
        self._held.clear()
