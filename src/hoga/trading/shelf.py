"""trading.shelf: rows that are hardly ever asked for again, found by their names: packed, some 100 bytes each. Pure.

Rows are put in in the order of their stamps, and let go of a block at a time. A row that was taken out, has changed, and is put in again
stands behind its older self: the newest one counts.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Shelf"]

_ROWS = 128
_LEVEL = 1


class _Block(NamedTuple):
    """`keys`: digests of the names, sorted, and at the same places the numbers of their rows; `ends`: where each row ends."""

    newest_ns: int
    keys: array[int]
    numbers: array[int]
    ends: array[int]
    packed: bytes

    def row(self, number: int) -> bytes:
        """One row."""
        start = self.ends[number - 1] if number else 0
        return zlib.decompress(self.packed)[start : self.ends[number]]


class Shelf:
    """See the module. `<Shelf 83,200 rows>`."""

    def __init__(self) -> None:
        self._blocks: deque[_Block] = deque()
        self._rows: list[bytes] = []
        self._keys: dict[int, list[int]] = {}
        self._newest_ns = 0

    def __len__(self) -> int:
        return sum(len(block.ends) for block in self._blocks) + len(self._rows)

    def __repr__(self) -> str:
        return f"<Shelf {len(self):,} rows>"

    def put(self, names: tuple[str, ...], at_ns: int, row: bytes) -> None:
        """One more row, under all of its names."""
        number = len(self._rows)
        self._rows.append(row)
        for name in names:
            self._keys.setdefault(hash(name), []).append(number)
        self._newest_ns = max(self._newest_ns, at_ns)
        if len(self._rows) >= _ROWS:
            self._pack()

    def find(self, name: str) -> Iterator[bytes]:
        """The rows that may have that name, the newest first: it is a digest that is compared."""
        key = hash(name)
        for number in reversed(self._keys.get(key, ())):
            yield self._rows[number]
        for block in reversed(self._blocks):
            at = bisect_left(block.keys, key)
            found = []
            while at < len(block.keys) and block.keys[at] == key:
                found.append(block.numbers[at])
                at += 1
            for number in sorted(found, reverse=True):
                yield block.row(number)

    def rows(self) -> Iterator[bytes]:
        """All of them, oldest first."""
        for block in self._blocks:
            for number in range(len(block.ends)):
                yield block.row(number)
        yield from self._rows

    def forget(self, before_ns: int) -> int:
        """Let go of blocks of which the newest row is older than that; returns how many rows those were."""
        count = 0
        while self._blocks and self._blocks[0].newest_ns < before_ns:
            count += len(self._blocks.popleft().ends)
        return count

    def _pack(self) -> None:
        pairs = sorted((key, number) for key, numbers in self._keys.items() for number in numbers)
        ends, end = array("i"), 0
        for row in self._rows:
            end += len(row)
            ends.append(end)
        self._blocks.append(
            _Block(
                newest_ns=self._newest_ns,
                keys=array("q", [key for key, _ in pairs]),
                numbers=array("H", [number for _, number in pairs]),
                ends=ends,
                packed=zlib.compress(b"".join(self._rows), _LEVEL),
            )
        )
        self._rows, self._keys, self._newest_ns = [], {}, 0
