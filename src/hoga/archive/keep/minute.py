"""archive.keep.minute: reads the journals of one minute into lines, figures and ledger entries, series by series.

A frame becomes a line by copying its bytes behind an envelope; nothing is decoded for that. Lines are made, joined and
checked some hundred at a time (`_RUN`): one pass of the JSON decoder proves that every line is one object and brings its
ids. When a single line of a run is not as usual, the whole run is made again one by one, minding everything.

A note among the records holds from its place on, so the lines before it are settled first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from hoga.archive.form.chunks import Chunk, read_chunks
from hoga.archive.form.deflate import BLOCK_BYTES, DEFAULT_LEVEL
from hoga.archive.form.journal import (
    CONTROL,
    ClockNote,
    CountsNote,
    EndNote,
    GapNote,
    JournalHeader,
    LatencyNote,
    LegNote,
    LiveNote,
    Note,
    OddNote,
    OpenNote,
    StreamEntry,
    decode_note,
)
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, GapEntry, LedgerEntry, LiveEntry
from hoga.archive.form.lines import LineMaker, odd_line
from hoga.archive.form.records import Record, RecordReader
from hoga.archive.form.segment import Packer, SegmentBuilder
from hoga.archive.keep.identity import Identity
from hoga.archive.keep.life import StreamEnd
from hoga.core.ledger import Gap, Reason
from hoga.core.streams import Series
from hoga.core.times import MINUTE_NS
from hoga.quality.memory import MARKS_KEPT
from hoga.quality.sequence import RUNS_KEPT
from hoga.venues.registry import VENUES

__all__ = ["ASIDE_KIND", "ASIDE_SYMBOL", "Minute", "SealResult", "SeriesMinute"]

ASIDE_KIND = "aside"
ASIDE_SYMBOL = "ODD"
"""Frames that belong in no series are a series of their own: nothing that arrived is thrown away."""

_RUN = 256
_IDS_KEPT = 1024
_ID_LIMIT = 10**19
_BETWEEN = frozenset({Reason.DISCONNECT, Reason.CRASH, Reason.SHUTDOWN, Reason.SILENCE})
"""Reasons of gaps in which a stream brought nothing."""
_ODD_KEPT = 65_536
_TAIL_RECORDS = 2048
"""The next life knows frames again that are among so many last ones."""


class SealResult(msgspec.Struct, kw_only=True):
    """What came of it. `failed`: (what, why) per series that could not be sealed; its journals stay. `damaged`: journals put
    aside. `ends`: wire name → until when, and why no further, of the streams that the journals say so of.

    `runs`: wire name → runs (first, last) of the ids recorded, of streams that have ids. `crashed`: a session ended
    without closing its journal.
    """

    segments: list[str] = []
    records: int = 0
    bytes: int = 0
    archive_bytes: int = 0
    duplicates: int = 0
    damaged_bytes: int = 0
    failed: list[tuple[str, str]] = []
    damaged: list[str] = []
    ends: dict[str, StreamEnd] = {}
    runs: dict[str, list[list[int]]] = {}
    crashed: bool = False


class SeriesMinute:
    """What one series got in the minute: its lines being compressed, its figures, its ledger entries.

    `pieces`: lines of the run that is not settled yet. `names`: the payload key of a stream's ids → its wire name.
    `trouble`: why nothing can be made of it; what more comes for it is let go then, its journal is kept.
    """

    def __init__(self, series: Series, directory: Path, archive_format: str, packer: Packer, reader: RecordReader) -> None:
        self.series = series
        self.directory = directory
        self.reader = reader
        self.builder = SegmentBuilder(archive_format, packer=packer)
        self.entries: list[LedgerEntry] = []
        self.pieces: list[bytes] = []
        self.streams: set[str] = set()
        self.names: dict[str, str] = {}
        self.records = self.duplicates = self.reordered = 0
        self.received: int | None = None
        self.uncounted = False
        self.trouble: Exception | None = None
        self.first_recv_ns = self.last_recv_ns = 0
        self._low: int | None = None
        self._high: int | None = None
        self._ids: list[int] = []
        self._chains: dict[str, list[list[int]]] = {}
        self._recent: list[int] = []
        self._texts: list[bytes] = []
        self._size = self._lines = 0

    def take(self, text: bytes, records: list[Record]) -> None:
        """Whole lines, and what they say of themselves."""
        first, last = records[0].recvNs, records[-1].recvNs
        assert first is not None and last is not None, "the envelope begins with it"
        self.add(text, len(records), first, last)
        if self.reader.is_chained:
            for key, start, end in self.reader.spans(records):
                _add_run(self._chains.setdefault(key, []), start, end)
        self._ids += self.reader.ids(records)
        if len(self._ids) > _IDS_KEPT:
            self._fold_ids()

    def _fold_ids(self) -> None:
        """Smallest and largest: at once for many, 0.3 µs a record less than for each."""
        if self._ids:
            self._low = min(self._ids) if self._low is None else min(self._low, *self._ids)
            self._high = max(self._ids) if self._high is None else max(self._high, *self._ids)
            self._recent = (self._recent + self._ids)[-RUNS_KEPT:]
            self._ids.clear()

    def id_range(self) -> tuple[int | None, int | None]:
        """Smallest and largest id, None where there are none."""
        self._fold_ids()
        return self._low, self._high

    def add(self, text: bytes, count: int, first_recv_ns: int, last_recv_ns: int) -> None:
        """Whole lines."""
        if not self.records:
            self.first_recv_ns = first_recv_ns
        self.last_recv_ns = last_recv_ns
        self.records += count
        self._texts.append(text)
        self._size += len(text)
        self._lines += count
        if self._size >= BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what waits, in pieces that a compressed block is made of."""
        text, lines = b"".join(self._texts), self._lines
        self._texts.clear()
        self._size = self._lines = at = 0
        while at < len(text):
            end = text.rfind(b"\n", at, at + BLOCK_BYTES) + 1 or text.index(b"\n", at) + 1
            self.builder.add(text[at:end], lines)
            at, lines = end, 0

    def count(self, note: CountsNote) -> None:
        """What the recorder counted."""
        self.received = (self.received or 0) + note.received
        self.duplicates += note.duplicates
        self.reordered += note.reordered

    def runs(self) -> dict[str, list[list[int]]]:
        """Wire name → runs of the ids recorded; ids that only grow are each one of its own."""
        self._fold_ids()
        chains = dict(self._chains)
        if not self.reader.is_chained and self.names:
            chains[next(iter(self.names))] = [[value, value] for value in self._recent]
        told = {name: [run for run in chains.get(key, []) if 0 <= run[0] <= run[1] < _ID_LIMIT] for key, name in self.names.items()}
        return {name: runs for name, runs in told.items() if runs}


