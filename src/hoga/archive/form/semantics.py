"""archive.form.semantics: what the records of one series say about themselves. Pure.

`SeriesScan` reads the JSONL text of a day, block by block, and keeps: counts, first and last receive time and id of
each segment, runs of ids, and remarks about lines. `archive.form.records` reads what the venue says is in a line.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from hoga.archive.form.bookcheck import BookCheck
from hoga.archive.form.conflicts import IdPayloads
from hoga.archive.form.idruns import IdRuns
from hoga.archive.form.records import Chain, Record, RecordReader
from hoga.archive.form.text import LineCutter, split_lines
from hoga.venues.spec import ChannelSpec

__all__ = ["Remark", "ScanFacts", "SeriesScan", "StampedId"]

_ID_LIMIT = 2**63


class Remark(msgspec.Struct, frozen=True, gc=False):
    """Something about the line at `offset` of the text. `recv_ns` is 0 where the line has none; `count` lines of the segment are
    like it, from this one on."""

    kind: str
    offset: int
    detail: str
    recv_ns: int = 0
    other_ns: int = 0
    count: int = 1


class ScanFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One segment, or a whole series: ids are the smallest and largest, times those of the first and last line."""

    records: int = 0
    bytes: int = 0
    first_recv_ns: int | None = None
    last_recv_ns: int | None = None
    first_id: int | None = None
    last_id: int | None = None


class StampedId(msgspec.Struct, frozen=True):
    """Ids of a series beside their receive times, as arrays of 64-bit integers of one length."""

    ids: array[int]
    recv_ns: array[int]


