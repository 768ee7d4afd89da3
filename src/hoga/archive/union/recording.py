"""archive.union.recording: one series' day as one archive has it, with the edges of the days beside it, marked for the law.

The same frame may have been received before midnight by one collector and after it by another, so the ends of the days before and after are
looked at, too; what is in them belongs to their own union.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from hoga.archive.form.checked import Proof, checked_blocks, whole_lines
from hoga.archive.form.deflate import crc32
from hoga.archive.form.envelope import brought, collector_of, receipt_column, receipts_at
from hoga.archive.form.layout import FORMATS
from hoga.archive.form.locate import locate
from hoga.archive.form.manifest import Manifest, SegmentRow, read_manifest
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, day_span
from hoga.archive.form.text import line_ends, split_lines
from hoga.archive.union.law import Marks
from hoga.core.errors import ManifestMismatch
from hoga.core.times import DAY_NS, MINUTE_NS, day_of

__all__ = ["EDGE_NS", "Collectors", "Recording", "Stretch", "beside_of", "day_after", "day_before", "is_edge", "open_recording"]

EDGE_NS = 10 * MINUTE_NS
"""How far two receipts of one frame may lie apart over midnight: clocks that are wrong by minutes are."""
_LONGEST_SEGMENT_MIN = 60

_HEAD_BYTES = 128
"""Of a payload: there are the ids and times of every stream, so that what follows is told well enough by its length and its CRC-32."""
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, place, 1 << 64) for place in range(1, 2 * _HEAD_BYTES // 8, 2)], np.uint64)
"""Odd, one for each eight bytes."""

Places = np.ndarray[tuple[int], np.dtype[np.intp]]


class Collectors:
    """Who received a record, by the name of its connection: one that begins with `tokyo/` is tokyo's, one without a stroke nobody's in
    particular. Those that are named come first, in that order; the others are alike."""

    def __init__(self, order: list[str]) -> None:
        self._order = {name: place for place, name in enumerate(order)}
        self._of_conn: dict[bytes, int] = {}
        self.names: list[str] = []

    def number(self, conn: bytes) -> int:
        """Of the collector that a connection (as it is spelt in a line) is of; `names` has its name at that place."""
        found = self._of_conn.get(conn)
        if found is None:
            name = collector_of(conn)
            if name not in self.names:
                self.names.append(name)
            found = self._of_conn[conn] = self.names.index(name)
        return found

    def place(self, names: Iterable[str]) -> tuple[int, str]:
        """Where an archive of these collectors stands among others: by the preferred of them, then by the first name."""
        named = list(names)
        return min((self._order.get(name, len(self._order)) for name in named), default=len(self._order)), min(named, default="")

    def ranks(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The rank of each collector, by number."""
        return np.array([self._order.get(name, len(self._order)) for name in self.names], np.int64)


class Stretch(NamedTuple):
    """The records of one segment: `first` is the place of its first one, `records` how many there are. `row`: None for those of a day
    beside, of which only what was received `within` is looked at."""

    first: int
    row: SegmentRow | None
    file: Path
    at: int
    length: int
    proof: Proof
    within: Span | None = None
    records: int = 0


