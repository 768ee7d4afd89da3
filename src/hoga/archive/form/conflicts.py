"""archive.form.conflicts: ids of a united day that stand there with more than one payload, from more than one collector. Pure.

What one collector wrote of an id twice says nothing about another. Whose a record is, the name of its connection says; where it bears none,
nobody can tell, and an id with more than one payload is taken for one on which collectors differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hoga.archive.form.envelope import brought, collector_of
from hoga.archive.form.records import Record, RecordReader
from hoga.archive.form.text import line_ends

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]

__all__ = ["Conflict", "IdPayloads"]

_NAMELESS = 0
_NO_ID = -1
_BEYOND = 2**63


class Conflict(NamedTuple):
    """An id with several payloads. `name`: what stands at the discriminator's key, None where there is none. `offset`: of the first record
    in the text. `collectors`: whose they are, by name; empty: of one whose connections bear none."""

    name: str | None
    id: int
    offset: int
    records: int
    collectors: tuple[str, ...]


class IdPayloads:
    """Which payloads each id has. Call `take` for each block of the day's text, `conflicts` and `records_of` at its end (0.7 µs and 40
    bytes a record)."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._collectors: dict[bytes, int] = {b"": _NAMELESS}
        self._names: list[str] = [""]
        self._texts: dict[str | None, int] = {}
        self._blocks: list[tuple[Numbers, ...]] = []
        self._counts: list[int] = [0]

    def take(self, records: list[Record], lines: bytes, offset: int) -> None:
        """The next lines, which begin at `offset` of the text, and what was read of each."""
        import numpy as np

        ends = line_ends(lines)
        found_by = brought(lines, ends)
        numbers = [self._collector(conn) for conn in found_by.conns]
        who = [numbers[at] for at in found_by.which.tolist()]
        payloads = [lines[begin:end] for begin, end in zip(found_by.begins.tolist(), ends.tolist(), strict=True)]
        for number in set(who):
            self._counts[number] += who.count(number)
        if not self._reader.has_ids:
            return
        texts, ids = [], []
        for text, value in self._reader.named_ids(records):
            texts.append(self._texts.setdefault(text, len(self._texts)))
            ids.append(value if value is not None and 0 <= value < _BEYOND else _NO_ID)
        found = np.array([texts, ids, who, list(map(hash, payloads)), [0, *(ends[:-1] + 1).tolist()]], np.int64)
        found[4] += offset
        self._blocks.append(tuple(found[:, found[1] != _NO_ID]))

    def _collector(self, conn: bytes) -> int:
        found = self._collectors.get(conn)
        if found is None:
            name = collector_of(conn)
            if name not in self._names:
                self._names.append(name)
                self._counts.append(0)
            found = self._collectors[conn] = self._names.index(name)
        return found

    def records_of(self) -> dict[str, int]:
        """How many records each collector has there, by name; empty: of connections that bear none."""
        return {name: count for name, count in zip(self._names, self._counts, strict=True) if count}

    def conflicts(self) -> list[Conflict]:
        """The ids that several collectors brought with other payloads, by their place in the text."""
        import numpy as np

        if not self._blocks:
            return []
        texts, ids, who, payloads, offsets = (np.concatenate(each) for each in zip(*self._blocks, strict=True))
        order = np.lexsort((offsets, ids, texts))
        texts, ids, who, payloads, offsets = (each[order] for each in (texts, ids, who, payloads, offsets))
        fresh = np.concatenate([[True], (ids[1:] != ids[:-1]) | (texts[1:] != texts[:-1])])[: len(ids)]
        starts = np.flatnonzero(fresh)
        if len(starts) == len(ids):
            return []
        sizes = np.diff(starts, append=len(ids))
        least, most = np.minimum.reduceat(who, starts), np.maximum.reduceat(who, starts)
        several = np.minimum.reduceat(payloads, starts) != np.maximum.reduceat(payloads, starts)
        several &= (least != most) | (least == _NAMELESS)
        named = list(self._texts)
        found = [
            Conflict(
                name=named[int(texts[start])],
                id=int(ids[start]),
                offset=int(offsets[start : start + size].min()),
                records=size,
                collectors=tuple(sorted({self._names[number] for number in who[start : start + size].tolist()})),
            )
            for start, size in zip(starts[several].tolist(), sizes[several].tolist(), strict=True)
        ]
        return sorted(found, key=lambda each: each.offset)
