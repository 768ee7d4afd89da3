"""archive.read.tail: the past of one series up to this moment: sealed minutes, and the open ones while they are being written.

A recorder at work appends to its journals, seals them to segments and merges these to days. Whoever reads beside it may
meet a record in any of the three, or twice, never in none: journals are opened first, segments are listed after that, and
a journal is removed only when its segments are in place. `Seam` tells a record once.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hoga.archive.form.chunks import Chunk, read_packed
from hoga.archive.form.envelope import opened
from hoga.archive.form.journal import (
    GapNote,
    JournalHeader,
    JournalName,
    LegNote,
    Note,
    decode_header,
    parse_journal_name,
    read_body,
)
from hoga.archive.form.lanereader import LaneReader, said
from hoga.archive.form.regular import open_regular
from hoga.archive.form.seriesday import SeriesDay
from hoga.archive.form.store import list_names
from hoga.archive.form.text import split_lines
from hoga.archive.read.reader import read_stretches
from hoga.archive.read.stretches import find_stretches
from hoga.archive.read.told import gaps_of
from hoga.core.errors import ArchiveError, SegmentCorrupt
from hoga.core.ledger import Gap
from hoga.core.streams import Series
from hoga.core.times import day_of, day_start_ns, next_day
from hoga.venues.spec import VenueSpec

__all__ = ["JournalTail", "Past", "PastRecord", "Seam"]

_FOREVER = 2**62


class PastRecord(NamedTuple):
    """One record: receipt, who brought it, and the venue's payload. `stream`: its wire name, "" where only the payload tells."""

    recv_ns: int
    stream: str
    conn: str
    epoch: int
    payload: bytes


class Seam:
    """Lets each record through once, in order of receipt. Of several with one receipt, each different payload once."""

    __slots__ = ("_told", "last_ns")

    def __init__(self, from_ns: int) -> None:
        self.last_ns = from_ns - 1
        self._told: set[bytes] = set()

    def is_new(self, recv_ns: int, payload: bytes) -> bool:
        """Whether it was not told yet; from now on it was."""
        if recv_ns > self.last_ns:
            self.last_ns = recv_ns
            self._told = {payload}
            return True
        if recv_ns == self.last_ns and self._told and payload not in self._told:
            self._told.add(payload)
            return True
        return False


class _Open:
    """A journal being followed."""

    def __init__(self, name: JournalName, path: Path, file: BinaryIO) -> None:
        self.name = name
        self.path = path
        self.file = file
        self.lane = LaneReader()
        self.header: JournalHeader | None = None
        self.wanted: dict[int, str] = {}
        self.legs: dict[int, tuple[str, int]] = {}

    @property
    def is_read(self) -> bool:
        """Whether nothing in it was left unread."""
        return self.file.tell() >= os.fstat(self.file.fileno()).st_size

    def more(self) -> Iterator[Chunk]:
        """The chunks written since the last time."""
        if self.header is None:
            self.file.seek(0)
            body = read_body(self.file)
            if body is None:
                return
            self.header = decode_header(body)
        while True:
            at = self.file.tell()
            packed = read_packed(self.file)
            if packed is None:
                self.file.seek(at)
                return
            chunk = self.lane.decode(packed)
            if chunk is not None:
                yield chunk


class JournalTail:
    """Follows the journals in `folder`; of these `streams` (wire names) `poll` gives what was appended since the last time.

    `missed`: something may have been sealed unread, or another recorder has begun: the archive has to be read again.
    """

    def __init__(self, folder: Path, streams: Iterable[str], spec: VenueSpec) -> None:
        self.gaps: list[Gap] = []
        self.missed = False
        self._sessions: set[str] = set()
        self._folder = folder
        self._streams = set(streams)
        self._spec = spec
        self._open: dict[str, _Open] = {}
        self._reading = threading.Lock()
        self._is_over = False

    def poll(self) -> list[PastRecord]:
        """In order of receipt as far as journals follow one another. Gaps that were written down go to `gaps`."""
        with self._at_work():
            return self._poll()

    def look(self) -> None:
        """Open what is new in the folder."""
        with self._at_work():
            self._look()

    def close(self) -> None:
        """Let go of the files; where another thread reads them at this moment, it does so when it has."""
        self._is_over = True
        if self._reading.acquire(blocking=False):
            for each in self._open.values():
                each.file.close()
            self._open.clear()
            self._reading.release()

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        try:
            with self._reading:
                yield
        finally:
            if self._is_over:
                self.close()

    def _poll(self) -> list[PastRecord]:
        self._look()
        found: list[PastRecord] = []
        for each in sorted(self._open.values(), key=lambda each: (each.name.day, each.name.minute, each.name.session, each.name.number)):
            for chunk in each.more():
                self._take(each, chunk, found)
            if not each.path.exists():
                for chunk in each.more():  # what was written before it was removed
                    self._take(each, chunk, found)
                self.missed = self.missed or not each.is_read
                each.file.close()
                del self._open[each.path.name]
        return found

    @property
    def records(self) -> bool:
        """Whether one of the journals that are there now has any of the streams, as far as was read."""
        return any(each.wanted for each in self._open.values())

    def _look(self) -> None:
        for path in sorted(self._folder.glob("*.journal")):
            name = parse_journal_name(path.name)
            if name is None or path.name in self._open:
                continue
            try:
                self._open[path.name] = _Open(name, path, BufferedReader(open_regular(path)))
            except FileNotFoundError:  # sealed this moment
                self.missed = True
                continue
            except SegmentCorrupt:  # no file at all: there is nothing to follow, and `verify` names it
                continue
            self.missed = self.missed or name.session not in self._sessions
            self._sessions.add(name.session)

    def _take(self, each: _Open, chunk: Chunk, found: list[PastRecord]) -> None:
        header = each.header
        assert header is not None, "it has chunks"
        if not each.wanted:
            each.wanted = {at: entry.stream.name for at, entry in enumerate(header.streams) if entry.stream.name in self._streams}
        for recv_ns, index, leg, what in said(chunk, each.wanted):
            if not isinstance(what, bytes):
                self._note(each, what)
            elif (parts := self._spec.split(what)) is not None:
                conn, epoch = each.legs.get(leg, ("", 0))
                found.append(PastRecord(recv_ns, each.wanted[index], conn, epoch, parts[1]))

    def _note(self, each: _Open, note: Note) -> None:
        if isinstance(note, LegNote):
            each.legs[note.leg] = (note.conn, note.epoch)
        elif isinstance(note, GapNote) and note.stream in each.wanted:
            self.gaps.append(note.gap)