class SeriesScan:
    """Reads one series, which `channels` feed. Call `begin` for each segment, `feed` its text in any pieces, `end` for its facts.

    Afterwards `remarks` holds what was noticed about lines (at most `remark_limit` of each kind in a segment, the last one
    counting the rest), `runs` the ids of each chain by name, `stamped` ids with times when `keep_ids` was set, and `payloads` of each id
    when the day is a `united` one of several collectors.
    """

    def __init__(
        self,
        channels: Iterable[ChannelSpec],
        *,
        keep_ids: bool = False,
        check_books: bool = True,
        united: bool = False,
        remark_limit: int = 20,
    ) -> None:
        self._reader = RecordReader(channels)
        self.payloads = IdPayloads(self._reader) if united else None
        self._check = BookCheck() if check_books and self._reader.has_levels else None
        self._keep_ids = keep_ids
        self._limit = remark_limit
        self.remarks: list[Remark] = []
        self._seen: dict[str, list[int]] = {}
        self.runs: dict[str, IdRuns] = {}
        self.stamped = StampedId(array("q"), array("q"))
        self.bytes = 0
        self._cutter = LineCutter()
        self._classic = False
        self._malformed: set[int] = set()
        self._last_line = b""
        self._last_recv: int | None = None
        self._window = (0, _ID_LIMIT)
        self._reset()

    def begin(self, window: tuple[int, int], *, classic: bool = False) -> None:
        """The next segment's records belong into `window` (from, to before), nanoseconds. `classic`: its lines have no envelope."""
        self._window = window
        self._classic = classic
        self._seen.clear()
        self._reset()

    def restart(self) -> None:
        """What follows was received independently of what came before: times may start anew."""
        self._last_recv = None
        self._last_line = b""

    def feed(self, block: bytes) -> None:
        """Take the next piece of the segment's text. Raises LineTooLong: what follows in this segment cannot be told."""
        lines = self._cutter.cut(block)
        if lines:
            self._take(lines)

    def end(self) -> ScanFacts:
        """The segment is complete: its facts."""
        if rest := self._cutter.rest():
            self._remark("torn", self.bytes, f"the last line ends after {len(rest)} bytes without a newline")
            self.bytes += len(rest)
            self._segment_bytes += len(rest)
        for count, last in self._seen.values():
            if count > self._limit:
                self.remarks[last] = msgspec.structs.replace(self.remarks[last], count=1 + count - self._limit)
        self._seen.clear()
        return ScanFacts(
            records=self._records,
            bytes=self._segment_bytes,
            first_recv_ns=self._first_recv,
            last_recv_ns=self._segment_last_recv,
            first_id=self._low_id,
            last_id=self._high_id,
        )

    def _reset(self) -> None:
        self._records = self._segment_bytes = 0
        self._first_recv: int | None = None
        self._segment_last_recv: int | None = None
        self._low_id: int | None = None
        self._high_id: int | None = None

    def _take(self, lines: bytes) -> None:
        records = self._reader.read(lines)
        if records is None:
            records = list(self._read_singly(lines))
        self._look_times(records, lines)
        self._note_ids(self._reader.ids(records))
        if self._keep_ids:
            self._keep([record.recvNs for record in records], self._reader.last_ids(records))
        if self.payloads is not None:
            self.payloads.take(records, lines, self.bytes)
        if self._check is not None:
            self._look_books(self._check, records, lines)
        for found in self._reader.chains(records):
            self._chain(found, records, lines)
        self._records += len(records)
        self._segment_bytes += len(lines)
        self.bytes += len(lines)

    def _read_singly(self, lines: bytes) -> Iterator[Record]:
        at = self.bytes
        for line, (record, fault) in zip(split_lines(lines), self._reader.read_singly(lines), strict=True):
            if fault is not None:
                self._malformed.add(at)
                self._remark("malformed", at, f"the line is no JSON object ({fault})")
            yield record
            at += len(line)

    def _look_times(self, records: list[Record], lines: bytes) -> None:
        times = [record.recvNs for record in records if record.recvNs is not None]
        if len(times) < len(records) and not self._classic:
            for at, record in self._placed(records, lines):
                if record.recvNs is None and at not in self._malformed:
                    self._remark("no-envelope", at, "the line has no recvNs")
        if not times:
            return
        low, high = self._window
        if min(times) < low or max(times) >= high:
            self._remark_strays(records, lines)
        ordered = sorted(times)
        if ordered != times or (self._last_recv is not None and times[0] < self._last_recv):
            self._remark_backwards(records, lines)
        if times[0] == self._last_recv or len(set(times)) != len(times):
            self._remark_doubled(lines)
        self._last_line = lines[lines.rfind(b"\n", 0, -1) + 1 :]
        self._first_recv = times[0] if self._first_recv is None else self._first_recv
        self._last_recv = self._segment_last_recv = times[-1]

    def _remark_strays(self, records: list[Record], lines: bytes) -> None:
        low, high = self._window
        for at, record in self._placed(records, lines):
            if record.recvNs is not None and not low <= record.recvNs < high:
                self._remark("wrong-minute", at, f"recvNs {record.recvNs} is not between {low} and {high}", record.recvNs)

    def _remark_backwards(self, records: list[Record], lines: bytes) -> None:
        before = self._last_recv
        for at, record in self._placed(records, lines):
            if record.recvNs is None:
                continue
            if before is not None and record.recvNs < before:
                self._remark("backwards", at, f"recvNs goes back from {before} to {record.recvNs}", record.recvNs, before)
            before = record.recvNs

    def _remark_doubled(self, lines: bytes) -> None:
        at, before = self.bytes, self._last_line
        for line in split_lines(lines):
            if line == before:
                self._remark("doubled", at, "the line is the same as the one before it")
            at, before = at + len(line), line

    def _look_books(self, check: BookCheck, records: list[Record], lines: bytes) -> None:
        look, sides = check.look, self._reader.sides
        for index, record in enumerate(records):
            try:
                bids, asks = sides(record)
                faults = look(bids, asks) if bids or asks else ()
            except (ValueError, ArithmeticError) as fault:
                faults = (("unreadable", f"the book's levels cannot be read ({fault})"),)
            for kind, detail in faults:
                self._remark(kind, self._offset(lines, index), detail, record.recvNs or 0)

    def _chain(self, chain: Chain, records: list[Record], lines: bytes) -> None:
        """Enter the id spans of a chain into its runs."""
        found, spans = chain.records, chain.spans
        if not found:
            return
        runs = self.runs.setdefault(chain.name, IdRuns())
        if all(other[0] == one[1] + 1 for one, other in pairwise(spans)) and found[0].recvNs and found[-1].recvNs:
            at = self.bytes if found[0] is records[0] else self._offset(lines, records.index(found[0]))
            runs.add(spans[0][0], spans[-1][1], from_ns=found[0].recvNs, to_ns=found[-1].recvNs, offset=at)
            return
        wanted = {id(record): span for record, span in zip(found, spans, strict=True)}
        for at, record in self._placed(records, lines):
            span = wanted.get(id(record))
            if span is not None and record.recvNs is not None:
                runs.add(*span, from_ns=record.recvNs, to_ns=record.recvNs, offset=at)

    def _note_ids(self, ids: list[int]) -> None:
        if ids:
            low, high = min(ids), max(ids)
            self._low_id = low if self._low_id is None else min(low, self._low_id)
            self._high_id = high if self._high_id is None else max(high, self._high_id)

    def _keep(self, times: list[int | None], ids: list[int | None]) -> None:
        for recv_ns, value in zip(times, ids, strict=True):
            if recv_ns is not None and value is not None and 0 <= value < _ID_LIMIT and 0 <= recv_ns < _ID_LIMIT:
                self.stamped.ids.append(value)
                self.stamped.recv_ns.append(recv_ns)

    def _placed(self, records: list[Record], lines: bytes) -> Iterator[tuple[int, Record]]:
        at = self.bytes
        for record, line in zip(records, split_lines(lines), strict=False):
            yield at, record
            at += len(line)

    def _offset(self, lines: bytes, index: int) -> int:
        at = 0
        for _ in range(index):
            at = lines.index(b"\n", at) + 1
        return self.bytes + at

    def _remark(self, kind: str, offset: int, detail: str, recv_ns: int = 0, other_ns: int = 0) -> None:
        seen = self._seen.setdefault(kind, [0, 0])
        seen[0] += 1
        if seen[0] <= self._limit:
            seen[1] = len(self.remarks)
            self.remarks.append(Remark(kind, offset, detail, recv_ns, other_ns))
