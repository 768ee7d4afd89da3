"""archive.keep.minute: reads the journals of one minute into lines, figures and ledger entries, series by series.

A frame becomes a line by copying its bytes behind an envelope; nothing is decoded for that. Lines are made a block at a
time (`archive.keep.seriesminute`).

A note among the records holds from its place on: each frame waits together with what was said until then.

Receipts that go back show a clock that was set back, by however little: it is a gap of every series of the journal, unless the recorder
said so itself (it knows steps of half a second and more, and only a moment later).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

import msgspec

from hoga.archive.form.chunks import Chunk, read_chunks
from hoga.archive.form.deflate import BLOCK_BYTES, DEFAULT_LEVEL
from hoga.archive.form.journal import (
    CONTROL,
    ClockNote,
    CountsNote,
    DigestNote,
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
from hoga.archive.form.ledger import ClockEntry, ConnectionEntry, DigestEntry, GapEntry, LedgerEntry, LiveEntry
from hoga.archive.form.lines import LineMaker, odd_line
from hoga.archive.form.records import RecordReader
from hoga.archive.form.segment import Packer
from hoga.archive.form.spool import Spool
from hoga.archive.keep.identity import Identity
from hoga.archive.keep.life import StreamEnd
from hoga.archive.keep.seriesminute import Malformed, SeriesMinute, Way
from hoga.core.ledger import COUNTED, Gap, Reason
from hoga.core.streams import Kind, Series
from hoga.core.times import MINUTE_NS, SECOND_NS
from hoga.quality.memory import MARKS_KEPT
from hoga.venues.registry import VENUES

__all__ = ["ASIDE_SYMBOL", "Minute", "SealResult"]

ASIDE_SYMBOL = "ODD"
"""Frames that belong in no series are a series of their own: nothing that arrived is thrown away."""

_ASIDE = (ASIDE_SYMBOL, Kind.ASIDE)
"""What is no line of any series is in it: whoever wants it has the lines of all made."""
_BETWEEN = frozenset({Reason.DISCONNECT, Reason.CRASH, Reason.SHUTDOWN, Reason.SILENCE})
"""Reasons of gaps in which a stream brought nothing."""
_ODD_KEPT = 65_536
WAITING_BYTES = 28 << 20
"""So much text waits for its blocks to be full, all series of a minute together: with 1,024 of them blocks of some 50 KiB, which are a
seventh larger than full ones (99.8 bytes a depth20 record instead of 89.0), where full ones would take 150 MB."""
_LOOK_BYTES = 4 << 20
"""How often is looked whether too much waits."""
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


class _Leg(msgspec.Struct):
    conn: str
    epoch: int


_UNKNOWN_LEG = _Leg("?", 0)


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
        self.spool = Spool(base if only is None else None)
        self._readers: dict[str, RecordReader] = {}
        self._folders: dict[str, Path] = {}
        self._open: dict[int, int] = {}
        self._lived: dict[int, list[tuple[int, int]]] = {}
        self._steps_back: list[tuple[int, int]] = []
        self._steps_told: list[Gap] = []
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
        self._ways: dict[int, Way | None] = {}
        self._unlooked = 0
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
        for known in (self._ways, self._open, self._lived, self._legs_of, self._untold, self._told_to, self._live_to):
            known.clear()
        self._unended.clear()
        self._steps_back.clear()
        self._steps_told.clear()
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
            self._count_unwritten()
        self._tell_steps()
        session, number = int(self.header.session, 16), self.header.number
        marks = self._marks()
        for index, entry in enumerate(self.header.streams):
            until = self._until(index) if self._ended else (max(to_ns, self._last_ns), Reason.CRASH)
            if until is not None:
                self.result.ends[entry.stream.name] = StreamEnd(
                    ns=until[0], reason=until[1], marks=list(marks.get(index, ())), session=session, number=number
                )

    def _count_unwritten(self) -> None:
        """Nobody counted what came; where nothing of it was written, it is what the gaps count."""
        for minute in {entry.stream.series: self._of(entry) for entry in self.header.streams}.values():
            if minute.records:
                continue
            gaps = [entry.gap for entry in minute.entries if isinstance(entry, GapEntry) and entry.journal == self._journal]
            minute.received = (minute.received or 0) + sum(gap.missed or 0 for gap in gaps if gap.reason in COUNTED) or None
            minute.uncounted = False

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
        for lived in self._lived.get(index, ()):
            minute.uncounted = True
            self._note(minute, LiveEntry(*lived))
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
        """Each frame goes to its series, as it came but for what its line does not have."""
        self._tail.append(chunk)
        self._tail_records += len(chunk.tags)
        while self._tail_records - len(self._tail[0].tags) >= _TAIL_RECORDS:
            self._tail_records -= len(self._tail.popleft().tags)
        data, ways, last_ns = chunk.data, self._ways, self._last_ns
        broken = _has_break(data, 16 * len(chunk.tags), len(data))
        records = zip(map(ways.get, chunk.tags), chunk.tags, chunk.recv_ns, chunk.starts, chunk.lengths, strict=True)
        for way, tag, recv_ns, start, length in records:  # each asks `ways` at its turn
            if way is None:
                if tag & CONTROL == CONTROL:
                    self._read_note(recv_ns, data[start : start + length])
                    continue
                if tag not in ways:
                    way = ways[tag] = self._way(tag)
                    self._comes(tag, recv_ns)
            if recv_ns > last_ns:
                last_ns = recv_ns
            elif recv_ns < last_ns:
                self._goes_back(recv_ns, last_ns)
            if way is None:
                continue
            (lead, led, skipped, tail, ended, cut), most, owner, put, _, _, _ = way
            if length + most > owner.room:
                self._end_block(owner)
            owner.room -= length + most
            end = start + length
            usual = length > led and data[start : start + led] == lead and data[end - ended : end] == tail
            if usual and not (broken and _has_break(data, start, end)):
                put((way, recv_ns, data[start + skipped : end - cut]))
            else:
                put((way._replace(odd=True), recv_ns, data[start:end]))
                owner.has_odd = True
        self._last_ns = last_ns
        self._unlooked += len(data)
        if self._unlooked >= _LOOK_BYTES:
            self._unlooked = 0
            self._end_blocks()

    def _goes_back(self, recv_ns: int, newest_ns: int) -> None:
        """A frame was received before the newest one. Those that follow it, until the clock is where it was, are of the same step."""
        steps = self._steps_back
        if steps and steps[-1][1] == newest_ns:
            steps[-1] = (min(recv_ns, steps[-1][0]), newest_ns)
        else:
            steps.append((recv_ns, newest_ns))

    def _tell_steps(self) -> None:
        """What the clock did, to each series that was not told; the aside series never is."""
        told = self._steps_told
        found = [
            Gap(new, old, Reason.CLOCK_STEP, 0, detail=f"the clock was set by {(new - old) / SECOND_NS:+.6f} s")
            for new, old in self._steps_back
            if not any(gap.from_ns - SECOND_NS <= new and old <= gap.to_ns + SECOND_NS for gap in told)
        ]
        for minute in {entry.stream.series: self._of(entry) for entry in self.header.streams}.values() if found else ():
            for gap in found:
                self._note(minute, GapEntry(gap=gap))
        aside = Series(venue=self.header.venue, symbol=ASIDE_SYMBOL, kind=Kind.ASIDE)
        for gap in [*found, *told] if aside in self.series else ():
            self._note(self.series[aside], GapEntry(gap=gap))

    def _settle(self, malformed: Iterable[Malformed] = ()) -> None:
        """What was read so far becomes lines. What does not is put aside, with `malformed`, by its receipt."""
        found = [*malformed, *(each for minute in self.series.values() for each in minute.make_lines())]
        for recv_ns, tag, frame, owner in sorted(found, key=itemgetter(0)):
            gap = Gap(recv_ns, recv_ns, Reason.MALFORMED, 1, detail="no JSON object; the raw frame is in the aside series")
            self._note(owner, GapEntry(gap=gap))
            self._put_aside(recv_ns, OddNote(leg=tag >> 16, why="malformed payload", size=len(frame), raw=frame[:_ODD_KEPT]))

    def _end_blocks(self) -> None:
        """Where too much waits, the fullest blocks are ended: they take turns then, and are as large as half of all could be."""
        waiting = sum(BLOCK_BYTES - minute.room for minute in self.series.values())
        if waiting <= WAITING_BYTES:
            return
        for minute in sorted(self.series.values(), key=lambda minute: minute.room):
            waiting -= BLOCK_BYTES - minute.room
            self._end_block(minute)
            if waiting <= WAITING_BYTES * 7 // 8:
                return

    def _end_block(self, minute: SeriesMinute) -> None:
        if malformed := minute.end_block():
            self._settle(malformed)

    def _way(self, tag: int) -> Way | None:
        """None where nothing is made of such frames."""
        index = tag & CONTROL
        if index >= len(self.header.streams):
            return None
        entry = self.header.streams[index]
        if self._only not in (None, _ASIDE) and (entry.stream.series.symbol, entry.stream.series.kind) != self._only:
            return None
        minute = self._of(entry)
        if minute.trouble is not None:
            return None
        try:
            return self._make_way(tag, index, entry, minute)
        except Exception as fault:  # noqa: BLE001  # the supervised place of each series: its trouble is told, and stays its own
            minute.trouble = fault
            return None

    def _make_way(self, tag: int, index: int, entry: StreamEntry, minute: SeriesMinute) -> Way:
        leg = self.legs.get(tag >> 16, _UNKNOWN_LEG)
        median_ns, overhead_ns = self._latency.get(index, (None, 0))
        stream = entry.stream
        maker = LineMaker(self.venue, stream, conn=leg.conn, epoch=leg.epoch, median_ns=median_ns, overhead_ns=overhead_ns)
        minute.streams.add(stream.name)
        facts = self.venue.channel_of(stream.channel).record
        if facts.first_key is not None and facts.ordered:
            minute.names[facts.first_key] = stream.name
        return Way(maker.spelling, maker.most, minute, minute.frames.extend, maker, tag)

    # -- series and their entries -------------------------------------------------------------------------------

    def _of(self, entry: StreamEntry) -> SeriesMinute:
        return self._minute(entry.stream.series, entry.directory)

    def _minute(self, series: Series, directory: str) -> SeriesMinute:
        if series not in self.series:
            if series.kind not in self._readers:
                self._readers[series.kind] = RecordReader(self.venue.channels_for(series.kind))
            if directory not in self._folders:
                self._folders[directory] = _resolved(self.base / directory)
            self.series[series] = SeriesMinute(
                series,
                self._folders[directory],
                self.header.archive_format,
                self._readers[series.kind],
                packer=self._packer,
                spool=self.spool,
            )
        return self.series[series]

    def _aside(self) -> SeriesMinute:
        return self._minute(Series(venue=self.header.venue, symbol=ASIDE_SYMBOL, kind=Kind.ASIDE), self.header.aside_directory)

    def _note(self, minute: SeriesMinute, entry: LedgerEntry) -> None:
        self._entry_at += 1
        minute.entries.append(msgspec.structs.replace(entry, journal=self._journal, at=self._entry_at))

    def _put_aside(self, recv_ns: int, odd: OddNote) -> None:
        leg = self.legs.get(odd.leg, _UNKNOWN_LEG)
        text = odd_line(recv_ns, conn=leg.conn, epoch=leg.epoch, why=odd.why, size=odd.size, raw=odd.raw)
        aside = self._aside()
        aside.add(text, 1, recv_ns, recv_ns)
        aside.received = (aside.received or 0) + 1

    def _read_note(self, recv_ns: int, data: bytes) -> None:
        note: Note = decode_note(data)
        if isinstance(note, LegNote | OddNote):  # frames that are no lines are put aside before, and with their own leg
            self._settle()
        match note:
            case LegNote():
                self._leg(note)
            case LatencyNote():
                for index in note.streams:
                    self._latency[index] = (note.median_ns, note.overhead_ns)
                self._forget(set(note.streams))
            case GapNote():
                self._gap(note.stream, note.gap)
                if note.gap.reason is Reason.CLOCK_STEP and note.gap not in self._steps_told:
                    self._steps_told.append(note.gap)
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
            case DigestNote():
                self._note(self._of(self.header.streams[note.stream]), DigestEntry(ns=note.ns, id=note.id, digest=note.digest))

    def _leg(self, note: LegNote) -> None:
        self.legs[note.leg] = _Leg(note.conn, note.epoch)
        for index in note.streams:
            if note.to_ns is None:
                self._leg_opened(index, note.leg, note.from_ns)
            else:
                self._leg_closed(index, note)
            entry = ConnectionEntry(conn=note.conn, epoch=note.epoch, from_ns=note.from_ns, to_ns=note.to_ns, close=note.close)
            self._note(self._of(self.header.streams[index]), entry)
        self._forget(None)

    def _leg_opened(self, index: int, leg: int, from_ns: int) -> None:
        self._open.setdefault(index, max(from_ns, self.header.from_ns))
        self._legs_of.setdefault(index, set()).add(leg)
        if (down := self._down.pop(index, None)) is not None:
            self._untold[index] = (*down, from_ns)

    def _comes(self, tag: int, recv_ns: int) -> None:
        """A frame: its leg brings its stream, also where the journal breaks off before that is said."""
        index = tag & CONTROL
        if index < len(self.header.streams) and tag >> 16 not in self._legs_of.get(index, ()):
            self._leg_opened(index, tag >> 16, recv_ns)

    def _leg_closed(self, index: int, note: LegNote) -> None:
        """Recorded until its last sign of life, or the last frame of all: what came after that was not waited for in vain, it was cut."""
        legs = self._legs_of.setdefault(index, set())
        legs.discard(note.leg)
        if not legs and note.to_ns is not None:
            to_ns = note.to_ns
            if (opened_ns := self._open.pop(index, None)) is not None:
                alive_ns = self._last_ns if note.alive_ns is None else note.alive_ns
                to_ns = max(opened_ns + 1, min(note.to_ns, alive_ns))  # what came at once was recorded, if only then
                self._lived.setdefault(index, []).append((opened_ns, to_ns))
            untold = self._untold.pop(index, None)
            self._down[index] = (Reason.DISCONNECT, to_ns) if untold is None else (untold[0], untold[1])

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


def _has_break(data: bytes, start: int, end: int) -> bool:
    return data.find(b"\n", start, end) >= 0 or data.find(b"\r", start, end) >= 0


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
