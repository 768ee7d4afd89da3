"""archive.prove.daytext: the text of one day of one series, read once, and held against what was sealed of it.

While it is read, bytes are compared with what was written down; what the lines say about themselves is kept by the scan
(`archive.form.semantics`), to be judged when the whole day is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.audit import Line, outside_live
from hoga.archive.form.deflate import crc32
from hoga.archive.form.layout import parse_segment
from hoga.archive.form.ledger import SegmentEntry
from hoga.archive.form.locate import Located, locate
from hoga.archive.form.manifest import counted_missed
from hoga.archive.form.segment import read_located, read_pieces
from hoga.archive.form.semantics import ScanFacts, SeriesScan
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.spans import Span, day_span, minute_span
from hoga.archive.form.store import size_of
from hoga.archive.form.text import LineTooLong
from hoga.archive.keep.classic import is_classic
from hoga.archive.prove.report import Outcome
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.core.streams import Kind

__all__ = ["Changed", "DayText", "Place", "Sealed", "looks_classic", "minute_of_file"]

_PIECE_BYTES = 1024 * 1024


class Place(NamedTuple):
    """Text from `start` on (in the order read) is in `file`, where it begins at `base`."""

    start: int
    file: Path
    base: int
    minute: str


class Changed(NamedTuple):
    """The text `start`..`end` (in the order read) is not what was sealed."""

    place: Place
    end: int
    why: str


class Sealed(msgspec.Struct, frozen=True):
    """What was written down of a segment. `bytes` and `crc32` of its text: None for one that waits to be joined, whose own frame says it
    or, in zst, checks it."""

    records: int
    bytes: int | None
    crc32: int | None
    first_recv_ns: int | None
    last_recv_ns: int | None
    ids: tuple[int | None, int | None] | None


class DayText:
    """The files of one day, as they are read. `scan` has what their lines say, `places` where each stretch of it is, `changed` what is
    not what was sealed, `bare` how many lines of each file have no envelope. All that is found goes to `out`."""

    def __init__(self, day: SeriesDay, scan: SeriesScan, out: Outcome) -> None:
        self.day = day
        self.scan = scan
        self.out = out
        self.places: list[Place] = []
        self.changed: list[Changed] = []
        self.bare: dict[Path, int] = {}

    def frame(self, path: Path) -> Located | None:
        try:
            return locate(path)
        except SegmentCorrupt as fault:
            self.out.problem(path, "corrupt", fault.why, offset=fault.offset)
            return None

    def check_segment(self, path: Path, entry: SegmentEntry | None, *, minute: str, merged: bool = False) -> None:
        size = size_of(path)
        if entry is not None and entry.archive_bytes and size != entry.archive_bytes:
            kind = "truncated" if size < entry.archive_bytes else "corrupt"
            self.out.problem(
                path, kind, f"the file has {size} bytes where {entry.archive_bytes} were sealed", offset=min(size, entry.archive_bytes)
            )
        located = self.frame(path)
        if located is None:
            return
        if not located.ours and ((entry is not None and entry.archive_bytes) or located.archive_format == "zst"):
            self.out.problem(path, "repacked", "the file was not made by hoga")
        if located.ours and located.body_crc32 is not None:
            self.check_body(located, located.body_at, located.body_bytes, located.body_crc32, minute)
        sealed = None
        if entry is not None:
            sealed = Sealed(
                entry.records, entry.bytes, entry.crc32, entry.first_recv_ns, entry.last_recv_ns, (entry.first_id, entry.last_id)
            )
        place = Place(self.scan.bytes, path, 0, minute)
        if merged and sealed is not None:
            self._read_again(place, located, sealed)
        else:
            span_min, classic = entry.span_min if entry else 1, entry is None and is_classic(located)
            self.read(place, read_located(located), sealed, span_min=span_min, label="the segment", classic=classic)

    def read(self, place: Place, blocks: Iterable[bytes], sealed: Sealed | None, *, span_min: int, label: str, classic: bool) -> ScanFacts:
        """Read a segment's text through the scan and compare it with what was sealed."""
        self.places.append(place)
        span = minute_span(self.day.day, place.minute, span_min) if place.minute else day_span(self.day.day)
        self.scan.begin(span, classic=classic)
        crc, whole = 0, True
        try:
            for block in blocks:
                crc = crc32(block, crc)
                self.scan.feed(block)
        except SegmentCorrupt as fault:
            self.out.problem(place.file, "corrupt", f"{label}: {fault.why}", offset=fault.offset)
            whole = False
        except LineTooLong as fault:
            self.out.problem(place.file, "malformed", f"{label}: {fault}; the rest of it was not read")
            whole = False
        facts = self.scan.end()
        if classic:
            self.bare[place.file] = self.bare.get(place.file, 0) + facts.records
        self.out.records += facts.records
        self.out.bytes += facts.bytes
        if whole and sealed is not None:
            self._hold_against(place, sealed, facts, crc, label)
        return facts

    def _hold_against(self, place: Place, sealed: Sealed, facts: ScanFacts, crc: int, label: str) -> None:
        wanted = (sealed.records, facts.bytes if sealed.bytes is None else sealed.bytes, crc if sealed.crc32 is None else sealed.crc32)
        if (facts.records, facts.bytes, crc) != wanted:
            why = f"{label} has {facts.records} records in {facts.bytes} bytes where {sealed.records} in {sealed.bytes} were sealed"
            if (facts.records, facts.bytes) == wanted[:2]:
                why = f"{label}: the text's CRC-32 is not what was sealed"
            self.changed.append(Changed(place, place.start + facts.bytes, why))
            return
        expected = [("first_recv_ns", facts.first_recv_ns, sealed.first_recv_ns), ("last_recv_ns", facts.last_recv_ns, sealed.last_recv_ns)]
        if sealed.ids is not None and sealed.ids != (None, None):  # an older hoga did not know every venue's
            expected += [("first_id", facts.first_id, sealed.ids[0]), ("last_id", facts.last_id, sealed.ids[1])]
        self.compare(place.file, expected)

    def _read_again(self, place: Place, located: Located, sealed: Sealed) -> None:
        """A segment that is in the day file too: its bytes only."""
        crc = count = 0
        try:
            for block in read_located(located):
                crc, count = crc32(block, crc), count + len(block)
        except SegmentCorrupt as fault:
            self.out.problem(place.file, "corrupt", fault.why, offset=fault.offset)
            return
        if (count, crc) != (sealed.bytes, sealed.crc32):
            self.changed.append(Changed(place, place.start, "the segment's text is not what was sealed"))

    def fed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self.scan.feed(block)
            yield block

    def check_body(self, located: Located, at: int, length: int, expected: int, minute: str) -> None:
        """The compressed bytes themselves: some bits of deflate can change without the text changing."""
        crc = 0
        try:
            for _, piece in read_pieces(located.path, at, length, _PIECE_BYTES):
                crc = crc32(piece, crc)
            whole = crc == expected
        except SegmentCorrupt:
            whole = False
        if not whole:
            self.out.problem(
                located.path, "corrupt", f"the compressed bytes of segment {minute or 'day'} are not what was sealed", offset=at
            )

    def check_live(self, file: Path, lines: list[Line], live: list[Span], gaps: list[Gap]) -> None:
        if self.day.kind == Kind.ASIDE:  # what is put aside has no time of being recorded
            return
        for _, why in outside_live(lines, live, gaps, self.day.day):
            self.out.problem(file, "unaccounted", why)

    def check_balance(self, file: Path, received: int | None, records: int, duplicates: int, gaps: list[Gap]) -> None:
        counted = counted_missed(gaps)
        if received is not None and received != records + duplicates + counted:
            parts = f"{records} records + {duplicates} duplicates + {counted} accounted as not written"
            self.out.problem(file, "unbalanced", f"{received} frames were received, but {parts} make {records + duplicates + counted}")

    def compare(self, file: Path, figures: Iterable[tuple[str, object, object]]) -> None:
        for name, found, said in figures:
            if found != said:
                self.out.problem(file, "mismatch", f"{name}: found {found}, written down {said}")

    def in_file(self, offset: int) -> tuple[Path, int]:
        """The file and the offset in its text of something at `offset` of all that was read."""
        found = self.places[0]
        for place in self.places:
            if place.start > offset:
                break
            found = place
        return found.file, offset - found.start + found.base


def minute_of_file(file: str) -> str:
    name = parse_segment(file)
    return name.minute if name is not None else ""


def looks_classic(path: Path) -> bool:
    try:
        return is_classic(locate(path))
    except (ArchiveError, FileNotFoundError):
        return False