class _Leg(msgspec.Struct):
    conn: str
    epoch: int


_UNKNOWN_LEG = _Leg("?", 0)


class _Way(NamedTuple):
    """How the frames of a tag become lines, and of which series."""

    put: Callable[[list[bytes], int, bytes, int, int], bool]
    line: Callable[[int, bytes], bytes | None]
    minute: SeriesMinute


class Minute:
    """Reads the journals of a minute into its series. Call `read` for each, and `end` after each.

    `only`: (symbol, kind) of the one series whose lines are wanted; None makes all. `level`: how they are compressed.
    """

    def __init__(self, header: JournalHeader, base: Path, *, only: tuple[str, str] | None = None, level: int = DEFAULT_LEVEL) -> None:
        self.header = header
        self.base = base
        self.venue = VENUES[header.venue]
        self.series: dict[Series, SeriesMinute] = {}
        self.result = SealResult()
        self._only = only
        self.legs: dict[int, _Leg] = {}
        self._packer = Packer(header.archive_format, level=level)
        self._readers: dict[str, RecordReader] = {}
        self._open: dict[int, int] = {}
        self._legs_of: dict[int, set[int]] = {}
        self._down: dict[int, tuple[Reason, int]] = {}
        self._untold: dict[int, tuple[Reason, int, int]] = {}
        self._told_to: dict[int, int] = {}
        self._live_to: dict[int, int] = {}
        self._final = False
        self._unended: list[tuple[int, Gap]] = []
        self._tail: deque[Chunk] = deque()
        self._tail_records = 0
        self._session = ""
        self._latency: dict[int, tuple[int | None, int]] = {}
        self._ways: dict[int, _Way] = {}
        self._run: list[tuple[Chunk, int, int]] = []
        self._run_lines = 0
        self._usual = True
        self._ended = False
        self._last_ns = 0
        self._journal = ""
        self._entry_at = 0

    def read(self, path: Path, header: JournalHeader) -> None:
        """One journal."""
        if header.session != self._session:
            self.legs.clear()
            self._latency.clear()
            self._session = header.session
        self.header = header
        self._journal, self._entry_at = path.name, 0
        self._ended, self._final, self._last_ns = False, False, header.from_ns
        for known in (self._ways, self._open, self._legs_of, self._untold, self._told_to, self._live_to):
            known.clear()
        self._unended.clear()
        self._tail.clear()
        self._tail_records = 0
        self._down = {
            index: (entry.down, header.from_ns if entry.since_ns is None else entry.since_ns)
            for index, entry in enumerate(header.streams)
            if entry.down is not None
        }
        damaged = 0
        for chunk in read_chunks(path):
            if isinstance(chunk, int):
                damaged += chunk
                continue
            if damaged:
                self._settle()
                self._damaged(damaged, chunk)
                damaged = 0
            self._read_chunk(chunk)
        self._settle()
        self.result.damaged_bytes += damaged
        for minute in self.series.values():
            if minute.trouble is None:
                self.result.runs.update(minute.runs())

    def end(self, *, crash_to_ns: int | None) -> None:
        """After a journal: what it left unsaid when its last words are missing, for want of space, by damage or by a crash; and
        until when its streams are accounted for by all that was said."""
        to_ns = self.header.minute_ns + MINUTE_NS if crash_to_ns is None else crash_to_ns
        if not self._ended:
            self.result.crashed |= crash_to_ns is not None
            for index, gap in self._unended:
                if gap.reason is Reason.SILENCE and index in self._untold:
                    continue
                self._note(self._of(self.header.streams[index]), GapEntry(gap=gap))
            for index, entry in enumerate(self.header.streams):
                self._cut_off(index, self._of(entry), to_ns, by_crash=crash_to_ns is not None)
        session, number = int(self.header.session, 16), self.header.number
        marks = self._marks()
        for index, entry in enumerate(self.header.streams):
            until = self._until(index) if self._ended else (max(to_ns, self._last_ns), Reason.CRASH)
            if until is not None:
                self.result.ends[entry.stream.name] = StreamEnd(
                    ns=until[0], reason=until[1], marks=list(marks.get(index, ())), session=session, number=number
                )

    def _identity(self, entry: StreamEntry) -> Identity | None:
        try:
            return Identity(self.venue, entry.stream)
        except Exception as fault:  # noqa: BLE001  # the supervised place of each series: its trouble is told, and stays its own
            self._of(entry).trouble = fault
            return None

    def _marks(self) -> dict[int, deque[tuple[int, int]]]:
        """Stream index → (id, mark) of its newest frames, of the journal's last records."""
        found: dict[int, deque[tuple[int, int]]] = {}
        ways = {index: self._identity(entry) for index, entry in enumerate(self.header.streams)}
        for chunk in self._tail:
            for tag, start, length in zip(chunk.tags, chunk.starts, chunk.lengths, strict=True):
                identity = ways.get(tag & CONTROL)
                if identity is not None and (known := identity.of(chunk.data[start : start + length])) is not None:
                    found.setdefault(tag & CONTROL, deque(maxlen=MARKS_KEPT)).append(known)
        return found

    def _cut_off(self, index: int, minute: SeriesMinute, to_ns: int, *, by_crash: bool) -> None:
        """The journal stops short: what its session would have said of a stream."""
        last = self._last_ns
        why = "the recorder ended without closing its journal" if by_crash else "the end of the journal is missing"
        if index in self._untold:
            reason, since_ns, opened_ns = self._untold[index]
            self._tell_gap(minute, since_ns, last if reason is Reason.SILENCE else opened_ns, reason)
        if index in self._open:
            last = max(last, self._open[index])
            minute.uncounted = True
            self._note(minute, LiveEntry(from_ns=self._open[index], to_ns=last))
            self._note(minute, GapEntry(gap=Gap(last, max(last, to_ns), Reason.CRASH, None, detail=why)))
        elif index in self._down:
            reason, since_ns = self._down[index]
            began_ns = int(self.header.session, 16)
            if reason in (Reason.SHUTDOWN, Reason.CRASH) and since_ns <= began_ns < to_ns:  # the former life's; then this one waited
                self._tell_gap(minute, since_ns, began_ns, reason)
                reason, since_ns = Reason.DISCONNECT, began_ns
            self._note(minute, GapEntry(gap=Gap(since_ns, max(since_ns, to_ns), reason, None)))
        elif by_crash:
            self._tell_gap(minute, self.header.from_ns, to_ns, Reason.DISCONNECT)

    def _tell_gap(self, minute: SeriesMinute, from_ns: int, to_ns: int, reason: Reason) -> None:
        if from_ns < to_ns:
            self._note(minute, GapEntry(gap=Gap(from_ns, to_ns, reason, None)))

    def _until(self, index: int) -> tuple[int, Reason] | None:
        """Until when a stream of a complete journal is accounted for; None when the journal says nothing of it."""
        reason = Reason.SHUTDOWN if self._final else Reason.CRASH
        if index in self._live_to:
            _, since_ns = self._down.get(index, (None, self._live_to[index]))
            return min(self._live_to[index], since_ns), reason
        return (self._told_to[index], reason) if index in self._told_to else None

    def _damaged(self, count: int, chunk: Chunk) -> None:
        """Bytes in the middle of the journal cannot be read: nobody can say whose frames they were."""
        self.result.damaged_bytes += count
        from_ns = self._last_ns
        to_ns = max([from_ns, *chunk.recv_ns[:1]])
        for entry in self.header.streams:
            minute = self._of(entry)
            minute.uncounted = True
            self._note(minute, GapEntry(gap=Gap(from_ns, to_ns, Reason.CRASH, None, detail=f"{count} damaged bytes in the open minute")))

    # -- lines --------------------------------------------------------------------------------------------------

    def _read_chunk(self, chunk: Chunk) -> None:
        self._tail.append(chunk)
        self._tail_records += len(chunk.tags)
        while self._tail_records - len(self._tail[0].tags) >= _TAIL_RECORDS:
            self._tail_records -= len(self._tail.popleft().tags)
        first = 0
        for at in [at for at, tag in enumerate(chunk.tags) if tag & CONTROL == CONTROL]:
            self._make(chunk, first, at)
            self._settle()
            self._read_note(chunk.recv_ns[at], chunk.data[chunk.starts[at] : chunk.starts[at] + chunk.lengths[at]])
            first = at + 1
        self._make(chunk, first, len(chunk.tags))
        if self._run_lines >= _RUN:
            self._settle()

    def _make(self, chunk: Chunk, first: int, last: int) -> None:
        """Make the lines of records `first`..`last` of the chunk, unchecked."""
        if first == last:
            return
        self._run.append((chunk, first, last))
        self._run_lines += last - first
        data, ways, usual = chunk.data, self._ways, self._usual
        times, tags, lengths = chunk.recv_ns[first:last], chunk.tags[first:last], chunk.lengths[first:last]
        for recv_ns, tag, start, length in zip(times, tags, chunk.starts[first:last], lengths, strict=True):
            way = ways.get(tag) or self._way(tag)
            if way is not None:
                usual &= way.put(way.minute.pieces, recv_ns, data, start, start + length)
        self._usual = usual
        self._last_ns = max(self._last_ns, *times)

    def _settle(self) -> None:
        """The lines made so far go into their series, all together when all are as usual."""
        if not self._run:
            return
        if not self._usual or not self._settle_together():
            for minute in self.series.values():
                minute.pieces.clear()
            for chunk, first, last in self._run:
                self._settle_singly(chunk, first, last)
        self._run.clear()
        self._run_lines, self._usual = 0, True

    def _settle_together(self) -> bool:
        """False, and nothing has happened, when some line is not one JSON object on one line."""
        checked = []
        for reader in self._readers.values():
            members = [minute for minute in self.series.values() if minute.pieces and minute.reader is reader]
            if not members:
                continue
            # every line brings the newline before it: the one behind it is the next one's, and the last is added here
            text = b"".join(chain(chain.from_iterable(minute.pieces for minute in members), (b"\n",)))[1:]
            records = reader.read(text) if b"\r" not in text and _is_utf8(text) else None
            if records is None or 2 * len(records) != sum(len(minute.pieces) for minute in members):
                return False
            checked.append((members, text, records))
        for members, text, records in checked:
            at = number = 0
            for minute in members:
                size, count = sum(map(len, minute.pieces)), len(minute.pieces) // 2
                minute.pieces.clear()
                _take(minute, text[at : at + size], records[number : number + count])
                at, number = at + size, number + count
        return True

    def _settle_singly(self, chunk: Chunk, first: int, last: int) -> None:
        for at in range(first, last):
            recv_ns, tag, start = chunk.recv_ns[at], chunk.tags[at], chunk.starts[at]
            way = self._ways.get(tag) or self._way(tag)
            if way is None:
                continue
            frame = chunk.data[start : start + chunk.lengths[at]]
            line = way.line(recv_ns, frame)
            if line is None:
                self._malformed(recv_ns, tag, frame, way.minute)
            else:
                _take(way.minute, line, [record for record, _ in way.minute.reader.read_singly(line)])

    def _way(self, tag: int) -> _Way | None:
        index = tag & CONTROL
        if index >= len(self.header.streams):
            return None
        entry = self.header.streams[index]
        if self._only is not None and (entry.stream.series.symbol, entry.stream.series.kind) != self._only:
            return None
        minute = self._of(entry)
        if minute.trouble is not None:
            return None
        try:
            self._ways[tag] = self._make_way(tag, index, entry, minute)
        except Exception as fault:  # noqa: BLE001  # the supervised place of each series: its trouble is told, and stays its own
            minute.trouble = fault
            return None
        return self._ways[tag]

    def _make_way(self, tag: int, index: int, entry: StreamEntry, minute: SeriesMinute) -> _Way:
        leg = self.legs.get(tag >> 16, _UNKNOWN_LEG)
        median_ns, overhead_ns = self._latency.get(index, (None, 0))
        stream = entry.stream
        maker = LineMaker(self.venue, stream, conn=leg.conn, epoch=leg.epoch, median_ns=median_ns, overhead_ns=overhead_ns)
        minute.streams.add(stream.name)
        channel = self.venue.channel_of(stream.channel)
        if channel.first_key is not None and channel.ordered:
            minute.names[channel.first_key] = stream.name
        return _Way(maker.put, maker.line, minute)

    # -- series and their entries -------------------------------------------------------------------------------

    def _of(self, entry: StreamEntry) -> SeriesMinute:
        return self._minute(entry.stream.series, entry.directory)

    def _minute(self, series: Series, directory: str) -> SeriesMinute:
        if series not in self.series:
            reader = self._readers.setdefault(series.kind, RecordReader(series.kind))
            folder = _resolved(self.base / directory)
            self.series[series] = SeriesMinute(series, folder, self.header.archive_format, self._packer, reader)
        return self.series[series]

    def _aside(self) -> SeriesMinute:
        return self._minute(Series(venue=self.header.venue, symbol=ASIDE_SYMBOL, kind=ASIDE_KIND), self.header.aside_directory)

    def _note(self, minute: SeriesMinute, entry: LedgerEntry) -> None:
        self._entry_at += 1
        minute.entries.append(msgspec.structs.replace(entry, journal=self._journal, at=self._entry_at))

    def _malformed(self, recv_ns: int, tag: int, frame: bytes, minute: SeriesMinute) -> None:
        gap = Gap(recv_ns, recv_ns, Reason.MALFORMED, 1, detail="no JSON object; the raw frame is in the aside series")
        self._note(minute, GapEntry(gap=gap))
        self._put_aside(recv_ns, OddNote(leg=tag >> 16, why="malformed payload", size=len(frame), raw=frame[:_ODD_KEPT]))

    def _put_aside(self, recv_ns: int, odd: OddNote) -> None:
        leg = self.legs.get(odd.leg, _UNKNOWN_LEG)
        text = odd_line(recv_ns, conn=leg.conn, epoch=leg.epoch, why=odd.why, size=odd.size, raw=odd.raw)
        aside = self._aside()
        aside.add(text, 1, recv_ns, recv_ns)
        aside.received = (aside.received or 0) + 1

    def _read_note(self, recv_ns: int, data: bytes) -> None:
        note: Note = decode_note(data)
        match note:
            case LegNote():
                self._leg(note)
            case LatencyNote():
                for index in note.streams:
                    self._latency[index] = (note.median_ns, note.overhead_ns)
                self._forget(set(note.streams))
            case GapNote():
                self._gap(note.stream, note.gap)
                self._unended = [open_ for open_ in self._unended if not (open_[0] == note.stream and _is_same(open_[1], note.gap))]
                self._note(self._of(self.header.streams[note.stream]), GapEntry(gap=note.gap))
            case OpenNote():
                self._unended = list(note.gaps)
            case LiveNote():
                self._ended = True
                for index in note.streams:
                    self._live_to[index] = max(note.to_ns, self._live_to.get(index, 0))
                    self._note(self._of(self.header.streams[index]), LiveEntry(from_ns=note.from_ns, to_ns=note.to_ns))
            case EndNote():
                self._ended = True
                self._final = note.last
            case CountsNote():
                self._of(self.header.streams[note.stream]).count(note)
            case OddNote():
                self._put_aside(recv_ns, note)
            case ClockNote():
                for entry in self.header.streams:
                    self._note(self._of(entry), ClockEntry(ns=note.ns, offset_ms=note.offset_ms, source=note.source))

    def _leg(self, note: LegNote) -> None:
        self.legs[note.leg] = _Leg(note.conn, note.epoch)
        for index in note.streams:
            if note.to_ns is None:
                self._open.setdefault(index, max(note.from_ns, self.header.from_ns))
                self._legs_of.setdefault(index, set()).add(note.leg)
                if (down := self._down.pop(index, None)) is not None:
                    self._untold[index] = (*down, note.from_ns)
            else:
                self._leg_closed(index, note)
            entry = ConnectionEntry(conn=note.conn, epoch=note.epoch, from_ns=note.from_ns, to_ns=note.to_ns, close=note.close)
            self._note(self._of(self.header.streams[index]), entry)
        self._forget(None)

    def _leg_closed(self, index: int, note: LegNote) -> None:
        legs = self._legs_of.setdefault(index, set())
        legs.discard(note.leg)
        if not legs and note.to_ns is not None:
            self._open.pop(index, None)
            untold = self._untold.pop(index, None)
            self._down[index] = (Reason.DISCONNECT, note.to_ns) if untold is None else (untold[0], untold[1])

    def _gap(self, index: int, gap: Gap) -> None:
        """A gap that was told need not be told again."""
        if gap.reason not in _BETWEEN:
            return
        self._told_to[index] = max(gap.to_ns, self._told_to.get(index, 0))
        if index in self._down:
            reason, since_ns = self._down[index]
            self._down[index] = (reason, max(since_ns, gap.to_ns))
        if index in self._untold:
            reason, since_ns, opened_ns = self._untold.pop(index)
            if gap.to_ns < opened_ns:
                self._untold[index] = (reason, max(since_ns, gap.to_ns), opened_ns)

    def _forget(self, indices: set[int] | None) -> None:
        """Leg or latency changed: lines are rendered anew from here on."""
        if indices is None:
            self._ways.clear()
        else:
            for tag in [tag for tag in self._ways if tag & CONTROL in indices]:
                del self._ways[tag]


def _take(minute: SeriesMinute, text: bytes, records: list[Record]) -> None:
    """One series' trouble stays its own."""
    if minute.trouble is not None:
        return
    try:
        minute.take(text, records)
    except Exception as fault:  # noqa: BLE001  # the supervised place of each series: its trouble is told when it is to be sealed
        minute.trouble = fault


def _is_same(open_gap: Gap, gap: Gap) -> bool:
    """Whether `gap` is what came of `open_gap`."""
    if open_gap.reason is not gap.reason or open_gap.from_ns != gap.from_ns:
        return False
    first, last = open_gap.from_id, open_gap.to_id
    if first is None or last is None or gap.from_id is None or gap.to_id is None:
        return True
    return first <= gap.to_id and gap.from_id <= last


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError):  # a loop of links: who writes there will say so
        return folder


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _add_run(runs: list[list[int]], first: int, last: int) -> None:
    """Note ids as recorded."""
    if runs and runs[-1][1] + 1 == first:
        runs[-1][1] = last
        return
    runs.append([first, last])
    if len(runs) > RUNS_KEPT:
        del runs[0]