class Past:
    """One series of a recorder that may be at work: `directory` of its kind, `journals` of its venue, its streams' wire names."""

    def __init__(self, series: Series, directory: Path, journals: Path, streams: Iterable[str], spec: VenueSpec) -> None:
        self._series = series
        self._directory = directory
        self._tail = JournalTail(journals, streams, spec)
        self._waiting: list[PastRecord] = []

    def read(self, after_ns: int, now_ns: int) -> Iterator[PastRecord | Gap]:
        """What was received after `after_ns`, in order, gaps where they end; some of it perhaps twice (see `Seam`).

        Blocks on the disk. A file that was merged or purged meanwhile ends it early: read again from the last record on.
        Raises ArchiveError when a segment of that time is damaged: nothing of it was given, and nothing behind it.
        """
        self._waiting += self._tail.poll()
        self._tail.missed = False
        gaps = [gap for gap in (*self._gaps(after_ns, now_ns), *self._take_gaps()) if gap.to_ns > after_ns and gap.missed != 0]
        gaps.sort(key=lambda gap: gap.to_ns, reverse=True)
        for record in self._records(after_ns, now_ns):
            while gaps and gaps[-1].to_ns <= record.recv_ns:
                yield gaps.pop()
            yield record
        yield from reversed(gaps)

    def more(self) -> list[PastRecord | Gap] | None:
        """What was appended since `read` or `more`, in order, gaps where they end; None when the archive must be read again."""
        self._tail.look()
        if self._tail.missed:
            return None
        records = self._tail.poll()
        gaps = sorted((gap for gap in self._take_gaps() if gap.missed != 0), key=lambda gap: gap.to_ns, reverse=True)
        found: list[PastRecord | Gap] = []
        for record in records:
            while gaps and gaps[-1].to_ns <= record.recv_ns:
                found.append(gaps.pop())
            found.append(record)
        return [*found, *reversed(gaps)]

    @property
    def records(self) -> bool:
        """Whether a recorder writes any of the streams now, as far as was read."""
        return self._tail.records

    def close(self) -> None:
        """Let go of the files."""
        self._tail.close()

    def _records(self, after_ns: int, now_ns: int) -> Iterator[PastRecord]:
        """Sealed, then open; what is sealed already is in both."""
        try:
            for day in self._days(after_ns, now_ns):
                for stretch, text in read_stretches(find_stretches(day).sealed, start_ns=after_ns + 1, end_ns=_FOREVER):
                    for line in split_lines(text):
                        yield _of_line(line, stretch.from_ns)
        except FileNotFoundError:  # merged or purged meanwhile
            self._tail.missed = True
            return
        waiting, self._waiting = self._waiting, []
        yield from (record for record in waiting if record.recv_ns > after_ns)

    def _days(self, after_ns: int, now_ns: int) -> Iterator[SeriesDay]:
        day = day_of(max(after_ns, 0))
        if after_ns < 0 or now_ns - after_ns > 400 * 86_400 * 10**9:
            day = self._first_day(now_ns)
        while day_start_ns(day) <= now_ns:
            yield SeriesDay(self._directory, self._series.symbol, self._series.kind, day)
            day = next_day(day)

    def _first_day(self, now_ns: int) -> str:
        stem = SeriesDay(self._directory, self._series.symbol, self._series.kind, "").stem
        names = [entry.path.name for folder in (self._directory, self._directory / "temporary") for entry in list_names(folder)]
        return min((name[len(stem) : len(stem) + 10] for name in names if name.startswith(stem)), default=day_of(now_ns))

    def _gaps(self, after_ns: int, now_ns: int) -> Iterator[Gap]:
        for day in self._days(after_ns, now_ns):
            try:
                yield from gaps_of(day)
            except ArchiveError:
                continue

    def _take_gaps(self) -> list[Gap]:
        gaps, self._tail.gaps = self._tail.gaps, []
        return gaps


def _of_line(line: bytes, from_ns: int) -> PastRecord:
    """A record of the archive: envelope off, payload as it was. The classic recorder's lines have no envelope: their own
    `recv_ms` says when, or else the beginning of their minute, `from_ns`."""
    found = opened(line, from_ns)
    return PastRecord(found.recv_ns, "", found.conn, found.epoch, found.payload)