class Recording:
    """Every record of the day, marked. `manifest`: None when this archive has the days beside it only. `label`: how the archive is called
    where nothing in it has a name. `stretches` of the day itself
    have rows."""

    def __init__(self, label: str, day: SeriesDay, manifest: Manifest | None) -> None:
        self.label = label
        self.day = day
        self.manifest = manifest
        self.located = locate(day.manifest_path.with_name(manifest.archive.file)) if manifest is not None else None
        self.stretches: list[Stretch] = []
        self.marks = Marks(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        self.widths = np.zeros(0, np.int32)
        self.heads = np.zeros(0, np.int32)
        """The bytes of each line, with its newline, and of those before its payload."""
        self.who = np.zeros(0, np.int64)
        """The number of the collector of each record; the marks' ranks are told by it when all are known."""

    def text(self, stretch: Stretch) -> bytes:
        """The lines of a stretch, proven. Raises SegmentCorrupt."""
        located = self.located if stretch.row is not None else None
        blocks = checked_blocks(stretch.file, at=stretch.at, length=stretch.length, proof=stretch.proof, located=located)
        text = b"".join(whole_lines(blocks, stretch.file))
        if stretch.within is None:
            return text
        low, high = stretch.within
        receipts = receipts_at(text, line_ends(text)) or []
        return b"".join(line for line, at in zip(split_lines(text), receipts, strict=False) if low <= at < high)

    @property
    def own(self) -> slice:
        """The places of the day's own records, without those of the edges."""
        rows = [each for each in self.stretches if each.row is not None]
        return slice(rows[0].first, rows[-1].first + rows[-1].records) if rows else slice(0, 0)

    def lines(self, stretch: Stretch, places: Places) -> list[bytes]:
        """Some of the lines of a stretch, by their places in it. Raises SegmentCorrupt."""
        text = self.text(stretch)
        behind = np.cumsum(self.widths[stretch.first : stretch.first + stretch.records], dtype=np.intp)[places]
        begins = behind - self.widths[stretch.first + places]
        return [text[begin:end] for begin, end in zip(begins.tolist(), behind.tolist(), strict=True)]

    def line(self, place: int) -> bytes:
        """One record's line (slow: its segment is read for it)."""
        stretch = next(each for each in self.stretches if each.first <= place < each.first + each.records)
        (line,) = self.lines(stretch, np.array([place - stretch.first]))
        return line


def open_recording(label: str, day: SeriesDay, collectors: Collectors) -> Recording:
    """Read and mark the day. Raises SegmentCorrupt for what is not as it was sealed, ManifestMismatch for records without a receipt."""
    manifest = read_manifest(day.manifest_path)
    found = Recording(label, day, manifest)
    low, high = day_span(day.day)
    parts = _read_edge(found, day_before(day), (low - EDGE_NS, low), collectors)
    if manifest is not None:
        for row in manifest.segments:
            parts.append(_read(found, day, manifest, row, collectors))
            if len(parts[-1].receipts) != row.records:
                why = f"{len(parts[-1].receipts)} records in segment {row.minute}, where {row.records} were sealed"
                raise ManifestMismatch(day.manifest_path, why)
    parts += _read_edge(found, day_after(day), (high, high + EDGE_NS), collectors)
    names = {collectors.names[number] for number in {number for part in parts for number in set(part.who.tolist())}} - {""}
    if (manifest is None or manifest.collectors is None) and len(names) == 1:
        found.label = names.pop()
    if parts:
        keys, checks, who, receipts, found.widths, found.heads = (np.concatenate(each) for each in zip(*parts, strict=True))
        found.who, found.marks = who, Marks(keys, checks, who, receipts)
    return found


def beside_of(order: Sequence[str], sources: Iterable[tuple[str, SeriesDay]]) -> str:
    """A fingerprint of all that a union depends on and that is in no account of the day: the order in which collectors (`sources`: their
    days, by name) are preferred, and what each of them has at the ends of the days beside."""
    ends = [(name, [(row.minute, row.part, row.records, row.crc32) for row in _rows_beside(day)]) for name, day in sources]
    return hashlib.sha256(msgspec.json.encode((list(order), sorted(ends)))).hexdigest()[:32]


def is_edge(minute: str) -> bool:
    """Whether a segment that begins in this minute (`23-59`) may have what a day beside must be held against."""
    at = minute_number(minute) * MINUTE_NS
    return at < EDGE_NS or at >= DAY_NS - EDGE_NS - _LONGEST_SEGMENT_MIN * MINUTE_NS


def minute_number(minute: str) -> int:
    """Of the day: `13-15` is 795."""
    return int(minute[:2]) * 60 + int(minute[3:])


def _rows_beside(day: SeriesDay) -> Iterator[SegmentRow]:
    low, high = day_span(day.day)
    for beside, window in ((day_before(day), (low - EDGE_NS, low)), (day_after(day), (high, high + EDGE_NS))):
        if (other := read_manifest(beside.manifest_path)) is not None:
            yield from _rows_in(other, window)


def _rows_in(other: Manifest, window: Span) -> list[SegmentRow]:
    return [
        row
        for row in other.segments
        if row.first_recv_ns is not None and row.last_recv_ns is not None and _overlap((row.first_recv_ns, row.last_recv_ns), window)
    ]


def _read_edge(found: Recording, beside: SeriesDay, window: Span, collectors: Collectors) -> list[_Marked]:
    """What of the day beside was received in `window`."""
    other = read_manifest(beside.manifest_path)
    rows = _rows_in(other, window) if other is not None else []
    return [_read(found, beside, other, row, collectors, within=window) for row in rows if other is not None]


class _Marked(NamedTuple):
    keys: np.ndarray[tuple[int], np.dtype[np.uint64]]
    checks: np.ndarray[tuple[int], np.dtype[np.uint64]]
    who: np.ndarray[tuple[int], np.dtype[np.int64]]
    receipts: np.ndarray[tuple[int], np.dtype[np.int64]]
    widths: np.ndarray[tuple[int], np.dtype[np.int32]]
    heads: np.ndarray[tuple[int], np.dtype[np.int32]]


def _read(
    found: Recording, day: SeriesDay, manifest: Manifest, row: SegmentRow, collectors: Collectors, *, within: Span | None = None
) -> _Marked:
    """The marks of one segment's records; of a day beside only of those received `within`."""
    last = found.stretches[-1] if found.stretches else None
    stretch = Stretch(
        first=last.first + last.records if last is not None else 0,
        row=row if within is None else None,
        file=day.manifest_path.with_name(manifest.archive.file),
        at=row.archive_offset,
        length=row.archive_bytes,
        proof=Proof(
            packed_crc32=None if manifest.archive.file.endswith(FORMATS["parquet"]) else row.archive_crc32,
            text_bytes=row.bytes,
            crc32=row.crc32,
        ),
        within=within,
    )
    marked = _marks_of(found.text(stretch), collectors, stretch.file)
    found.stretches.append(stretch._replace(records=len(marked.receipts)))
    return marked


def _marks_of(text: bytes, collectors: Collectors, file: Path) -> _Marked:
    """What the law looks at, of each line: the hash of the payload's beginning, where its ids and times are; its length and CRC-32."""
    ends = line_ends(text)
    receipts = receipt_column(text, ends) if len(ends) else np.zeros(0, np.int64)
    if receipts is None:
        why = "a record in it has no receipt: what the classic recorder or `hoga heal` wrote is not united"
        raise ManifestMismatch(file, why, hint="leave that archive out, or take it alone")
    found = brought(text, ends)
    view = memoryview(text)
    sums = [crc32(view[begin:end]) for begin, end in zip(found.begins.tolist(), ends.tolist(), strict=True)]
    lengths = (ends - found.begins).astype(np.uint64)
    numbers = np.array([collectors.number(conn) for conn in found.conns], np.int64)
    return _Marked(
        _head_keys(text, found.begins, ends),
        np.array(sums, np.uint64) << np.uint64(32) | lengths & np.uint64(0xFFFFFFFF),
        numbers[found.which] if len(ends) else np.zeros(0, np.int64),
        receipts,
        widths := np.diff(ends, prepend=-1).astype(np.int32),
        (found.begins - ends - 1 + widths).astype(np.int32),
    )


def _head_keys(text: bytes, begins: Places, ends: Places) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """A key of the first bytes of each payload: two that differ there have the same one by a chance of one in 2**63."""
    words = np.zeros((len(begins), len(_FACTORS)), np.uint64)
    whole = np.minimum(ends, len(text) - _HEAD_BYTES) - begins >= _HEAD_BYTES
    if len(text) > _HEAD_BYTES:
        words[whole] = np.ndarray((len(text) - _HEAD_BYTES, len(_FACTORS)), "<u8", text, strides=(1, 8))[begins[whole]]
    for at in np.flatnonzero(~whole).tolist():
        words[at] = np.frombuffer(text[begins[at] : min(ends[at], begins[at] + _HEAD_BYTES)].ljust(_HEAD_BYTES, b"\0"), "<u8")
    return words @ _FACTORS


def day_before(day: SeriesDay) -> SeriesDay:
    """The same series a day earlier."""
    return msgspec.structs.replace(day, day=day_of(day_span(day.day)[0] - 1))


def day_after(day: SeriesDay) -> SeriesDay:
    """The same series a day later."""
    return msgspec.structs.replace(day, day=day_of(day_span(day.day)[1]))


def _overlap(one: Span, other: Span) -> bool:
    return min(one) < other[1] and max(one) >= other[0]
