"""history.column_cache: a day's books, quotes, trades or marks as integers, kept beside the archive: the second run reads no text.

    <data>/.columns/binance_BTCUSDT_orderbook_2026-11-20_<key>.columns

The key is of what the day's records are (the checksums of its segments), of the powers of ten that are counted in, and of this code's form.
A file is whole or absent; one whose checksum is wrong is as if it were absent. Whatever is in the folder may be removed at any time.

The body is one int64 matrix, a row a record; behind it stand JSON (rows, columns, CRC-32 of the body, the blocks it was made of), its
length and its CRC-32.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from hoga.columns.digits import Ints

__all__ = ["ColumnFile", "ColumnWriter", "column_path", "open_columns"]

_FORM = 1
_TAIL = 12


class _Told(msgspec.Struct):
    """What stands behind the body. `blocks`: rows of each block of text, its minute, part, and place among those of its segment."""

    rows: int
    columns: int
    crc: int
    blocks: list[tuple[int, str, int, int]]


class ColumnFile:
    """One file. `blocks`: see `_Told`; `rows` are read as they are asked for."""

    def __init__(self, path: Path, told: _Told) -> None:
        self.blocks = told.blocks
        self._matrix = np.memmap(path, np.int64, "r", shape=(told.rows, told.columns))

    @property
    def count(self) -> int:
        """How many records."""
        return len(self._matrix)

    def column(self, number: int) -> Ints:
        """One column of all records."""
        found: Ints = self._matrix[:, number]
        return found

    def matrix(self, start: int, stop: int) -> Ints:
        """All columns of some records, a row each."""
        return np.ascontiguousarray(self._matrix[start:stop].T)


def column_path(folder: Path, name: str, told: object, powers: tuple[int, int]) -> Path:
    """Where the columns of a day are: `told` is what tells its records, as any JSON."""
    key = hashlib.sha256(msgspec.json.encode([_FORM, told, powers])).hexdigest()[:16]
    return folder / f"{name}_{key}.columns"


def open_columns(path: Path) -> ColumnFile | None:
    """None where there is no such file, or it is not as it was written."""
    try:
        with path.open("rb") as file:
            file.seek(-_TAIL, os.SEEK_END)
            tail = file.read(_TAIL)
            length, crc = int.from_bytes(tail[:8], "little"), int.from_bytes(tail[8:], "little")
            file.seek(-_TAIL - length, os.SEEK_END)
            text = file.read(length)
            if zlib.crc32(text) != crc:
                return None
            told = msgspec.json.decode(text, type=_Told)
            file.seek(0)
            body, left = 0, told.rows * told.columns * 8
            while left and (piece := file.read(min(left, 1 << 22))):
                body, left = zlib.crc32(piece, body), left - len(piece)
        if left or body != told.crc or not told.rows:
            return None
        return ColumnFile(path, told)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


class ColumnWriter:
    """Makes one file. What goes wrong with it harms nobody: then there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._working = path.with_name(f"{path.name}.part{os.getpid()}")
        self._blocks: list[tuple[int, str, int, int]] = []
        self._rows = self._columns = self._crc = 0
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._working.open("wb")

    def add(self, columns: Ints, minute: str, part: int) -> None:
        """The records of one block of text, a row of `columns` each."""
        if self._file is None:
            return
        matrix = columns.T
        data = np.ascontiguousarray(matrix).tobytes()
        before = self._blocks[-1] if self._blocks else (0, "", 0, 0)
        place = before[3] + 1 if before[1:3] == (minute, part) else 0
        self._blocks.append((len(matrix), minute, part, place))
        self._rows, self._columns, self._crc = self._rows + len(matrix), matrix.shape[1], zlib.crc32(data, self._crc)
        try:
            self._file.write(data)
        except OSError:
            self.drop()

    def finish(self) -> None:
        """All of the day is there."""
        file, self._file = self._file, None
        if file is None:
            return
        told = msgspec.json.encode(_Told(self._rows, self._columns, self._crc, self._blocks))
        try:
            with file:
                file.write(told + len(told).to_bytes(8, "little") + zlib.crc32(told).to_bytes(4, "little"))
            self._working.replace(self._path)
        except OSError:
            self._working.unlink(missing_ok=True)

    def drop(self) -> None:
        """There will be none."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
            self._working.unlink(missing_ok=True)
